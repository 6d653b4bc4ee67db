//! Which tokens a masked language model is to predict: 15 % of them, of which 80 % are shown as `[MASK]`, 10 % as a random token and 10 % as they
//! are. Devlin et al. 2019, §3.1; a new draw at every step, as Liu et al. 2019.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// What the draw must know of the vocabulary.
#[derive(Clone, Copy, Debug)]
pub struct Vocabulary {
    /// Number of tokens.
    pub size: u32,
    /// Ids below are special tokens and never drawn.
    pub first_word: u32,
    /// The mask's id.
    pub mask: u32,
}

/// Changes `ids[range]` in place and returns the places to be predicted, with what stood there; at least one.
///
/// # Panics
/// If the range is empty.
pub fn mask(
    ids: &mut [u32],
    range: std::ops::Range<usize>,
    share: f64,
    vocabulary: Vocabulary,
    random: &mut ChaCha8Rng,
) -> Vec<(usize, u32)> {
    let mut targets: Vec<(usize, u32)> = Vec::new();
    let certain = random.random_range(range.clone());
    for at in range {
        if random.random_bool(share) || (at == certain && share > 0.0 && targets.is_empty()) {
            targets.push((at, ids[at]));
            ids[at] = match random.random_range(0..10) {
                0 => random.random_range(vocabulary.first_word..vocabulary.size),
                1 => ids[at],
                _ => vocabulary.mask,
            };
        }
    }
    targets
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn fifteen_percent_are_predicted_of_which_eight_tenths_are_masked() {
        let vocabulary = Vocabulary {
            size: 1_000,
            first_word: 5,
            mask: 4,
        };
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let before: Vec<u32> = (0..50_000).map(|n| 5 + n % 995).collect();
        let mut ids = before.clone();
        let targets = mask(&mut ids, 1..49_999, 0.15, vocabulary, &mut random);
        assert!(
            (targets.len() as f64 / 49_998.0 - 0.15).abs() < 0.01,
            "{}",
            targets.len()
        );
        assert!(targets.iter().all(|&(at, id)| id == before[at]));
        let share = |kept: &dyn Fn(usize) -> bool| {
            targets.iter().filter(|(at, _)| kept(*at)).count() as f64 / targets.len() as f64
        };
        assert!((share(&|at| ids[at] == 4) - 0.8).abs() < 0.02);
        assert!((share(&|at| ids[at] == before[at]) - 0.1).abs() < 0.02);
        let changed = (0..50_000).filter(|&at| ids[at] != before[at]).count();
        assert!(changed < targets.len(), "nothing but targets changes");
        assert_eq!((ids[0], ids[49_999]), (before[0], before[49_999]));
    }

    #[test]
    fn a_short_text_has_a_target_too() {
        let vocabulary = Vocabulary {
            size: 9,
            first_word: 5,
            mask: 4,
        };
        for seed in 0..20 {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            assert!(!mask(&mut [2, 6, 3], 1..2, 0.15, vocabulary, &mut random).is_empty());
        }
    }
}
