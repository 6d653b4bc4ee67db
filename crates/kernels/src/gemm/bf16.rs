//! Matrix products whose operands are rounded to bfloat16 while their sums stay in f32, on AVX-512 BF16.
//!
//! One instruction (`vdpbf16ps`) adds two products to each of 16 sums, twice what an f32 multiply-add does, and packed operands take half the
//! room in the caches. Both operands are packed: the right one whole into panels of [`NR`] columns, the left one by the task that uses it.
//! Goto & van de Geijn 2008, Anatomy of High-Performance Matrix Multiplication, has the scheme; rounding is to the nearest, ties to even.

use super::Matrix;
use rayon::prelude::*;
use std::arch::x86_64::*;
use std::cell::RefCell;
use std::ops::Range;

/// Whether the processor has the instructions.
pub(super) fn is_available() -> bool {
    use std::arch::is_x86_feature_detected as has;
    has!("avx512bf16") && has!("avx512f") && has!("avx512bw") && has!("avx512vl")
}

/// Whether a product is large enough in every direction (below, whole panels would be mostly padding) and its operands can be packed: their values
/// stand side by side in one direction.
pub(super) fn is_worth_it(a: &Matrix, b: &Matrix) -> bool {
    let packable = |x: &Matrix| x.column_stride == 1 || x.row_stride == 1;
    a.rows >= MR && b.columns >= NR / 2 && b.rows >= NR / 2 && packable(a) && packable(b)
}

/// Rows of a tile: 12 x 2 sums, two columns of the right operand and a value of the left one fill the 32 registers.
const MR: usize = 12;
/// Columns of a tile: two registers.
const NR: usize = 32;
/// Pairs along the inner dimension that are packed at once; longer products are added up block by block.
const PAIRS: usize = 768;
/// Pairs between two rows of a packed left operand: an odd number of cache lines, so that a tile's rows fall into different sets.
const ROW: usize = PAIRS + 16;
/// Most rows of a task: its packed rows fill a third of a 1 MiB L2 cache.
const TASK_ROWS: usize = 8 * MR;

/// `scale · a · b` into rows of `c` that stand `c_stride` apart, overwriting or adding.
///
/// # Safety
/// The processor must have the instructions ([`is_available`]), and the product must pass [`is_worth_it`]. For every row i < a.rows and column
/// j < b.columns, `c + i * c_stride + j` must be valid for writes (and hold a value when `add`), and nothing else may access these elements meanwhile.
pub(super) unsafe fn product(
    c: *mut f32,
    c_stride: usize,
    a: Matrix,
    b: Matrix,
    scale: f32,
    add: bool,
) {
    let (m, n, k) = (a.rows, b.columns, a.columns);
    let depth = k.div_ceil(k.div_ceil(2 * PAIRS)).next_multiple_of(2);
    let rows = m
        .div_ceil(4 * rayon::current_num_threads())
        .next_multiple_of(MR)
        .min(TASK_ROWS);
    let target = Target {
        start: c,
        stride: c_stride,
        columns: n,
        scale,
    };
    let mut right = RIGHT.take();
    for first in (0..k).step_by(depth) {
        let inner = first..k.min(first + depth);
        let pairs = inner.len().div_ceil(2);
        let panel = pairs * NR;
        if right.len() < n.div_ceil(NR) * panel {
            right.resize(n.div_ceil(NR) * panel, 0);
        }
        let packed = &mut right[..n.div_ceil(NR) * panel];
        packed
            .par_chunks_mut(panel)
            .enumerate()
            // SAFETY: the caller vouches for the instructions.
            .for_each(|(p, panel)| unsafe { pack_right(panel, b, p * NR, inner.clone()) });
        let packed = &*packed;
        (0..m.div_ceil(rows)).into_par_iter().for_each(|task| {
            let own = task * rows..m.min((task + 1) * rows);
            LEFT.with_borrow_mut(|left| {
                left.resize(TASK_ROWS * ROW, 0);
                // SAFETY: the caller vouches for the instructions and for `c`, of which each task writes its own rows.
                unsafe {
                    if a.column_stride == 1 {
                        pack_rows(left, a, own.clone(), inner.clone());
                        multiply::<ROW, 1>(left, packed, pairs, own, target, add || first > 0);
                    } else {
                        pack_columns(left, a, own.clone(), inner.clone());
                        multiply::<1, MR>(left, packed, pairs, own, target, add || first > 0);
                    }
                }
            });
        });
    }
    RIGHT.set(right);
}

