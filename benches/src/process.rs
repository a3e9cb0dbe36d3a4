//! CPU time, wall time and peak memory of a finished process, as the operating system accounts for it.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use wait4::Wait4;

/// What one process took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usage {
    /// User and system time in seconds.
    pub cpu_s: f64,
    /// Wall time in seconds.
    pub wall_s: f64,
    /// Peak resident memory in MiB, mapped pages included.
    pub peak_mib: f64,
}

/// Runs a command to its end in `folder`, without output.
///
/// # Errors
/// If it cannot be started or does not succeed.
pub fn measure(command: &mut Command, folder: &Path) -> io::Result<Usage> {
    command
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let start = Instant::now();
    let child = command.spawn()?;
    let used = child.wait4()?;
    let wall_s = start.elapsed().as_secs_f64();
    if !used.status.success() {
        return Err(io::Error::other(format!("{command:?} ended with {}", used.status)));
    }
    Ok(Usage {
        cpu_s: (used.rusage.utime + used.rusage.stime).as_secs_f64(),
        wall_s,
        peak_mib: used.rusage.maxrss as f64 / (1 << 20) as f64,
    })
}

/// Returns the median of each figure; of an even number the upper middle one.
///
/// # Errors
/// If there is no run.
pub fn median(runs: &[Usage]) -> io::Result<Usage> {
    let middle = |figure: fn(&Usage) -> f64| {
        let mut values: Vec<f64> = runs.iter().map(figure).collect();
        values.sort_by(f64::total_cmp);
        values
            .get(values.len() / 2)
            .copied()
            .ok_or_else(|| io::Error::other("no run was measured"))
    };
    Ok(Usage {
        cpu_s: middle(|it| it.cpu_s)?,
        wall_s: middle(|it| it.wall_s)?,
        peak_mib: middle(|it| it.peak_mib)?,
    })
}
