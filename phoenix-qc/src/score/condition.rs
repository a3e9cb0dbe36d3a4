//! For which data a limit or a flag counts.

use std::collections::BTreeMap;

use phoenix_core::traits::Measurements;
use serde::Deserialize;

/// Patterns by name; all must match. An absent name matches nothing.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub(crate) struct Condition(BTreeMap<String, String>);

impl Condition {
    /// Tells whether the condition holds for the measured product.
    pub(crate) fn holds(&self, measured: &Measurements) -> bool {
        self.0
            .iter()
            .all(|(name, pattern)| text(measured, name).is_some_and(|value| matches(pattern, value)))
    }
}

/// Returns what a name stands for: an entry of the heading or a fact.
pub(crate) fn text<'m>(measured: &'m Measurements, name: &str) -> Option<&'m str> {
    let heading = &measured.heading;
    match name {
        "ab_name" => Some(&heading.ab_name),
        "raw_type" => Some(&heading.raw_type),
        "tpl_id" => Some(&heading.tpl_id),
        "tpl_name" => Some(&heading.tpl_name),
        "setup" => Some(&heading.setup),
        _ => measured.facts.get(name).map(String::as_str),
    }
}

/// Tells whether `value` matches a pattern with `*` (any text) and `?` (one character).
fn matches(pattern: &str, value: &str) -> bool {
    let (pattern, value): (Vec<char>, Vec<char>) = (pattern.chars().collect(), value.chars().collect());
    // The last star and the value position it was tried at: going back to it suffices, earlier stars need no retry.
    let (mut at, mut star, mut from) = (0, None, 0);
    let mut index = 0;
    while index < value.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some(at);
                from = index;
                at += 1;
            }
            Some(&expected) if expected == '?' || expected == value[index] => {
                at += 1;
                index += 1;
            }
            _ => match star {
                Some(position) => {
                    at = position + 1;
                    from += 1;
                    index = from;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn stars_and_question_marks_match_as_in_a_shell() {
        for (pattern, value, expected) in [
            ("WFM*", "WFM-NOAO-N", true),
            ("*-AO-?", "WFM-AO-E", true),
            ("*-AO-?", "WFM-NOAO-E", false),
            ("*AO*N", "WFM-NOAO-N", true),
            ("", "", true),
            ("*", "", true),
            ("NFM", "NFM-AO-N", false),
        ] {
            assert_eq!(matches(pattern, value), expected, "{pattern} {value}");
        }
    }
}
