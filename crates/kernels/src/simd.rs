//! Compiling a function for several instruction sets, and the lane-wise helpers the kernels share.
//!
//! Nothing here uses intrinsics: loops are written over arrays of [`LANES`] values, which the compiler turns into one
//! AVX-512 register, two AVX2 registers or four NEON registers.

/// Values reduced side by side: one AVX-512 register.
pub(crate) const LANES: usize = 16;

/// Defines functions that are compiled once for each instruction set and pick the best one when called.
///
/// The body is inlined into a copy that enables AVX-512, one that enables AVX2 with FMA, and one for the baseline.
macro_rules! simd {
    ($($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? $body:block)*) => {$(
        $(#[$meta])*
        #[allow(clippy::too_many_arguments)]
        $vis fn $name($($arg: $ty),*) $(-> $ret)? {
            #[inline(always)]
            fn body($($arg: $ty),*) $(-> $ret)? $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
                fn avx512($($arg: $ty),*) $(-> $ret)? { body($($arg),*) }
                #[target_feature(enable = "avx2,fma")]
                fn avx2($($arg: $ty),*) $(-> $ret)? { body($($arg),*) }

                use std::arch::is_x86_feature_detected as has;
                if has!("avx512f") && has!("avx512vl") && has!("avx512dq") && has!("avx512bw") && has!("fma") {
                    // SAFETY: the processor has every feature that the function enables; AVX-512 implies AVX2.
                    return unsafe { avx512($($arg),*) };
                }
                if has!("avx2") && has!("fma") {
                    // SAFETY: the processor has both features that the function enables.
                    return unsafe { avx2($($arg),*) };
                }
            }
            body($($arg),*)
        }
    )*};
}
pub(crate) use simd;

/// A vector of `len` values that the caller fills before any of them is read.
///
/// # Safety
/// Every element must be written before it is read or the vector leaves the caller.
#[allow(clippy::uninit_vec)]
pub(crate) unsafe fn unfilled(len: usize) -> Vec<f32> {
    let mut values = Vec::with_capacity(len);
    // SAFETY: the capacity is `len`, f32 has no invalid bit pattern and no destructor, and the caller writes each
    // element before reading it.
    unsafe { values.set_len(len) };
    values
}

/// A slice of which several tasks write parts that do not overlap.
#[derive(Clone, Copy)]
pub(crate) struct Parts {
    start: *mut f32,
    len: usize,
}

// SAFETY: the pointer comes from an exclusive borrow that outlives the tasks (they are joined before the kernel
// returns), and `at` obliges its callers to write disjoint parts.
unsafe impl Send for Parts {}
// SAFETY: as above.
unsafe impl Sync for Parts {}

impl Parts {
    pub(crate) fn new(values: &mut [f32]) -> Self {
        Self {
            start: values.as_mut_ptr(),
            len: values.len(),
        }
    }

    /// Pointer to element `offset`.
    ///
    /// # Safety
    /// The slice must still be alive, and no two tasks may touch the same element.
    pub(crate) unsafe fn at(&self, offset: usize) -> *mut f32 {
        assert!(
            offset <= self.len,
            "offset {offset} in a slice of {}",
            self.len
        );
        // SAFETY: the offset is within the slice.
        unsafe { self.start.add(offset) }
    }
}

/// Sum of `values`.
#[inline(always)]
pub(crate) fn sum(values: &[f32]) -> f32 {
    let (chunks, rest) = values.as_chunks::<LANES>();
    let mut lanes = [0f32; LANES];
    for chunk in chunks {
        for l in 0..LANES {
            lanes[l] += chunk[l];
        }
    }
    lanes.iter().sum::<f32>() + rest.iter().sum::<f32>()
}

/// Sum of the products of two slices of one length.
#[inline(always)]
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let ((a_chunks, a_rest), (b_chunks, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut lanes = [0f32; LANES];
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for l in 0..LANES {
            lanes[l] = a[l].mul_add(b[l], lanes[l]);
        }
    }
    lanes.iter().sum::<f32>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f32>()
}

