//! Space for what a job needs meanwhile.

use std::fmt;
use std::sync::{PoisonError, RwLock};

use super::{ReadError, SinkError};

/// Space of a fixed size for what a job needs meanwhile, such as rows in another order; it is given back when dropped,
/// and gone when the process dies.
///
/// # Contract
/// May be used from several threads at once; what was written by one is read by all.
pub trait Scratch: fmt::Debug + Send + Sync {
    /// Writes bytes.
    ///
    /// # Errors
    /// If the system refuses, or the bytes reach behind the end.
    fn write(&self, at: u64, bytes: &[u8]) -> Result<(), SinkError>;

    /// Reads bytes; those never written are zeros.
    ///
    /// # Errors
    /// If the system refuses, or the bytes reach behind the end.
    fn read(&self, at: u64, bytes: &mut [u8]) -> Result<(), ReadError>;
}

/// Scratch space in memory, for sinks that keep their products there, too.
#[derive(Debug)]
pub struct MemoryScratch(RwLock<Vec<u8>>);

impl MemoryScratch {
    /// Takes the memory.
    pub fn new(bytes: usize) -> Self {
        Self(RwLock::new(vec![0; bytes]))
    }
}

impl Scratch for MemoryScratch {
    fn write(&self, at: u64, bytes: &[u8]) -> Result<(), SinkError> {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let start = usize::try_from(at).unwrap_or(usize::MAX);
        let window = all.get_mut(start..start.saturating_add(bytes.len()));
        let window = window.ok_or_else(|| SinkError::Invalid {
            name: "scratch".to_owned(),
            reason: format!("byte {at} lies behind its end"),
        })?;
        window.copy_from_slice(bytes);
        Ok(())
    }

    fn read(&self, at: u64, bytes: &mut [u8]) -> Result<(), ReadError> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let start = usize::try_from(at).unwrap_or(usize::MAX);
        let window = all.get(start..start.saturating_add(bytes.len()));
        let window = window.ok_or_else(|| ReadError::Damaged {
            location: "scratch".to_owned(),
            place: format!("byte {at}"),
            reason: "it lies behind the end".to_owned(),
        })?;
        bytes.copy_from_slice(window);
        Ok(())
    }
}
