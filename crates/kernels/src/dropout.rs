//! Dropout whose mask is a function of (seed, position): the backward pass computes the same mask again instead of
//! storing it, and the result does not depend on threads. Srivastava et al. 2014; counter-based generators: Salmon et
//! al. 2011, <https://doi.org/10.1145/2063384.2063405>.
//!
//! A row gets a 32-bit key by SplitMix64 of the seed and the row number; element `j` of the row is kept when a 32-bit
//! mix of `key + j · golden ratio` is at least `rate · 2³²`. Kept elements are multiplied by `1 / (1 - rate)`.

use crate::CHUNK;
use crate::simd::simd;
use rayon::prelude::*;

/// A rate and a seed: together they are the mask.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    rate: f64,
    seed: u64,
}

impl Dropout {
    /// Dropout that zeroes a share `rate` of the elements.
    ///
    /// # Panics
    /// When `rate` is not in [0, 1).
    pub fn new(rate: f64, seed: u64) -> Self {
        assert!(
            (0.0..1.0).contains(&rate),
            "dropout rate {rate}, expected a number from 0 up to but excluding 1"
        );
        Self { rate, seed }
    }

    /// The share of elements that are zeroed.
    pub fn rate(self) -> f64 {
        self.rate
    }

    /// An element is kept when its hash is at least this.
    pub fn threshold(self) -> u32 {
        (self.rate * 4_294_967_296.0) as u32
    }

    /// On what is kept.
    pub fn scale(self) -> f32 {
        (1.0 / (1.0 - self.rate)) as f32
    }

    /// The key of row `row`: SplitMix64.
    pub fn key(self, row: u64) -> u32 {
        let z = self
            .seed
            .wrapping_add(row.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) as u32
    }

    /// Multiplies one row by its mask: `values[j]` becomes 0 or `values[j] / (1 - rate)`.
    pub(crate) fn apply_to_row(self, row: u64, values: &mut [f32]) {
        self.apply_to_part_of_row(row, 0, values);
    }

    /// As [`Dropout::apply_to_row`], where `values` are those of the row from element `first` on.
    pub(crate) fn apply_to_part_of_row(self, row: u64, first: usize, values: &mut [f32]) {
        // The counter wraps around, and so does what it is ahead of the row's key.
        let counter = self
            .key(row)
            .wrapping_add((first as u32).wrapping_mul(STRIDE));
        drop_row(values, counter, self.threshold(), self.scale());
    }
}

/// Elements of a row where a tensor is taken as one long sequence, see [`dropout_in_place`].
pub const SEQUENCE_ROW: usize = CHUNK;

/// What the counter of an element is ahead of that of the one before it: 2³² by the golden ratio.
pub const STRIDE: u32 = 0x9e37_79b9;
/// The multipliers of the mix, "lowbias32" of Chris Wellons' hash prospector: bias 0.17, two multiplications.
pub const MULTIPLIERS: [u32; 2] = [0x7feb_352d, 0x846c_a68b];
/// The shifts of that mix.
pub const SHIFTS: [u32; 3] = [16, 15, 16];

/// Applies the mask of `d` to `x` in place. `x` is taken as one long sequence: its shape does not matter.
pub fn dropout_in_place(x: &mut [f32], d: Dropout) {
    x.par_chunks_mut(CHUNK)
        .enumerate()
        .for_each(|(i, chunk)| d.apply_to_row(i as u64, chunk));
}

/// The mask that [`dropout_in_place`] applies: 0 or `1 / (1 - rate)` for each of `len` elements.
pub fn dropout_mask(len: usize, d: Dropout) -> Vec<f32> {
    let mut mask = vec![1.0; len];
    dropout_in_place(&mut mask, d);
    mask
}

