//! The pairs of an epoch, drawn as `ContrastiveDataset` of the `setfit` package draws them, but for pairs of a text with itself: encoded
//! once, their cosine is 1 and their gradient 0.

use crate::config::{SamplingStrategy, Setfit};
use rand::seq::index;
use rand_chacha::ChaCha8Rng;
use std::num::NonZeroUsize;
use std::ops::Range;

/// More pairs than anybody trains on; their list alone takes 160 MB.
const MOST_PAIRS: usize = 10_000_000;

/// How many pairs an epoch has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draw {
    num_iterations: Option<NonZeroUsize>,
    sampling_strategy: SamplingStrategy,
    max_pairs: Option<NonZeroUsize>,
}

impl Draw {
    pub(crate) fn of(settings: &Setfit) -> Self {
        Self {
            num_iterations: settings.num_iterations,
            sampling_strategy: settings.sampling_strategy,
            max_pairs: settings.max_pairs,
        }
    }

    /// Pairs of rows of these classes, those of one class first.
    pub(crate) fn pairs(self, labels: &[usize], rng: &mut ChaCha8Rng) -> Vec<[usize; 2]> {
        let [same, different] = Pool::both(labels);
        let [of_same, of_different] = self.counts(labels.len(), [same.len(), different.len()]);
        let mut pairs = same.draw(of_same, rng);
        pairs.extend(different.draw(of_different, rng));
        pairs
    }

    /// Why there are no such pairs, or too many.
    pub(crate) fn refuses(self, labels: &[usize]) -> Option<String> {
        let found = Pool::both(labels).map(|pool| pool.len());
        let texts = labels.len();
        let wanted: usize = self.counts(texts, found).iter().sum();
        if wanted == 0 {
            let [same, different] = found;
            Some(format!(
                "setfit: {texts} training texts make {same} pairs of one class and {different} of two, of which an epoch has none; expected \
                 more texts, or setfit.sampling_strategy=unique where all are of one class, or each of its own"
            ))
        } else if wanted > MOST_PAIRS {
            Some(format!(
                "setfit: an epoch over {texts} training texts has {wanted} pairs, expected at most {MOST_PAIRS}; give setfit.num_iterations or \
                 setfit.max_pairs"
            ))
        } else {
            None
        }
    }

    /// How many pairs of one class, and of two, where there are so many of each to choose from.
    fn counts(self, texts: usize, found: [usize; 2]) -> [usize; 2] {
        let [same, different] = found;
        let wanted = match (self.num_iterations, self.sampling_strategy) {
            (Some(iterations), _) => [iterations.get().saturating_mul(texts); 2],
            (None, SamplingStrategy::Oversampling) => [same.max(different); 2],
            (None, SamplingStrategy::Undersampling) => [same.min(different); 2],
            (None, SamplingStrategy::Unique) => found,
        };
        let most = self.max_pairs.map_or(usize::MAX, |most| most.get() / 2);
        let of_kind = |kind: usize| match found[kind] {
            0 => 0,
            _ => wanted[kind].min(most),
        };
        [of_kind(0), of_kind(1)]
    }
}

/// All pairs of one kind, by number: each row with those that stand in a stretch behind it, rows in the order of their classes.
struct Pool {
    rows: Vec<usize>,
    /// By place in `rows`: the places that it makes a pair with.
    partners: Vec<Range<usize>>,
    /// By place: how many pairs come before its own; then all of them.
    before: Vec<usize>,
}

impl Pool {
    /// Pairs of one class, and pairs of two.
    fn both(labels: &[usize]) -> [Self; 2] {
        let mut rows: Vec<usize> = (0..labels.len()).collect();
        rows.sort_by_key(|&row| labels[row]);
        let end = |place: usize| rows.partition_point(|&row| labels[row] <= labels[rows[place]]);
        let ends: Vec<usize> = (0..rows.len()).map(end).collect();
        let all = rows.len();
        let same = ends.iter().enumerate().map(|(place, &end)| place + 1..end);
        let different = ends.iter().map(|&end| end..all);
        let [same, different] = [same.collect(), different.collect()];
        [Self::new(rows.clone(), same), Self::new(rows, different)]
    }

    fn new(rows: Vec<usize>, partners: Vec<Range<usize>>) -> Self {
        let mut before = vec![0];
        for range in &partners {
            before.push(before[before.len() - 1] + range.len());
        }
        Self {
            rows,
            partners,
            before,
        }
    }

    fn len(&self) -> usize {
        self.before[self.before.len() - 1]
    }

    fn pair(&self, number: usize) -> [usize; 2] {
        let place = self.before.partition_point(|&before| before <= number) - 1;
        let partner = self.partners[place].start + number - self.before[place];
        [place, partner].map(|place| self.rows[place])
    }

