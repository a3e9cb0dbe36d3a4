//! Stores: local folders, S3 buckets and memory behind one value.
//!
//! `open` turns a location into a store, `layout` says where things lie, `object` reads and lists, `upload` writes
//! without ever replacing, `error` sorts what goes wrong.

mod error;
mod layout;
mod object;
mod open;
mod upload;

pub use error::StoreError;
pub use layout::StoreLayout;
pub(crate) use object::Hasher;
pub use object::{ObjectInfo, Store};
pub use open::StoreOptions;
pub use upload::PutOutcome;
pub(crate) use upload::Staged;