thread_local! {
    /// Packed operands, kept: memory that was just given back comes with page faults.
    static LEFT: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) };
    static RIGHT: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) };
}

/// Where the product goes.
#[derive(Clone, Copy)]
struct Target {
    start: *mut f32,
    stride: usize,
    columns: usize,
    scale: f32,
}

// SAFETY: tasks write different rows, and `product` returns after all of them.
unsafe impl Send for Target {}
// SAFETY: as above.
unsafe impl Sync for Target {}

/// Rows `own` of the product, from the packed operands. In `left`, tile t begins at `t * MR * ROW`, and in it the pair p of row i stands at
/// `i * ROW_STEP + p * PAIR_STEP`.
///
/// # Safety
/// As [`product`], for the rows `own`; `left` and `right` must hold what the packing functions write.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn multiply<const ROW_STEP: usize, const PAIR_STEP: usize>(
    left: &[u32],
    right: &[u32],
    pairs: usize,
    own: Range<usize>,
    target: Target,
    add: bool,
) {
    let scale = _mm512_set1_ps(target.scale);
    for (p, panel) in right.chunks_exact(pairs * NR).enumerate() {
        let columns = target.columns - p * NR;
        let masks = [
            first_lanes(columns),
            first_lanes(columns.saturating_sub(16)),
        ];
        for (tile, first) in own.clone().step_by(MR).enumerate() {
            let left = &left[tile * MR * ROW..(tile + 1) * MR * ROW];
            // SAFETY: a tile reads ROW_STEP * (MR - 1) + PAIR_STEP * (pairs - 1) at most, which is within MR * ROW for both layouts, and `panel`
            // has NR values for every pair.
            let sums =
                unsafe { tile_sums::<ROW_STEP, PAIR_STEP>(left.as_ptr(), panel.as_ptr(), pairs) };
            for (i, sums) in sums.iter().enumerate().take(own.end - first) {
                for (half, (&sum, &mask)) in sums.iter().zip(&masks).enumerate() {
                    let mut sum = _mm512_mul_ps(sum, scale);
                    // SAFETY: row first + i < own.end belongs to this task, and the mask covers the columns that exist.
                    unsafe {
                        let at = target
                            .start
                            .wrapping_add((first + i) * target.stride + p * NR + half * 16);
                        if add {
                            sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(mask, at));
                        }
                        _mm512_mask_storeu_ps(at, mask, sum);
                    }
                }
            }
        }
    }
}

/// The sums of one tile, [MR, NR].
///
/// # Safety
/// `left` must be valid for the reads that the steps ask for, `right` for `pairs * NR`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn tile_sums<const ROW_STEP: usize, const PAIR_STEP: usize>(
    left: *const u32,
    right: *const u32,
    pairs: usize,
) -> [[__m512; 2]; MR] {
    let mut sums = [[_mm512_setzero_ps(); 2]; MR];
    for p in 0..pairs {
        // SAFETY: the caller vouches for these reads; a register of pairs has no invalid bits.
        unsafe {
            let from = right.add(p * NR).cast::<__m512i>();
            let columns = [from, from.add(1)].map(|from| as_bf16(_mm512_loadu_si512(from)));
            for (i, sums) in sums.iter_mut().enumerate() {
                let row = as_bf16(_mm512_set1_epi32(
                    *left.add(i * ROW_STEP + p * PAIR_STEP) as i32
                ));
                sums[0] = _mm512_dpbf16_ps(sums[0], row, columns[0]);
                sums[1] = _mm512_dpbf16_ps(sums[1], row, columns[1]);
            }
        }
    }
    sums
}

