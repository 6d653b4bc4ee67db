//! Matrix products in f32 on the `gemm` crate, linear maps with bias, and the sums a bias gradient needs.
//!
//! `gemm` picks AVX-512, AVX2 or NEON micro-kernels when called and reaches what MKL reaches on the shapes of a
//! transformer (318-326 against 327 GFLOP/s on two cores, 2048 x 384 x 1536).

#[cfg(target_arch = "x86_64")]
mod bf16;

use crate::simd::{simd, unfilled};
use rayon::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering};

/// In which precision the products of [`Threads::All`] take their operands; their sums are f32 in either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// As they are.
    F32,
    /// Rounded to bfloat16 (8 bits of mantissa) where the product has at least 12 rows and 16 columns and terms.
    Bf16,
}

/// Sets the precision for the whole process, from the next product on.
///
/// # Errors
/// [`Precision::Bf16`] on a processor without AVX-512 BF16: there it would be slower than f32, and no more exact.
pub fn set_precision(precision: Precision) -> Result<(), NoBf16> {
    if precision == Precision::Bf16 && !has_bf16() {
        return Err(NoBf16);
    }
    BF16.store(precision == Precision::Bf16, Ordering::Relaxed);
    Ok(())
}

/// The processor has no instructions for bfloat16 products.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoBf16;

impl std::fmt::Display for NoBf16 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("this processor has no AVX-512 BF16 instructions")
    }
}

impl std::error::Error for NoBf16 {}

static BF16: AtomicBool = AtomicBool::new(false);

/// Whether the processor has AVX-512 BF16, and [`Precision::Bf16`] can be set.
pub fn has_bf16() -> bool {
    #[cfg(target_arch = "x86_64")]
    return bf16::is_available();
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// Whether a product may use the whole thread pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threads {
    /// The calling thread only: for products inside a parallel loop.
    One,
    /// Every thread of the current rayon pool.
    All,
}

/// A matrix in a slice: any two strides, so that a transpose or the columns of one head are views.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// A dense row-major matrix, [rows, columns].
    ///
    /// # Panics
    /// When `values` does not hold exactly `rows * columns` values.
    pub fn new(values: &'a [f32], rows: usize, columns: usize) -> Self {
        assert_eq!(
            values.len(),
            rows * columns,
            "a [{rows}, {columns}] matrix in a slice of {}",
            values.len()
        );
        Self {
            values,
            rows,
            columns,
            row_stride: columns,
            column_stride: 1,
        }
    }

    /// A matrix whose element (i, j) is `values[i * row_stride + j * column_stride]`.
    ///
    /// # Panics
    /// When the last element lies outside of `values`.
    pub fn strided(
        values: &'a [f32],
        rows: usize,
        columns: usize,
        row_stride: usize,
        column_stride: usize,
    ) -> Self {
        if rows > 0 && columns > 0 {
            let last = (rows - 1) * row_stride + (columns - 1) * column_stride;
            assert!(
                last < values.len(),
                "a [{rows}, {columns}] matrix with strides {row_stride}, {column_stride} in a slice of {}",
                values.len()
            );
        }
        Self {
            values,
            rows,
            columns,
            row_stride,
            column_stride,
        }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Whether the values stand row by row without gaps.
    fn is_dense(&self) -> bool {
        self.column_stride == 1 && self.row_stride == self.columns
    }

    /// The transpose, as a view.
    pub fn t(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }
}

/// `a · b`, dense: [m, k] x [k, n] -> [m, n].
///
/// # Panics
/// When the inner sizes differ.
pub fn matmul(a: Matrix, b: Matrix) -> Vec<f32> {
    // SAFETY: the product overwrites all m * n elements.
    let mut c = unsafe { unfilled(a.rows * b.columns) };
    write(&mut c, a, b, 1.0, false, Threads::All);
    c
}

/// `scale · a · b` into `c`, dense: [m, k] x [k, n] -> [m, n].
///
/// # Panics
/// When the inner sizes differ or `c` does not hold `m * n` values.
pub fn matmul_into(c: &mut [f32], a: Matrix, b: Matrix, scale: f32, threads: Threads) {
    write(c, a, b, scale, false, threads);
}

/// `c += scale · a · b`, dense: [m, k] x [k, n] -> [m, n]. Saves the pass that adding two gradients would take.
///
/// # Panics
/// When the inner sizes differ or `c` does not hold `m * n` values.
pub fn matmul_add(c: &mut [f32], a: Matrix, b: Matrix, scale: f32, threads: Threads) {
    write(c, a, b, scale, true, threads);
}

