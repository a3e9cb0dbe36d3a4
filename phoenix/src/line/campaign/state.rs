//! What became of each night, kept in the campaign's own state; and how far behind the data the products are.

use phoenix_core::error::Status;
use phoenix_core::traits::{
    Grade, Halt, JobRecord, JobStore, QcHeading, QcParameter, QcReport, QcRow, QcStore, Score, Stage,
};
use phoenix_core::unit::{Mjd, Night};
use phoenix_io::SqliteState;
use serde::Serialize;

use super::Lack;
use crate::line::{LineError, LineReport};

/// How old the data of a night may be before its products are in the archive, in days.
///
/// Source: the delay of the real line is a few days at best, about five weeks at worst.
pub const ALARM_DAYS: f64 = 35.0;

/// How a night stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum NightEnd {
    /// It was not begun: it waits for calibrations, or its turn has not come.
    Waiting,
    /// It was begun and stopped.
    Open,
    /// Something failed or is incomplete; it is tried again with the next call.
    Faulty,
    /// Products wait for a person.
    AwaitsReview,
    /// Everything is in the archive.
    Done,
}

/// One night of a campaign.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NightState {
    /// The night.
    pub night: String,
    /// How it stands.
    pub end: NightEnd,
    /// Why it stands so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// Days from the end of the night to the arrival of its last product; to now if it is not done.
    pub lag_days: f64,
    /// Whether that is more than is allowed.
    pub is_late: bool,
}

/// How a campaign stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CampaignReport {
    /// The instrument.
    pub instrument: String,
    /// What was asked for.
    pub label: String,
    /// Where the campaign lies; each night's run is in `nights/`.
    pub folder: String,
    /// `batch` or `stream`.
    pub kind: String,
    /// The nights in order.
    pub nights: Vec<NightState>,
    /// What keeps a month from starting.
    pub waits_for: Vec<Lack>,
}

impl CampaignReport {
    /// Tells whether every night is done.
    pub fn is_done(&self) -> bool {
        self.nights.iter().all(|night| night.end == NightEnd::Done)
    }

    /// Tells whether a night failed, or is later than is allowed.
    pub fn is_faulty(&self) -> bool {
        self.nights
            .iter()
            .any(|night| night.end == NightEnd::Faulty || night.is_late)
    }
}

/// The name under which the lag is kept among the quality values.
const LAG: &str = "lag";

/// Returns how many days after the end of a night it is.
fn days_after(night: Night, now: Mjd) -> f64 {
    (now.0 - night.span().1.0).max(0.0)
}

/// Records that a night waits.
pub(super) fn waits(state: &SqliteState, night: Night, because: String) -> Result<(), LineError> {
    let before = state.get(&night.to_string().into())?;
    let mut record = before.unwrap_or_else(|| JobRecord::planned(night.to_string().into()));
    record.halt = Some(Halt::Blocked { because });
    Ok(state.put(&record)?)
}

/// Records that the work on a night begins.
pub(super) fn begins(state: &SqliteState, night: Night) -> Result<(), LineError> {
    let before = state.get(&night.to_string().into())?;
    let mut record = before.unwrap_or_else(|| JobRecord::planned(night.to_string().into()));
    record.stage = Stage::Fetched;
    record.halt = None;
    record.attempts += 1;
    Ok(state.put(&record)?)
}

/// Records that a night cannot be worked as a whole.
pub(super) fn fails(state: &SqliteState, night: Night, error: String, status: Status) -> Result<(), LineError> {
    let mut record = JobRecord::planned(night.to_string().into());
    record.stage = Stage::Fetched;
    record.halt = Some(Halt::Failed { error, status });
    Ok(state.put(&record)?)
}

