//! What recipes took beside what was expected, as text.

use phoenix::line::{RecipeCost, Taken};

use super::count;

/// Writes one line for each recipe; nothing if nothing was processed.
pub(crate) fn costs(costs: &[RecipeCost]) -> String {
    if costs.is_empty() {
        return String::new();
    }
    let mut lines = vec!["used (expected):".to_owned()];
    for cost in costs {
        let (used, expected) = (&cost.used, &cost.expected);
        let memory = |taken: &Taken| taken.peak_bytes.map(|bytes| (bytes as f64) / f64::from(1 << 20));
        let floor = match cost.floor_bytes.div_ceil(1 << 20) {
            0 => String::new(),
            mib => format!(", {mib} at least"),
        };
        lines.push(format!(
            "  {}, {}: wall {}, processor {}, memory {}{floor}",
            cost.recipe,
            count(cost.n_jobs, "job"),
            pair(used.wall_s, expected.wall_s, "s"),
            pair(used.cpu_s, expected.cpu_s, "s"),
            pair(memory(used), memory(expected), "MiB"),
        ));
    }
    lines.join("\n") + "\n"
}

fn pair(used: Option<f64>, expected: Option<f64>, unit: &str) -> String {
    let number = |value: Option<f64>| match value {
        Some(value) if value < 10.0 && unit == "s" => format!("{value:.1}"),
        Some(value) => format!("{value:.0}"),
        None => "?".to_owned(),
    };
    format!("{} {unit} ({})", number(used), number(expected))
}

#[cfg(test)]
mod tests {
    use phoenix::line::{RecipeCost, Taken};

    #[test]
    fn what_is_not_known_is_a_question_mark() {
        let cost = RecipeCost {
            recipe: "muse_exp_combine".into(),
            n_jobs: 2,
            n_expected: 0,
            expected: Taken {
                peak_bytes: Some(300 << 20),
                ..Taken::default()
            },
            used: Taken {
                wall_s: Some(2.26),
                cpu_s: Some(12.4),
                peak_bytes: Some(150 << 20),
            },
            floor_bytes: 9 << 20,
        };
        let text = super::costs(&[cost]);
        insta::assert_snapshot!(text, @r"
        used (expected):
          muse_exp_combine, 2 jobs: wall 2.3 s (?), processor 12 s (?), memory 150 MiB (300), 9 at least
        ");
    }
}