fn write(c: &mut [f32], a: Matrix, b: Matrix, scale: f32, add: bool, threads: Threads) {
    let (m, n) = (a.rows, b.columns);
    assert_eq!(
        c.len(),
        m * n,
        "a [{m}, {n}] product into a slice of {}",
        c.len()
    );
    // SAFETY: `c` holds m rows of n values and is borrowed exclusively.
    unsafe { product(c.as_mut_ptr(), n, a, b, scale, add, threads) };
}

/// `scale · a · b` into rows of `c` that stand `c_stride` apart, overwriting or adding.
///
/// # Safety
/// For every row i < a.rows and column j < b.columns, `c + i * c_stride + j` must be valid for writes (and hold a value
/// when `add`), and nothing else may access these elements meanwhile.
pub(crate) unsafe fn product(
    c: *mut f32,
    c_stride: usize,
    a: Matrix,
    b: Matrix,
    scale: f32,
    add: bool,
    threads: Threads,
) {
    assert_eq!(
        a.columns, b.rows,
        "product of [{}, {}] and [{}, {}]",
        a.rows, a.columns, b.rows, b.columns
    );
    #[cfg(target_arch = "x86_64")]
    if threads == Threads::All && BF16.load(Ordering::Relaxed) && bf16::is_worth_it(&a, &b) {
        // SAFETY: `set_precision` found the instructions, the product is worth it, and the caller vouches for `c`.
        return unsafe { bf16::product(c, c_stride, a, b, scale, add) };
    }
    let parallelism = match threads {
        Threads::One => gemm::Parallelism::None,
        Threads::All => match crate::workers::at_work() {
            1 => gemm::Parallelism::None,
            workers => gemm::Parallelism::Rayon(workers),
        },
    };
    // SAFETY: the views were checked against their slices when they were made; the caller vouches for `c`.
    unsafe {
        gemm::gemm(
            a.rows,
            b.columns,
            a.columns,
            c,
            1,
            c_stride as isize,
            add,
            a.values.as_ptr(),
            a.column_stride as isize,
            a.row_stride as isize,
            b.values.as_ptr(),
            b.column_stride as isize,
            b.row_stride as isize,
            1.0,
            scale,
            false,
            false,
            false,
            parallelism,
        );
    }
}

/// `x · w + bias`: [rows, d_in] x [d_in, d_out] -> [rows, d_out].
///
/// # Panics
/// When a slice's length does not fit the sizes of `w`.
pub fn linear(x: &[f32], w: Matrix, bias: Option<&[f32]>) -> Vec<f32> {
    let mut y = matmul(Matrix::new(x, row_count(x, w.rows), w.rows), w);
    if let Some(bias) = bias {
        assert_eq!(
            bias.len(),
            w.columns,
            "a bias for a map to {} values",
            w.columns
        );
        add_bias(&mut y, bias);
    }
    y
}

/// Gradient of [`linear`] with respect to `x`: `dy · wᵀ`, [rows, d_out] x [d_out, d_in] -> [rows, d_in].
///
/// # Panics
/// When the length of `dy` does not fit the sizes of `w`.
pub fn linear_dx(dy: &[f32], w: Matrix) -> Vec<f32> {
    let rows = row_count(dy, w.columns);
    // SAFETY: the product overwrites all rows * d_in elements.
    let mut dx = unsafe { unfilled(rows * w.rows) };
    write_dx(&mut dx, dy, w, false);
    dx
}

/// As [`linear_dx`], added to what `dx` [rows, d_in] holds.
///
/// # Panics
/// When the length of `dx` or `dy` does not fit the sizes of `w`.
pub fn linear_dx_add(dx: &mut [f32], dy: &[f32], w: Matrix) {
    write_dx(dx, dy, w, true);
}

fn write_dx(dx: &mut [f32], dy: &[f32], w: Matrix, add: bool) {
    let dy = Matrix::new(dy, row_count(dy, w.columns), w.columns);
    if dy.rows >= ROWS_WORTH_TRANSPOSING && w.rows <= PACKED_SERIALLY && w.is_dense() {
        let transposed = transposed(&w.values[..w.rows * w.columns], w.rows, w.columns);
        write(
            dx,
            dy,
            Matrix::new(&transposed, w.columns, w.rows),
            1.0,
            add,
            Threads::All,
        );
    } else {
        write(dx, dy, w.t(), 1.0, add, Threads::All);
    }
}

/// `gemm` packs the weight of `dy · wᵀ` in one thread, element by element, where it has at most this many rows (two of
/// its blocks of 512). Transposing it first, in parallel, takes a 448 x 384 x 384 product from 255 to 398 GFLOP/s on two
/// cores, and a 448 x 384 x 1536 one from 319 to 358; above this size it gains nothing.
const PACKED_SERIALLY: usize = 1024;

/// With fewer rows than these, the product takes no longer than the transpose.
const ROWS_WORTH_TRANSPOSING: usize = 64;

