//! Log-probabilities of single tokens, and the batches they are computed in.

use ::prompt::AskedModel;
use adapt::to_floats;
use burn::tensor::Tensor;

/// ln p of `tokens` at each place: `[b, t, hidden] -> [b][t][tokens]`.
///
/// # Panics
/// Without a language head; the modes that score words need one.
pub(crate) fn token_log_probabilities(
    model: &AskedModel,
    hidden: Tensor<3>,
    tokens: &[u32],
) -> Vec<Vec<Vec<f32>>> {
    let head = model.head.as_ref().expect("a model with a language head");
    let [b, t, width] = hidden.dims();
    let places = hidden.reshape([b * t, width]);
    let picked = to_floats(head.log_probabilities(places, tokens)); // [b * t, hidden] -> [b * t, tokens]
    let rows = picked.chunks_exact(t * tokens.len());
    rows.map(|row| {
        row.chunks_exact(tokens.len())
            .map(<[f32]>::to_vec)
            .collect()
    })
    .collect()
}

/// Cuts rows into batches, longest first, of at most `budget` padded tokens (one row at least).
pub(crate) fn batches_by_tokens(lengths: &[usize], budget: usize) -> Vec<Vec<usize>> {
    let sorted = task::batches_sorted(lengths, lengths.len().max(1)).concat();
    let mut batches: Vec<Vec<usize>> = Vec::new();
    let mut longest = 0;
    for row in sorted {
        match batches.last_mut() {
            Some(batch) if (batch.len() + 1) * longest <= budget => batch.push(row),
            _ => {
                longest = lengths[row].max(1);
                batches.push(vec![row]);
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_hold_every_row_once_and_no_more_tokens_than_allowed() {
        let lengths = [3, 50, 7, 7, 1, 12, 30, 2];
        let batches = batches_by_tokens(&lengths, 32);
        for batch in &batches {
            let padded = batch.len() * batch.iter().map(|&row| lengths[row]).max().unwrap();
            assert!(padded <= 32 || batch.len() == 1, "{batch:?}");
        }
        let mut all = batches.concat();
        all.sort_unstable();
        assert_eq!(all, (0..8).collect::<Vec<_>>());
        assert!(batches.len() < 6, "{batches:?}");
    }
}
