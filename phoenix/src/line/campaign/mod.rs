//! Many nights, each a run of its own: the historical batch and the current stream.
//!
//! `Campaign` is the loop over the nights, `gate` says whether a month may start, `state` what became of each night. The
//! loop is called again and again, by hand or by a clock: a night that is done is not touched, one that was stopped goes
//! on, one that failed is tried again.

mod gate;
mod state;
mod work;

pub use gate::{GivenUp, Lack};
pub use state::{ALARM_DAYS, CampaignReport, NightEnd, NightState};
pub use work::{Campaign, CampaignKind};