/// Sums of `a * b` and of `a * b * c` in one pass over three slices of one length.
#[inline(always)]
pub(crate) fn dot_2_and_3(a: &[f32], b: &[f32], c: &[f32]) -> (f32, f32) {
    let (a_chunks, a_rest) = a.as_chunks::<LANES>();
    let (b_chunks, b_rest) = b.as_chunks::<LANES>();
    let (c_chunks, c_rest) = c.as_chunks::<LANES>();
    let (mut two, mut three) = ([0f32; LANES], [0f32; LANES]);
    for ((a, b), c) in a_chunks.iter().zip(b_chunks).zip(c_chunks) {
        for l in 0..LANES {
            let product = a[l] * b[l];
            two[l] += product;
            three[l] = product.mul_add(c[l], three[l]);
        }
    }
    let (mut sum_2, mut sum_3) = (two.iter().sum::<f32>(), three.iter().sum::<f32>());
    for ((a, b), c) in a_rest.iter().zip(b_rest).zip(c_rest) {
        sum_2 += a * b;
        sum_3 += a * b * c;
    }
    (sum_2, sum_3)
}

/// Sum of the squared distances of `values` from `mean`.
#[inline(always)]
pub(crate) fn squared_deviation(values: &[f32], mean: f32) -> f32 {
    let (chunks, rest) = values.as_chunks::<LANES>();
    let mut lanes = [0f32; LANES];
    for chunk in chunks {
        for l in 0..LANES {
            let d = chunk[l] - mean;
            lanes[l] = d.mul_add(d, lanes[l]);
        }
    }
    lanes.iter().sum::<f32>() + rest.iter().map(|v| (v - mean) * (v - mean)).sum::<f32>()
}

/// The largest of `values`, NaN left out; negative infinity when there are none.
#[inline(always)]
pub(crate) fn max(values: &[f32]) -> f32 {
    let (chunks, rest) = values.as_chunks::<LANES>();
    let mut lanes = [f32::NEG_INFINITY; LANES];
    for chunk in chunks {
        for l in 0..LANES {
            lanes[l] = if chunk[l] > lanes[l] {
                chunk[l]
            } else {
                lanes[l]
            };
        }
    }
    lanes
        .iter()
        .chain(rest)
        .fold(f32::NEG_INFINITY, |a, b| if *b > a { *b } else { a })
}

/// `e^x` to about one unit in the last place, for `x` in [-87, 88]; clamped outside (so never zero or infinite).
///
/// Reduction by multiples of ln 2 split in two, then the degree-5 polynomial of Cephes `expf`.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23: after adding it, the low bits hold the rounded integer
    let x = x.clamp(-87.0, 88.0);
    let shifted = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = n.mul_add(-0.693_359_4, x);
    let r = n.mul_add(2.121_944_4e-4, r);
    let p = 1.987_569_1e-4_f32;
    let p = p.mul_add(r, 1.398_199_9e-3);
    let p = p.mul_add(r, 8.333_452e-3);
    let p = p.mul_add(r, 4.166_579_6e-2);
    let p = p.mul_add(r, 1.666_666_5e-1);
    let p = p.mul_add(r, 5.000_000_1e-1);
    let y = p.mul_add(r * r, r) + 1.0;
    let exponent = shifted
        .to_bits()
        .wrapping_sub(ROUND.to_bits())
        .wrapping_add(127)
        << 23;
    f32::from_bits(exponent) * y
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_exact_to_two_units_in_the_last_place() {
        let worst = (-86_990..87_990)
            .map(|i| i as f32 * 1e-3)
            .map(|x| (f64::from(exp(x)) / f64::from(x).exp() - 1.0).abs())
            .fold(0.0, f64::max);
        assert!(worst < 1.3e-7, "{worst:e}");
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn reductions_cover_the_elements_past_the_last_full_register() {
        let x: Vec<f32> = (0..37).map(|i| i as f32).collect();
        assert_eq!(sum(&x), 666.0);
        assert_eq!(dot(&x, &x), 16206.0);
        assert_eq!(dot_2_and_3(&x, &x, &x), (16206.0, 443_556.0));
        assert_eq!(squared_deviation(&x, 18.0), 4218.0);
        assert_eq!(max(&x), 36.0);
        assert_eq!(max(&[]), f32::NEG_INFINITY);
    }
}
