//! Archive side of PHOENIX: stores, catalogue, science-data-product standard, ingestion.
//!
//! `store` reaches local folders, S3 buckets and memory; `frames`, `query`, `info` and `blocks` select; `fetch` brings
//! files to this machine; `sdp` converts to ESO's product standard and checks it; `transport` and `deliver` bring
//! products in.
//! Everything that waits is async; [`wait`] and [`wait_unless_stopped`] serve a synchronous caller.

pub mod blocks;
#[cfg(feature = "tables")]
pub mod catalog;
pub mod deliver;
pub mod fetch;
pub mod frames;
pub mod info;
pub mod query;
#[cfg(feature = "tables")]
pub mod schema;
pub mod sdp;
pub mod store;
#[cfg(test)]
mod testing;
pub mod transport;
mod wait;

pub use blocks::block_texts;
pub use deliver::{DeliverOptions, Delivery, deliver, deliver_blocking, deliver_one};
pub use fetch::{FetchError, FetchOptions, FetchOrigin, FetchRequest, Fetched, fetch, fetch_all};
pub use frames::{FrameQuery, HeaderDecoder, HeaderState, Listing, Span, list_frames};
pub use info::{BlockInfo, Grade, NightInfo, night_info};
pub use query::{ArchiveQuery, StoreQuery};
pub use store::{Store, StoreError, StoreLayout, StoreOptions};
pub use transport::{MemoryTransport, ObjectTransport};
pub use wait::{RuntimeError, wait, wait_unless_stopped};
