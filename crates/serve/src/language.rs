//! A causal language model: the log-probabilities of given tokens, and the tokens that go on from there.
//!
//! Tokens are scored as `in-context` scores label words: what several prompts begin with is read once, and each goes on by itself from its keys and
//! values.

use crate::chat::ChatTemplate;
use crate::sampling::choose;
use burn::module::Module;
use burn::tensor::Tensor;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use transformer::{
    Backbone, Batch, Encoded, LanguageHead, Pass, Past, Pretrained, Side, Tokenizer,
};

/// The model that continues text.
pub(crate) struct Language {
    backbone: Backbone,
    head: LanguageHead,
    pub(crate) tokenizer: Tokenizer,
    pub(crate) template: Option<ChatTemplate>,
    /// Ids that end an answer.
    ends: Vec<u32>,
    /// Most tokens that it reads.
    pub(crate) window: usize,
}

/// How to go on from a prompt.
#[derive(Clone, Debug, Default)]
pub(crate) struct Generation {
    pub(crate) max_tokens: usize,
    /// 0 takes the likeliest token.
    pub(crate) temperature: f64,
    pub(crate) seed: u64,
    /// Added to the logits of tokens before one is chosen.
    pub(crate) bias: Vec<(u32, f64)>,
    /// Texts that end an answer; they are no part of it.
    pub(crate) stop: Vec<String>,
    /// Likeliest tokens that are told beside the chosen one.
    pub(crate) top: usize,
}

/// A token that was chosen, with the natural logarithms of probabilities before any bias or temperature.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Chosen {
    pub(crate) id: u32,
    pub(crate) log_probability: f64,
    pub(crate) top: Vec<(u32, f64)>,
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finish {
    /// The model or a stop text ended it.
    Stop,
    /// `max_tokens` did.
    Length,
}

impl Finish {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
        }
    }
}

/// What follows a prompt.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Continued {
    /// ln p of each token of the prompt given those before it, `None` of the first; nothing where that was not asked for.
    pub(crate) prompt: Vec<Option<f64>>,
    pub(crate) chosen: Vec<Chosen>,
    pub(crate) text: String,
    pub(crate) finish: Finish,
}

/// A prompt that was read.
struct Read {
    /// States of its last token, `[1, hidden]`.
    last: Tensor<2>,
    past: Past,
}

impl Language {
    /// `None` where the model continues no text.
    pub(crate) fn of(
        base: Pretrained,
        template: Option<ChatTemplate>,
        mut ends: Vec<u32>,
    ) -> Option<Self> {
        let head = base.language_head.as_ref().map(Module::valid);
        let head = head.filter(|_| base.shape.causal)?;
        ends.extend(base.tokenizer.eos_id());
        Some(Self {
            backbone: base.backbone.valid(),
            head,
            window: base.shape.max_length,
            tokenizer: base.tokenizer,
            template,
            ends,
        })
    }

    /// Reads `prompts`, none of which is empty, and goes on from each. With `scored`, says how likely their own tokens are.
    pub(crate) fn go_on(
        &self,
        prompts: &[Vec<u32>],
        scored: bool,
        how: &Generation,
    ) -> Vec<Continued> {
        let common = common_beginning(prompts);
        let (prefix, tails) = (
            &prompts[0][..common],
            prompts.iter().map(|ids| &ids[common..]),
        );
        if prefix.is_empty() {
            let alone = tails.map(|ids| {
                let (states, past) = self.read(ids, None);
                let own = if scored {
                    self.scores(&states, ids)
                } else {
                    Vec::new()
                };
                self.continued(own, Some(self.end_of(states, past)), how)
            });
            return alone.collect();
        }
        let (states, past) = self.read(prefix, None);
        let of_prefix = if scored {
            self.scores(&states, prefix)
        } else {
            Vec::new()
        };
        let start = self.end_of(states, past);
        let firsts: Vec<u32> = tails.clone().map(|tail| tail[0]).collect();
        let firsts = if scored {
            self.log_probabilities(start.last.clone(), &firsts)
        } else {
            Vec::new()
        };
        let each = tails.enumerate().map(|(at, tail)| {
            let mut own = of_prefix.clone();
            if scored {
                own.push(Some(f64::from(firsts[at])));
            }
            if how.max_tokens == 0 && (!scored || tail.len() == 1) {
                return self.continued(own, None, how);
            }
            let (states, past) = self.read(tail, Some(&start.past));
            if scored {
                own.extend(self.scores(&states, tail).into_iter().skip(1));
            }
            self.continued(own, Some(self.end_of(states, past)), how)
        });
        each.collect()
    }

