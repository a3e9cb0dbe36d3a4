//! Text to tokens, longest match first.

use winnow::ascii::{digit0, digit1};
use winnow::combinator::{alt, delimited, not, opt, peek, preceded, repeat};
use winnow::prelude::*;
use winnow::stream::{LocatingSlice, Location};
use winnow::token::{any, none_of, one_of, take_till, take_while};

use super::ast::{Place, Repair};
use super::error::RuleError;

type Input<'a> = LocatingSlice<&'a str>;

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind<'a> {
    Word(&'a str),
    Number(&'a str),
    Text(String),
    Symbol(&'a str),
    Comment(&'a str),
}

/// A token and where it begins and ends.
#[derive(Debug, Clone)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind<'a>,
    pub(super) place: Place,
    pub(super) end_line: u32,
}

impl Token<'_> {
    /// Spells the token for messages.
    pub(super) fn spelling(&self) -> String {
        match &self.kind {
            Kind::Word(text) | Kind::Number(text) | Kind::Symbol(text) => format!("`{text}`"),
            Kind::Text(text) => format!("{text:?}"),
            Kind::Comment(_) => "a comment".to_owned(),
        }
    }
}

/// A word: a hyphen or a point inside it, with a letter or digit after it, belongs to it.
fn word<'a>(input: &mut Input<'a>) -> ModalResult<Kind<'a>> {
    let part = |input: &mut Input<'a>| {
        take_while(1.., |c: char| c.is_ascii_alphanumeric() || c == '_')
            .void()
            .parse_next(input)
    };
    let joint = (
        take_while(1.., ['.', '-']),
        peek(any.verify(|c: &char| c.is_ascii_alphanumeric() || *c == '_')),
    )
        .void();
    (
        peek(any.verify(|c: &char| c.is_ascii_alphabetic())),
        part,
        repeat::<_, _, (), _, _>(0.., (joint, part)),
    )
        .take()
        .map(Kind::Word)
        .parse_next(input)
}

fn number<'a>(input: &mut Input<'a>) -> ModalResult<Kind<'a>> {
    let digits = alt(((digit1, opt(('.', digit0))).void(), ('.', digit1).void()));
    let exponent = opt((one_of(['e', 'E']), opt(one_of(['+', '-'])), digit1));
    (digits, exponent, not(any.verify(|c: &char| c.is_ascii_alphanumeric())))
        .take()
        .map(Kind::Number)
        .parse_next(input)
}

fn text<'a>(input: &mut Input<'a>) -> ModalResult<Kind<'a>> {
    let escaped = preceded(
        '\\',
        any.map(|c| match c {
            'n' => '\n',
            't' => '\t',
            other => other,
        }),
    );
    delimited(
        '"',
        repeat(0.., alt((none_of(['"', '\\', '\n']), escaped))).fold(String::new, |mut text, c| {
            text.push(c);
            text
        }),
        '"',
    )
    .map(Kind::Text)
    .parse_next(input)
}

fn symbol<'a>(input: &mut Input<'a>) -> ModalResult<Kind<'a>> {
    let double = alt(("==", "!=", "<=", ">="));
    let single = any.verify(|c: &char| "<>=+-!(){},;".contains(*c)).take();
    alt((double, single)).map(Kind::Symbol).parse_next(input)
}

fn comment<'a>(input: &mut Input<'a>) -> ModalResult<Kind<'a>> {
    preceded("//", take_till(0.., ['\r', '\n']))
        .map(|text: &str| Kind::Comment(text.trim_end()))
        .parse_next(input)
}

/// Finds line and column of byte offsets that only grow.
struct Lines<'a> {
    text: &'a str,
    offset: usize,
    place: Place,
}

impl Lines<'_> {
    fn at(&mut self, offset: usize) -> Place {
        for c in self.text.get(self.offset..offset).unwrap_or_default().chars() {
            if c == '\n' {
                self.place.line += 1;
                self.place.column = 1;
            } else {
                self.place.column += 1;
            }
        }
        self.offset = offset;
        self.place
    }
}

/// Cuts a text into tokens; comments are tokens too.
///
/// # Errors
/// If a character begins no token or a text has no end.
pub(super) fn tokens(source: &str) -> Result<(Vec<Token<'_>>, Vec<Repair>), RuleError> {
    let mut input = LocatingSlice::new(source);
    let mut lines = Lines {
        text: source,
        offset: 0,
        place: Place { line: 1, column: 1 },
    };
    let (mut tokens, mut repairs) = (Vec::new(), Vec::new());
    loop {
        let blanks: ModalResult<&str> = take_while(0.., char::is_whitespace).parse_next(&mut input);
        if blanks.is_err() || input.is_empty() {
            return Ok((tokens, repairs));
        }
        let place = lines.at(input.current_token_start());
        let found: ModalResult<Kind<'_>> = alt((comment, word, number, text, symbol)).parse_next(&mut input);
        let Ok(kind) = found else {
            let found = input.chars().next().map_or_else(String::new, |c| format!("{c:?}"));
            let expected = if found == "'\"'" {
                "a closing quote on the same line"
            } else {
                "a token"
            };
            return Err(RuleError::Syntax {
                place,
                expected: expected.to_owned(),
                found,
            });
        };
        let end_line = lines.at(input.current_token_start()).line;
        let token = Token { kind, place, end_line };
        match &token.kind {
            Kind::Word(text) if let Some((key, join)) = glued(text) => {
                repairs.push(Repair {
                    place,
                    what: format!("a blank is missing between {key} and `{join}`"),
                });
                for part in [key, join] {
                    tokens.push(Token {
                        kind: Kind::Word(part),
                        ..token.clone()
                    });
                }
            }
            _ => tokens.push(token),
        }
    }
}

/// Splits a key with `and` or `or` stuck to its end; keys are upper case, so the border is plain.
fn glued(word: &str) -> Option<(&str, &str)> {
    ["and", "or"].into_iter().find_map(|join| {
        let key = word.strip_suffix(join)?;
        let is_key = key.len() > 1 && key.chars().all(|c| !c.is_ascii_lowercase());
        is_key.then(|| (key, word.get(key.len()..).unwrap_or_default()))
    })
}
