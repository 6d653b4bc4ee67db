//! Isotonic regression: the rising sequence that is nearest to given values, by pooling adjacent violators (Ayer et al. 1955; Barlow et al. 1972).

/// The rising sequence with the least sum of `weights` times squared distances from `values`.
pub fn isotonic(values: &[f64], weights: &[f64]) -> Vec<f64> {
    // Blocks of pooled values: mean, weight, length.
    let mut blocks: Vec<(f64, f64, usize)> = Vec::with_capacity(values.len());
    for (value, weight) in values.iter().zip(weights) {
        let mut block = (*value, *weight, 1);
        while let Some(before) = blocks.last().filter(|before| before.0 > block.0) {
            let weight = before.1 + block.1;
            let mean = (before.0 * before.1 + block.0 * block.1) / weight;
            block = (mean, weight, before.2 + block.2);
            blocks.pop();
        }
        blocks.push(block);
    }
    let spread = blocks
        .iter()
        .flat_map(|(mean, _, length)| std::iter::repeat_n(*mean, *length));
    spread.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_falls_is_pooled_with_its_weight_and_what_rises_stays() {
        let found = isotonic(&[1.0, 3.0, 2.0, 2.0, 5.0], &[1.0, 1.0, 3.0, 1.0, 1.0]);
        let pooled = (3.0 + 6.0 + 2.0) / 5.0;
        assert_eq!(found, [1.0, pooled, pooled, pooled, 5.0]);
        // A late low value pulls down all before it.
        assert_eq!(isotonic(&[2.0, 3.0, -5.0], &[1.0; 3]), [0.0; 3]);
        assert!(isotonic(&[], &[]).is_empty());
    }
}
