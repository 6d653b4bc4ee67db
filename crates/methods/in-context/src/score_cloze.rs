//! Label words as what fills masks: Σ_i ln p(w_i at mask i | the template with one mask a token). Schick & Schütze 2021.

use crate::config::Fill;
use crate::layout::{Group, Tail};
use crate::score_causal::Scored;
use crate::word_scores::{batches_by_tokens, token_log_probabilities};
use ::prompt::AskedModel;
use burn::tensor::{Int, Tensor, TensorData};
use std::collections::BTreeMap;
use transformer::{Embedded, Pass};

/// One forward pass per query serves these: how many masks there are and which tokens are shown in the first of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Shown {
    masks: usize,
    tokens: Vec<u32>,
}

/// A token of a class's word to be read off at a mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Wanted {
    class: usize,
    mask: usize,
    token: u32,
}

/// What has to be run, and what is read off each run.
fn runs(words: &[Vec<u32>], fill: Fill) -> BTreeMap<Shown, Vec<Wanted>> {
    let mut runs: BTreeMap<Shown, Vec<Wanted>> = BTreeMap::new();
    for (class, word) in words.iter().enumerate() {
        for (mask, &token) in word.iter().enumerate() {
            let tokens = match fill {
                Fill::AtOnce => Vec::new(),
                Fill::LeftToRight => word[..mask].to_vec(),
            };
            let shown = Shown {
                masks: word.len(),
                tokens,
            };
            runs.entry(shown)
                .or_default()
                .push(Wanted { class, mask, token });
        }
    }
    runs
}

/// Scores all groups. `content_free[group]`: what is read behind that group's prefix for calibration.
/// `budget`: most padded tokens of one forward pass.
pub(crate) fn score(
    model: &AskedModel,
    groups: &[Group],
    content_free: &[Vec<Tail>],
    words: &[Vec<u32>],
    fill: Fill,
    mask_id: u32,
    budget: usize,
) -> Vec<Scored> {
    let prompts: Vec<(&[u32], &Tail)> = groups
        .iter()
        .zip(content_free)
        .flat_map(|(group, free)| {
            group
                .tails
                .iter()
                .chain(free)
                .map(|tail| (group.prefix.as_slice(), tail))
        })
        .collect();
    let mut scores = vec![vec![0.0; words.len()]; prompts.len()];
    for (shown, wanted) in runs(words, fill) {
        run(
            model,
            &prompts,
            &shown,
            &wanted,
            mask_id,
            budget,
            &mut scores,
        );
    }
    let mut scores = scores.into_iter();
    let mut take = |n: usize| scores.by_ref().take(n).collect::<Vec<_>>();
    let sizes = groups
        .iter()
        .zip(content_free)
        .map(|(group, free)| (group.tails.len(), free.len()));
    sizes
        .map(|(queries, free)| Scored {
            queries: take(queries),
            content_free: take(free),
        })
        .collect()
}

fn run(
    model: &AskedModel,
    prompts: &[(&[u32], &Tail)],
    shown: &Shown,
    wanted: &[Wanted],
    mask_id: u32,
    budget: usize,
    scores: &mut [Vec<f64>],
) {
    let mut tokens: Vec<u32> = wanted.iter().map(|wanted| wanted.token).collect();
    tokens.sort_unstable();
    tokens.dedup();
    let mut masks: Vec<usize> = wanted.iter().map(|wanted| wanted.mask).collect();
    masks.sort_unstable();
    masks.dedup();
    let filled: Vec<u32> = (0..shown.masks)
        .map(|i| shown.tokens.get(i).copied().unwrap_or(mask_id))
        .collect();
    let rows: Vec<Vec<u32>> = prompts
        .iter()
        .map(|(prefix, tail)| [prefix, tail.before.as_slice(), &filled, &tail.after].concat())
        .collect();
    let lengths: Vec<usize> = rows.iter().map(Vec::len).collect();
    for batch in batches_by_tokens(&lengths, budget) {
        let ids: Vec<&[u32]> = batch.iter().map(|&row| rows[row].as_slice()).collect();
        let places: Vec<i64> = batch
            .iter()
            .flat_map(|&row| {
                let first = prompts[row].0.len() + prompts[row].1.before.len();
                masks.iter().map(move |mask| (first + mask) as i64)
            })
            .collect();
        let hidden = model.backbone.forward(&model.batch(&ids), &Pass::plain());
        let hidden = at_places(hidden, places, masks.len());
        let read = token_log_probabilities(model, hidden, &tokens); // [b, masks, tokens]
        for (read, &row) in read.iter().zip(&batch) {
            for w in wanted {
                let mask = masks.binary_search(&w.mask).expect("a wanted mask");
                let token = tokens.binary_search(&w.token).expect("a wanted token");
                scores[row][w.class] += f64::from(read[mask][token]);
            }
        }
    }
}

/// `[b, t, hidden] -> [b, n, hidden]`, `n` places a row.
fn at_places(e: Embedded, places: Vec<i64>, n: usize) -> Tensor<3> {
    let [b, _, hidden] = e.x.dims();
    let index = Tensor::<2, Int>::from_data(TensorData::new(places, [b, n]), &e.x.device());
    e.x.gather(1, index.unsqueeze_dim::<3>(2).expand([b, n, hidden]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_run_serves_all_words_of_a_length() {
        let words = [vec![5, 6], vec![7, 6], vec![8]];
        let at_once = runs(&words, Fill::AtOnce);
        let lengths: Vec<(usize, usize)> = at_once
            .iter()
            .map(|(shown, wanted)| (shown.masks, wanted.len()))
            .collect();
        assert_eq!(lengths, [(1, 1), (2, 4)]);
        assert_eq!(runs(&words, Fill::LeftToRight).len(), 4); // [_], [_ _], [5 _], [7 _]
    }
}
