//! Times of rules: whole milliseconds, so that a limit is a limit; which calibration in time is wanted.

use serde::{Deserialize, Serialize};

use crate::header::Header;
use crate::unit::{Mjd, Night};

const MS_PER_DAY: i64 = 86_400_000;

/// A moment in whole milliseconds of UTC since MJD 0.
///
/// Headers give times to a millisecond or worse. Differences of modified Julian dates as reals carry noise of a
/// microsecond, so a window of exactly one day would sometimes refuse what lies exactly one day away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(i64);

impl Moment {
    /// Returns the moment of a modified Julian date; `None` unless it lies within a million years.
    pub fn of(time: Mjd) -> Option<Self> {
        (time.0.abs() < 3.65e8).then(|| Self((time.0 * MS_PER_DAY as f64).round() as i64))
    }

    /// Returns when a frame was taken: `MJD-OBS`, else `DATE-OBS`.
    pub fn of_header(header: &Header) -> Option<Self> {
        let written = || header.str("DATE-OBS").ok().and_then(|text| Mjd::from_iso(text).ok());
        header.f64("MJD-OBS").ok().map(Mjd).or_else(written).and_then(Self::of)
    }

    /// Returns the milliseconds since MJD 0.
    pub(crate) fn ms(self) -> i64 {
        self.0
    }

    /// Returns the moment so many milliseconds after MJD 0.
    pub(crate) fn from_ms(milliseconds: i64) -> Self {
        Self(milliseconds)
    }

    /// Returns the modified Julian date.
    pub fn mjd(self) -> Mjd {
        Mjd(self.0 as f64 / MS_PER_DAY as f64)
    }

    /// Returns the night, noon to noon, that contains the moment.
    pub fn night(self) -> Night {
        Night::of(self.mjd())
    }

    /// Returns the number of the night, for comparisons.
    pub(crate) fn night_number(self) -> i64 {
        (self.0 - MS_PER_DAY / 2).div_euclid(MS_PER_DAY)
    }

    /// Returns the time since another moment in milliseconds.
    pub fn since_ms(self, other: Self) -> i64 {
        self.0 - other.0
    }

    /// Returns the moment so many milliseconds later.
    #[must_use]
    pub fn plus_ms(self, milliseconds: i64) -> Self {
        Self(self.0.saturating_add(milliseconds))
    }

    /// Returns the time since another moment in days.
    pub fn since_days(self, other: Self) -> f64 {
        self.since_ms(other) as f64 / MS_PER_DAY as f64
    }
}

/// Returns days as whole milliseconds.
pub(crate) fn days_to_ms(days: f64) -> i64 {
    (days * MS_PER_DAY as f64).round() as i64
}

/// Which calibrations in time are wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimeRule {
    /// The closest, before or after.
    #[default]
    Closest,
    /// The closest that is not earlier.
    Next,
    /// The closest that is not later.
    Previous,
    /// The closest of the same night, noon to noon.
    SameNight,
    /// The closest on either side, and both sides must be there.
    Between,
    /// As `Between` where both sides are there, else the closest.
    TryBetween,
    /// The latest that is not later, however old: a static file is valid from its time on.
    ValidFrom,
}

impl TimeRule {
    /// Tells why a calibration of one moment is not wanted for another; `None` if it is.
    pub fn refusal(self, calibration: Moment, dataset: Moment) -> Option<&'static str> {
        match self {
            Self::Next if calibration < dataset => Some("it is earlier and the rule asks for the next one"),
            Self::Previous if calibration > dataset => Some("it is later and the rule asks for the previous one"),
            Self::ValidFrom if calibration > dataset => Some("its validity starts later"),
            Self::SameNight if calibration.night() != dataset.night() => Some("it is of another night"),
            _ => None,
        }
    }

    /// Tells whether windows apply.
    pub fn has_window(self) -> bool {
        self != Self::ValidFrom
    }
}
