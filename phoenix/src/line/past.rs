//! The past that limits are formed from: this run's own values and those of its history.

use phoenix_core::traits::{QcReport, QcRow, QcStore, StateError, TrendPoint};
use phoenix_core::unit::Mjd;
use phoenix_io::SqliteState;

/// Two stores read as one; what is saved goes to the run's own.
#[derive(Debug)]
pub(super) struct Past<'a> {
    pub(super) own: &'a SqliteState,
    pub(super) history: Option<&'a SqliteState>,
}

impl QcStore for Past<'_> {
    fn save(&self, report: &QcReport, rows: &[QcRow]) -> Result<(), StateError> {
        self.own.save(report, rows)
    }

    fn report(&self, product: &str) -> Result<Option<QcReport>, StateError> {
        self.own.report(product)
    }

    fn rows(&self) -> Result<Vec<QcRow>, StateError> {
        let mut rows = self.own.rows()?;
        if let Some(history) = self.history {
            rows.extend(history.rows()?);
        }
        rows.sort_by(|a, b| {
            let by_name = || (&a.product, &a.parameter).cmp(&(&b.product, &b.parameter));
            a.mjd.0.total_cmp(&b.mjd.0).then_with(by_name)
        });
        Ok(rows)
    }

    fn trend(&self, parameter: &str, setup: &str, from: Mjd, to: Mjd) -> Result<Vec<TrendPoint>, StateError> {
        let mut points = self.own.trend(parameter, setup, from, to)?;
        if let Some(history) = self.history {
            points.extend(history.trend(parameter, setup, from, to)?);
        }
        points.sort_by(|a, b| a.mjd.0.total_cmp(&b.mjd.0).then(a.value.total_cmp(&b.value)));
        Ok(points)
    }
}

#[cfg(test)]
mod tests {
    use phoenix_core::traits::{Grade, QcHeading, QcReport, QcRow, QcStore};
    use phoenix_core::unit::Mjd;
    use phoenix_io::SqliteState;

    use super::Past;

    fn keep(state: &SqliteState, product: &str, mjd: f64, value: f64) -> Result<(), phoenix_core::traits::StateError> {
        let report = QcReport {
            product: product.into(),
            heading: QcHeading::default(),
            scores: Vec::new(),
            flags: Vec::new(),
        };
        let row = QcRow {
            product: product.into(),
            instrument: "UVES".into(),
            setup: "BLUE".into(),
            mjd: Mjd(mjd),
            parameter: "RON".into(),
            value: Some(value),
            unit: "adu".into(),
            grade: Grade::Pass,
            reason: String::new(),
            numerics: "eso".into(),
        };
        state.save(&report, &[row])
    }

    #[test]
    fn a_trend_holds_the_history_and_the_run_in_order_of_time() -> Result<(), Box<dyn std::error::Error>> {
        let dir = tempfile::tempdir()?;
        let (own, old) = (
            SqliteState::open(dir.path().join("own.db"))?,
            SqliteState::open(dir.path().join("old.db"))?,
        );
        keep(&own, "b", 57_510.0, 2.0)?;
        keep(&old, "a", 57_500.0, 1.0)?;
        keep(&old, "c", 57_600.0, 3.0)?;
        let past = Past {
            own: &own,
            history: Some(&old),
        };
        let points = past.trend("RON", "BLUE", Mjd(57_400.0), Mjd(57_510.0))?;
        assert_eq!(points.iter().map(|point| point.value).collect::<Vec<_>>(), [1.0, 2.0]);
        assert_eq!(past.rows()?.len(), 3);
        assert_eq!(own.rows()?.len(), 1);
        Ok(())
    }
}