/// Packs rows `own` of a left operand whose rows are dense, in the columns `inner`: row i at `i * ROW`, its values in pairs.
///
/// # Safety
/// The processor must have the instructions.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn pack_rows(left: &mut [u32], a: Matrix, own: Range<usize>, inner: Range<usize>) {
    for (to, row) in left.chunks_exact_mut(ROW).zip(own) {
        let from = &a.values[row * a.row_stride..][inner.clone()];
        for (to, from) in to.chunks_mut(16).zip(from.chunks(32)) {
            // SAFETY: only the values of `from` are read; `to` has 16 places, ROW being a multiple of 16.
            unsafe {
                _mm512_storeu_si512(to.as_mut_ptr().cast(), pairs_of(from.as_ptr(), from.len()))
            };
        }
    }
}

/// Packs rows `own` of a left operand whose columns are dense, in the columns `inner`: pair p of tile t at `t * MR * ROW + p * MR`.
///
/// # Safety
/// The processor must have the instructions.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn pack_columns(left: &mut [u32], a: Matrix, own: Range<usize>, inner: Range<usize>) {
    for (p, k) in inner.clone().step_by(2).enumerate() {
        let even = &a.values[k * a.column_stride..][own.clone()];
        let odd = (k + 1 < inner.end).then(|| &a.values[(k + 1) * a.column_stride..][own.clone()]);
        for (tile, first) in (0..even.len()).step_by(MR).enumerate() {
            let rows = first_lanes((even.len() - first).min(MR));
            let to = &mut left[tile * MR * ROW + p * MR..][..MR];
            // SAFETY: the mask covers the rows that exist, and `to` has MR places.
            unsafe {
                let pairs = side_by_side(
                    even[first..].as_ptr(),
                    odd.map(|odd| odd[first..].as_ptr()),
                    rows,
                );
                _mm512_mask_storeu_epi32(to.as_mut_ptr().cast(), first_lanes(MR), pairs);
            }
        }
    }
}

/// Packs the columns `first..first + NR` of a right operand, in the rows `inner`: pair p at `p * NR`; columns that do not exist are zeros.
///
/// # Safety
/// The processor must have the instructions.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn pack_right(panel: &mut [u32], b: Matrix, first: usize, inner: Range<usize>) {
    let columns = b.columns - first;
    if b.column_stride == 1 {
        let masks = [
            first_lanes(columns),
            first_lanes(columns.saturating_sub(16)),
        ];
        for (to, k) in panel.chunks_exact_mut(NR).zip(inner.clone().step_by(2)) {
            let row = |k: usize| b.values.as_ptr().wrapping_add(k * b.row_stride + first);
            for (half, &mask) in masks.iter().enumerate() {
                let even = row(k).wrapping_add(half * 16);
                let odd = (k + 1 < inner.end).then(|| row(k + 1).wrapping_add(half * 16));
                // SAFETY: the mask covers the columns that exist, and `to` has NR places.
                unsafe {
                    _mm512_storeu_si512(
                        to.as_mut_ptr().add(half * 16).cast(),
                        side_by_side(even, odd, mask),
                    );
                }
            }
        }
    } else {
        // Columns are dense: 16 of them are read 32 values at a time, and the 16 x 16 pairs are transposed.
        for (block, rows) in panel.chunks_mut(16 * NR).enumerate() {
            let k = inner.start + block * 32;
            for half in 0..NR / 16 {
                let mut lines = [_mm512_setzero_si512(); 16];
                for (j, line) in lines.iter_mut().enumerate() {
                    let column = first + half * 16 + j;
                    if column < b.columns {
                        let from = &b.values[column * b.column_stride..][k..inner.end.min(k + 32)];
                        // SAFETY: only the values of `from` are read.
                        *line = unsafe { pairs_of(from.as_ptr(), from.len()) };
                    }
                }
                for (to, line) in rows.chunks_exact_mut(NR).zip(transposed(lines)) {
                    // SAFETY: `to` has NR places.
                    unsafe { _mm512_storeu_si512(to.as_mut_ptr().add(half * 16).cast(), line) };
                }
            }
        }
    }
}