    /// `count` pairs in random order: every one once before any comes again.
    fn draw(&self, count: usize, rng: &mut ChaCha8Rng) -> Vec<[usize; 2]> {
        let once = index::sample(rng, self.len(), count.min(self.len()));
        let once: Vec<[usize; 2]> = once.iter().map(|number| self.pair(number)).collect();
        once.iter().copied().cycle().take(count).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use std::collections::BTreeMap;

    /// Three classes of 4, 2 and 1 texts: 7 pairs of one class, 14 of two.
    const LABELS: [usize; 7] = [1, 0, 2, 0, 1, 0, 0];

    fn draw(settings: Setfit, labels: &[usize]) -> Vec<[usize; 2]> {
        let draw = Draw::of(&settings);
        assert_eq!(draw.refuses(labels), None);
        draw.pairs(labels, &mut ChaCha8Rng::seed_from_u64(3))
    }

    fn strategy(sampling_strategy: SamplingStrategy) -> Setfit {
        Setfit {
            num_iterations: None,
            sampling_strategy,
            ..Setfit::default()
        }
    }

    /// How often each pair comes, of one class and of two.
    fn tally(pairs: &[[usize; 2]], labels: &[usize]) -> [BTreeMap<[usize; 2], usize>; 2] {
        let mut tally = [BTreeMap::new(), BTreeMap::new()];
        for &pair in pairs {
            let [a, b] = pair;
            assert_ne!(a, b, "a text with itself");
            let kind = usize::from(labels[a] != labels[b]);
            *tally[kind].entry([a.min(b), a.max(b)]).or_insert(0) += 1;
        }
        tally
    }

    fn sizes(pairs: &[[usize; 2]]) -> [[usize; 2]; 2] {
        tally(pairs, &LABELS).map(|kind| [kind.values().sum(), kind.len()])
    }

    #[test]
    fn strategies_take_all_pairs_or_even_numbers_of_both_kinds() {
        use SamplingStrategy::{Oversampling, Undersampling, Unique};
        assert_eq!(sizes(&draw(strategy(Unique), &LABELS)), [[7, 7], [14, 14]]);
        let over = draw(strategy(Oversampling), &LABELS);
        assert_eq!(sizes(&over), [[14, 7], [14, 14]]);
        assert!(tally(&over, &LABELS)[0].values().all(|&times| times == 2));
        let under = draw(strategy(Undersampling), &LABELS);
        assert_eq!(sizes(&under), [[7, 7], [7, 7]]);
    }

    #[test]
    fn iterations_count_pairs_of_each_kind_by_text_and_set_the_strategy_aside() {
        let settings = Setfit {
            num_iterations: NonZeroUsize::new(3),
            sampling_strategy: SamplingStrategy::Unique,
            ..Setfit::default()
        };
        let pairs = draw(settings, &LABELS);
        assert_eq!(sizes(&pairs), [[21, 7], [21, 14]]);
        let times = tally(&pairs, &LABELS);
        assert!(times[0].values().all(|&times| times == 3));
        assert!(times[1].values().all(|&times| times == 1 || times == 2));
    }

    #[test]
    fn a_limit_holds_for_either_kind_by_half() {
        let settings = Setfit {
            max_pairs: NonZeroUsize::new(11),
            ..strategy(SamplingStrategy::Oversampling)
        };
        assert_eq!(sizes(&draw(settings, &LABELS)), [[5, 5], [5, 5]]);
    }

    #[test]
    fn every_pair_has_one_number() {
        for (pool, all) in Pool::both(&LABELS).iter().zip([7, 14]) {
            let pairs: Vec<[usize; 2]> = (0..pool.len()).map(|number| pool.pair(number)).collect();
            let times = tally(&pairs, &LABELS);
            assert_eq!(times[0].len() + times[1].len(), all);
            assert!(times[0].is_empty() || times[1].is_empty());
        }
    }

    #[test]
    fn texts_that_make_no_pair_or_too_many_are_refused_with_what_to_do() {
        let refused = |settings: &Setfit, labels: &[usize]| Draw::of(settings).refuses(labels);
        let under = strategy(SamplingStrategy::Undersampling);
        assert!(
            refused(&Setfit::default(), &[1])
                .unwrap()
                .contains("1 training texts make 0")
        );
        assert!(
            refused(&under, &[0, 0, 0])
                .unwrap()
                .contains("3 pairs of one class and 0 of two")
        );
        // One kind alone is enough where it is not asked to be even.
        assert_eq!(refused(&Setfit::default(), &[0, 0, 0]), None);
        let one_kind = tally(&draw(Setfit::default(), &[0; 7]), &[0; 7]);
        assert_eq!(one_kind.map(|kind| kind.len()), [7, 0]);
        let over = strategy(SamplingStrategy::Oversampling);
        let many: Vec<usize> = (0..5000).map(|row| row % 2).collect();
        let reason = refused(&over, &many).unwrap();
        assert!(
            reason.contains("12500000 pairs") && reason.contains("setfit.max_pairs"),
            "{reason}"
        );
    }
}
