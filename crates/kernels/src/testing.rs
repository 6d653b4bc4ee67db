//! Shared by the unit tests: repeatable data and comparison with f64 references.

/// `len` values in [-2, 2] that depend on `seed` only.
pub(crate) fn values(seed: u64, len: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..len)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1u64 << 22) as f32 - 2.0
        })
        .collect()
}

/// The same values in double precision.
pub(crate) fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|v| f64::from(*v)).collect()
}

/// Panics unless the L2 distance of `found` from `expected` is at most `tolerance` of the length of `expected`
/// (or, where that is tiny, `tolerance` itself).
#[track_caller]
pub(crate) fn assert_close(found: &[f32], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "lengths");
    let distance = found
        .iter()
        .zip(expected)
        .map(|(f, e)| (f64::from(*f) - e).powi(2))
        .sum::<f64>()
        .sqrt();
    let length = expected.iter().map(|e| e * e).sum::<f64>().sqrt();
    assert!(
        distance <= tolerance * length.max(1.0),
        "relative distance {:e} exceeds {tolerance:e}\nfound    {:?}\nexpected {:?}",
        distance / length.max(1.0),
        &found[..found.len().min(8)],
        &expected[..expected.len().min(8)]
    );
}

/// Central difference of `f` at `x` in each coordinate.
pub(crate) fn numeric_gradient(x: &[f64], f: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let step = 1e-5;
    (0..x.len())
        .map(|i| {
            let mut moved = x.to_vec();
            moved[i] = x[i] + step;
            let up = f(&moved);
            moved[i] = x[i] - step;
            (up - f(&moved)) / (2.0 * step)
        })
        .collect()
}
