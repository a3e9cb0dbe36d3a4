//! Fourier transforms of square images whose side is a power of two, with the same bits on every platform.

use std::f64::consts::PI;

use rayon::prelude::*;

/// A complex number.
pub(crate) type Complex = [f64; 2];

/// Transforms of one side.
#[derive(Debug)]
pub(crate) struct Fourier {
    side: usize,
    /// exp(-2 pi i k / side) for the first half of the circle.
    turns: Vec<Complex>,
}

impl Fourier {
    /// Prepares transforms of at least the given side.
    pub(crate) fn new(least: usize) -> Self {
        let side = least.max(2).next_power_of_two();
        let turns = (0..side / 2)
            .map(|k| {
                let angle = -2.0 * PI * k as f64 / side as f64;
                [libm::cos(angle), libm::sin(angle)]
            })
            .collect();
        Self { side, turns }
    }

    pub(crate) fn side(&self) -> usize {
        self.side
    }

    /// One line, in place: decimation in time (Cooley and Tukey 1965).
    fn line(&self, line: &mut [Complex]) {
        let n = self.side;
        let bits = n.trailing_zeros();
        for i in 0..n {
            let j = i.reverse_bits() >> (usize::BITS - bits);
            if i < j {
                line.swap(i, j);
            }
        }
        let mut half = 1;
        while half < n {
            let stride = n / (2 * half);
            for block in line.chunks_exact_mut(2 * half) {
                let (low, high) = block.split_at_mut(half);
                for (k, (a, b)) in low.iter_mut().zip(high).enumerate() {
                    let [c, s] = self.turns[k * stride];
                    let turned = [b[0] * c - b[1] * s, b[0] * s + b[1] * c];
                    *b = [a[0] - turned[0], a[1] - turned[1]];
                    *a = [a[0] + turned[0], a[1] + turned[1]];
                }
            }
            half *= 2;
        }
    }

    /// Transforms a square in row order, in place.
    pub(crate) fn forward(&self, image: &mut Vec<Complex>) {
        let n = self.side;
        for _ in 0..2 {
            image.par_chunks_exact_mut(n).for_each(|line| self.line(line));
            let lines = &*image;
            *image = (0..n * n)
                .into_par_iter()
                .map(|at| lines[(at % n) * n + at / n])
                .collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Fourier;

    #[test]
    fn a_wave_has_one_frequency() {
        let fourier = Fourier::new(16);
        let mut image: Vec<[f64; 2]> = (0..256)
            .map(|at| {
                let phase = 2.0 * std::f64::consts::PI * (3.0 * f64::from(at % 16) + 5.0 * f64::from(at / 16)) / 16.0;
                [phase.cos(), phase.sin()]
            })
            .collect();
        fourier.forward(&mut image);
        for (at, value) in image.iter().enumerate() {
            let expected = if at == 5 * 16 + 3 { 256.0 } else { 0.0 };
            assert!((value[0] - expected).abs() < 1e-9 && value[1].abs() < 1e-9, "{at}");
        }
    }
}
