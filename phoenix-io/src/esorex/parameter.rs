//! The parameters of a recipe: what `esorex` says about them, and a parameter set as arguments.

use phoenix_core::traits::{ParamSpec, RecipeError};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The type of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Yes or no.
    Bool,
    /// A whole number.
    Int,
    /// A real number.
    Double,
    /// A text.
    String,
}

impl Kind {
    /// Returns what a value of this type is, for people.
    fn wanted(self) -> &'static str {
        match self {
            Self::Bool => "true or false",
            Self::Int => "a whole number",
            Self::Double => "a number",
            Self::String => "a text",
        }
    }
}

/// One parameter of an installed recipe, as `esorex --create-config=FILE.json` writes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    /// The name on the command line, e.g. `nifu`.
    #[serde(rename = "display_name")]
    pub name: String,
    /// The default.
    #[serde(rename = "value")]
    pub default: Value,
    /// The type.
    #[serde(rename = "valtype")]
    pub kind: Kind,
    /// The allowed values, where they are few.
    #[serde(rename = "valenum", default)]
    pub choices: Vec<Value>,
    /// The least allowed value.
    #[serde(rename = "valmin", default)]
    pub min: Option<f64>,
    /// The greatest allowed value.
    #[serde(rename = "valmax", default)]
    pub max: Option<f64>,
    /// What it does.
    #[serde(rename = "description", default)]
    pub doc: String,
}

impl Parameter {
    /// Returns the description for help texts.
    pub(super) fn to_spec(&self) -> ParamSpec {
        let values = match (self.kind, self.min, self.max) {
            _ if !self.choices.is_empty() => {
                let choices: Vec<String> = self.choices.iter().map(text).collect();
                choices.join(", ")
            }
            (_, Some(min), Some(max)) => format!("{min} to {max}"),
            (kind, ..) => kind.wanted().to_owned(),
        };
        ParamSpec {
            name: self.name.clone(),
            doc: self.doc.clone(),
            values,
        }
    }

    /// Returns a value of the parameter's type, or why it is none.
    fn accept(&self, value: &Value) -> Result<Value, String> {
        let typed = match (self.kind, value) {
            (Kind::Bool, Value::Bool(_)) | (Kind::String, Value::String(_)) => Some(value.clone()),
            (Kind::Bool, Value::String(text)) => match text.to_ascii_lowercase().as_str() {
                "true" => Some(Value::Bool(true)),
                "false" => Some(Value::Bool(false)),
                _ => None,
            },
            (Kind::Int, Value::String(text)) => text.trim().parse::<i64>().ok().map(Value::from),
            (Kind::Int, Value::Number(number)) => {
                let whole = number
                    .as_f64()
                    .filter(|real| real.fract() == 0.0)
                    .map(|real| real as i64);
                number.as_i64().or(whole).map(Value::from)
            }
            (Kind::Double, Value::String(text)) => text.trim().parse::<f64>().ok().map(Value::from),
            (Kind::Double, Value::Number(number)) => number.as_f64().map(Value::from),
            // `--filter=1` is a text that looks like a number.
            (Kind::String, Value::Number(_)) => Some(Value::String(value.to_string())),
            _ => None,
        };
        let typed = typed.ok_or_else(|| format!("{} is not {}", text(value), self.kind.wanted()))?;
        if !self.choices.is_empty() && !self.choices.iter().any(|choice| same(choice, &typed)) {
            let choices: Vec<String> = self.choices.iter().map(text).collect();
            return Err(format!("{} is none of {}", text(&typed), choices.join(", ")));
        }
        if let Some(number) = typed.as_f64() {
            let is_inside = self.min.is_none_or(|min| number >= min) && self.max.is_none_or(|max| number <= max);
            if !is_inside {
                let (min, max) = (self.min.unwrap_or(f64::NEG_INFINITY), self.max.unwrap_or(f64::INFINITY));
                return Err(format!("{} is not between {min} and {max}", text(&typed)));
            }
        }
        Ok(typed)
    }
}

/// Returns the complete default parameter set.
pub(super) fn defaults(parameters: &[Parameter]) -> Map<String, Value> {
    let values = parameters.iter().map(|parameter| {
        let typed = parameter
            .accept(&parameter.default)
            .unwrap_or_else(|_| parameter.default.clone());
        (parameter.name.clone(), typed)
    });
    values.collect()
}

fn known<'a>(parameters: &'a [Parameter], name: &str) -> Result<&'a Parameter, RecipeError> {
    let found = parameters.iter().find(|parameter| parameter.name == name);
    found.ok_or_else(|| {
        let names: Vec<&str> = parameters.iter().map(|parameter| parameter.name.as_str()).collect();
        RecipeError::Parameter {
            name: name.to_owned(),
            reason: format!("the recipe does not have it; it has {}", names.join(", ")),
        }
    })
}

