//! What the machine lets this process use.

use std::fs;

/// What is taken if the system does not tell.
const UNKNOWN_BYTES: u64 = 4 << 30;

/// Returns the bytes of memory that this process may use: the least of the machine's memory and its control groups.
///
/// # References
/// Linux `proc(5)`, `MemTotal`; kernel documentation, control group v2 `memory.max`, v1 `memory.limit_in_bytes`.
pub fn memory_bytes() -> u64 {
    let total = fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| mem_total(&text));
    let limits = [
        "/sys/fs/cgroup/memory.max",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
    ];
    let limits = limits
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok()?.trim().parse().ok());
    limits.chain(total).min().unwrap_or(UNKNOWN_BYTES)
}

fn mem_total(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_total_is_read_in_bytes() {
        assert_eq!(
            super::mem_total("MemTotal:       24576 kB\nMemFree: 1 kB\n"),
            Some(24576 * 1024)
        );
        assert!(super::memory_bytes() > 1 << 20);
    }
}
