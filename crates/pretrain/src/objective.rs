//! From rows of token ids to a loss: which tokens are predicted, and how well.

use crate::PretrainError;
use crate::config::Pretraining;
use crate::episodes::{AGAIN, AGAIN_AT_FIRST, Passages};
use crate::masking::{Vocabulary, mask};
use crate::model::Model;
use crate::packing::{Packed, cuts, random};
use burn::tensor::{Device, Int, Tensor, TensorData};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use tokenizers::Tokenizer;
use transformer::{Encoded, Pass, Side, collate};

/// What is predicted.
pub(crate) enum Objective<'a> {
    /// Masked tokens, from both sides.
    Masked(Masked),
    /// The next token.
    Causal(Causal<'a>),
}

/// The special tokens of a masked language model.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Masked {
    pub(crate) cls: u32,
    pub(crate) sep: u32,
    pub(crate) vocabulary: Vocabulary,
}

/// A causal model's mixture.
pub(crate) struct Causal<'a> {
    /// `None`: packed text only.
    pub(crate) passages: Option<Passages<'a>>,
    pub(crate) tokenizer: &'a Tokenizer,
}

/// One batch: rows of ids, and which places of which rows are to give which token.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rows {
    pub(crate) inputs: Vec<Vec<u32>>,
    pub(crate) targets: Vec<Target>,
    /// A model that sees both sides reads these from the left only.
    pub(crate) left_to_right: bool,
    /// Rows cut from one piece of text, where neighbours are to be recognised.
    pub(crate) neighbours: Option<Neighbours>,
}

/// Rows `2i` and `2i + 1` belong together: in every other step they stand next to each other in the text, else they are one text under two masks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Neighbours {
    /// Rows of one piece of which other pairs are no wrong answers: what stands near is alike too. 2, that is none, for two masks of one text (Gao et
    /// al. 2021, *SimCSE*, arXiv:2104.08821, have two draws of dropout): there the texts nearby are the answers hardest to tell apart.
    pub(crate) of_a_piece: usize,
    /// What the loss counts.
    pub(crate) weight: f64,
}

/// Shares of episodes and of repeated passages in the phase of looking up.
const LOOK_UP_SHARES: [f64; 2] = [0.3, 0.7];

/// A cosine is divided by it before the softmax; Gao et al. 2021, *SimCSE*, use 0.05.
const TEMPERATURE: f64 = 0.07;

/// The state at `inputs[row][at]` is to give `id`. A target that stands twice counts twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) row: usize,
    pub(crate) at: usize,
    pub(crate) id: u32,
}

impl Objective<'_> {
    /// Text tokens in a sequence, and how many more the last of them needs to see.
    pub(crate) fn payload(&self, length: usize) -> (usize, usize) {
        match self {
            Objective::Masked(_) => (length - 2, 0),
            Objective::Causal(_) => (length, 1),
        }
    }

    /// The batch of a step, a function of the seed and the step.
    pub(crate) fn rows(
        &self,
        step: u64,
        packed: &mut Packed,
        settings: &Pretraining,
    ) -> Result<Rows, PretrainError> {
        let (length, ahead) = self.payload(settings.length);
        let pieces = packed.rows(step * settings.batch as u64, settings.batch, ahead);
        let looks_up = matches!(self, Objective::Causal(_)) && settings.looks_up(step);
        let short_share = if looks_up { 1.0 } else { settings.short_share };
        let cuts = cuts(settings.seed, step, short_share);
        let mut random = random(settings.seed, "targets", step);
        let mut rows = Rows {
            left_to_right: matches!(self, Objective::Masked(_))
                && random.random_bool(settings.left_to_right_share),
            ..Rows::default()
        };
        let one_text = step % 2 == 1;
        let recognises = matches!(self, Objective::Masked(_)) && !rows.left_to_right;
        rows.neighbours =
            (recognises && cuts > 1 && settings.neighbour_weight > 0.0).then_some(Neighbours {
                of_a_piece: if one_text { 2 } else { cuts },
                weight: settings.neighbour_weight,
            });
        for piece in pieces {
            let short = length / cuts;
            for cut in 0..cuts {
                let cut = match rows.neighbours {
                    Some(_) if one_text => cut / 2 * 2,
                    _ => cut,
                };
                let text = &piece[cut * short..(cut + 1) * short + ahead];
                match self {
                    Objective::Masked(masked) if rows.left_to_right => {
                        rows.add_next_tokens(&masked.framed(text));
                    }
                    Objective::Masked(masked) => {
                        masked.add(&mut rows, text, settings.mask_share, &mut random)
                    }
                    Objective::Causal(causal) => {
                        causal.add(&mut rows, text, settings, looks_up, &mut random)?;
                    }
                }
            }
        }
        Ok(rows)
    }
}

