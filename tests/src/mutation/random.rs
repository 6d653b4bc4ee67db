//! Draws of one input: everything about it follows from the reader's name and a number, so that the two repeat it.

use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A stream of draws.
pub(crate) struct Draws(ChaCha8Rng);

impl Draws {
    /// The stream of input `seed` of a reader.
    pub(crate) fn of(reader: &str, seed: u64) -> Self {
        // FNV-1a, so that readers do not all begin with the same draws.
        let name = reader.bytes().fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        });
        Self(ChaCha8Rng::seed_from_u64(name ^ seed))
    }

    /// From 0 up to, without, `end`; 0 where `end` is 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0.random_range(0..end.max(1))
    }

    /// Whether something of probability `share` happens.
    pub(crate) fn happens(&mut self, share: f64) -> bool {
        self.0.random_bool(share)
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.0.random()
    }

    /// One of these.
    ///
    /// # Panics
    /// Where there are none.
    pub(crate) fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        of.choose(&mut self.0).expect("something to choose from")
    }

    /// Mostly small, now and then as large as `most`: evenly between the logarithms.
    pub(crate) fn size(&mut self, most: usize) -> usize {
        let most = most.max(1) as f64;
        most.powf(self.0.random_range(0.0..=1.0)) as usize
    }
}
