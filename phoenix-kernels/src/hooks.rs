//! The closures through which a kernel talks to its caller while it works.

/// Carries the caller's wish to go on and hears of finished tiles.
///
/// # Contract
/// `keep_going` is asked at least once per wavelength window and per plane range of a scan; `on_tile` is called
/// with (tiles done, tiles in all), from any thread, never decreasing within one pass.
#[derive(Clone, Copy)]
pub struct Hooks<'a> {
    /// Returns false when the kernel is to end with [`crate::KernelError::Stopped`].
    pub keep_going: &'a (dyn Fn() -> bool + Sync),
    /// Hears (tiles done, tiles in all).
    pub on_tile: &'a (dyn Fn(usize, usize) + Sync),
    /// The caller's own work, done by one thread while the others share the kernel's; a kernel may never call it.
    pub beside: &'a (dyn Fn() + Sync),
}

impl Hooks<'static> {
    /// Returns hooks that never stop and hear nothing.
    pub fn none() -> Self {
        Hooks {
            keep_going: &|| true,
            on_tile: &|_, _| {},
            beside: &|| {},
        }
    }
}

impl Hooks<'_> {
    /// Fails with `Stopped` when the caller asked for the end.
    ///
    /// # Errors
    /// [`crate::KernelError::Stopped`].
    pub fn check(&self) -> Result<(), crate::KernelError> {
        if (self.keep_going)() {
            Ok(())
        } else {
            Err(crate::KernelError::Stopped)
        }
    }
}

impl std::fmt::Debug for Hooks<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hooks")
    }
}