/// Records how a night's run ended; of one that is done the lag is kept for good.
pub(super) fn ends(
    state: &SqliteState,
    instrument: &str,
    night: Night,
    report: Option<&LineReport>,
    now: Mjd,
) -> Result<(), LineError> {
    let mut record = JobRecord::planned(night.to_string().into());
    record.attempts = state.get(&record.job)?.map_or(1, |before| before.attempts);
    record.stage = Stage::Ingested;
    if let Some(report) = report {
        let waiting = report
            .jobs
            .iter()
            .filter(|job| job.halt == Some(Halt::AwaitsReview))
            .count();
        if report.is_faulty() {
            let faulty = report.jobs.iter().filter(|job| job.is_faulty()).count();
            let lost = report.lost().count();
            record.stage = Stage::Processed;
            record.halt = Some(Halt::Failed {
                error: format!(
                    "{faulty} of {} jobs failed or are incomplete, {lost} frames lost",
                    report.jobs.len()
                ),
                status: Status::Permanent,
            });
        } else if waiting > 0 {
            record.stage = Stage::Scored;
            record.halt = Some(Halt::AwaitsReview);
        }
    }
    state.put(&record)?;
    if record.stage == Stage::Ingested {
        keep_lag(state, instrument, night, days_after(night, now))?;
    }
    Ok(())
}

fn keep_lag(state: &SqliteState, instrument: &str, night: Night, lag_days: f64) -> Result<(), LineError> {
    let is_late = lag_days > ALARM_DAYS;
    let score = Score {
        parameter: QcParameter {
            name: LAG.to_owned(),
            unit: "d".to_owned(),
            doc: "days from the end of the night to the arrival of its last product".to_owned(),
        },
        value: Some(lag_days),
        limits: format!("0 to {ALARM_DAYS}"),
        grade: if is_late { Grade::Fail } else { Grade::Pass },
        reason: format!("{lag_days:.1} d after the night"),
    };
    let row = QcRow {
        product: night.to_string(),
        instrument: instrument.to_owned(),
        setup: "stream".to_owned(),
        mjd: night.span().1,
        parameter: LAG.to_owned(),
        value: score.value,
        unit: score.parameter.unit.clone(),
        grade: score.grade,
        reason: score.reason.clone(),
        numerics: String::new(),
    };
    let report = QcReport {
        product: night.to_string(),
        heading: QcHeading::default(),
        scores: vec![score],
        flags: Vec::new(),
    };
    Ok(state.save(&report, &[row])?)
}

/// Tells how a night stands.
pub(super) fn of(state: &SqliteState, night: Night, now: Mjd) -> Result<NightState, LineError> {
    let record = state.get(&night.to_string().into())?;
    let (end, because) = match record.map(|record| (record.stage, record.halt)) {
        None => (NightEnd::Waiting, None),
        Some((_, Some(Halt::Blocked { because }))) => (NightEnd::Waiting, Some(because)),
        Some((_, Some(Halt::Failed { error, .. } | Halt::Rejected { because: error }))) => {
            (NightEnd::Faulty, Some(error))
        }
        Some((_, Some(Halt::AwaitsReview))) => (NightEnd::AwaitsReview, None),
        Some((Stage::Ingested, None)) => (NightEnd::Done, None),
        Some((_, None)) => (NightEnd::Open, None),
    };
    let kept = state.report(&night.to_string())?;
    let kept = kept.and_then(|report| report.scores.first().and_then(|score| score.value));
    let lag_days = match (end, kept) {
        (NightEnd::Done, Some(lag_days)) => lag_days,
        _ => days_after(night, now),
    };
    Ok(NightState {
        night: night.to_string(),
        end,
        because,
        lag_days,
        is_late: lag_days > ALARM_DAYS,
    })
}

#[cfg(test)]
mod tests {
    use phoenix_core::unit::{Mjd, Night};
    use phoenix_io::SqliteState;

    use super::{NightEnd, ends, of, waits};

    #[test]
    fn the_lag_of_a_night_grows_until_it_is_done_and_then_stays() -> Result<(), Box<dyn std::error::Error>> {
        let dir = tempfile::tempdir()?;
        let state = SqliteState::open(dir.path().join("state.db"))?;
        let night: Night = "2016-05-01".parse()?;
        let after = |days: f64| Mjd(night.span().1.0 + days);
        waits(&state, night, "no bias".into())?;
        let open = of(&state, night, after(36.0))?;
        assert_eq!(
            (open.end, open.is_late, open.because.as_deref()),
            (NightEnd::Waiting, true, Some("no bias"))
        );
        ends(&state, "MUSE", night, None, after(5.0))?;
        let done = of(&state, night, after(400.0))?;
        assert_eq!((done.end, done.is_late), (NightEnd::Done, false));
        assert!((done.lag_days - 5.0).abs() < 1e-9);
        Ok(())
    }
}
