//! The learning rate over a run: linear warm-up, then linear decay to 0, as `get_linear_schedule_with_warmup` of transformers.

/// Factor on the peak learning rate at `step` (from 0) of `total`, of which the first `warmup` rise.
///
/// The first step would have the factor 0 in transformers' schedule and do nothing; here step `s` of the warm-up has `(s + 1) / (warmup + 1)`.
pub fn linear_with_warmup(step: u64, total: u64, warmup: u64) -> f64 {
    if step < warmup {
        (step + 1) as f64 / (warmup + 1) as f64
    } else {
        (total.saturating_sub(step)) as f64 / (total.saturating_sub(warmup)).max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::linear_with_warmup;

    #[test]
    fn rises_to_one_and_falls_to_the_last_step() {
        let factors: Vec<f64> = (0..10).map(|s| linear_with_warmup(s, 10, 3)).collect();
        let expected = [
            0.25,
            0.5,
            0.75,
            1.0,
            6.0 / 7.0,
            5.0 / 7.0,
            4.0 / 7.0,
            3.0 / 7.0,
            2.0 / 7.0,
            1.0 / 7.0,
        ];
        for (found, expected) in factors.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{factors:?}");
        }
    }

    #[test]
    fn one_step_in_all_trains() {
        assert_eq!(linear_with_warmup(0, 1, 0), 1.0);
    }
}
