//! Label words as continuations of a prompt: ln p(w | x) = Σ_i ln p(w_i | x, w_<i). Brown et al. 2020, §2.4.
//!
//! What several prompts begin with is read once, and its keys and values are kept; so are each query's own while its label words of more
//! than one token are read. Label words that begin alike are read together.

use crate::layout::Group;
use crate::word_scores::{batches_by_tokens, token_log_probabilities};
use ::prompt::AskedModel;
use transformer::{Pass, Past, Pooling, pool};

/// Scores of one group: the queries' and those of the content-free inputs behind the same demonstrations.
#[derive(Clone, Debug)]
pub(crate) struct Scored {
    /// `[queries][classes]`, log-probabilities of the label words.
    pub(crate) queries: Vec<Vec<f64>>,
    /// `[content-free inputs][classes]`.
    pub(crate) content_free: Vec<Vec<f64>>,
}

/// Label words as a plan of what to read.
pub(crate) struct Continuations<'a> {
    words: &'a [Vec<u32>],
    /// What must be read to score every word: all words without their last token, without those that begin another one.
    inputs: Vec<Vec<u32>>,
    /// Which input scores the word; `None` for words of one token.
    input_of: Vec<Option<usize>>,
    /// Every token of any word, once.
    tokens: Vec<u32>,
}

impl<'a> Continuations<'a> {
    pub(crate) fn new(words: &'a [Vec<u32>]) -> Self {
        let mut inputs: Vec<Vec<u32>> = Vec::new();
        let mut candidates: Vec<&[u32]> = words
            .iter()
            .map(|word| &word[..word.len() - 1])
            .filter(|w| !w.is_empty())
            .collect();
        candidates.sort_by_key(|input| std::cmp::Reverse(input.len()));
        for input in candidates {
            if !inputs.iter().any(|longer| longer.starts_with(input)) {
                inputs.push(input.to_vec());
            }
        }
        let read_by = |word: &Vec<u32>| {
            let input = &word[..word.len() - 1];
            inputs
                .iter()
                .position(|longer| !input.is_empty() && longer.starts_with(input))
        };
        let mut tokens = words.concat();
        tokens.sort_unstable();
        tokens.dedup();
        Self {
            words,
            input_of: words.iter().map(read_by).collect(),
            inputs,
            tokens,
        }
    }

    fn column(&self, token: u32) -> usize {
        self.tokens
            .binary_search(&token)
            .expect("a token of a word")
    }

    /// Scores every word after each row of `tails`, all of which follow `past`. Result `[rows][words]`.
    fn score(&self, model: &AskedModel, past: Option<&Past>, tails: &[&[u32]]) -> Vec<Vec<f64>> {
        let batch = model.batch(tails);
        let pass = Pass {
            past,
            ..Pass::plain()
        };
        let (read, kept) = match self.inputs.is_empty() {
            true => (model.backbone.forward(&batch, &pass), None),
            false => {
                let (read, kept) = model.backbone.prefill(&batch, &pass);
                (read, Some(kept))
            }
        };
        let last = pool(&read, Pooling::LastToken).unsqueeze_dim::<3>(1); // [b, t, hidden] -> [b, 1, hidden]
        let first = token_log_probabilities(model, last, &self.tokens);
        let mut scores: Vec<Vec<f64>> = first
            .iter()
            .map(|row| {
                self.words
                    .iter()
                    .map(|word| f64::from(row[0][self.column(word[0])]))
                    .collect()
            })
            .collect();
        for (index, input) in self.inputs.iter().enumerate() {
            let rows: Vec<&[u32]> = vec![input; tails.len()];
            let pass = Pass {
                past: kept.as_ref(),
                ..Pass::plain()
            };
            let read = model.backbone.forward(&model.batch(&rows), &pass); // [b, input, hidden]
            let next = token_log_probabilities(model, read.x, &self.tokens);
            let read = self
                .words
                .iter()
                .enumerate()
                .filter(|(class, _)| self.input_of[*class] == Some(index));
            for (class, word) in read {
                for (row, next) in scores.iter_mut().zip(&next) {
                    row[class] += word[1..]
                        .iter()
                        .zip(next)
                        .map(|(&token, at)| f64::from(at[self.column(token)]))
                        .sum::<f64>();
                }
            }
        }
        scores
    }

    fn longest_input(&self) -> usize {
        self.inputs.iter().map(Vec::len).max().unwrap_or(0)
    }
}

