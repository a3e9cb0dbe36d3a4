//! One run of a program: its own process group, its limits, its lines as they come, and an end in any case.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, PipeReader};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use phoenix_core::cancel::CancelToken;
use phoenix_core::plan::Usage;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use wait4::Wait4;

use super::memory;
use super::settings::find_on_path;

/// How often a run is looked at while it is young, and later: short runs end soon, long ones are not to be disturbed.
const TICK: Duration = Duration::from_millis(20);
const LATER_TICK: Duration = Duration::from_millis(100);
const YOUNG: Duration = Duration::from_secs(2);
/// How long the last words of a program that has ended are waited for.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// Longer lines are cut: a program may write megabytes without an end of line.
const LONGEST_LINE: usize = 8 << 10;

/// What is to be run, and what it may take.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) program: &'a Path,
    pub(super) arguments: Vec<OsString>,
    pub(super) folder: &'a Path,
    pub(super) environment: Vec<(OsString, OsString)>,
    pub(super) timeout: Option<Duration>,
    pub(super) memory_bytes: Option<u64>,
    pub(super) address_space_bytes: Option<u64>,
    pub(super) cancel: &'a CancelToken,
}

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// By itself.
    Itself,
    /// It took too long.
    Timeout,
    /// It took more resident memory than it may.
    Memory { resident_bytes: u64 },
    /// The caller asked to stop.
    Cancelled,
}

/// How a run ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    pub(super) cause: Cause,
    pub(super) usage: Usage,
}

impl Ended {
    /// Says how the program ended, for people.
    pub(super) fn describe(&self) -> String {
        match (self.status.code(), self.status.signal()) {
            (Some(code), _) => format!("exit status {code}"),
            (None, Some(signal)) => format!("killed by signal {signal}{}", signal_name(signal)),
            (None, None) => "no exit status".to_owned(),
        }
    }
}

fn signal_name(signal: i32) -> &'static str {
    match signal {
        4 => " (illegal instruction)",
        6 => " (aborted)",
        7 => " (bus error)",
        8 => " (arithmetic error)",
        9 => " (killed from outside, perhaps by the system for want of memory)",
        11 => " (segmentation fault)",
        15 => " (terminated from outside)",
        _ => "",
    }
}

/// Runs a program to its end and hands out its lines (output and errors together) as they come.
///
/// # Contract
/// * When it returns, no process of the program's group lives, whatever the cause of the end.
/// * Where the system has `setpriv`, the program is killed with this process too, even by `kill -9`.
///
/// # Errors
/// If the program cannot be started or waited for.
pub(super) fn run(call: &Call<'_>, on_line: &mut dyn FnMut(&str)) -> io::Result<Ended> {
    let (reader, writer) = io::pipe()?;
    let mut command = command(call);
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let group = Group::start(&mut command)?;
    // The command holds the writing end of the pipe, which must close with the program.
    drop(command);
    limit_address_space(&group, call.address_space_bytes);
    let lines = lines_of(reader);
    let start = Instant::now();
    let mut next_look = start;
    let mut peak_bytes = 0;
    let mut cause = Cause::Itself;
    while !group.has_ended()? {
        let tick = if start.elapsed() < YOUNG { TICK } else { LATER_TICK };
        match lines.recv_timeout(tick) {
            Ok(line) => {
                on_line(&line);
                // What has piled up goes first, but never delays the watch.
                lines.try_iter().take(1000).for_each(|line| on_line(&line));
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => thread::sleep(tick),
        }
        if Instant::now() < next_look {
            continue;
        }
        next_look = Instant::now() + tick;
        let resident = memory::of_tree(group.id());
        peak_bytes = peak_bytes.max(resident.peak_bytes);
        let found = if call.cancel.is_cancelled() {
            Some(Cause::Cancelled)
        } else if call.timeout.is_some_and(|timeout| start.elapsed() > timeout) {
            Some(Cause::Timeout)
        } else if call.memory_bytes.is_some_and(|limit| resident.now_bytes > limit) {
            let resident_bytes = resident.now_bytes;
            Some(Cause::Memory { resident_bytes })
        } else {
            None
        };
        if let Some(found) = found {
            cause = found;
            break;
        }
    }
    let own_peak_bytes = memory::peak_of(std::process::id());
    let ended = group.finish()?;
    let deadline = Instant::now() + LAST_WORDS;
    while let Ok(line) = lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        on_line(&line);
    }
    // Between fork and exec the child counts this process's memory as its own.
    if ended.rusage.maxrss > own_peak_bytes {
        peak_bytes = peak_bytes.max(ended.rusage.maxrss);
    }
    Ok(Ended {
        status: ended.status,
        cause,
        usage: Usage {
            cpu_s: Some((ended.rusage.utime + ended.rusage.stime).as_secs_f64()),
            peak_bytes: (peak_bytes > 0).then_some(peak_bytes),
        },
    })
}

