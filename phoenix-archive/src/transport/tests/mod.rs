//! The contract of deliveries, on memory, folders and S3, in fair and foul weather.

mod contract;
mod faults;
mod masters;
mod s3;
mod sealed;
