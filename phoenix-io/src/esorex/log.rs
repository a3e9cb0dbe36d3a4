//! What `esorex` says: lines with their level, and the reason of a failure among them.

use phoenix_core::observe::LogLevel;

/// How many of a run's error lines make up the reason: the first, where it began, and as many of the last, where it
/// ended; between them a trace may have a hundred.
const REASONS: usize = 3;
/// How much of the output is kept for a run that ends without an error line.
const LAST_LINES: usize = 3;

/// One line of output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub(super) level: LogLevel,
    /// Who speaks: `esorex` or the recipe; empty in a line that continues another.
    pub(super) speaker: &'a str,
    pub(super) text: &'a str,
}

/// Reads one line: `[ INFO  ] speaker: text`, with or without a time before it; a line without level goes on with the
/// level of the one before.
pub(super) fn parse(line: &str, before: LogLevel) -> Line<'_> {
    let tagged = line.split_once('[').and_then(|(time, rest)| {
        let (level, text) = rest.split_once(']')?;
        let is_time = time.chars().all(|c| c.is_ascii_digit() || c == ':' || c == ' ');
        let level = match level.trim() {
            "ERROR" => LogLevel::Error,
            "WARNING" => LogLevel::Warning,
            "INFO" => LogLevel::Info,
            "DEBUG" => LogLevel::Debug,
            _ => return None,
        };
        is_time.then_some((level, text))
    });
    let Some((level, text)) = tagged else {
        return Line {
            level: before,
            speaker: "",
            text: line.trim_end(),
        };
    };
    let (speaker, text) = match text.split_once(": ") {
        Some((speaker, text)) if !speaker.trim().contains(' ') => (speaker.trim(), text.trim_end()),
        _ => ("", text.trim()),
    };
    // The number of the thread says nothing to whoever asks why.
    let text = text
        .strip_prefix("[tid=")
        .and_then(|rest| rest.split_once("] "))
        .map_or(text, |(_, text)| text);
    // Found with every call of an installation in order.
    let is_noise =
        speaker == "esorex" && (text.starts_with("Run-time version") || text.starts_with("Unable to open directory"));
    Line {
        level: if is_noise { LogLevel::Debug } else { level },
        speaker,
        text,
    }
}

/// Collects the reason of a failure while the lines go by.
#[derive(Debug, Default)]
pub(super) struct Reasons {
    errors: Vec<String>,
    verdict: Option<String>,
    last: Vec<String>,
}

impl Reasons {
    /// Takes one line.
    pub(super) fn take(&mut self, line: &Line<'_>) {
        let text = line.text.trim();
        if text.is_empty() {
            return;
        }
        if line.level != LogLevel::Error {
            if self.last.len() == LAST_LINES {
                self.last.remove(0);
            }
            self.last.push(text.to_owned());
        } else if line.speaker == "esorex" && text.starts_with("Execution of recipe") {
            self.verdict = Some(text.to_owned());
        } else if !is_announcement(text) && !self.errors.iter().any(|known| known == text) {
            if self.errors.len() == 2 * REASONS {
                self.errors.remove(REASONS);
            }
            self.errors.push(text.to_owned());
        }
    }

    /// Returns the reason: the recipe's own error lines, first the one where it began; else what can be had.
    pub(super) fn reason(&self) -> String {
        if !self.errors.is_empty() {
            return self.errors.join("; ");
        }
        match &self.verdict {
            Some(verdict) => verdict.clone(),
            None if self.last.is_empty() => "it said nothing".to_owned(),
            None => format!("it gave no reason; its last words: {}", self.last.join(" | ")),
        }
    }
}

/// Tells whether a line only says that errors follow.
fn is_announcement(text: &str) -> bool {
    text.starts_with("Dumping all ") || text.starts_with("Dumping the ")
}

#[cfg(test)]
mod tests {
    use phoenix_core::observe::LogLevel;

    use super::{Line, Reasons, parse};

    #[test]
    fn a_line_has_level_speaker_and_text_in_either_form() {
        let expected = Line {
            level: LogLevel::Error,
            speaker: "muse_bias",
            text: "no frames: 0",
        };
        assert_eq!(parse("[ ERROR ] muse_bias: no frames: 0", LogLevel::Info), expected);
        assert_eq!(
            parse("11:42:58 [ ERROR ] muse_bias: no frames: 0\n", LogLevel::Info),
            expected
        );
    }

    #[test]
    fn a_line_without_level_goes_on_with_the_one_before() {
        let line = parse("   and [1/4] more", LogLevel::Warning);
        assert_eq!(
            (line.level, line.speaker, line.text),
            (LogLevel::Warning, "", "   and [1/4] more")
        );
    }

    #[test]
    fn what_every_call_says_is_no_warning() {
        let line = parse(
            "[WARNING] esorex: Unable to open directory /usr/lib/cpl/plugins",
            LogLevel::Info,
        );
        assert_eq!(line.level, LogLevel::Debug);
    }

    #[test]
    fn the_reason_is_the_error_trace_without_the_announcement_and_the_verdict() {
        let mut reasons = Reasons::default();
        for text in [
            "[ INFO  ] OrderPos: begins",
            "[ ERROR ] OrderPos: Dumping all 2 error(s):",
            "[ ERROR ] OrderPos:   [1/2] 'Data not found: No such frame' (10) at find:a.c:1",
            "[ ERROR ] OrderPos:   [2/2] 'Data not found: failed' (10) at body:b.c:2",
            "[ ERROR ] esorex: Execution of recipe 'uves_cal_orderpos' failed, status = 10",
        ] {
            reasons.take(&parse(text, LogLevel::Info));
        }
        assert_eq!(
            reasons.reason(),
            "[1/2] 'Data not found: No such frame' (10) at find:a.c:1; [2/2] 'Data not found: failed' (10) at body:b.c:2"
        );
    }

    #[test]
    fn of_a_long_trace_the_beginning_and_the_end_count() {
        let mut reasons = Reasons::default();
        reasons.take(&parse(
            "[ ERROR ] m: [tid=000] Dumping the 20 most recent error(s) out of 99",
            LogLevel::Info,
        ));
        for n in 0..99 {
            reasons.take(&parse(&format!("[ ERROR ] m: [tid=000]   fault {n}"), LogLevel::Info));
        }
        assert_eq!(
            reasons.reason(),
            "fault 0; fault 1; fault 2; fault 96; fault 97; fault 98"
        );
    }

    #[test]
    fn without_error_lines_the_last_words_count() {
        let mut reasons = Reasons::default();
        assert_eq!(reasons.reason(), "it said nothing");
        reasons.take(&parse("[ INFO  ] x: going on", LogLevel::Info));
        assert_eq!(reasons.reason(), "it gave no reason; its last words: going on");
    }
}