    /// States of `ids` behind `past`, `[t, hidden]`, and the keys and values of both.
    fn read(&self, ids: &[u32], past: Option<&Past>) -> (Tensor<2>, Past) {
        let pass = Pass {
            past,
            ..Pass::plain()
        };
        let (read, kept) = self.backbone.prefill(&self.batch(ids), &pass);
        let [_, t, hidden] = read.x.dims();
        (read.x.reshape([t, hidden]), kept) // [1, t, hidden] -> [t, hidden]
    }

    fn batch(&self, ids: &[u32]) -> Batch {
        let encoded = Encoded {
            ids: ids.to_vec(),
            types: vec![0; ids.len()],
            truncated_tokens: 0,
        };
        let device = self.backbone.device();
        transformer::collate(&[&encoded], self.tokenizer.pad_id(), Side::Right, &device)
    }

    fn end_of(&self, states: Tensor<2>, past: Past) -> Read {
        let [t, _] = states.dims();
        Read {
            last: states.narrow(0, t - 1, 1),
            past,
        }
    }

    /// ln p of each of `ids` given those before it; `None` of the first.
    fn scores(&self, states: &Tensor<2>, ids: &[u32]) -> Vec<Option<f64>> {
        let mut scores = vec![None];
        if ids.len() > 1 {
            let mut words: Vec<u32> = ids[1..].to_vec();
            words.sort_unstable();
            words.dedup();
            let before = states.clone().narrow(0, 0, ids.len() - 1);
            let found = self.log_probabilities(before, &words); // [t - 1, words]
            let rows = found.chunks_exact(words.len()).zip(&ids[1..]);
            scores.extend(rows.map(|(row, id)| {
                let place = words.binary_search(id).expect("one of the words");
                Some(f64::from(row[place]))
            }));
        }
        scores
    }

    fn log_probabilities(&self, states: Tensor<2>, words: &[u32]) -> Vec<f32> {
        ops::to_floats(self.head.log_probabilities(states, words))
    }

    fn continued(
        &self,
        prompt: Vec<Option<f64>>,
        mut read: Option<Read>,
        how: &Generation,
    ) -> Continued {
        let mut found = Continued {
            prompt,
            chosen: Vec::new(),
            text: String::new(),
            finish: Finish::Length,
        };
        let mut random = ChaCha8Rng::seed_from_u64(how.seed);
        while found.chosen.len() < how.max_tokens {
            let Some(Read { last, past }) = read.take() else {
                break;
            };
            let logits = ops::to_floats(self.head.logits(last)); // [1, vocabulary]
            let chosen = choose(&logits, how, &mut random);
            let id = chosen.id;
            if self.ends.contains(&id) {
                found.finish = Finish::Stop;
                break;
            }
            found.chosen.push(chosen);
            let ids: Vec<u32> = found.chosen.iter().map(|chosen| chosen.id).collect();
            found.text = self.tokenizer.decode(&ids, true);
            if let Some(end) = how
                .stop
                .iter()
                .filter_map(|stop| found.text.find(stop))
                .min()
            {
                found.text.truncate(end);
                found.finish = Finish::Stop;
                break;
            }
            if found.chosen.len() < how.max_tokens {
                let (states, past) = self.read(&[id], Some(&past));
                read = Some(self.end_of(states, past));
            }
        }
        found
    }

    /// A token as text.
    pub(crate) fn spelling(&self, id: u32) -> String {
        self.tokenizer.decode(&[id], false)
    }
}

/// Tokens that all begin with, and of each at least one behind them; 0 for one prompt.
fn common_beginning(prompts: &[Vec<u32>]) -> usize {
    let [first, others @ ..] = prompts else {
        return 0;
    };
    let shared = |other: &Vec<u32>| {
        let pairs = first.iter().zip(other);
        pairs
            .take_while(|(a, b)| a == b)
            .count()
            .min(other.len() - 1)
    };
    let all = others.iter().map(shared).min();
    all.map_or(0, |shared| shared.min(first.len() - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_common_beginning_leaves_each_prompt_a_token() {
        let of = |prompts: &[&[u32]]| {
            let prompts: Vec<Vec<u32>> = prompts.iter().map(|ids| ids.to_vec()).collect();
            common_beginning(&prompts)
        };
        assert_eq!(of(&[&[1, 2, 3]]), 0);
        assert_eq!(of(&[&[1, 2, 3], &[1, 2, 4, 5], &[1, 2, 3, 9]]), 2);
        assert_eq!(of(&[&[1, 2], &[1, 2, 3]]), 1);
        assert_eq!(of(&[&[1, 2, 3], &[1, 2, 3]]), 2);
        assert_eq!(of(&[&[4], &[1, 2]]), 0);
    }
}
