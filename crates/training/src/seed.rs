//! Seeds for one purpose each.

/// An independent seed for one purpose (`"order"`, `"init"`, `"dropout"`, ...), so that a change in one does not shift the others.
pub fn sub_seed(seed: u64, purpose: &str) -> u64 {
    // FNV-1a over the purpose, then SplitMix64's finaliser (Steele et al. 2014) so that neighbouring seeds are unrelated.
    let mut z = purpose.bytes().fold(
        0xcbf2_9ce4_8422_2325 ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15),
        |h, b| (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3),
    );
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purposes_and_seeds_give_unrelated_sub_seeds() {
        let all: std::collections::HashSet<u64> = (0..50)
            .flat_map(|s| ["order", "init", "dropout", "draw"].map(|p| sub_seed(s, p)))
            .collect();
        assert_eq!(all.len(), 200);
    }
}
