//! When dropout runs, and with which seed at each place. Srivastava et al. 2014.
//!
//! One rule for every method: dropout runs only from the first block that holds trainable computation on, so that frozen blocks
//! below may be computed once and kept. Masks are a function of (seed, layer, place): the same plan gives the same masks.

use ops::Dropout;

use crate::shape::Architecture;

/// How far down the model something trains or is inserted; also where dropout starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Depth {
    /// From the embeddings on, that is, everywhere.
    Embeddings,
    /// From this block on.
    Block(usize),
    /// Only in the head above the backbone.
    Head,
}

/// Dropout of one forward pass. Change the seed at every step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DropoutPlan {
    /// Rate on hidden states: after the embeddings, the attention's output and the feed-forward's output, or where the family's
    /// reference code drops instead.
    pub hidden: f64,
    /// Rate on attention probabilities (and ModernBERT's attention output).
    pub attention: f64,
    /// Seed of this step.
    pub seed: u64,
    /// Nothing below is dropped.
    pub from: Depth,
}

/// A place where something is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Embeddings,
    Probabilities,
    AttentionOut,
    FeedForwardOut,
    /// Between the two maps of a feed-forward.
    FeedForwardInner,
    /// DeBERTa's vectors of distances, in each layer.
    Distances,
}

/// Which rate of a [`DropoutPlan`] holds at a place.
enum Rate {
    Hidden,
    Attention,
}

/// Where each family's reference code drops, which its configuration does not say; `None`: not there.
fn rate(architecture: Architecture, place: Place) -> Option<Rate> {
    use Architecture as A;
    match (place, architecture) {
        (Place::Probabilities, _) => Some(Rate::Attention),
        (Place::AttentionOut, A::ModernBert | A::ModernBertDecoder) => Some(Rate::Attention),
        (Place::AttentionOut, A::DistilBert) => None,
        (Place::FeedForwardOut, A::ModernBert | A::ModernBertDecoder | A::Albert) => None,
        (Place::FeedForwardInner, A::ModernBert | A::ModernBertDecoder | A::GteNew) => {
            Some(Rate::Hidden)
        }
        (Place::FeedForwardInner, _) => None,
        (Place::Embeddings, A::Opt | A::Phi3) => None,
        _ => Some(Rate::Hidden),
    }
}

impl DropoutPlan {
    /// Dropout at `place` of the part of the model at `depth`, if it runs there.
    pub(crate) fn at(
        &self,
        architecture: Architecture,
        depth: Depth,
        place: Place,
    ) -> Option<Dropout> {
        let rate = match rate(architecture, place)? {
            Rate::Hidden => self.hidden,
            Rate::Attention => self.attention,
        };
        let runs = rate > 0.0 && depth >= self.from;
        runs.then(|| Dropout {
            rate,
            seed: mix(self.seed ^ mix(place_number(depth, place))),
        })
    }
}

/// Four places a layer, and the two that few families have in a range of their own.
fn place_number(depth: Depth, place: Place) -> u64 {
    let layer = match depth {
        Depth::Embeddings => 0,
        Depth::Block(layer) => layer as u64 + 1,
        Depth::Head => u64::from(u32::MAX),
    };
    match place {
        Place::Embeddings => layer * 4,
        Place::Probabilities => layer * 4 + 1,
        Place::AttentionOut => layer * 4 + 2,
        Place::FeedForwardOut => layer * 4 + 3,
        Place::FeedForwardInner => (1 << 40) + 2 * layer,
        Place::Distances => (1 << 40) + 2 * layer + 1,
    }
}

/// The finaliser of SplitMix64 (Steele et al. 2014): every input bit changes about half of the output bits.
fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: DropoutPlan = DropoutPlan {
        hidden: 0.1,
        attention: 0.2,
        seed: 7,
        from: Depth::Block(1),
    };

    #[test]
    fn depth_is_ordered_from_the_embeddings_to_the_head() {
        assert!(Depth::Embeddings < Depth::Block(0));
        assert!(Depth::Block(0) < Depth::Block(1));
        assert!(Depth::Block(usize::MAX) < Depth::Head);
    }

    #[test]
    fn nothing_is_dropped_below_the_first_trainable_block() {
        let at = |depth, place| PLAN.at(Architecture::Bert, depth, place);
        assert_eq!(at(Depth::Embeddings, Place::Embeddings), None);
        assert_eq!(at(Depth::Block(0), Place::Probabilities), None);
        let at_block = at(Depth::Block(1), Place::Probabilities).unwrap();
        assert_eq!(at_block.rate, 0.2);
    }

    const PLACES: [Place; 6] = [
        Place::Embeddings,
        Place::Probabilities,
        Place::AttentionOut,
        Place::FeedForwardOut,
        Place::FeedForwardInner,
        Place::Distances,
    ];

    #[test]
    fn every_place_and_step_has_its_own_seed() {
        let mut seeds = Vec::new();
        for seed in [7, 8] {
            for layer in 1..4 {
                // GTE drops at all of them.
                for place in PLACES {
                    let plan = DropoutPlan { seed, ..PLAN };
                    let dropout = plan.at(Architecture::GteNew, Depth::Block(layer), place);
                    seeds.push(dropout.unwrap().seed);
                }
            }
        }
        let count = seeds.len();
        seeds.sort_unstable();
        seeds.dedup();
        assert_eq!(seeds.len(), count);
    }

    #[test]
    fn each_family_drops_where_its_reference_code_does() {
        let rates = |architecture| {
            PLACES.map(|place| {
                let dropout = PLAN.at(architecture, Depth::Block(1), place);
                dropout.map_or(0.0, |dropout| dropout.rate)
            })
        };
        // Embeddings, probabilities, attention output, feed-forward output, between its maps.
        let expected = [
            (Architecture::Bert, [0.1, 0.2, 0.1, 0.1, 0.0]),
            (Architecture::DistilBert, [0.1, 0.2, 0.0, 0.1, 0.0]),
            (Architecture::Albert, [0.1, 0.2, 0.1, 0.0, 0.0]),
            (Architecture::ModernBert, [0.1, 0.2, 0.2, 0.0, 0.1]),
            (Architecture::Opt, [0.0, 0.2, 0.1, 0.1, 0.0]),
        ];
        for (architecture, expected) in expected {
            assert_eq!(rates(architecture)[..5], expected, "{architecture:?}");
        }
    }
}