/// Up to 32 values in a row, rounded, as 16 pairs; zeros where there are fewer.
///
/// # Safety
/// `from` must be valid for reading `len` values.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn pairs_of(from: *const f32, len: usize) -> __m512i {
    // SAFETY: the masks cover the values that exist.
    unsafe {
        let low = _mm512_maskz_loadu_ps(first_lanes(len), from);
        let high =
            _mm512_maskz_loadu_ps(first_lanes(len.saturating_sub(16)), from.wrapping_add(16));
        as_pairs(_mm512_cvtne2ps_pbh(high, low))
    }
}

/// 16 values of one line, rounded, each paired with that of the next line (zero where there is none).
///
/// # Safety
/// Both pointers must be valid for reading the lanes of `mask`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn side_by_side(even: *const f32, odd: Option<*const f32>, mask: __mmask16) -> __m512i {
    // SAFETY: the caller vouches for the lanes of the mask; both types are 256 bits without invalid ones.
    let wide = |from: *const f32| unsafe {
        let rounded = _mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(mask, from));
        _mm512_cvtepu16_epi32(std::mem::transmute::<__m256bh, __m256i>(rounded))
    };
    let odd = odd.map_or(_mm512_setzero_si512(), wide);
    _mm512_or_si512(wide(even), _mm512_slli_epi32::<16>(odd))
}

/// A mask of the first `count` of 16 lanes, all of them where there are more.
fn first_lanes(count: usize) -> __mmask16 {
    ((1u32 << count.min(16)) - 1) as __mmask16
}

fn as_bf16(pairs: __m512i) -> __m512bh {
    // SAFETY: both are 512 bits, and neither has invalid ones.
    unsafe { std::mem::transmute(pairs) }
}

fn as_pairs(values: __m512bh) -> __m512i {
    // SAFETY: as above.
    unsafe { std::mem::transmute(values) }
}