/// The transpose of a dense matrix, [rows, columns] -> [columns, rows].
///
/// # Panics
/// When `x` does not hold `rows * columns` values.
pub fn transposed(x: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    assert_eq!(
        x.len(),
        rows * columns,
        "a [{rows}, {columns}] matrix in a slice of {}",
        x.len()
    );
    // SAFETY: the tasks below write all `columns` rows of the result.
    let mut y = unsafe { unfilled(x.len()) };
    if !y.is_empty() {
        y.par_chunks_mut(TILE * rows)
            .enumerate()
            .for_each(|(strip, y)| transpose_strip(x, columns, strip * TILE, y, rows));
    }
    y
}

/// Rows and columns that are transposed at once: a cache line and an AVX-512 register.
const TILE: usize = 16;

/// Gradient of [`linear`] with respect to `w`: `xᵀ · dy`, [d_in, rows] x [rows, d_out] -> [d_in, d_out].
pub fn linear_dw(x: &[f32], dy: &[f32], d_in: usize, d_out: usize) -> Vec<f32> {
    let rows = row_count(x, d_in);
    matmul(Matrix::new(x, rows, d_in).t(), Matrix::new(dy, rows, d_out))
}

/// Rows of `width` values in `values`.
///
/// # Panics
/// When the length is no multiple of `width`.
pub fn row_count(values: &[f32], width: usize) -> usize {
    if values.is_empty() {
        return 0;
    }
    assert!(
        width > 0 && values.len().is_multiple_of(width),
        "{} values in rows of {width}",
        values.len()
    );
    values.len() / width
}

/// Adds `bias` to every row of `y`, [rows, n].
///
/// # Panics
/// When the length of `y` is no multiple of that of `bias`.
pub fn add_bias(y: &mut [f32], bias: &[f32]) {
    row_count(y, bias.len());
    if !y.is_empty() {
        y.par_chunks_mut(crate::rows_per_chunk(bias.len()) * bias.len())
            .for_each(|rows| add_bias_rows(rows, bias));
    }
}

/// `y += x`, element by element and in parallel.
///
/// # Panics
/// When the lengths differ.
pub fn add_in_place(y: &mut [f32], x: &[f32]) {
    assert_eq!(y.len(), x.len(), "adding slices of different lengths");
    y.par_chunks_mut(crate::CHUNK)
        .zip(x.par_chunks(crate::CHUNK))
        .for_each(|(y, x)| add_slice(y, x));
}

/// Sum of the rows of `y`, [rows, n] -> `[n]`: the gradient of a bias. The order of the additions is fixed.
pub fn column_sum(y: &[f32], n: usize) -> Vec<f32> {
    row_count(y, n);
    let mut total = vec![0.0; n];
    if !y.is_empty() {
        let rows = 128;
        let partial: Vec<Vec<f32>> = y
            .par_chunks(rows * n)
            .map(|rows| sum_rows(rows, n))
            .collect();
        for part in &partial {
            add_slice(&mut total, part);
        }
    }
    total
}

