//! How much memory a program and its descendants take, as Linux tells it; elsewhere nothing is known.

use std::fs;

/// A moment of a tree of processes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Resident {
    /// Resident bytes now.
    pub(super) now_bytes: u64,
    /// At least the peak of the tree so far, as far as the processes that still live know it.
    pub(super) peak_bytes: u64,
}

/// Returns the memory of a process and its descendants.
///
/// # References
/// Linux `proc(5)`: `VmRSS` and `VmHWM` in `status`, `task/<tid>/children`.
pub(super) fn of_tree(root: u32) -> Resident {
    let mut sum = Resident::default();
    let mut open = vec![root];
    while let Some(process) = open.pop() {
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        sum.now_bytes += field_bytes(&status, "VmRSS:");
        sum.peak_bytes = sum.peak_bytes.max(field_bytes(&status, "VmHWM:"));
        let Ok(tasks) = fs::read_dir(format!("/proc/{process}/task")) else {
            continue;
        };
        for task in tasks.filter_map(Result::ok) {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            open.extend(
                children
                    .split_whitespace()
                    .filter_map(|child| child.parse::<u32>().ok()),
            );
        }
    }
    sum.peak_bytes = sum.peak_bytes.max(sum.now_bytes);
    sum
}

/// Returns the peak of one process so far, its descendants aside.
pub(crate) fn peak_of(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    field_bytes(&status, "VmHWM:")
}

fn field_bytes(status: &str, name: &str) -> u64 {
    let value = status.lines().find_map(|line| line.strip_prefix(name));
    let kibibytes = value.and_then(|value| value.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kibibytes.map_or(0, |kibibytes| kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::{field_bytes, of_tree};

    #[test]
    fn fields_are_in_kibibytes() {
        assert_eq!(
            field_bytes("Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t 12 kB\n", "VmHWM:"),
            2 << 20
        );
        assert_eq!(field_bytes("State: Z\n", "VmHWM:"), 0);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_takes_memory() {
        let resident = of_tree(std::process::id());
        assert!(resident.now_bytes > 1 << 18 && resident.peak_bytes >= resident.now_bytes);
    }
}
