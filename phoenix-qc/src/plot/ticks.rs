//! Round values for axes: numbers, right ascensions, declinations.

/// A label at a position along an axis, in drawing pixels.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tick {
    /// Where.
    pub(super) at_px: f64,
    /// What it says.
    pub(super) text: String,
}

/// Which coordinate an axis shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coordinate {
    /// Right ascension, labelled in hours.
    RightAscension,
    /// Declination.
    Declination,
}

/// Steps that read well, in seconds of time or arc: sixtieths have their own round numbers.
const SEXAGESIMAL: [f64; 21] = [
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0,
    1800.0, 3600.0,
];

/// Returns round values between two ends, at most `n_most`, at least `n_most / 2.5` of them.
pub(super) fn round_values(low: f64, high: f64, n_most: usize) -> Vec<f64> {
    let rough = (high - low) / n_most.max(1) as f64;
    if !(rough > 0.0 && rough.is_finite()) {
        return Vec::new();
    }
    let decade = 10.0_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .iter()
        .map(|factor| factor * decade)
        .find(|step| *step >= rough)
        .unwrap_or(rough);
    let first = (low / step).ceil() as i64;
    let last = (high / step).floor() as i64;
    (first..=last).map(|i| i as f64 * step).collect()
}

/// Returns the ticks of a celestial coordinate along an edge.
///
/// `degrees[i]` is the coordinate at drawing pixel `i`; ticks stand where it crosses a round value, `n_most` of them at most.
pub(super) fn celestial(degrees: &[f64], coordinate: Coordinate, n_most: usize) -> Vec<Tick> {
    // Hours of right ascension: 3600/15 seconds of time in a degree.
    let per_degree = if coordinate == Coordinate::RightAscension {
        240.0
    } else {
        3600.0
    };
    let seconds = unwrapped(degrees, per_degree);
    let (low, high) = seconds
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(*v), b.max(*v)));
    if high <= low || !(high - low).is_finite() {
        return Vec::new();
    }
    let rough = (high - low) / n_most.max(1) as f64;
    let step = SEXAGESIMAL
        .iter()
        .copied()
        .find(|step| *step >= rough)
        .unwrap_or(3600.0);
    let mut ticks = Vec::new();
    for (i, pair) in seconds.windows(2).enumerate() {
        let (from, to) = ((pair[0] / step).floor(), (pair[1] / step).floor());
        if (from - to).abs() > 0.5 {
            let crossed = from.max(to) * step;
            let at_px = i as f64 + (crossed - pair[0]) / (pair[1] - pair[0]);
            ticks.push(Tick {
                at_px,
                text: sexagesimal(crossed, step, coordinate),
            });
        }
    }
    ticks
}

/// Takes the step at 24 hours out of right ascensions.
fn unwrapped(degrees: &[f64], per_degree: f64) -> Vec<f64> {
    let mut turns = 0.0;
    let mut before: Option<f64> = None;
    degrees
        .iter()
        .map(|value| {
            if let Some(before) = before {
                if value - before > 180.0 {
                    turns -= 360.0;
                } else if value - before < -180.0 {
                    turns += 360.0;
                }
            }
            before = Some(*value);
            (value + turns) * per_degree
        })
        .collect()
}

fn sexagesimal(seconds: f64, step: f64, coordinate: Coordinate) -> String {
    let seconds = match coordinate {
        Coordinate::RightAscension => seconds.rem_euclid(86_400.0),
        Coordinate::Declination => seconds,
    };
    let decimals = if step >= 1.0 {
        0
    } else {
        (-step.log10().floor()) as usize
    };
    // Rounding first keeps 59.9996 from becoming 60.
    let scale = 10.0_f64.powi(decimals as i32);
    let units = (seconds.abs() * scale).round();
    let minute = 60.0 * scale;
    let (second, minutes) = ((units % minute) / scale, (units / minute).floor());
    let (whole, minutes) = ((minutes / 60.0).floor(), minutes % 60.0);
    let width = if decimals > 0 { 3 + decimals } else { 2 };
    match coordinate {
        Coordinate::RightAscension => format!("{:02.0}ʰ{minutes:02.0}ᵐ{second:0width$.decimals$}ˢ", whole % 24.0),
        Coordinate::Declination => {
            let sign = if seconds < 0.0 { '−' } else { '+' };
            format!("{sign}{whole:02.0}°{minutes:02.0}′{second:0width$.decimals$}″")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Coordinate, celestial, round_values, sexagesimal};

    #[test]
    fn labels_are_sexagesimal_with_the_decimals_of_the_step() {
        let ra = Coordinate::RightAscension;
        assert_eq!(sexagesimal(15_205.3, 0.1, ra), "04ʰ13ᵐ25.3ˢ");
        assert_eq!(sexagesimal(-0.5, 0.5, ra), "23ʰ59ᵐ59.5ˢ");
        assert_eq!(sexagesimal(86_400.0, 1.0, ra), "00ʰ00ᵐ00ˢ");
        assert_eq!(
            sexagesimal(-108_000.0 - 59.999_99, 1.0, Coordinate::Declination),
            "−30°01′00″"
        );
    }

    #[test]
    fn ticks_stand_where_the_coordinate_is_round() {
        // 8 arcsec over 641 pixels, falling as right ascension does from left to right.
        let degrees: Vec<f64> = (0..641).map(|i| 63.356 - f64::from(i) * 8.0 / 640.0 / 3600.0).collect();
        let ticks = celestial(&degrees, Coordinate::RightAscension, 5);
        assert!((3..=6).contains(&ticks.len()), "{ticks:?}");
        for tick in &ticks {
            let seconds = (63.356 - tick.at_px * 8.0 / 640.0 / 3600.0) * 240.0;
            let rest = (seconds / 0.2 - (seconds / 0.2).round()).abs();
            assert!(rest < 1e-3, "{tick:?}");
        }
    }

    #[test]
    fn right_ascension_goes_through_zero_without_a_jump() {
        let degrees: Vec<f64> = (0..600)
            .map(|i| (0.005 - f64::from(i) / 60_000.0).rem_euclid(360.0))
            .collect();
        let texts: Vec<String> = celestial(&degrees, Coordinate::RightAscension, 6)
            .into_iter()
            .map(|tick| tick.text)
            .collect();
        assert!(
            texts.iter().any(|text| text.starts_with("00ʰ00ᵐ")) && texts.iter().any(|text| text.starts_with("23ʰ59ᵐ"))
        );
    }

    #[test]
    fn round_values_lie_inside_and_are_not_too_many() {
        let values = round_values(-13.0, 87.0, 6);
        assert_eq!(values, vec![0.0, 20.0, 40.0, 60.0, 80.0]);
        assert!(round_values(1.0, 1.0, 6).is_empty());
    }
}
