//! Parameter values as people type them: numbers may come as text, lists as comma-separated text.

use phoenix_core::traits::ParamSpec;
use serde::{Deserialize, Deserializer, de};

#[derive(Deserialize)]
#[serde(untagged)]
enum NumberOrText {
    Number(f64),
    Text(String),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ListOrText {
    Number(f64),
    List(Vec<f64>),
    Text(String),
}

fn parse<E: de::Error>(text: &str) -> Result<f64, E> {
    text.trim()
        .parse()
        .map_err(|_| E::custom(format!("{text:?} is no number")))
}

/// Returns what help texts say about parameters: name, meaning, allowed values.
pub fn described<'a>(params: impl IntoIterator<Item = (&'a str, &'a str, &'a str)>) -> Vec<ParamSpec> {
    let spec = |(name, doc, values): (&str, &str, &str)| ParamSpec {
        name: name.into(),
        doc: doc.into(),
        values: values.into(),
    };
    params.into_iter().map(spec).collect()
}

/// Reads a number, given as number or text.
///
/// # Errors
/// If it is neither.
pub fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    match NumberOrText::deserialize(deserializer)? {
        NumberOrText::Number(value) => Ok(value),
        NumberOrText::Text(text) => parse(&text),
    }
}

/// Reads a count, given as number or text.
///
/// # Errors
/// If it is neither, negative or not whole.
pub fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let value = number(deserializer)?;
    if value >= 0.0 && value.fract() == 0.0 && value < 1e9 {
        Ok(value as usize)
    } else {
        Err(de::Error::custom(format!("{value} is no count")))
    }
}

/// Reads a logical, given as such or as text.
///
/// # Errors
/// If it is neither.
pub fn logical<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum LogicalOrText {
        Logical(bool),
        Text(String),
    }
    match LogicalOrText::deserialize(deserializer)? {
        LogicalOrText::Logical(value) => Ok(value),
        LogicalOrText::Text(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "t" | "1" => Ok(true),
            "false" | "f" | "0" => Ok(false),
            _ => Err(de::Error::custom(format!("{text:?} is neither true nor false"))),
        },
    }
}

/// Reads numbers from a number, an array or comma-separated text, and returns the comma-separated text.
///
/// # Errors
/// If one of them is no number.
pub fn list_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let join = |values: &[f64]| values.iter().map(f64::to_string).collect::<Vec<_>>().join(",");
    match ListOrText::deserialize(deserializer)? {
        ListOrText::Number(value) => Ok(join(&[value])),
        ListOrText::List(values) => Ok(join(&values)),
        ListOrText::Text(text) => {
            text.split(',').try_for_each(|part| parse(part).map(|_| ()))?;
            Ok(text)
        }
    }
}

/// Splits comma-separated text into numbers; parts that are none are skipped.
pub fn numbers(text: &str) -> Vec<f64> {
    text.split(',').filter_map(|part| part.trim().parse().ok()).collect()
}

/// Splits comma-separated text into trimmed, non-empty words.
pub fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty())
}