/// The transpose of 16 x 16 pairs: within 128 bits first, then of the four quarters.
#[inline]
#[target_feature(enable = "avx512f")]
fn transposed(rows: [__m512i; 16]) -> [__m512i; 16] {
    let zero = _mm512_setzero_si512();
    let mut columns = [zero; 16];
    // fours[c][g]: in quarter q, column 4q + c of the rows 4g .. 4g + 3
    let mut fours = [[zero; 4]; 4];
    for g in 0..4 {
        let [a, b, c, d] = [
            rows[4 * g],
            rows[4 * g + 1],
            rows[4 * g + 2],
            rows[4 * g + 3],
        ];
        let low = [_mm512_unpacklo_epi32(a, b), _mm512_unpacklo_epi32(c, d)];
        let high = [_mm512_unpackhi_epi32(a, b), _mm512_unpackhi_epi32(c, d)];
        fours[0][g] = _mm512_unpacklo_epi64(low[0], low[1]);
        fours[1][g] = _mm512_unpackhi_epi64(low[0], low[1]);
        fours[2][g] = _mm512_unpacklo_epi64(high[0], high[1]);
        fours[3][g] = _mm512_unpackhi_epi64(high[0], high[1]);
    }
    for (c, [v0, v1, v2, v3]) in fours.into_iter().enumerate() {
        let even = [
            _mm512_shuffle_i32x4::<0x88>(v0, v1),
            _mm512_shuffle_i32x4::<0x88>(v2, v3),
        ];
        let odd = [
            _mm512_shuffle_i32x4::<0xdd>(v0, v1),
            _mm512_shuffle_i32x4::<0xdd>(v2, v3),
        ];
        columns[c] = _mm512_shuffle_i32x4::<0x88>(even[0], even[1]);
        columns[4 + c] = _mm512_shuffle_i32x4::<0x88>(odd[0], odd[1]);
        columns[8 + c] = _mm512_shuffle_i32x4::<0xdd>(even[0], even[1]);
        columns[12 + c] = _mm512_shuffle_i32x4::<0xdd>(odd[0], odd[1]);
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::values;
    use proptest::prelude::*;

    /// To the nearest, ties to even, in integers.
    fn rounded(x: f32) -> f64 {
        let bits = x.to_bits();
        f64::from(f32::from_bits(
            (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff_0000,
        ))
    }

    /// The f64 product of the rounded operands.
    fn reference(a: Matrix, b: Matrix) -> Vec<f64> {
        let at = |m: &Matrix, i, j| rounded(m.values[i * m.row_stride + j * m.column_stride]);
        let mut c = Vec::new();
        for i in 0..a.rows {
            for j in 0..b.columns {
                c.push((0..a.columns).map(|k| at(&a, i, k) * at(&b, k, j)).sum());
            }
        }
        c
    }

    /// A product within a wider output, checked with what stands around it.
    fn check(m: usize, n: usize, k: usize, gap: usize, flip: [bool; 2], add: bool) {
        if !is_available() {
            eprintln!("not checked: this processor has no AVX-512 BF16");
            return;
        }
        let size = |rows: usize, columns: usize| rows.max(columns) * (rows.max(columns) + gap);
        let (xs, ys) = (values(1, size(m, k)), values(2, size(k, n)));
        let view = |v, rows, columns, flip| {
            if flip {
                Matrix::strided(v, columns, rows, rows + gap, 1).t()
            } else {
                Matrix::strided(v, rows, columns, columns + gap, 1)
            }
        };
        let (a, b) = (view(&xs, m, k, flip[0]), view(&ys, k, n, flip[1]));
        assert!(is_worth_it(&a, &b));
        let stride = n + 3;
        let before = values(3, m * stride);
        let mut c = before.clone();
        // SAFETY: the instructions are there, the product is worth it, and `c` has m rows of n + 3 values.
        unsafe { product(c.as_mut_ptr(), stride, a, b, 0.5, add) };
        let sums = reference(a, b);
        for (at, (found, before)) in c.iter().zip(&before).enumerate() {
            let (i, j) = (at / stride, at % stride);
            let (expected, tolerance) = match (j < n, add) {
                (false, _) => (f64::from(*before), 0.0),
                (true, false) => (0.5 * sums[i * n + j], 1e-6 * k as f64),
                (true, true) => (0.5 * sums[i * n + j] + f64::from(*before), 1e-6 * k as f64),
            };
            assert!(
                (f64::from(*found) - expected).abs() <= tolerance,
                "row {i}, column {j} of [{m}, {k}] x [{k}, {n}]: {found}, expected {expected}"
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn products_equal_the_f64_product_of_the_rounded_operands(
            m in 12usize..130, n in 16usize..100, k in 16usize..110, gap in 0usize..5, flip: [bool; 2], add: bool,
        ) {
            check(m, n, k, gap, flip, add);
        }
    }

    #[test]
    fn an_inner_dimension_of_several_blocks_is_added_up() {
        for flip in [[false, false], [true, true]] {
            check(13, 17, 2 * (2 * PAIRS) + 7, 0, flip, false);
            check(13, 17, 2 * PAIRS + 1, 2, flip, true);
        }
    }

    #[test]
    fn what_is_not_a_number_stays_so_and_touches_its_row_only() {
        if !is_available() {
            return;
        }
        let (mut x, y) = (values(1, 14 * 16), values(2, 16 * 16));
        x[5 * 16 + 3] = f32::NAN;
        let mut c = vec![0.0; 14 * 16];
        let (a, b) = (Matrix::new(&x, 14, 16), Matrix::new(&y, 16, 16));
        // SAFETY: as above.
        unsafe { product(c.as_mut_ptr(), 16, a, b, 1.0, false) };
        for (i, row) in c.chunks(16).enumerate() {
            assert!(
                row.iter().all(|v| v.is_nan() == (i == 5)),
                "row {i}: {row:?}"
            );
        }
    }
}