/// The mask of a matrix of `rows` rows of `width` elements, row by row, as [`attention`](crate::attention) applies it
/// to its probabilities [b, heads, t_q, t_k] with `rows = b * heads * t_q`: 0 or `1 / (1 - rate)`.
pub fn row_mask(rows: usize, width: usize, d: Dropout) -> Vec<f32> {
    let mut mask = vec![1.0; rows * width];
    if width > 0 {
        mask.par_chunks_mut(width)
            .enumerate()
            .for_each(|(row, values)| d.apply_to_row(row as u64, values));
    }
    mask
}

simd! {
    fn drop_row(values: &mut [f32], first: u32, threshold: u32, scale: f32) {
        let mut counter = first;
        for v in values {
            let h = counter ^ (counter >> SHIFTS[0]);
            let h = h.wrapping_mul(MULTIPLIERS[0]);
            let h = h ^ (h >> SHIFTS[1]);
            let h = h.wrapping_mul(MULTIPLIERS[1]);
            let h = h ^ (h >> SHIFTS[2]);
            // A product, so that NaN and infinity are not dropped out of sight.
            *v *= if h >= threshold { scale } else { 0.0 };
            counter = counter.wrapping_add(STRIDE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_is_a_function_of_the_seed() {
        let (a, b, c) = (
            Dropout::new(0.3, 7),
            Dropout::new(0.3, 7),
            Dropout::new(0.3, 8),
        );
        assert_eq!(dropout_mask(40_001, a), dropout_mask(40_001, b));
        assert_ne!(dropout_mask(40_001, a), dropout_mask(40_001, c));
        assert_eq!(row_mask(50, 33, a), row_mask(50, 33, b));
    }

    #[test]
    fn the_expected_share_is_kept_and_the_mean_is_one() {
        for rate in [0.1, 0.5, 0.9] {
            let mask = dropout_mask(1_000_003, Dropout::new(rate, 11));
            let kept = mask.iter().filter(|v| **v != 0.0).count() as f64 / mask.len() as f64;
            // five standard deviations of a binomial share
            assert!(
                (kept - (1.0 - rate)).abs() < 5.0 * (rate * (1.0 - rate) / 1e6).sqrt(),
                "rate {rate}: kept {kept}"
            );
            assert!(
                mask.iter()
                    .all(|v| *v == 0.0 || (f64::from(*v) - 1.0 / (1.0 - rate)).abs() < 1e-6)
            );
        }
    }

    #[test]
    fn rows_and_neighbours_are_not_correlated() {
        let (rows, width) = (2000, 256);
        let mask = row_mask(rows, width, Dropout::new(0.5, 3));
        let agree = |a: usize, b: usize| {
            (0..width)
                .filter(|j| mask[a * width + j] == mask[b * width + j])
                .count()
        };
        let agreement =
            (1..rows).map(|r| agree(r - 1, r)).sum::<usize>() as f64 / ((rows - 1) * width) as f64;
        assert!(
            (agreement - 0.5).abs() < 0.005,
            "neighbouring rows agree in {agreement}"
        );
        let lag = mask.windows(2).filter(|w| w[0] == w[1]).count() as f64 / mask.len() as f64;
        assert!(
            (lag - 0.5).abs() < 0.005,
            "neighbouring elements agree in {lag}"
        );
    }

    #[test]
    fn a_part_of_a_row_is_dropped_as_within_the_row() {
        let d = Dropout::new(0.4, 5);
        let whole = row_mask(3, 71, d);
        let mut part = vec![1.0; 40];
        d.apply_to_part_of_row(2, 29, &mut part);
        assert_eq!(part, whole[2 * 71 + 29..2 * 71 + 69]);
    }

    #[test]
    fn a_rate_of_zero_changes_nothing() {
        assert!(
            dropout_mask(100, Dropout::new(0.0, 1))
                .iter()
                .all(|v| *v == 1.0)
        );
    }

    #[test]
    #[should_panic(expected = "dropout rate 1")]
    fn a_rate_of_one_is_refused() {
        Dropout::new(1.0, 0);
    }
}
