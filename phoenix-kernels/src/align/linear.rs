//! Small symmetric systems of linear equations.

/// Inverts a symmetric positive definite matrix in row order; `None` if it is not positive definite.
pub(crate) fn inverse(matrix: &[f64], n: usize) -> Option<Vec<f64>> {
    inverse_and_determinant(matrix, n).map(|(inverse, _)| inverse)
}

/// Inverts as [`inverse`] does and returns the logarithm of the determinant too.
pub(crate) fn inverse_and_determinant(matrix: &[f64], n: usize) -> Option<(Vec<f64>, f64)> {
    let mut lower = vec![0.0; n * n];
    let largest = (0..n).map(|i| matrix[i * n + i]).fold(0.0, f64::max);
    for i in 0..n {
        for j in 0..=i {
            let dot: f64 = (0..j).map(|k| lower[i * n + k] * lower[j * n + k]).sum();
            let rest = matrix[i * n + j] - dot;
            if i == j {
                if rest.is_nan() || rest <= largest * 1e-13 {
                    return None;
                }
                lower[i * n + i] = rest.sqrt();
            } else {
                lower[i * n + j] = rest / lower[j * n + j];
            }
        }
    }
    let mut inverse = vec![0.0; n * n];
    for column in 0..n {
        let mut x = vec![0.0; n];
        x[column] = 1.0;
        for i in 0..n {
            let dot: f64 = (0..i).map(|k| lower[i * n + k] * x[k]).sum();
            x[i] = (x[i] - dot) / lower[i * n + i];
        }
        for i in (0..n).rev() {
            let dot: f64 = (i + 1..n).map(|k| lower[k * n + i] * x[k]).sum();
            x[i] = (x[i] - dot) / lower[i * n + i];
        }
        for (i, value) in x.into_iter().enumerate() {
            inverse[i * n + column] = value;
        }
    }
    let determinant = (0..n).map(|i| 2.0 * libm::log(lower[i * n + i])).sum();
    Some((inverse, determinant))
}

/// Product of a square matrix in row order and a vector.
pub(crate) fn product(matrix: &[f64], vector: &[f64]) -> Vec<f64> {
    matrix
        .chunks_exact(vector.len().max(1))
        .map(|row| row.iter().zip(vector).map(|(a, b)| a * b).sum())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{inverse, product};

    #[test]
    fn the_inverse_undoes_the_matrix_and_a_singular_one_has_none() {
        let matrix = [4.0, 1.0, 0.5, 1.0, 3.0, 0.2, 0.5, 0.2, 2.0];
        let back = product(&matrix, &product(&inverse(&matrix, 3).unwrap(), &[1.0, 2.0, 3.0]));
        for (found, expected) in back.iter().zip([1.0, 2.0, 3.0]) {
            assert!((found - expected).abs() < 1e-12);
        }
        assert!(inverse(&[1.0, 1.0, 1.0, 1.0], 2).is_none());
    }
}
