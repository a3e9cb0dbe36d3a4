//! Times as ESO's headers spell them: ISO 8601 UTC text and modified Julian dates.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A modified Julian date, UTC.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Mjd(pub f64);

/// A night, named by the civil date of its evening; it runs from noon to noon, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Night {
    /// Modified Julian day number of the evening's date.
    day: i64,
}

/// A date or time cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no {expected}")]
pub struct TimeError {
    text: String,
    expected: &'static str,
}

/// Days from 1858-11-17 to a date of the proleptic Gregorian calendar (Fliegel and van Flandern 1968, CACM 11, 657).
fn day_number(year: i64, month: i64, day: i64) -> i64 {
    let shift = (month - 14) / 12;
    let julian = (1461 * (year + 4800 + shift)) / 4 + (367 * (month - 2 - 12 * shift)) / 12
        - (3 * ((year + 4900 + shift) / 100)) / 4
        + day
        - 32075;
    julian - 2_400_001
}

/// The inverse of `day_number` (same source).
fn calendar(mjd_day: i64) -> (i64, i64, i64) {
    let mut l = mjd_day + 2_400_001 + 68_569;
    let n = 4 * l / 146_097;
    l -= (146_097 * n + 3) / 4;
    let i = 4000 * (l + 1) / 1_461_001;
    l += 31 - 1461 * i / 4;
    let j = 80 * l / 2447;
    let day = l - 2447 * j / 80;
    l = j / 11;
    (100 * (n - 49) + i + l, j + 2 - 12 * l, day)
}

fn date_fields(text: &str) -> Option<(i64, i64, i64)> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if parts.next().is_some() || year.len() != 4 || ![year, month, day].iter().all(|part| all_digits(part)) {
        return None;
    }
    let fields = (year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
    (calendar(day_number(fields.0, fields.1, fields.2)) == fields).then_some(fields)
}

impl Mjd {
    /// Reads `YYYY-MM-DD` or `YYYY-MM-DDThh:mm:ss[.fff]`.
    ///
    /// # Errors
    /// If the text is no such time.
    pub fn from_iso(text: &str) -> Result<Self, TimeError> {
        let error = || TimeError {
            text: text.to_owned(),
            expected: "time YYYY-MM-DDThh:mm:ss.fff",
        };
        let (date, clock) = text.trim().split_once('T').unwrap_or((text.trim(), "00:00:00"));
        let (year, month, day) = date_fields(date).ok_or_else(error)?;
        let parts: Vec<&str> = clock.split(':').collect();
        let [hours, minutes, seconds] = parts.as_slice() else {
            return Err(error());
        };
        let number = |part: &str| {
            part.parse::<f64>()
                .ok()
                .filter(|value| *value >= 0.0 && value.is_finite())
        };
        let (hours, minutes, seconds) = (
            number(hours).filter(|value| *value < 24.0).ok_or_else(error)?,
            number(minutes).filter(|value| *value < 60.0).ok_or_else(error)?,
            number(seconds).filter(|value| *value < 61.0).ok_or_else(error)?,
        );
        Ok(Self(
            day_number(year, month, day) as f64 + (hours * 3600.0 + minutes * 60.0 + seconds) / 86_400.0,
        ))
    }

    /// Returns `YYYY-MM-DDThh:mm:ss.fff`, rounded to the millisecond.
    pub fn to_iso(self) -> String {
        let milliseconds = (self.0 * 86_400_000.0).round() as i64;
        let (day, rest) = (milliseconds.div_euclid(86_400_000), milliseconds.rem_euclid(86_400_000));
        let (year, month, date) = calendar(day);
        format!(
            "{year:04}-{month:02}-{date:02}T{:02}:{:02}:{:02}.{:03}",
            rest / 3_600_000,
            rest / 60_000 % 60,
            rest / 1000 % 60,
            rest % 1000
        )
    }
}

impl Night {
    /// Returns the night that contains a time, which is rounded to the millisecond that headers give.
    pub fn of(time: Mjd) -> Self {
        let milliseconds = (time.0 * 86_400_000.0).round() as i64;
        Self {
            day: (milliseconds - 43_200_000).div_euclid(86_400_000),
        }
    }

    /// Returns noon at the start and at the end of the night.
    pub fn span(self) -> (Mjd, Mjd) {
        (Mjd(self.day as f64 + 0.5), Mjd(self.day as f64 + 1.5))
    }

    /// Tells whether a time lies in the night; noon at the start belongs to it, noon at the end does not.
    pub fn contains(self, time: Mjd) -> bool {
        Self::of(time) == self
    }

    /// Returns the following night.
    #[must_use]
    pub fn next(self) -> Self {
        Self { day: self.day + 1 }
    }
}

impl FromStr for Night {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        date_fields(text)
            .map(|(year, month, day)| Self {
                day: day_number(year, month, day),
            })
            .ok_or_else(|| TimeError {
                text: text.to_owned(),
                expected: "night YYYY-MM-DD",
            })
    }
}

impl fmt::Display for Night {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = calendar(self.day);
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::{Mjd, Night};

    #[test]
    fn known_dates_have_their_modified_julian_date() {
        // Explanatory Supplement to the Astronomical Almanac: MJD 51544.5 is J2000.0 noon.
        assert_eq!(Mjd::from_iso("2000-01-01T12:00:00"), Ok(Mjd(51_544.5)));
        assert_eq!(Mjd::from_iso("1858-11-17"), Ok(Mjd(0.0)));
        assert_eq!(Mjd(57_000.012_5).to_iso(), "2014-12-09T00:18:00.000");
    }

    #[test]
    fn impossible_dates_are_refused() {
        for text in [
            "2015-02-29",
            "01/01/00",
            "2015-1",
            "2015-01-01T25:00:00",
            "2015-01-01Tnoon",
        ] {
            assert!(Mjd::from_iso(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_night_runs_from_noon_to_noon() -> Result<(), super::TimeError> {
        let night: Night = "2016-05-01".parse()?;
        assert!(night.contains(Mjd::from_iso("2016-05-01T12:00:00")?));
        assert!(night.contains(Mjd::from_iso("2016-05-02T11:59:59.999")?));
        assert!(!night.contains(Mjd::from_iso("2016-05-02T12:00:00")?));
        assert!(!night.contains(Mjd::from_iso("2016-05-01T11:59:59.999")?));
        assert_eq!(night.next().to_string(), "2016-05-02");
        Ok(())
    }
}