impl Causal<'_> {
    /// An episode, a repeated passage, or the text as it is.
    fn add(
        &self,
        rows: &mut Rows,
        text: &[u32],
        settings: &Pretraining,
        looks_up: bool,
        random: &mut ChaCha8Rng,
    ) -> Result<(), PretrainError> {
        let kind = random.random::<f64>();
        let ([episodes, repeats], again) = match looks_up {
            true => (LOOK_UP_SHARES, AGAIN_AT_FIRST),
            false => ([settings.episode_share, settings.repeat_share], AGAIN),
        };
        match &self.passages {
            Some(passages) if kind < episodes => {
                let episode = passages.episode(text.len(), again, self.tokenizer, random)?;
                rows.add_next_tokens(&episode.ids);
                let row = rows.inputs.len() - 1;
                for at in episode.known.into_iter().flatten() {
                    let id = episode.ids[at];
                    let target = Target {
                        row,
                        at: at - 1,
                        id,
                    };
                    rows.targets
                        .extend(std::iter::repeat_n(target, settings.label_weight - 1));
                }
            }
            // Without episodes, the phase of looking up has repeats alone.
            _ if kind >= 1.0 - repeats || looks_up => {
                let passage = random.random_range(text.len() / 8..=text.len() / 2);
                let repeated = text[..passage].iter().copied().cycle();
                rows.add_next_tokens(&repeated.take(text.len()).collect::<Vec<_>>());
            }
            _ => rows.add_next_tokens(text),
        }
        Ok(())
    }
}

impl Masked {
    pub(crate) fn add(&self, rows: &mut Rows, text: &[u32], share: f64, random: &mut ChaCha8Rng) {
        let mut ids = self.framed(text);
        let targets = mask(&mut ids, 1..text.len() + 1, share, self.vocabulary, random);
        let row = rows.inputs.len();
        rows.targets
            .extend(targets.into_iter().map(|(at, id)| Target { row, at, id }));
        rows.inputs.push(ids);
    }

    /// `[CLS] text [SEP]`.
    fn framed(&self, text: &[u32]) -> Vec<u32> {
        let mut ids = Vec::with_capacity(text.len() + 2);
        ids.push(self.cls);
        ids.extend(text);
        ids.push(self.sep);
        ids
    }
}

impl Rows {
    /// All but the last token are inputs; each is to give the one behind it.
    pub(crate) fn add_next_tokens(&mut self, ids: &[u32]) {
        let row = self.inputs.len();
        self.inputs.push(ids[..ids.len() - 1].to_vec());
        self.targets.extend(
            ids[1..]
                .iter()
                .enumerate()
                .map(|(at, &id)| Target { row, at, id }),
        );
    }

    /// Logits of the targets `[m, vocab]` and their ids `[m]`.
    pub(crate) fn predict(
        &self,
        model: &Model,
        targets: &[Target],
        device: &Device,
    ) -> (Tensor<2>, Tensor<1, Int>) {
        logits(model, self.states(model, device), targets)
    }

