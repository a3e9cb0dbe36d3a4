//! Progress for people: one bar per running job on a terminal, plain lines elsewhere.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use console::style;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use phoenix::core::observe::{Event, JobEnd, Observer};

use crate::args::Output;
use crate::events::JsonLines;
use crate::pace::{self, Pace};

/// Returns the observer that the output options ask for.
pub(crate) fn observer(output: Output) -> Arc<dyn Observer> {
    if output.json {
        Arc::new(JsonLines::default())
    } else if output.quiet {
        Arc::new(())
    } else {
        Arc::new(Bars::new())
    }
}

/// Draws on standard error; without a terminal bars are silent and only lines remain.
#[derive(Debug)]
pub(crate) struct Bars {
    screen: MultiProgress,
    jobs: Mutex<BTreeMap<String, Running>>,
    has_terminal: bool,
}

/// What is on the screen for one job.
#[derive(Debug)]
struct Running {
    bar: ProgressBar,
    pace: Pace,
}

impl Bars {
    fn new() -> Self {
        Self {
            screen: MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(12)),
            jobs: Mutex::default(),
            has_terminal: console::Term::stderr().is_term(),
        }
    }

    fn line(&self, text: &str) {
        if self.has_terminal {
            // A terminal that went away must not end the run.
            let _ = self.screen.println(text);
        } else {
            let _ = console::Term::stderr().write_line(text);
        }
    }

    /// Shows a job, and how far one of its stages has come.
    fn show(&self, job: &str, step: Option<(&str, u64, u64)>) {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || {
            let bar = self.screen.add(ProgressBar::new_spinner());
            bar.set_style(
                ProgressStyle::with_template(
                    "    {spinner:.cyan} {prefix:.dim} {bar:28.cyan/dim} {percent:>3} % {msg}",
                )
                .unwrap_or_else(|_| ProgressStyle::default_bar())
                .progress_chars("━╸━"),
            );
            bar.set_prefix(short(job).to_owned());
            bar.enable_steady_tick(Duration::from_millis(120));
            let pace = Pace::default();
            Running { bar, pace }
        };
        let Running { bar, pace } = jobs.entry(job.to_owned()).or_insert_with(make);
        if let Some((stage, done, total)) = step {
            let left = pace.left(Instant::now(), stage, done, total);
            let left = left.map(|left| format!(", {} left", pace::words(left)));
            bar.set_message(format!("{stage} {done}/{total}{}", left.unwrap_or_default()));
            bar.set_length(total);
            bar.set_position(done);
        }
    }

    fn end(&self, job: &str) {
        let running = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).remove(job);
        if let Some(Running { bar, .. }) = running {
            bar.finish_and_clear();
            self.screen.remove(&bar);
        }
    }
}

/// A job without its task: the dataset names it well enough on one line.
fn short(job: &str) -> &str {
    job.rsplit_once(':').map_or(job, |(dataset, _)| dataset)
}

impl Observer for Bars {
    fn on(&self, event: &Event<'_>) {
        match event {
            Event::StepStarted { step, items } if *items > 0 => {
                self.line(&format!(
                    "{} {step} {}",
                    style("▸").cyan(),
                    style(format!("({items})")).dim()
                ));
            }
            Event::JobStarted { job } if self.has_terminal => {
                self.show(job.as_str(), None);
            }
            Event::Progress {
                job,
                stage,
                done,
                total,
            } if self.has_terminal => {
                self.show(job.as_str(), Some((stage, *done, *total)));
            }
            Event::JobFinished { job, end, wall_s } => {
                self.end(job.as_str());
                let job = short(job.as_str());
                match end {
                    JobEnd::Done => self.line(&format!(
                        "  {} {job} {}",
                        style("✔").green(),
                        style(format!("{wall_s:.1} s")).dim()
                    )),
                    JobEnd::Failed(because) => self.line(&format!("  {} {job}: {because}", style("✘").red())),
                    JobEnd::Blocked(because) => self.line(&format!("  {} {job}: {because}", style("⊘").yellow())),
                    _ => {}
                }
            }
            Event::Scored { job, red, of } => {
                let text = format!("result {red}/{of}");
                let text = if *red == 0 {
                    style(text).green()
                } else {
                    style(text).red()
                };
                self.line(&format!("  {text} {}", short(job.as_str())));
            }
            Event::Delivered { name, already_present } => {
                let note = if *already_present { " (was there already)" } else { "" };
                self.line(&format!("  {} {name}{}", style("✔").green(), style(note).dim()));
            }
            Event::Caveat { job, caveat } => {
                self.line(&format!("  {} {}: {caveat}", style("!").yellow(), short(job.as_str())));
            }
            Event::Warning { message } => self.line(&format!("  {} {message}", style("!").yellow())),
            _ => {}
        }
    }
}
