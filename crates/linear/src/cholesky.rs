//! Cholesky factor of a dense symmetric positive definite matrix, in blocks, so that most of the work is matrix products.
//! Golub & Van Loan 2013, Algorithm 4.2.7.

use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, s};
use rayon::prelude::*;

const BLOCK: usize = 64;
/// Right-hand sides that are solved together.
const COLUMNS: usize = 32;

/// `L` of `A = L Lᵀ`.
#[derive(Debug)]
pub(crate) struct Cholesky {
    lower: Array2<f64>,
}

impl Cholesky {
    /// Factors `a`, of which the lower triangle is read. `None` where it is not positive definite.
    pub(crate) fn new(mut a: Array2<f64>) -> Option<Self> {
        let n = a.nrows();
        for from in (0..n).step_by(BLOCK) {
            let to = (from + BLOCK).min(n);
            let left = a.slice(s![from.., ..from]).to_owned(); // [n - from, from]
            let update = left.dot(&left.slice(s![..to - from, ..]).t()); // [n - from, to - from]
            let mut panel = a.slice_mut(s![from.., from..to]);
            panel -= &update;
            factor_panel(panel)?;
        }
        Some(Self { lower: a })
    }

    /// Replaces `b` `[n, columns]` by the solution of `A x = b`.
    pub(crate) fn solve(&self, mut b: ArrayViewMut2<'_, f64>) {
        let parts: Vec<_> = b.axis_chunks_iter_mut(Axis(1), COLUMNS).collect();
        parts.into_par_iter().for_each(|part| self.solve_part(part));
    }

    fn solve_part(&self, mut part: ArrayViewMut2<'_, f64>) {
        let mut b = part.to_owned(); // rows lie one after another
        let n = b.nrows();
        for from in (0..n).step_by(BLOCK) {
            let to = (from + BLOCK).min(n);
            let known = self
                .lower
                .slice(s![from..to, ..from])
                .dot(&b.slice(s![..from, ..]));
            let mut rows = b.slice_mut(s![from..to, ..]);
            rows -= &known;
            forward(self.lower.slice(s![from..to, from..to]), rows);
        }
        for from in (0..n).step_by(BLOCK).rev() {
            let to = (from + BLOCK).min(n);
            let known = self
                .lower
                .slice(s![to.., from..to])
                .t()
                .dot(&b.slice(s![to.., ..]));
            let mut rows = b.slice_mut(s![from..to, ..]);
            rows -= &known;
            backward(self.lower.slice(s![from..to, from..to]), rows);
        }
        part.assign(&b);
    }
}

/// The block on the diagonal (the first rows) and what lies below it.
fn factor_panel(mut panel: ArrayViewMut2<'_, f64>) -> Option<()> {
    for j in 0..panel.ncols() {
        let mut pivot_row = panel.row(j).slice(s![..=j]).to_vec();
        let squares: f64 = pivot_row[..j].iter().map(|value| value * value).sum();
        let pivot = pivot_row[j] - squares;
        if pivot.is_nan() || pivot <= 0.0 {
            return None;
        }
        pivot_row[j] = pivot.sqrt();
        panel[[j, j]] = pivot_row[j];
        for mut row in panel.rows_mut().into_iter().skip(j + 1) {
            let row = row
                .as_slice_mut()
                .expect("a row's values lie one after another");
            let known: f64 = row.iter().zip(&pivot_row[..j]).map(|(a, b)| a * b).sum();
            row[j] = (row[j] - known) / pivot_row[j];
        }
    }
    Some(())
}

/// `rows <- lower⁻¹ rows`.
fn forward(lower: ArrayView2<'_, f64>, mut rows: ArrayViewMut2<'_, f64>) {
    for i in 0..lower.nrows() {
        let (known, mut rest) = rows.view_mut().split_at(Axis(0), i);
        let mut row = rest.row_mut(0);
        for (p, known) in known.rows().into_iter().enumerate() {
            row.scaled_add(-lower[[i, p]], &known);
        }
        row /= lower[[i, i]];
    }
}

/// `rows <- lower⁻ᵀ rows`.
fn backward(lower: ArrayView2<'_, f64>, mut rows: ArrayViewMut2<'_, f64>) {
    for i in (0..lower.nrows()).rev() {
        let (mut rest, known) = rows.view_mut().split_at(Axis(0), i + 1);
        let mut row = rest.row_mut(i);
        for (p, known) in known.rows().into_iter().enumerate() {
            row.scaled_add(-lower[[i + 1 + p, i]], &known);
        }
        row /= lower[[i, i]];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_solution_over_several_blocks_satisfies_the_equations() {
        let n = 2 * BLOCK + 7;
        let g = Array2::from_shape_fn((n, n), |(i, j)| {
            ((i * 37 + j * 11) % 19) as f64 / 19.0 - 0.4
        });
        let a = g.dot(&g.t()) + Array2::<f64>::eye(n) * 0.5;
        let x = Array2::from_shape_fn((n, 3), |(i, j)| (i as f64 * 0.1).sin() + j as f64);
        let mut b = a.dot(&x);
        Cholesky::new(a)
            .expect("positive definite")
            .solve(b.view_mut());
        let worst = (&b - &x)
            .iter()
            .fold(0.0, |most: f64, value| most.max(value.abs()));
        assert!(worst < 1e-9, "{worst}");
    }

    #[test]
    fn an_indefinite_matrix_is_refused() {
        let mut a = Array2::<f64>::eye(3);
        a[[2, 2]] = -1.0;
        assert!(Cholesky::new(a).is_none());
    }
}
