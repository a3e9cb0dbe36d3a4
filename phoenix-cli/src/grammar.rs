//! The line of `phoenix recipe`: named options of ours between free parameters with ESO's names.

use std::path::PathBuf;

use phoenix::choice::Numerics;

use crate::args::Machine;

/// Options that recipes' parameters cannot be named like.
pub(crate) const RESERVED: [&str; 9] = [
    "help", "json", "list", "memory", "numerics", "out", "quiet", "threads", "version",
];

/// What `phoenix recipe` was asked for.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct RecipeLine {
    /// The recipe.
    pub(crate) name: Option<String>,
    /// The set of frames.
    pub(crate) sof: Option<PathBuf>,
    /// Free parameters in order; a later one counts.
    pub(crate) params: Vec<(String, String)>,
    /// Which arithmetic; the recipe's own if not said.
    pub(crate) numerics: Option<Numerics>,
    /// Where products go.
    pub(crate) out: Option<PathBuf>,
    /// Threads and memory.
    pub(crate) machine: Machine,
    /// Whether recipes are to be listed.
    pub(crate) list: bool,
    /// Whether help is asked for.
    pub(crate) help: bool,
}

/// Reads the words after `recipe`; output options were read before and are passed over.
///
/// Options may stand anywhere; `--name=value` and `--name value` are the same.
pub(crate) fn recipe_line(words: &[String]) -> Result<RecipeLine, String> {
    let mut line = RecipeLine::default();
    let mut words = words.iter().peekable();
    let mut only_positional = false;
    while let Some(word) = words.next() {
        if word == "--" && !only_positional {
            only_positional = true;
            continue;
        }
        if only_positional || !word.starts_with('-') || word == "-" {
            positional(&mut line, word)?;
            continue;
        }
        match word.as_str() {
            "--json" | "--quiet" | "-q" => continue,
            "--list" => {
                line.list = true;
                continue;
            }
            "--help" | "-h" => {
                line.help = true;
                continue;
            }
            _ => {}
        }
        let Some(body) = word.strip_prefix("--") else {
            return Err(format!("option {word} is not known; parameters begin with two dashes"));
        };
        let (name, value) = match body.split_once('=') {
            Some((name, value)) => (name, value.to_owned()),
            None => match words.next_if(|next| !next.starts_with("--")) {
                Some(value) => (body, value.clone()),
                None => return Err(format!("option --{body} needs a value: --{body}=VALUE")),
            },
        };
        option(&mut line, name, value)?;
    }
    Ok(line)
}

fn positional(line: &mut RecipeLine, word: &str) -> Result<(), String> {
    if line.name.is_none() {
        line.name = Some(word.to_owned());
    } else if line.sof.is_none() {
        line.sof = Some(word.into());
    } else {
        return Err(format!("{word:?} is one word too many after recipe NAME SOF"));
    }
    Ok(())
}

fn option(line: &mut RecipeLine, name: &str, value: String) -> Result<(), String> {
    match name {
        "numerics" => line.numerics = Some(value.parse().map_err(|error| format!("--numerics: {error}"))?),
        "memory" => {
            line.machine.memory = Some(crate::size::parse(&value).map_err(|error| format!("--memory: {error}"))?);
        }
        "threads" => {
            line.machine.threads = Some(crate::args::threads(&value).map_err(|error| format!("--threads: {error}"))?);
        }
        "out" => line.out = Some(value.into()),
        name if RESERVED.contains(&name) => return Err(format!("option --{name} takes no value")),
        "" => return Err("an option without a name".to_owned()),
        name => line.params.push((name.to_owned(), value)),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{RecipeLine, recipe_line};

    fn read(text: &str) -> Result<RecipeLine, String> {
        let words: Vec<String> = text.split_whitespace().map(ToOwned::to_owned).collect();
        recipe_line(&words)
    }

    #[test]
    fn options_stand_anywhere_and_in_both_spellings() {
        let first = read("muse_exp_combine a.sof --resample=drizzle --pixfrac 0.8 --out o");
        let second = read("--pixfrac=0.8 --ignored x --out=o muse_exp_combine --resample drizzle a.sof");
        let (first, mut second) = (first.unwrap_or_default(), second.unwrap_or_default());
        second.params.retain(|(name, _)| name != "ignored");
        second.params.sort();
        let mut sorted = first.params.clone();
        sorted.sort();
        assert_eq!(sorted, second.params);
        assert_eq!(
            (first.name, first.sof, first.out),
            (second.name, second.sof, second.out)
        );
    }

    #[test]
    fn a_negative_number_is_a_value_and_an_option_is_not() {
        let line = read("r --dlambda -1.25 s").unwrap_or_default();
        assert_eq!(line.params, [("dlambda".to_owned(), "-1.25".to_owned())]);
        assert_eq!(
            read("r s --resample --json"),
            Err("option --resample needs a value: --resample=VALUE".into())
        );
    }

    #[test]
    fn mistakes_are_named() {
        for (text, message) in [
            ("r s t", "\"t\" is one word too many after recipe NAME SOF"),
            ("r s -x", "option -x is not known; parameters begin with two dashes"),
            ("r s --json=1", "option --json takes no value"),
            (
                "r s --numerics=idl",
                "--numerics: \"idl\" is no numerics (phoenix, eso)",
            ),
            ("r s --threads=0", "--threads: \"0\" is no number of threads from 1 on"),
        ] {
            assert_eq!(read(text), Err(message.to_owned()));
        }
    }
}
