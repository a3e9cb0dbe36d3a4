//! Transports: ingestors that bring products into a store; instruments put their policy in front of them.

mod examine;
mod memory;
mod object;
mod receipt;
#[cfg(test)]
mod tests;

pub use memory::MemoryTransport;
pub use object::ObjectTransport;
