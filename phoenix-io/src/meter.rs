//! What this process takes, as the system accounts for it.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use phoenix_core::traits::Meter;
use rustix::time::{ClockId, clock_gettime};

use crate::esorex::peak_of;

/// Measures this process: processor time everywhere, peak memory on Linux.
///
/// # References
/// Linux `proc(5)`: `VmHWM` in `status`, and `5` written to `clear_refs`, which resets it.
#[derive(Debug, Default)]
pub struct ProcessMeter {
    /// Whether the peak could be reset, so that it belongs to what was measured.
    is_fresh: AtomicBool,
}

impl ProcessMeter {
    /// Returns a meter of this process.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Meter for ProcessMeter {
    fn cpu_s(&self) -> Option<f64> {
        let now = clock_gettime(ClockId::ProcessCPUTime);
        Some(now.tv_sec as f64 + now.tv_nsec as f64 * 1e-9)
    }

    fn peak_bytes(&self) -> Option<u64> {
        let peak_bytes = peak_of(std::process::id());
        (self.is_fresh.load(Ordering::Relaxed) && peak_bytes > 0).then_some(peak_bytes)
    }

    fn restart_peak(&self) {
        let is_fresh = fs::write("/proc/self/clear_refs", "5").is_ok();
        self.is_fresh.store(is_fresh, Ordering::Relaxed);
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use phoenix_core::traits::Meter;

    use super::ProcessMeter;

    #[test]
    fn work_takes_processor_time_and_a_peak_counts_from_its_restart() {
        let meter = ProcessMeter::new();
        let before_s = meter.cpu_s().unwrap();
        assert_eq!(meter.peak_bytes(), None);
        meter.restart_peak();
        let block = vec![1_u8; 64 << 20];
        let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
        assert_eq!(sum, 64 << 20);
        drop(block);
        assert!(meter.cpu_s().unwrap() > before_s);
        if let Some(peak_bytes) = meter.peak_bytes() {
            assert!(peak_bytes > 64 << 20, "{peak_bytes}");
        }
    }
}
