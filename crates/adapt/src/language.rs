//! What an adapted model makes of text that is no example of its task: hidden states for its language head to read.

use burn::nn::Embedding;
use burn::tensor::{Int, Tensor, TensorData};
use transformer::{Backbone, Batch, Hooks, Pass};

/// States of some tokens of a batch, and the word embeddings that a tied language head reads them with.
#[derive(Clone, Debug)]
pub struct LanguageStates {
    /// After the last block and norm, `[n, hidden]`.
    pub states: Tensor<2>,
    /// As they are after the training.
    pub words: Embedding,
}

/// A token of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which text of the batch.
    pub text: usize,
    /// Which of its tokens.
    pub token: usize,
}

/// States of the tokens at `places`, without dropout. What hooks put in front of the texts does not count.
///
/// # Panics
/// If `places` is empty, or one of them lies outside the batch.
pub fn language_states(
    backbone: &Backbone,
    hooks: &dyn Hooks,
    batch: &Batch,
    places: &[Place],
) -> LanguageStates {
    assert!(!places.is_empty(), "no token to look at");
    let [texts, length] = batch.ids.dims();
    let states = backbone.forward(batch, &Pass::with(hooks)).x; // [b,p+t,h]
    let [_, whole, hidden] = states.dims();
    let in_front = whole - length;
    let row = |place: &Place| {
        assert!(
            place.text < texts && place.token < length,
            "{place:?} of [{texts}, {length}]"
        );
        (place.text * whole + in_front + place.token) as i64
    };
    let rows: Vec<i64> = places.iter().map(row).collect();
    let rows = TensorData::new(rows, [places.len()]);
    let rows = Tensor::<1, Int>::from_data(rows, &states.device());
    LanguageStates {
        states: states.reshape([texts * whole, hidden]).select(0, rows), // [b,p+t,h] -> [n,h]
        words: backbone.embeddings.word.clone(),
    }
}
