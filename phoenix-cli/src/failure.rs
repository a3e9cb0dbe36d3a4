//! How a command fails: a message with its causes, and the exit code that tells a script what to do next.

use std::error::Error;

/// The exit codes of the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All good.
    Good,
    /// It ran to the end, and there are findings of severity error, or failed or incomplete jobs.
    Findings,
    /// Usage, configuration or unreadable input; nothing was started.
    Usage,
    /// Stopped by a signal.
    Stopped,
}

impl Exit {
    /// Returns the code.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Good => 0,
            Self::Findings => 1,
            Self::Usage => 2,
            Self::Stopped => 130,
        }
    }
}

/// A command that did not come to an answer.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The exit code.
    pub(crate) exit: Exit,
    /// The message and its causes, outermost first.
    pub(crate) chain: Vec<String>,
    /// What to do, if there is a good guess.
    pub(crate) hint: Option<String>,
}

impl Failure {
    /// Wraps an error that came before anything was started.
    pub(crate) fn usage(error: &(dyn Error + 'static)) -> Self {
        Self::new(Exit::Usage, error)
    }

    /// Wraps an error with the exit code it deserves.
    pub(crate) fn new(exit: Exit, error: &(dyn Error + 'static)) -> Self {
        Self {
            exit,
            chain: causes(error),
            hint: None,
        }
    }

    /// Returns a failure that is one sentence.
    pub(crate) fn message(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            chain: vec![message.into()],
            hint: None,
        }
    }

    /// Returns the end of a command that a signal stopped.
    pub(crate) fn stopped() -> Self {
        Self::message(Exit::Stopped, "stopped; nothing half-written is left")
    }

    /// Puts a sentence in front of the chain.
    pub(crate) fn within(mut self, context: impl Into<String>) -> Self {
        self.chain.insert(0, context.into());
        self
    }

    /// Adds what to do.
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Lists an error and its sources; a source that its error already quotes is not repeated.
fn causes(error: &(dyn Error + 'static)) -> Vec<String> {
    let mut chain: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if !chain.last().is_some_and(|previous| previous.contains(&text)) {
            chain.push(text);
        }
        next = error.source();
    }
    chain
}

#[cfg(test)]
mod tests {
    use super::{Exit, Failure};

    #[derive(Debug, thiserror::Error)]
    #[error("frame a")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn a_failure_lists_every_cause_once() {
        let failure = Failure::usage(&Outer(std::io::Error::other("disk gone"))).within("set a.sof");
        assert_eq!(failure.chain, ["set a.sof", "frame a", "disk gone"]);
        assert_eq!(failure.exit.code(), 2);
        assert_eq!(Exit::Stopped.code(), 130);
    }
}
