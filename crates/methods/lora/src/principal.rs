//! The leading singular directions of a weight, for PiSSA. Randomised subspace iteration: Halko, Martinsson & Tropp 2011, algorithms 4.4 and 5.1
//! (arXiv:0909.4061); what Meng et al. 2024 call fast SVD.

use adapt::init::InitRng;
use adapt::to_floats;
use burn::tensor::{Tensor, TensorData};
use nalgebra::DMatrix;

/// Passes over the weight and back. The error falls with (σ_k / σ_r)^17, k being the width of the sketch.
const ITERATIONS: usize = 8;

/// Columns of the sketch for so many wanted directions: the flat spectra of trained weights want more than the usual handful to spare.
fn sketch_width(rank: usize, smallest_side: usize) -> usize {
    (4 * rank).max(rank + 48).min(smallest_side)
}

/// UΣVᵀ cut to its first `rank` directions, as U√Σ `[d_in, r]` and √ΣVᵀ `[r, d_out]`; row-major.
///
/// Exact (to rounding) where a side is no longer than the sketch is wide.
pub(crate) fn principal_factors(
    weight: &Tensor<2>,
    rank: usize,
    rng: &mut InitRng,
) -> [Vec<f32>; 2] {
    let [d_in, d_out] = weight.dims();
    let width = sketch_width(rank, d_in.min(d_out));
    let rank = rank.min(width);
    let sketch = DMatrix::from_row_slice(d_out, width, &rng.normal(d_out * width, 1.0));
    let mut basis = orthonormal(times(weight.clone(), sketch)); // [d_in, k]
    if width < d_in.min(d_out) {
        for _ in 0..ITERATIONS {
            // Orthonormal again once a round is enough: a round spreads the columns by (σ_1 / σ_k)², a few hundred at most.
            let right = times(weight.clone().transpose(), basis); // [d_out, k]
            basis = orthonormal(times(weight.clone(), right)); // [d_in, k]
        }
    }
    // W ≈ QQᵀW, and the SVD of the thin WᵀQ = V Σ Uqᵀ gives W ≈ (Q Uq) Σ Vᵀ.
    let projected = times(weight.clone().transpose(), basis.clone()); // [d_out, k]
    let svd = projected.svd(true, true);
    let (v, u_t) = (
        svd.u.expect("was asked for"),
        svd.v_t.expect("was asked for"),
    );
    let u = basis * u_t.transpose(); // [d_in, k] x [k, k]
    let root = |i: usize| svd.singular_values[i].max(0.0).sqrt();
    let left = (0..d_in).flat_map(|row| (0..rank).map(move |i| (row, i)));
    let right = (0..rank).flat_map(|i| (0..d_out).map(move |column| (i, column)));
    [
        left.map(|(row, i)| u[(row, i)] * root(i)).collect(),
        right.map(|(i, column)| v[(column, i)] * root(i)).collect(),
    ]
}

/// The product, computed where the weight is: `[m, n] x [n, k] -> [m, k]`.
fn times(weight: Tensor<2>, columns: DMatrix<f32>) -> DMatrix<f32> {
    let (n, k) = columns.shape();
    let row_major = columns.transpose().as_slice().to_vec();
    let columns = Tensor::from_data(TensorData::new(row_major, [n, k]), &weight.device());
    let rows = weight.dims()[0];
    DMatrix::from_row_slice(rows, k, &to_floats(weight.matmul(columns)))
}

fn orthonormal(columns: DMatrix<f32>) -> DMatrix<f32> {
    columns.qr().q()
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    /// U Σ Vᵀ with random orthonormal U, V and the given spectrum, row-major.
    fn with_spectrum(d_in: usize, d_out: usize, spectrum: &[f32]) -> Vec<f32> {
        let mut rng = InitRng::new(3);
        let n = spectrum.len();
        let mut directions =
            |rows: usize| orthonormal(DMatrix::from_row_slice(rows, n, &rng.normal(rows * n, 1.0)));
        let (u, v) = (directions(d_in), directions(d_out));
        let scaled = u * DMatrix::from_fn(n, n, |i, j| if i == j { spectrum[i] } else { 0.0 });
        (scaled * v.transpose()).transpose().as_slice().to_vec()
    }

    fn residual(weight: &[f32], [left, right]: &[Vec<f32>; 2], rank: usize, d_out: usize) -> f64 {
        let squares = weight.iter().enumerate().map(|(at, w)| {
            let (row, column) = (at / d_out, at % d_out);
            let approximation: f32 = (0..rank)
                .map(|i| left[row * rank + i] * right[i * d_out + column])
                .sum();
            f64::from(w - approximation).powi(2)
        });
        squares.sum::<f64>().sqrt()
    }

    fn tail(spectrum: &[f32], rank: usize) -> f64 {
        let squares = spectrum[rank..].iter().map(|&s| f64::from(s).powi(2));
        squares.sum::<f64>().sqrt()
    }

    /// Eckart & Young 1936: no matrix of rank r is nearer than the one cut from the SVD, and that one is as far as the rest of the spectrum.
    #[test]
    fn what_is_left_is_the_rest_of_the_spectrum() {
        // A flat spectrum, as trained weights have it, wider than the sketch; a tall, a wide and a small matrix, which the sketch spans.
        for (d_in, d_out, n) in [(151, 97, 97), (61, 203, 61), (17, 29, 17)] {
            let spectrum: Vec<f32> = (0..n).map(|i| 3.0 * 0.98_f32.powi(i)).collect();
            let values = with_spectrum(d_in, d_out, &spectrum);
            let weight = Tensor::from_data(
                TensorData::new(values.clone(), [d_in, d_out]),
                &Device::flex(),
            );
            let factors = principal_factors(&weight, 3, &mut InitRng::new(1));
            let found = residual(&values, &factors, 3, d_out);
            let best = tail(&spectrum, 3);
            assert!(
                (found / best - 1.0).abs() < 1e-4,
                "{d_in}x{d_out}: {found} is left, {best} at best"
            );
            for (i, sigma) in spectrum[..3].iter().enumerate() {
                let squared: f32 = (0..d_in).map(|row| factors[0][row * 3 + i].powi(2)).sum();
                assert!(
                    (squared / sigma - 1.0).abs() < 1e-3,
                    "singular value {i}: {squared}, expected {sigma}"
                );
            }
        }
    }
}
