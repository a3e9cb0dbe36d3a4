//! Least-squares fits of small models.

/// A fitted model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Fit<const N: usize> {
    /// The parameters.
    pub(crate) parameters: [f64; N],
    /// Root mean square of the residuals.
    pub(crate) rms: f64,
}

/// Fits `model(parameters, i)` to `data[i]` from a start, all data with the same weight.
///
/// # Numerics
/// Levenberg-Marquardt with central differences; ends when the sum of squares falls by less than 1e-10 of itself, after
/// 100 steps at most. `None` if the start is not finite or the equations cannot be solved.
///
/// # References
/// Marquardt 1963, J. SIAM 11, 431.
pub(crate) fn least_squares<const N: usize>(
    data: &[f64],
    start: [f64; N],
    scale: [f64; N],
    model: impl Fn(&[f64; N], usize) -> f64,
) -> Option<Fit<N>> {
    if data.len() < N {
        return None;
    }
    let cost = |p: &[f64; N]| -> f64 { (0..data.len()).map(|i| (data[i] - model(p, i)).powi(2)).sum() };
    let mut parameters = start;
    let mut best = cost(&parameters);
    let mut damping = 1e-3;
    for _ in 0..100 {
        if !best.is_finite() {
            return None;
        }
        let (normal, gradient) = normal_equations(data, &parameters, &scale, &model);
        let mut has_improved = false;
        let mut gain = 0.0;
        while damping < 1e10 {
            let mut damped = normal;
            for (k, row) in damped.iter_mut().enumerate() {
                row[k] += damping * row[k].max(1e-30);
            }
            if let Some(step) = solve(damped, gradient) {
                let mut trial = parameters;
                for k in 0..N {
                    trial[k] += step[k];
                }
                let trial_cost = cost(&trial);
                if trial_cost < best {
                    gain = (best - trial_cost) / best;
                    parameters = trial;
                    best = trial_cost;
                    damping = (damping * 0.1).max(1e-12);
                    has_improved = true;
                    break;
                }
            }
            damping *= 10.0;
        }
        if !has_improved || gain < 1e-10 {
            break;
        }
    }
    best.is_finite().then(|| Fit {
        parameters,
        rms: (best / data.len() as f64).sqrt(),
    })
}

fn normal_equations<const N: usize>(
    data: &[f64],
    parameters: &[f64; N],
    scale: &[f64; N],
    model: impl Fn(&[f64; N], usize) -> f64,
) -> ([[f64; N]; N], [f64; N]) {
    let mut normal = [[0.0; N]; N];
    let mut gradient = [0.0; N];
    for (i, value) in data.iter().enumerate() {
        let mut slope = [0.0; N];
        for k in 0..N {
            let step = 1e-5 * scale[k];
            let (mut up, mut down) = (*parameters, *parameters);
            up[k] += step;
            down[k] -= step;
            slope[k] = (model(&up, i) - model(&down, i)) / (2.0 * step);
        }
        let residual = value - model(parameters, i);
        for k in 0..N {
            gradient[k] += slope[k] * residual;
            for l in 0..N {
                normal[k][l] += slope[k] * slope[l];
            }
        }
    }
    (normal, gradient)
}

/// Solves a small linear system by elimination with row pivoting.
fn solve<const N: usize>(mut matrix: [[f64; N]; N], mut right: [f64; N]) -> Option<[f64; N]> {
    for column in 0..N {
        let pivot = (column..N).max_by(|a, b| matrix[*a][column].abs().total_cmp(&matrix[*b][column].abs()))?;
        if matrix[pivot][column].abs() < 1e-300 || !matrix[pivot][column].is_finite() {
            return None;
        }
        matrix.swap(column, pivot);
        right.swap(column, pivot);
        for row in column + 1..N {
            let factor = matrix[row][column] / matrix[column][column];
            let above = matrix[column];
            for (cell, pivot_cell) in matrix[row].iter_mut().zip(above).skip(column) {
                *cell -= factor * pivot_cell;
            }
            right[row] -= factor * right[column];
        }
    }
    let mut solution = [0.0; N];
    for row in (0..N).rev() {
        let known: f64 = (row + 1..N).map(|k| matrix[row][k] * solution[k]).sum();
        solution[row] = (right[row] - known) / matrix[row][row];
    }
    Some(solution)
}

#[cfg(test)]
mod tests {
    use super::least_squares;

    #[test]
    fn a_gaussian_without_noise_is_recovered() {
        let truth = [3.0, 50.0, 10.3, 1.7];
        let model = |p: &[f64; 4], i: usize| p[0] + p[1] * (-0.5 * ((i as f64 - p[2]) / p[3]).powi(2)).exp();
        let data: Vec<f64> = (0..21).map(|i| model(&truth, i)).collect();
        let fit = least_squares(&data, [0.0, 30.0, 9.0, 2.5], [50.0, 50.0, 1.0, 1.0], model).unwrap();
        for (found, expected) in fit.parameters.iter().zip(truth) {
            assert!((found - expected).abs() < 1e-6, "{fit:?}");
        }
    }
}
