//! Answers as text for people; pure, so that snapshots can hold it.

mod blocks;
mod campaign;
mod costs;
mod deep;
mod demo;
mod explain;
mod plan;
mod recipe;
mod status;

pub(crate) use blocks::{block_changes, is_equal};
pub(crate) use campaign::campaign;
pub(crate) use deep::deep;
pub(crate) use demo::demo;
pub(crate) use explain::explained;
pub(crate) use plan::{forecast, plan};
pub(crate) use recipe::{recipe_help, recipe_list, recipe_run};
pub(crate) use status::{review_list, status};

use std::fmt::Write as _;

use console::style;
use phoenix::core::dataset::{LeftOut, Severity};

use crate::failure::Failure;

/// Writes an error with its causes, innermost last, and what to do.
pub(crate) fn failure(failure: &Failure) -> String {
    let mut text = String::new();
    for (depth, message) in failure.chain.iter().enumerate() {
        let lead = if depth == 0 {
            style("error").red().bold().for_stderr().to_string()
        } else {
            "  because".to_owned()
        };
        let _ = writeln!(text, "{lead}: {}", message.replace('\n', "\n    "));
    }
    if let Some(hint) = &failure.hint {
        let _ = writeln!(text, "{}: {hint}", style("hint").cyan().for_stderr());
    }
    text
}

/// Writes one frame that was not used; what is lost stands out.
fn left_out_line(left: &LeftOut) -> String {
    match left.severity {
        Severity::Error => format!("  {} {}: {}", style("lost").red().bold(), left.frame, left.reason),
        _ => format!("  {}: {}", left.frame, left.reason),
    }
}

/// Returns "1 frame" or "2 frames".
pub(crate) fn count(n: usize, noun: &str) -> String {
    if n == 1 {
        format!("1 {noun}")
    } else {
        format!("{n} {noun}s")
    }
}

#[cfg(test)]
mod tests {
    use crate::failure::{Exit, Failure};

    #[test]
    fn causes_stand_below_the_error_and_the_hint_last() {
        let failure = Failure::message(Exit::Usage, "recipe muse_x is not known")
            .within("command line")
            .with_hint("phoenix recipe --list");
        let text = console::strip_ansi_codes(&super::failure(&failure)).into_owned();
        insta::assert_snapshot!(text, @r"
        error: command line
          because: recipe muse_x is not known
        hint: phoenix recipe --list
        ");
    }
}