/// Scores all groups. `content_free[group]`: what is read behind that group's prefix for calibration, the same number for each.
/// `budget`: most padded tokens of one forward pass, keys that stand before included.
pub(crate) fn score(
    model: &AskedModel,
    groups: &[Group],
    content_free: &[Vec<Vec<u32>>],
    words: &[Vec<u32>],
    budget: usize,
) -> Vec<Scored> {
    let continuations = Continuations::new(words);
    let mut scored: Vec<Option<Scored>> = vec![None; groups.len()];
    let mut singles = Vec::new();
    for (index, (group, free)) in groups.iter().zip(content_free).enumerate() {
        match group.rows.len() {
            1 => singles.push(index),
            _ => scored[index] = Some(score_shared(model, group, free, &continuations, budget)),
        }
    }
    score_singles(
        model,
        groups,
        content_free,
        &continuations,
        budget,
        &singles,
        &mut scored,
    );
    scored
        .into_iter()
        .map(|scored| scored.expect("every group is shared or single"))
        .collect()
}

/// Many queries behind one prefix, which is read once.
fn score_shared(
    model: &AskedModel,
    group: &Group,
    free: &[Vec<u32>],
    continuations: &Continuations<'_>,
    budget: usize,
) -> Scored {
    let past = prefill(model, &[&group.prefix]);
    let tails: Vec<&[u32]> = group
        .tails
        .iter()
        .map(|tail| tail.before.as_slice())
        .chain(free.iter().map(Vec::as_slice))
        .collect();
    let before = group.prefix.len() + continuations.longest_input();
    let lengths: Vec<usize> = tails.iter().map(|tail| before + tail.len()).collect();
    let mut scores = vec![Vec::new(); tails.len()];
    for rows in batches_by_tokens(&lengths, budget) {
        let part: Vec<&[u32]> = rows.iter().map(|&row| tails[row]).collect();
        for (row, score) in rows
            .iter()
            .zip(continuations.score(model, past.as_ref(), &part))
        {
            scores[*row] = score;
        }
    }
    let content_free = scores.split_off(group.tails.len());
    Scored {
        queries: scores,
        content_free,
    }
}

/// Queries with a prefix each. The prefix is kept only where content-free inputs follow it too.
fn score_singles(
    model: &AskedModel,
    groups: &[Group],
    content_free: &[Vec<Vec<u32>>],
    continuations: &Continuations<'_>,
    budget: usize,
    singles: &[usize],
    scored: &mut [Option<Scored>],
) {
    let length = |&group: &usize| {
        let tails = content_free[group]
            .iter()
            .map(Vec::len)
            .chain([groups[group].tails[0].before.len()]);
        groups[group].prefix.len() + tails.max().unwrap_or(0) + continuations.longest_input()
    };
    let lengths: Vec<usize> = singles.iter().map(length).collect();
    for batch in batches_by_tokens(&lengths, budget) {
        let batch: Vec<usize> = batch.into_iter().map(|i| singles[i]).collect();
        let inputs = batch.first().map_or(0, |&group| content_free[group].len());
        let (queries, free) = if inputs == 0 {
            let whole: Vec<Vec<u32>> = batch
                .iter()
                .map(|&g| [groups[g].prefix.as_slice(), &groups[g].tails[0].before].concat())
                .collect();
            let whole: Vec<&[u32]> = whole.iter().map(Vec::as_slice).collect();
            (continuations.score(model, None, &whole), Vec::new())
        } else {
            let prefixes: Vec<&[u32]> =
                batch.iter().map(|&g| groups[g].prefix.as_slice()).collect();
            let past = prefill(model, &prefixes);
            let tails: Vec<&[u32]> = batch
                .iter()
                .map(|&g| groups[g].tails[0].before.as_slice())
                .collect();
            let queries = continuations.score(model, past.as_ref(), &tails);
            let free = (0..inputs).map(|i| {
                let tails: Vec<&[u32]> = batch
                    .iter()
                    .map(|&g| content_free[g][i].as_slice())
                    .collect();
                continuations.score(model, past.as_ref(), &tails)
            });
            (queries, free.collect::<Vec<_>>())
        };
        for (place, &group) in batch.iter().enumerate() {
            let content_free = free.iter().map(|scores| scores[place].clone()).collect();
            scored[group] = Some(Scored {
                queries: vec![queries[place].clone()],
                content_free,
            });
        }
    }
}

fn prefill(model: &AskedModel, prefixes: &[&[u32]]) -> Option<Past> {
    let any = prefixes.iter().any(|prefix| !prefix.is_empty());
    any.then(|| {
        model
            .backbone
            .prefill(&model.batch(prefixes), &Pass::plain())
            .1
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_begin_alike_are_read_together() {
        let words = [
            vec![5, 6, 7],
            vec![5, 6],
            vec![5],
            vec![5, 6, 9, 2],
            vec![8, 1],
        ];
        let plan = Continuations::new(&words);
        assert_eq!(plan.inputs, [vec![5, 6, 9], vec![8]]);
        assert_eq!(plan.input_of, [Some(0), Some(0), None, Some(0), Some(1)]);
        assert_eq!(plan.tokens, [1, 2, 5, 6, 7, 8, 9]);
    }
}
