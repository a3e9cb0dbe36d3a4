//! Sets of frames as `esorex` reads them: one `PATH TAG` per line, `#` comments, `$VAR` in paths.

use phoenix_core::id::Tag;

/// One line of a set of frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SofEntry {
    /// The path with variables expanded; a relative one counts from the working folder.
    pub path: String,
    /// The kind that counts for the recipe, whatever the file's `PRO.CATG` says.
    pub tag: Tag,
}

/// A set of frames cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SofError {
    /// A line has a path and no tag: add the tag.
    #[error("line {line}: {path} has no tag")]
    NoTag {
        /// The line, from 1.
        line: usize,
        /// The path.
        path: String,
    },
    /// A line has more words than path, tag and group: mend it.
    #[error("line {line}: {text:?} is not PATH TAG")]
    Surplus {
        /// The line, from 1.
        line: usize,
        /// The line's text.
        text: String,
    },
    /// A variable is not set: set it.
    #[error("line {line}: variable {name} is not set")]
    Variable {
        /// The line, from 1.
        line: usize,
        /// The variable.
        name: String,
    },
    /// There is no frame at all.
    #[error("no frame is listed")]
    Empty,
}

/// Reads a set of frames; `variable` looks up what `$NAME` and `${NAME}` stand for.
///
/// A third word is accepted if it is one of the frame groups `RAW`, `CALIB`, `PRODUCT`, which recipes find out alone.
///
/// # Errors
/// If a line lacks its tag or has surplus words, a variable is not set, or no frame is listed.
///
/// # Examples
/// ```
/// let entries = phoenix::sof::parse("# science\n$RAW/a.fits PIXTABLE_REDUCED\n", &|_| Some("/data".into()))?;
/// assert_eq!(entries[0].path, "/data/a.fits");
/// # Ok::<(), phoenix::sof::SofError>(())
/// ```
pub fn parse(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<Vec<SofEntry>, SofError> {
    let mut entries = Vec::new();
    for (number, text) in (1..).zip(text.lines()) {
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let mut words = text.split_whitespace().take_while(|word| !word.starts_with('#'));
        let path = expand(words.next().unwrap_or_default(), number, variable)?;
        let Some(tag) = words.next() else {
            return Err(SofError::NoTag { line: number, path });
        };
        let is_surplus = match words.next() {
            None | Some("RAW" | "CALIB" | "PRODUCT") => words.next().is_some(),
            Some(_) => true,
        };
        if is_surplus {
            return Err(SofError::Surplus {
                line: number,
                text: text.to_owned(),
            });
        }
        entries.push(SofEntry { path, tag: tag.into() });
    }
    if entries.is_empty() {
        return Err(SofError::Empty);
    }
    Ok(entries)
}

fn expand(path: &str, line: usize, variable: &dyn Fn(&str) -> Option<String>) -> Result<String, SofError> {
    let mut expanded = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('$') {
        expanded.push_str(before);
        let braced = after.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        let (name, tail) = braced.unwrap_or_else(|| {
            let is_end = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
            after.split_at(after.find(is_end).unwrap_or(after.len()))
        });
        let value = variable(name).ok_or_else(|| SofError::Variable {
            line,
            name: name.to_owned(),
        })?;
        expanded.push_str(&value);
        rest = tail;
    }
    expanded.push_str(rest);
    Ok(expanded)
}

#[cfg(test)]
mod tests {
    use super::{SofError, parse};

    fn paths(text: &str) -> Result<Vec<String>, SofError> {
        let variable = |name: &str| (name == "CAL").then(|| "/cal".to_owned());
        let entries = parse(text, &variable)?;
        Ok(entries
            .into_iter()
            .map(|entry| format!("{}|{}", entry.path, entry.tag))
            .collect())
    }

    #[test]
    fn comments_blank_lines_and_groups_are_no_frames() {
        let text = "# a set\n\n  a.fits   PIXTABLE_REDUCED  RAW\nb.fits\tOFFSET_LIST # remark\n";
        assert_eq!(
            paths(text),
            Ok(vec!["a.fits|PIXTABLE_REDUCED".into(), "b.fits|OFFSET_LIST".into()])
        );
    }

    #[test]
    fn variables_are_expanded_in_both_spellings() {
        assert_eq!(
            paths("$CAL/a.fits A\nx${CAL}y.fits B"),
            Ok(vec!["/cal/a.fits|A".into(), "x/caly.fits|B".into()])
        );
        let error = paths("a A\n$NONE/b B").map_err(|error| error.to_string());
        assert_eq!(error, Err("line 2: variable NONE is not set".into()));
    }

    #[test]
    fn what_is_no_path_and_tag_is_an_error_that_names_the_line() {
        assert_eq!(
            paths("a.fits").map_err(|e| e.to_string()),
            Err("line 1: a.fits has no tag".into())
        );
        assert!(matches!(paths("a A b B"), Err(SofError::Surplus { line: 1, .. })));
        assert_eq!(paths("# nothing\n"), Err(SofError::Empty));
    }
}
