//! Recipes and their parameters as text.

use std::fmt::Write as _;

use console::style;
use phoenix::core::traits::{InputSpec, RecipeSpec};
use phoenix::single::SingleReport;
use serde_json::Value;

/// Writes one line per recipe.
pub(crate) fn recipe_list(specs: &[RecipeSpec]) -> String {
    let width = specs.iter().map(|spec| spec.id.as_str().len()).max().unwrap_or(0);
    let lines = specs
        .iter()
        .map(|spec| format!("{:width$}  {}\n", spec.id.as_str(), spec.doc));
    lines.collect()
}

/// Writes what a recipe takes, makes and can be told.
pub(crate) fn recipe_help(spec: &RecipeSpec, defaults: &Value) -> String {
    let mut text = format!(
        "{} ({})\n{}\n\nInputs:\n",
        style(&spec.id).bold(),
        spec.pipeline,
        spec.doc
    );
    for input in &spec.inputs {
        let _ = writeln!(text, "  {:<24} {}", input.tag.as_str(), number(input));
    }
    let outputs: Vec<&str> = spec.outputs.iter().map(phoenix::core::id::Tag::as_str).collect();
    let _ = write!(text, "\nProducts:\n  {}\n\nParameters:\n", outputs.join(", "));
    for param in &spec.params {
        let default = match defaults.get(&param.name) {
            None | Some(Value::Null) => "none".to_owned(),
            Some(Value::String(text)) if text.is_empty() => "none".to_owned(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        };
        let _ = write!(
            text,
            "  --{}={}  [{}]\n      {}\n",
            param.name, default, param.values, param.doc
        );
    }
    for reference in &spec.references {
        let _ = write!(text, "\nSee {reference}");
    }
    text + "\n"
}

fn number(input: &InputSpec) -> String {
    match (input.min, input.max) {
        (min, Some(max)) if min == max => min.to_string(),
        (min, Some(max)) => format!("{min} to {max}"),
        (min, None) => format!("{min} or more"),
    }
}

/// Writes what a recipe made.
pub(crate) fn recipe_run(report: &SingleReport) -> String {
    let mut lines = Vec::new();
    for product in &report.products {
        lines.push(format!(
            "{} {} {}",
            style("✔").green(),
            product.location,
            style(&product.tag).dim()
        ));
    }
    for caveat in &report.caveats {
        lines.push(format!("{} {caveat}", style("!").yellow()));
    }
    let figures = report.figures.iter().map(|(name, value)| format!("{name} = {value}"));
    lines.extend(figures);
    lines.push(style(format!("{:.2} s", report.wall_s)).dim().to_string());
    lines.join("\n") + "\n"
}
