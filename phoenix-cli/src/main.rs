//! The `phoenix` command: parses the line, calls the library, prints the answer.
//!
//! `args` and `grammar` read the command line, `cmd` holds one file per command, `render` says things to people,
//! `progress` and `events` are observers, `answer` and `failure` are how a command ends.

mod answer;
mod args;
mod cmd;
mod events;
mod failure;
mod grammar;
mod interrupt;
mod pace;
mod progress;
mod render;
mod size;

use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let output = args::Output::scan(&words);
    let end = cmd::dispatch(&words, output);
    answer::print(&end, output)
}
