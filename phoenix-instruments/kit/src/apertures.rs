//! Sources in one plane of a cube, for quality keywords: robust threshold, connected pixels, widths at half maximum.

/// One connected group of pixels above the threshold.
#[derive(Debug, Clone, PartialEq)]
pub struct Aperture {
    /// Position of the flux-weighted centre along x, counted from 1.
    pub x: f64,
    /// Position of the flux-weighted centre along y, counted from 1.
    pub y: f64,
    /// Flux above the background.
    pub flux: f64,
    /// Full widths at half maximum along x and y in pixels, where both flanks were found.
    pub fwhm_pix: [Option<f64>; 2],
}

/// The apertures of a plane and the limit at which they were found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Apertures {
    /// The limit in standard deviations; the last one tried if nothing was found.
    pub sigma: f64,
    /// Brightest first.
    pub found: Vec<Aperture>,
}

/// Fewest connected pixels of a source.
const MIN_PIXELS: usize = 4;

fn median(values: &mut [f32]) -> Option<f64> {
    let middle = values.len() / 2;
    (!values.is_empty()).then(|| f64::from(*values.select_nth_unstable_by(middle, f32::total_cmp).1))
}

/// Finds sources at the first of `sigmas` that gives any.
///
/// # Shapes
/// `plane` is (y, x) with `nx` columns; values that are not finite are no data.
/// # References
/// Threshold: median and median absolute deviation times 1.4826 (Rousseeuw and Croux 1993, JASA 88, 1273).
pub fn find(plane: &[f32], nx: usize, sigmas: &[f64]) -> Apertures {
    let mut values: Vec<f32> = plane.iter().copied().filter(|value| value.is_finite()).collect();
    let Some(level) = median(&mut values) else {
        return Apertures::default();
    };
    for value in &mut values {
        *value = (f64::from(*value) - level).abs() as f32;
    }
    let deviation = 1.4826 * median(&mut values).unwrap_or(0.0);
    let mut last = Apertures::default();
    for sigma in sigmas {
        last = Apertures {
            sigma: *sigma,
            found: above(plane, nx, level, level + sigma * deviation),
        };
        if !last.found.is_empty() {
            break;
        }
    }
    last
}

fn above(plane: &[f32], nx: usize, level: f64, threshold: f64) -> Vec<Aperture> {
    let mut open: Vec<bool> = plane.iter().map(|value| f64::from(*value) > threshold).collect();
    let mut found = Vec::new();
    let mut stack = Vec::new();
    for start in 0..plane.len() {
        if !open[start] {
            continue;
        }
        open[start] = false;
        stack.push(start);
        let mut members = Vec::new();
        while let Some(at) = stack.pop() {
            members.push(at);
            let (ix, n) = (at % nx, plane.len());
            let neighbours = [
                (ix > 0).then(|| at - 1),
                (ix + 1 < nx).then(|| at + 1),
                at.checked_sub(nx),
                (at + nx < n).then(|| at + nx),
            ];
            for next in neighbours.into_iter().flatten() {
                if std::mem::take(&mut open[next]) {
                    stack.push(next);
                }
            }
        }
        if members.len() >= MIN_PIXELS {
            found.push(aperture(plane, nx, level, &members));
        }
    }
    found.sort_by(|a, b| {
        b.flux
            .total_cmp(&a.flux)
            .then(a.x.total_cmp(&b.x))
            .then(a.y.total_cmp(&b.y))
    });
    found
}

fn aperture(plane: &[f32], nx: usize, level: f64, members: &[usize]) -> Aperture {
    // ORDER: members come in the order of a fixed flood, so that the sums are the same on every run.
    let (mut flux, mut x, mut y) = (0.0, 0.0, 0.0);
    let mut peak = members[0];
    for at in members {
        let value = f64::from(plane[*at]) - level;
        flux += value;
        x += value * (at % nx) as f64;
        y += value * (at / nx) as f64;
        if plane[*at] > plane[peak] {
            peak = *at;
        }
    }
    let row = &plane[peak / nx * nx..(peak / nx + 1) * nx];
    let column: Vec<f32> = plane.iter().skip(peak % nx).step_by(nx).copied().collect();
    Aperture {
        x: x / flux + 1.0,
        y: y / flux + 1.0,
        flux,
        fwhm_pix: [width(row, peak % nx, level), width(&column, peak / nx, level)],
    }
}

/// Distance between the two half-maximum crossings around a peak, by linear interpolation.
fn width(profile: &[f32], peak: usize, level: f64) -> Option<f64> {
    let half = level + (f64::from(profile[peak]) - level) / 2.0;
    let crossing = |flank: &mut dyn Iterator<Item = &f32>| -> Option<f64> {
        let (mut distance, mut before) = (0.0, f64::from(profile[peak]));
        for value in flank {
            let value = f64::from(*value);
            if !value.is_finite() {
                return None;
            }
            if value <= half {
                return Some(distance + (before - half) / (before - value));
            }
            distance += 1.0;
            before = value;
        }
        None
    };
    let right = crossing(&mut profile[peak + 1..].iter())?;
    let left = crossing(&mut profile[..peak].iter().rev())?;
    Some(left + right)
}

#[cfg(test)]
mod tests {
    use super::find;

    fn gaussian(nx: usize, ny: usize, x0: f64, y0: f64, sigma: f64) -> Vec<f32> {
        (0..nx * ny)
            .map(|at| {
                let (dx, dy) = ((at % nx) as f64 - x0, (at / nx) as f64 - y0);
                let ripple = 0.01 * ((at * 7919 % 13) as f64 - 6.0);
                (100.0 * (-(dx * dx + dy * dy) / (2.0 * sigma * sigma)).exp() + ripple) as f32
            })
            .collect()
    }

    #[test]
    fn a_star_is_found_where_it_is_and_as_wide_as_it_is() {
        let plane = gaussian(40, 30, 12.0, 17.0, 2.0);
        let apertures = find(&plane, 40, &[5.0, 4.0, 3.0]);
        assert_eq!(apertures.found.len(), 1);
        let star = &apertures.found[0];
        assert!((star.x - 13.0).abs() < 0.05 && (star.y - 18.0).abs() < 0.05, "{star:?}");
        for fwhm in star.fwhm_pix {
            assert!(fwhm.is_some_and(|fwhm| (fwhm - 4.71).abs() < 0.15), "{star:?}");
        }
    }

    #[test]
    fn a_star_on_the_border_has_no_width() {
        let plane = gaussian(20, 20, 0.0, 10.0, 2.0);
        let apertures = find(&plane, 20, &[5.0]);
        assert_eq!(apertures.found[0].fwhm_pix[0], None);
        assert!(apertures.found[0].fwhm_pix[1].is_some());
    }

    #[test]
    fn an_empty_plane_gives_nothing() {
        assert!(find(&[f32::NAN; 16], 4, &[5.0]).found.is_empty());
    }
}