simd! {
    fn add_bias_rows(y: &mut [f32], bias: &[f32]) {
        for row in y.chunks_exact_mut(bias.len()) {
            for (y, b) in row.iter_mut().zip(bias) {
                *y += b;
            }
        }
    }

    pub(crate) fn add_slice(y: &mut [f32], x: &[f32]) {
        for (y, x) in y.iter_mut().zip(x) {
            *y += x;
        }
    }

    /// Columns `first..` of `x` [rows, columns] as the rows of `y`.
    fn transpose_strip(x: &[f32], columns: usize, first: usize, y: &mut [f32], rows: usize) {
        let width = y.len() / rows;
        let (tiles, rest) = (rows / TILE, rows / TILE * TILE);
        if width == TILE {
            for tile in 0..tiles {
                let from = &x[tile * TILE * columns + first..];
                for j in 0..TILE {
                    let to: &mut [f32; TILE] = y[j * rows + tile * TILE..].first_chunk_mut().expect("a whole tile");
                    for i in 0..TILE {
                        to[i] = from[i * columns + j];
                    }
                }
            }
        }
        let done = if width == TILE { rest } else { 0 };
        for j in 0..width {
            for i in done..rows {
                y[j * rows + i] = x[i * columns + first + j];
            }
        }
    }

    fn sum_rows(y: &[f32], n: usize) -> Vec<f32> {
        let mut total = vec![0.0; n];
        for row in y.chunks_exact(n) {
            for (t, v) in total.iter_mut().zip(row) {
                *t += v;
            }
        }
        total
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, values, wide};
    use proptest::prelude::*;

    fn reference(a: Matrix, b: Matrix) -> Vec<f64> {
        let at = |m: &Matrix, i, j| f64::from(m.values[i * m.row_stride + j * m.column_stride]);
        let mut c = Vec::new();
        for i in 0..a.rows {
            for j in 0..b.columns {
                c.push((0..a.columns).map(|k| at(&a, i, k) * at(&b, k, j)).sum());
            }
        }
        c
    }

    #[test]
    fn one_worker_or_three_give_the_same_digits() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build();
        let pool = pool.unwrap();
        for (m, k, n) in [(513, 387, 391), (70, 1531, 65), (448, 33, 1536)] {
            let (x, y) = (values(5, m * k), values(6, k * n));
            let (a, b) = (Matrix::new(&x, m, k), Matrix::new(&y, k, n));
            let mut alone = vec![0.0; m * n];
            matmul_into(&mut alone, a, b, 0.7, Threads::One);
            let mut together = vec![0.0; m * n];
            pool.install(|| matmul_into(&mut together, a, b, 0.7, Threads::All));
            assert!(
                alone
                    .iter()
                    .zip(&together)
                    .all(|(a, b)| a.to_bits() == b.to_bits()),
                "[{m}, {k}] x [{k}, {n}]"
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn products_of_strided_views_equal_the_f64_product(m in 0usize..37, n in 1usize..35, k in 0usize..33, gap in 0usize..5, flip: [bool; 2]) {
            let size = |rows: usize, columns: usize| rows.max(columns) * (rows.max(columns) + gap);
            let (xs, ys) = (values(1, size(m, k)), values(2, size(k, n)));
            let a = if flip[0] { Matrix::strided(&xs, k, m, m + gap, 1).t() } else { Matrix::strided(&xs, m, k, k + gap, 1) };
            let b = if flip[1] { Matrix::strided(&ys, n, k, k + gap, 1).t() } else { Matrix::strided(&ys, k, n, n + gap, 1) };
            let expected = reference(a, b);
            assert_close(&matmul(a, b), &expected, 1e-6);
            let before = values(3, m * n);
            let mut c = before.clone();
            matmul_add(&mut c, a, b, 0.5, Threads::One);
            let expected: Vec<f64> = expected.iter().zip(&before).map(|(e, b)| 0.5 * e + f64::from(*b)).collect();
            assert_close(&c, &expected, 1e-6);
        }

        #[test]
        fn a_transpose_holds_every_element_in_its_place(rows in 0usize..70, columns in 1usize..70) {
            let x = values(1, rows * columns);
            let expected: Vec<f32> = (0..rows * columns).map(|at| x[at % rows * columns + at / rows]).collect();
            prop_assert_eq!(transposed(&x, rows, columns), expected);
        }

        #[test]
        fn bias_and_its_gradient(rows in 0usize..300, n in 1usize..40) {
            let (y, bias) = (values(1, rows * n), values(2, n));
            let mut shifted = y.clone();
            add_bias(&mut shifted, &bias);
            let expected: Vec<f64> = (0..rows * n).map(|i| f64::from(y[i]) + f64::from(bias[i % n])).collect();
            assert_close(&shifted, &expected, 1e-7);
            let sums: Vec<f64> = (0..n).map(|j| wide(&y).iter().skip(j).step_by(n).sum()).collect();
            assert_close(&column_sum(&y, n), &sums, 1e-5);
        }
    }

    #[test]
    fn gradients_of_a_linear_map_are_products_with_transposes() {
        check_linear_gradients(5, 7, 3);
    }

    #[test]
    fn they_are_so_where_the_weight_is_transposed_first() {
        check_linear_gradients(ROWS_WORTH_TRANSPOSING + 1, 33, 21);
    }

    fn check_linear_gradients(rows: usize, d_in: usize, d_out: usize) {
        let (x, w, dy) = (
            values(1, rows * d_in),
            values(2, d_in * d_out),
            values(3, rows * d_out),
        );
        let w = Matrix::new(&w, d_in, d_out);
        let y = reference(Matrix::new(&x, rows, d_in), w);
        assert_close(&linear(&x, w, None), &y, 1e-6);
        let dx = reference(Matrix::new(&dy, rows, d_out), w.t());
        assert_close(&linear_dx(&dy, w), &dx, 1e-6);
        let mut sum = x.clone();
        linear_dx_add(&mut sum, &dy, w);
        let expected: Vec<f64> = dx.iter().zip(&x).map(|(a, b)| a + f64::from(*b)).collect();
        assert_close(&sum, &expected, 1e-6);
        let dw = reference(
            Matrix::new(&x, rows, d_in).t(),
            Matrix::new(&dy, rows, d_out),
        );
        assert_close(&linear_dw(&x, &dy, d_in, d_out), &dw, 1e-6);
    }
}
