//! In-memory ports.

mod reader;
mod sink;

pub use reader::FakeReader;
pub use sink::FakeSink;
