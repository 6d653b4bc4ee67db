//! When dropout runs, and with which seed at each place. Srivastava et al. 2014.
//!
//! One rule for every method: dropout runs only from the first block that holds trainable computation on, so that frozen blocks
//! below may be computed once and kept. Masks are a function of (seed, layer, place): the same plan gives the same masks.

use ops::Dropout;

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
    /// Rate on hidden states: after the embeddings, the attention's output and the feed-forward's output.
    pub hidden: f64,
    /// Rate on attention probabilities.
    pub attention: f64,
    /// Seed of this step.
    pub seed: u64,
    /// Nothing below is dropped.
    pub from: Depth,
}

/// A place where something is dropped.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    Embeddings,
    Probabilities,
    AttentionOut,
    FeedForwardOut,
}

impl DropoutPlan {
    /// Dropout at `place` of the part of the model at `depth`, if it runs there.
    pub(crate) fn at(&self, depth: Depth, place: Place) -> Option<Dropout> {
        let rate = match place {
            Place::Probabilities => self.attention,
            _ => self.hidden,
        };
        let runs = rate > 0.0 && depth >= self.from;
        runs.then(|| Dropout {
            rate,
            seed: mix(self.seed ^ mix(place_number(depth, place))),
        })
    }
}

fn place_number(depth: Depth, place: Place) -> u64 {
    let layer = match depth {
        Depth::Embeddings => 0,
        Depth::Block(layer) => layer as u64 + 1,
        Depth::Head => u64::from(u32::MAX),
    };
    layer * 4 + place as u64
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
        assert_eq!(PLAN.at(Depth::Embeddings, Place::Embeddings), None);
        assert_eq!(PLAN.at(Depth::Block(0), Place::Probabilities), None);
        let at_block = PLAN.at(Depth::Block(1), Place::Probabilities).unwrap();
        assert_eq!(at_block.rate, 0.2);
    }

    #[test]
    fn every_place_and_step_has_its_own_seed() {
        let mut seeds = Vec::new();
        for seed in [7, 8] {
            for layer in 1..4 {
                for place in [
                    Place::Probabilities,
                    Place::AttentionOut,
                    Place::FeedForwardOut,
                ] {
                    let plan = DropoutPlan { seed, ..PLAN };
                    seeds.push(plan.at(Depth::Block(layer), place).unwrap().seed);
                }
            }
        }
        let count = seeds.len();
        seeds.sort_unstable();
        seeds.dedup();
        assert_eq!(seeds.len(), count);
    }
}