    /// Final hidden states, `[b, t, hidden]`.
    fn states(&self, model: &Model, device: &Device) -> Tensor<3> {
        let encoded: Vec<Encoded> = self
            .inputs
            .iter()
            .map(|ids| Encoded {
                ids: ids.clone(),
                types: vec![0; ids.len()],
                truncated_tokens: 0,
            })
            .collect();
        let batch = collate(&encoded.iter().collect::<Vec<_>>(), 0, Side::Right, device);
        match self.left_to_right {
            true => {
                let backbone = model.backbone.clone().left_to_right();
                backbone.forward(&batch, &Pass::plain()).x
            }
            false => model.backbone.forward(&batch, &Pass::plain()).x,
        }
    }

    /// Mean loss over the targets, in nats, and that of recognising neighbours where the step has it; each `[1]`.
    pub(crate) fn losses(&self, model: &Model, device: &Device) -> (Tensor<1>, Option<Tensor<1>>) {
        let x = self.states(model, device);
        let recognised = self
            .neighbours
            .map(|neighbours| recognition(x.clone(), neighbours).mul_scalar(neighbours.weight));
        let (logits, ids) = logits(model, x, &self.targets);
        (ops::cross_entropy(logits, ids), recognised)
    }

    /// Mean loss over the targets, in nats, `[1]`.
    pub(crate) fn loss(&self, model: &Model, device: &Device) -> Tensor<1> {
        let (logits, ids) = self.predict(model, &self.targets, device);
        ops::cross_entropy(logits, ids)
    }
}

/// Logits of the targets `[m, vocab]` and their ids `[m]`, from states `[b, t, hidden]`.
fn logits(model: &Model, x: Tensor<3>, targets: &[Target]) -> (Tensor<2>, Tensor<1, Int>) {
    let device = x.device();
    let [b, t, hidden] = x.dims();
    let places: Vec<i64> = targets
        .iter()
        .map(|target| (target.row * t + target.at) as i64)
        .collect();
    let m = places.len();
    let places = Tensor::<2, Int>::from_data(TensorData::new(places, [1, m]), &device);
    let picked = ops::embedding(x.reshape([b * t, hidden]), places).reshape([m, hidden]); // rows of the states: [m, hidden]
    let ids: Vec<i64> = targets.iter().map(|target| i64::from(target.id)).collect();
    (
        model.logits(picked),
        Tensor::from_data(TensorData::new(ids, [m]), &device),
    )
}