fn command(call: &Call<'_>) -> Command {
    let with_parent = find_on_path(&PathBuf::from("setpriv"));
    let mut command = match with_parent {
        Some(setpriv) => {
            let mut command = Command::new(setpriv);
            command.args(["--pdeathsig", "KILL", "--"]).arg(call.program);
            command
        }
        None => Command::new(call.program),
    };
    command
        .args(&call.arguments)
        .current_dir(call.folder)
        .env_clear()
        .envs(call.environment.iter().cloned())
        .process_group(0);
    command
}

/// A program with its process group; dropping it ends and reaps all of it.
#[derive(Debug)]
struct Group {
    child: Option<Child>,
    id: Pid,
}

impl Group {
    fn start(command: &mut Command) -> io::Result<Self> {
        let child = command.spawn()?;
        let id = Pid::from_child(&child);
        Ok(Self { child: Some(child), id })
    }

    fn id(&self) -> u32 {
        self.id.as_raw_nonzero().get().unsigned_abs()
    }

    /// Tells whether the program has ended; it is not reaped, so that its number stays taken.
    fn has_ended(&self) -> io::Result<bool> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        Ok(waitid(WaitId::Pid(self.id), options)?.is_some())
    }

    /// Ends what is left of the group and reaps the program.
    fn finish(mut self) -> io::Result<wait4::ResUse> {
        // The group's number is taken until the program is reaped, so nobody else can be hit.
        let _ = kill_process_group(self.id, Signal::KILL);
        let child = self
            .child
            .take()
            .ok_or_else(|| io::Error::other("it was reaped before"))?;
        child.wait4()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = kill_process_group(self.id, Signal::KILL);
            let _ = child.wait();
        }
    }
}

#[cfg(target_os = "linux")]
fn limit_address_space(group: &Group, limit: Option<u64>) {
    use rustix::process::{Resource, Rlimit, prlimit};
    if let Some(bytes) = limit {
        let limit = Rlimit {
            current: Some(bytes),
            maximum: Some(bytes),
        };
        // A program that has ended meanwhile needs no limit.
        let _ = prlimit(Some(group.id), Resource::As, limit);
    }
}

#[cfg(not(target_os = "linux"))]
fn limit_address_space(_group: &Group, _limit: Option<u64>) {}

/// Reads lines on a thread of its own, so that a silent program is watched all the same.
fn lines_of(pipe: PipeReader) -> Receiver<String> {
    let (sender, receiver) = mpsc::sync_channel(4096);
    thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        let mut bytes = Vec::new();
        while let Ok(true) = next_line(&mut pipe, &mut bytes) {
            let line = String::from_utf8_lossy(&bytes).trim_end().to_owned();
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

/// Reads one line, cut where it is too long; `false` at the end.
fn next_line(pipe: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    loop {
        let (used, is_end) = {
            let buffer = pipe.fill_buf()?;
            if buffer.is_empty() {
                return Ok(!line.is_empty());
            }
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let used = end.map_or(buffer.len(), |end| end + 1);
            let wanted = LONGEST_LINE.saturating_sub(line.len()).min(used);
            line.extend(buffer.iter().take(wanted));
            (used, end.is_some())
        };
        pipe.consume(used);
        if is_end {
            return Ok(true);
        }
    }
}
