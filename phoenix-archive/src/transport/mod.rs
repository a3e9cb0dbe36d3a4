//! Transports: ingestors that bring products into a store; instruments put their policy in front of them.

mod examine;
mod memory;
mod object;
mod receipt;
#[cfg(test)]
mod tests;

/// The category of the record that is sealed with a master.
pub const PROVENANCE_CATEGORY: &str = examine::PROVENANCE;

pub use memory::MemoryTransport;
pub use object::ObjectTransport;