/// Returns a value as the parameter of that name takes it.
///
/// # Errors
/// `Parameter` for a name that the recipe has not and for a value that it does not allow.
pub(super) fn value(parameters: &[Parameter], name: &str, given: &Value) -> Result<Value, RecipeError> {
    known(parameters, name)?
        .accept(given)
        .map_err(|reason| RecipeError::Parameter {
            name: name.to_owned(),
            reason,
        })
}

/// Returns the arguments of a parameter set: those that differ from the defaults, in the recipe's order.
///
/// A recipe can tell whether a parameter was given, so what is at its default is left out, as a user leaves it out.
///
/// # Errors
/// `Parameter` for a name that the recipe has not and for a value that it does not allow.
pub(super) fn arguments(params: &Value, parameters: &[Parameter]) -> Result<Vec<String>, RecipeError> {
    let nothing = Map::new();
    let given = match params {
        Value::Object(given) => given,
        Value::Null => &nothing,
        other => {
            return Err(RecipeError::Parameter {
                name: "(all)".to_owned(),
                reason: format!("{other} is no set of parameters"),
            });
        }
    };
    if let Some(name) = given
        .keys()
        .find(|name| parameters.iter().all(|known| known.name != **name))
    {
        let known: Vec<&str> = parameters.iter().map(|parameter| parameter.name.as_str()).collect();
        return Err(RecipeError::Parameter {
            name: name.clone(),
            reason: format!("the recipe does not have it; it has {}", known.join(", ")),
        });
    }
    let mut arguments = Vec::new();
    for parameter in parameters {
        let Some(value) = given.get(&parameter.name) else {
            continue;
        };
        let typed = parameter.accept(value).map_err(|reason| RecipeError::Parameter {
            name: parameter.name.clone(),
            reason,
        })?;
        if !same(&typed, &parameter.default) {
            arguments.push(format!("--{}={}", parameter.name, text(&typed)));
        }
    }
    Ok(arguments)
}

fn same(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => one.to_bits() == other.to_bits() || (one == 0.0 && other == 0.0),
        _ => one == other,
    }
}

/// Returns a value as `esorex` reads it on the command line.
fn text(value: &Value) -> String {
    match value {
        Value::Bool(true) => "TRUE".to_owned(),
        Value::Bool(false) => "FALSE".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::{Parameter, arguments, defaults};

    fn parameters() -> Vec<Parameter> {
        let text = r#"[
            {"name": "m.b.nifu", "value": 0, "valtype": "int", "partype": "range", "valmin": -1, "valmax": 24,
             "display_name": "nifu", "description": "IFU", "recipe": "b"},
            {"name": "m.b.combine", "value": "sigclip", "valtype": "string", "partype": "enum",
             "valenum": ["median", "sigclip"], "display_name": "combine", "description": "", "recipe": "b"},
            {"name": "m.b.lsigma", "value": 3, "valtype": "double", "partype": "value", "display_name": "lsigma",
             "description": "", "recipe": "b"},
            {"name": "m.b.merge", "value": false, "valtype": "bool", "partype": "value", "display_name": "merge",
             "description": "", "recipe": "b"}]"#;
        serde_json::from_str(text).unwrap()
    }

    fn refusal(params: &Value) -> String {
        arguments(params, &parameters()).unwrap_err().to_string()
    }

    #[test]
    fn only_what_differs_from_the_default_becomes_an_argument() {
        let params = json!({"merge": true, "nifu": 3.0, "lsigma": 3.0, "combine": "sigclip"});
        assert_eq!(arguments(&params, &parameters()).unwrap(), ["--nifu=3", "--merge=TRUE"]);
        assert!(
            arguments(&Value::Object(defaults(&parameters())), &parameters())
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn values_from_a_command_line_are_texts() {
        let params = json!({"merge": "TRUE", "nifu": "3", "lsigma": "2.5"});
        assert_eq!(
            arguments(&params, &parameters()).unwrap(),
            ["--nifu=3", "--lsigma=2.5", "--merge=TRUE"]
        );
    }

    #[test]
    fn what_the_recipe_does_not_have_or_allow_is_refused_by_name() {
        assert_eq!(
            refusal(&json!({"nifus": 1})),
            "parameter nifus: the recipe does not have it; it has nifu, combine, lsigma, merge"
        );
        assert_eq!(
            refusal(&json!({"nifu": 25})),
            "parameter nifu: 25 is not between -1 and 24"
        );
        assert_eq!(
            refusal(&json!({"nifu": 1.5})),
            "parameter nifu: 1.5 is not a whole number"
        );
        assert_eq!(
            refusal(&json!({"combine": "mean"})),
            "parameter combine: mean is none of median, sigclip"
        );
        assert_eq!(refusal(&json!({"merge": 1})), "parameter merge: 1 is not true or false");
    }

    proptest! {
        #[test]
        fn a_real_number_reaches_the_recipe_with_all_its_digits(value in proptest::num::f64::NORMAL) {
            let found = arguments(&json!({"lsigma": value}), &parameters()).unwrap();
            let back: f64 = found[0].strip_prefix("--lsigma=").unwrap().parse().unwrap();
            prop_assert_eq!(back.to_bits(), value.to_bits());
        }
    }
}
