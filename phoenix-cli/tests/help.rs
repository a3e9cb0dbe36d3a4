//! Help texts are documents: a change shows.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod stage;

use stage::Stage;

fn help(words: &[&str]) -> String {
    let stage = Stage::empty();
    let end = stage.phoenix(words);
    assert_eq!(end.code, Some(0), "{}", end.err);
    assert!(end.err.is_empty(), "{}", end.err);
    end.out
}

#[test]
fn the_command_explains_itself() {
    insta::assert_snapshot!("help", help(&["--help"]));
    insta::assert_snapshot!("help_run", help(&["run", "--help"]));
    insta::assert_snapshot!("help_review", help(&["review", "--help"]));
    assert_eq!(
        help(&["--version"]),
        concat!("phoenix ", env!("CARGO_PKG_VERSION"), "\n")
    );
}