/// The loss of finding each row's neighbour among those of all pairs by the cosine of mean states `[b, t, hidden]`, both ways, `[1]`.
/// The rows are of equal length: there is no padding to leave out.
fn recognition(x: Tensor<3>, neighbours: Neighbours) -> Tensor<1> {
    let device = x.device();
    let [b, _, hidden] = x.dims();
    let pairs = b / 2;
    let pooled = x.mean_dim(1).reshape([b, hidden]);
    let norm = pooled
        .clone()
        .powi_scalar(2)
        .sum_dim(1)
        .sqrt()
        .clamp_min(1e-6);
    let pooled = (pooled / norm).reshape([pairs, 2 * hidden]); // a pair a row
    let first = pooled.clone().slice([0..pairs, 0..hidden]);
    let second = pooled.slice([0..pairs, hidden..2 * hidden]);
    let pairs_of_a_piece = neighbours.of_a_piece / 2;
    let same_piece = |a: usize, b: usize| a != b && a / pairs_of_a_piece == b / pairs_of_a_piece;
    let left_out: Vec<f32> = (0..pairs * pairs)
        .map(|at| {
            if same_piece(at / pairs, at % pairs) {
                -1e4
            } else {
                0.0
            }
        })
        .collect();
    let left_out = Tensor::<2>::from_data(TensorData::new(left_out, [pairs, pairs]), &device);
    let alike = first.matmul(second.transpose()).div_scalar(TEMPERATURE) + left_out; // [p, hidden] x [hidden, p] -> [p, p]
    let own = || {
        let own: Vec<i64> = (0..pairs as i64).collect();
        Tensor::<1, Int>::from_data(TensorData::new(own, [pairs]), &device)
    };
    let both =
        ops::cross_entropy(alike.clone(), own()) + ops::cross_entropy(alike.transpose(), own());
    both.div_scalar(2.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packing::Stream;
    use crate::{Corpus, Document, Family, vocabulary};

    #[test]
    fn the_state_at_a_token_is_to_give_the_one_behind_it() {
        let mut rows = Rows::default();
        rows.add_next_tokens(&[3, 4]);
        rows.add_next_tokens(&[7, 8, 9]);
        assert_eq!(rows.inputs, [vec![3], vec![7, 8]]);
        let targets = [(0, 0, 4), (1, 0, 8), (1, 1, 9)];
        assert_eq!(
            rows.targets,
            targets.map(|(row, at, id)| Target { row, at, id })
        );
    }

    /// Each pair is the same unit vector twice; the second pair that of the first.
    #[test]
    fn a_neighbour_is_found_and_other_pairs_of_its_piece_are_no_wrong_answers() {
        let directions = [0, 0, 1, 2];
        let values: Vec<f32> = directions
            .iter()
            .flat_map(|&d| [d, d])
            .flat_map(|d| (0..2).map(move |_| d)) // two tokens a row
            .flat_map(|d| (0..3).map(move |at| if at == d { 2.0 } else { 0.0 }))
            .collect();
        let x =
            || Tensor::<3>::from_data(TensorData::new(values.clone(), [8, 2, 3]), &Device::flex());
        let loss = |of_a_piece| {
            let neighbours = Neighbours {
                of_a_piece,
                weight: 1.0,
            };
            ops::to_floats(recognition(x(), neighbours))[0]
        };
        assert!(loss(4) < 1e-4, "{}", loss(4));
        // Two of four pairs cannot be told apart from each other: ln 2 each.
        assert!((loss(2) - 0.5 * 2f32.ln()).abs() < 1e-4, "{}", loss(2));
    }

    #[test]
    fn the_phase_of_looking_up_reads_short_repeated_passages() {
        let document = Document {
            paragraphs: (0..40)
                .map(|n| format!("Line {n} of some text about {}.", n * n))
                .collect(),
        };
        let corpus = Corpus {
            documents: vec![document],
            ..Corpus::default()
        };
        let tokenizer = vocabulary::train(Family::Gpt2, 300, &corpus).unwrap();
        let stream = Stream::tokenize(&corpus, &tokenizer, "\n", None).unwrap();
        let mut packed = Packed::new(stream, 32, 1, 0);
        let settings: Pretraining = serde_json::from_value(serde_json::json!({
            "source": {"from": "model"}, "corpus": [], "held_out": [], "tokens": 100 * 2 * 32, "length": 32, "batch": 2,
            "short_share": 0.0, "episode_share": 0.0, "repeat_share": 0.0, "look_up_share": 0.1, "label_weight": 1, "mask_share": 0.15,
            "left_to_right_share": 0.0, "neighbour_weight": 0.0, "embeddings": "random", "learning_rate": 1e-3, "warmup_share": 0.0,
            "weight_decay": 0.0, "clip_norm": 1.0, "seed": 0,
        }))
        .unwrap();
        let objective = Objective::Causal(Causal {
            passages: None,
            tokenizer: &tokenizer,
        });
        let mut repeats = |step| {
            let rows = objective.rows(step, &mut packed, &settings).unwrap().inputs;
            rows.iter().all(|row| {
                (1..=row.len() / 2 + 1).any(|period| row[period..] == row[..row.len() - period])
            })
        };
        let phase: Vec<u64> = (0..100).filter(|&step| repeats(step)).collect();
        assert_eq!(phase, (15..25).collect::<Vec<u64>>());
    }
}
