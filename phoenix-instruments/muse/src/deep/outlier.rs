//! Exposures that are unlike the others of their group, and how many of them may go.

use phoenix_kernels::stat::median_and_deviation;

/// Fewest exposures that tell what is usual.
pub const FEWEST: usize = 4;
/// Standard deviation of a normal distribution over its median absolute deviation.
const NORMAL: f64 = 1.4826;

/// Which side of the usual is bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Above it.
    High,
    /// Below it.
    Low,
    /// Either.
    Both,
}

/// One quantity of all exposures of a group.
#[derive(Debug, Clone)]
pub struct Quantity {
    /// Its name in reasons.
    pub name: &'static str,
    /// Its unit in reasons, with a leading blank; empty for pure numbers.
    pub unit: &'static str,
    /// The values; what is not finite is not judged.
    pub values: Vec<f64>,
    /// Which side is bad.
    pub side: Side,
    /// Deviations up to this are always harmless, however alike the others are.
    pub harmless: f64,
}

/// An exposure that is unlike the others.
#[derive(Debug, Clone, PartialEq)]
pub struct Outlier {
    /// Its number in the group.
    pub exposure: usize,
    /// How far it is off, in robust standard deviations or harmless deviations, whichever is fewer.
    pub excess: f64,
    /// What is odd about it, in plain words.
    pub reason: String,
}

/// Returns the exposures that are unlike the others in a quantity, the worst first.
///
/// # Contract
/// An exposure is unlike if it deviates from the median to the bad side by more than `clip` robust standard deviations and
/// by more than what is harmless. Of fewer than `FEWEST` values none is.
///
/// # Numerics
/// Median and 1.4826 times the median absolute deviation: half of the values may be odd before either is.
pub fn outliers(quantity: &Quantity, clip: f64) -> Vec<Outlier> {
    let mut finite: Vec<f64> = quantity
        .values
        .iter()
        .copied()
        .filter(|value| value.is_finite())
        .collect();
    if finite.len() < FEWEST {
        return Vec::new();
    }
    let Some((middle, deviation)) = median_and_deviation(&mut finite) else {
        return Vec::new();
    };
    let sigma = NORMAL * deviation;
    let limit = (clip * sigma).max(quantity.harmless);
    let mut found: Vec<Outlier> = (quantity.values.iter().enumerate())
        .filter_map(|(exposure, value)| {
            let off = match quantity.side {
                Side::High => value - middle,
                Side::Low => middle - value,
                Side::Both => (value - middle).abs(),
            };
            (off > limit).then(|| {
                let Quantity { name, unit, .. } = quantity;
                let than = if *value > middle { "above" } else { "below" };
                let allowed = if *value > middle { middle + limit } else { middle - limit };
                Outlier {
                    exposure,
                    excess: off / limit,
                    reason: format!(
                        "its {name} is {value:.3}{unit}, {than} {allowed:.3}{unit}: the others have {middle:.3}{unit} with a \
                         scatter of {sigma:.3}{unit}"
                    ),
                }
            })
        })
        .collect();
    found.sort_by(|a, b| b.excess.total_cmp(&a.excess).then(a.exposure.cmp(&b.exposure)));
    found
}

/// Returns for each of `n` exposures why it goes; at most so many go that `keep`, a share of them, remain, and at least one.
///
/// # Contract
/// The worst go first. What would have to go beyond that stays, and stands in the second list.
pub fn choose(n: usize, mut odd: Vec<Outlier>, keep: f64) -> (Vec<Option<String>>, Vec<Outlier>) {
    odd.sort_by(|a, b| b.excess.total_cmp(&a.excess).then(a.exposure.cmp(&b.exposure)));
    let least = ((keep.clamp(0.0, 1.0) * n as f64).ceil() as usize).max(1);
    let mut gone: Vec<Option<String>> = vec![None; n];
    let mut stay: Vec<Outlier> = Vec::new();
    for outlier in odd {
        let n_gone = gone.iter().flatten().count();
        let Some(slot) = gone.get_mut(outlier.exposure) else {
            continue;
        };
        match slot {
            Some(reasons) => {
                reasons.push_str("; ");
                reasons.push_str(&outlier.reason);
            }
            None if n_gone < n.saturating_sub(least) => *slot = Some(outlier.reason),
            None => stay.push(outlier),
        }
    }
    (gone, stay)
}

#[cfg(test)]
mod tests {
    use super::{Outlier, Quantity, Side, choose, outliers};

    fn seeing(values: &[f64]) -> Quantity {
        Quantity {
            name: "seeing",
            unit: " arcsec",
            values: values.to_vec(),
            side: Side::High,
            harmless: 0.3,
        }
    }

    fn of(values: &[f64]) -> Vec<usize> {
        outliers(&seeing(values), 4.0)
            .iter()
            .map(|outlier| outlier.exposure)
            .collect()
    }

    #[test]
    fn one_bad_seeing_among_good_ones_is_found_and_a_good_one_among_bad_ones_is_not() {
        assert_eq!(of(&[0.7, 0.72, 1.9, 0.68, 0.75]), [2]);
        assert_eq!(of(&[1.7, 1.72, 0.6, 1.68, 1.75]), [] as [usize; 0]);
    }

    #[test]
    fn what_is_harmless_or_usual_in_a_wide_scatter_stays() {
        assert_eq!(of(&[0.70, 0.70, 0.70, 0.71, 0.95]), [] as [usize; 0]);
        assert_eq!(of(&[0.5, 0.8, 1.1, 1.4, 1.9]), [] as [usize; 0]);
    }

    #[test]
    fn three_exposures_tell_nothing_and_a_value_that_is_no_number_is_not_judged() {
        assert_eq!(of(&[0.7, 0.7, 3.0]), [] as [usize; 0]);
        assert_eq!(of(&[0.7, f64::NAN, 0.7, 0.7, 3.0]), [4]);
    }

    #[test]
    fn the_reason_names_value_limit_and_what_is_usual() {
        let found = outliers(&seeing(&[0.7, 0.7, 1.9, 0.7]), 4.0);
        assert_eq!(
            found[0].reason,
            "its seeing is 1.900 arcsec, above 1.000 arcsec: the others have 0.700 arcsec with a scatter of 0.000 arcsec"
        );
    }

    #[test]
    fn never_so_many_go_that_less_than_the_share_remains_and_the_worst_go_first() {
        let odd = |exposure: usize, excess: f64| Outlier {
            exposure,
            excess,
            reason: format!("r{exposure}"),
        };
        let all = vec![odd(0, 2.0), odd(1, 5.0), odd(2, 3.0), odd(3, 4.0)];
        let (gone, stay) = choose(4, all.clone(), 0.5);
        assert_eq!(gone, [None, Some("r1".into()), None, Some("r3".into())]);
        assert_eq!(stay.len(), 2);
        let (gone, _) = choose(4, all, 0.0);
        assert_eq!(gone.iter().filter(|reason| reason.is_none()).count(), 1);
        let (gone, _) = choose(1, vec![odd(0, 9.0)], 0.0);
        assert_eq!(gone, [None]);
        let (gone, _) = choose(4, vec![odd(1, 5.0), odd(1, 2.0)], 0.5);
        assert_eq!(gone[1].as_deref(), Some("r1; r1"));
    }
}
