//! A text that is no rule is refused with its place and what could stand there.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it expects")]

use phoenix_core::rules::check::check;
use phoenix_core::rules::dic::Dictionary;
use phoenix_core::rules::{RuleBook, Validity};
use phoenix_testkit::peers;

#[test]
fn an_error_names_line_column_and_expectation() {
    for (text, message) in [
        ("if A == 1 { B = 2; }", "line 1, column 11: expected `then`, found `{`"),
        ("if A == 1 then { B = 2 }", "line 1, column 24: expected `;`, found `}`"),
        (
            "// note\nif A == then { B = 2; }",
            "line 2, column 9: expected a value, found `then`",
        ),
        (
            "select execute(x) from somewhere where A == 1;",
            "line 1, column 24: expected `inputFiles`, `calibFiles` or `rawFiles`, found `somewhere`",
        ),
        (
            "action x { select file as Y from calibFiles where A == 1 }",
            "line 1, column 58: expected `and`, `or` or `;`, found `}`",
        ),
        (
            "if (A == 1 then { }",
            "line 1, column 12: expected an operator or `)`, found `then`",
        ),
        (
            "minRet = many; select execute(x) from inputFiles where T;",
            "line 1, column 10: expected a whole number, found `many`",
        ),
        (
            "if A == \"open\nthen { }",
            "line 1, column 9: expected a closing quote on the same line, found '\"'",
        ),
        ("if A # 1 then { }", "line 1, column 6: expected a token, found '#'"),
        (
            "nonsense",
            "line 1, column 1: expected `if`, `select`, `action`, `minRet` or `maxRet`, found `nonsense`",
        ),
        (
            "action x {",
            "line 1, column 10: expected `select`, `minRet`, `maxRet`, `recipe`, `product`, `priority` or `}`, \
             found the end of the text",
        ),
    ] {
        let error = RuleBook::parse(text).expect_err("the text is wrong");
        assert_eq!(error.to_string(), message);
    }
    let error = RuleBook::parse("if A regexp \"(\" then { }").expect_err("the pattern is wrong");
    assert!(
        error
            .to_string()
            .starts_with("line 1, column 4: \"(\" is no regular expression")
    );
}

#[test]
fn our_own_books_have_no_finding_that_is_an_error() {
    for name in ["uves", "giraffe", "xshooter", "muse"] {
        let folder = peers::workspace_root()
            .join("phoenix-instruments")
            .join(name)
            .join("rules");
        let rules = std::fs::read_to_string(folder.join(format!("{name}.oca"))).expect("the book is there");
        let validity = std::fs::read_to_string(folder.join("validity.toml")).unwrap_or_default();
        let book = RuleBook::parse(&rules).unwrap_or_else(|error| panic!("{name}: {error}"));
        let validity = Validity::parse(&validity).unwrap_or_else(|error| panic!("{name}: {error}"));
        let checked = check(&book, &validity, &name.to_ascii_uppercase(), &Dictionary::default());
        let lines: Vec<String> = checked.findings.iter().map(ToString::to_string).collect();
        let errors: Vec<&String> = lines.iter().filter(|line| line.contains(": error: ")).collect();
        assert!(errors.is_empty(), "{name}: {errors:#?}");
    }
}
