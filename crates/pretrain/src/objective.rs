//! From rows of token ids to a loss: which tokens are predicted, and how well.

use crate::PretrainError;
use crate::config::Pretraining;
use crate::distil::{Expected, Graded, Lesson, Lessons, Taught, Teach};
use crate::episodes::{AGAIN, AGAIN_AT_FIRST, Episodes};
use crate::masking::{Vocabulary, mask};
use crate::model::Model;
use crate::packing::{Packed, cuts, random};
use burn::tensor::{Device, Int, Tensor, TensorData};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use tokenizers::Tokenizer;
use transformer::{Embedded, Encoded, Pass, Side, collate};

/// What is predicted.
pub(crate) enum Objective<'a> {
    /// Masked tokens, from both sides.
    Masked(Masked),
    /// The next token.
    Causal(Causal<'a>),
    /// Masked tokens, and what a teacher said of the text.
    Taught(Box<Lessons<'a>>),
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
    pub(crate) episodes: Option<Box<Episodes<'a>>>,
    pub(crate) tokenizer: &'a Tokenizer,
    /// What a teacher expects in the text.
    pub(crate) graded: Option<Graded>,
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
    /// What a teacher said of these rows.
    pub(crate) lesson: Option<Lesson>,
    /// What a teacher expects at places of these rows.
    pub(crate) expected: Expected,
}

/// Losses of a batch, each `[1]`.
#[derive(Clone, Debug)]
pub(crate) struct Losses {
    /// Mean over the targets, in nats.
    pub(crate) language: Tensor<1>,
    /// Of recognising neighbours.
    pub(crate) recognition: Option<Tensor<1>>,
    /// Against the teacher, before the weights.
    pub(crate) taught: Option<Taught>,
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
            Objective::Masked(_) | Objective::Taught(_) => (length - 2, 0),
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
        if let Objective::Taught(lessons) = self {
            return lessons.rows(step, settings.mask_share);
        }
        let (length, ahead) = self.payload(settings.length);
        let pieces = packed.numbers(step * settings.batch as u64, settings.batch);
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
        for number in pieces {
            let piece = packed.piece(number, ahead);
            let short = length / cuts;
            for cut in 0..cuts {
                let cut = match rows.neighbours {
                    Some(_) if one_text => cut / 2 * 2,
                    _ => cut,
                };
                let places = cut * short..(cut + 1) * short;
                let text = &piece[places.start..places.end + ahead];
                match self {
                    Objective::Masked(masked) if rows.left_to_right => {
                        rows.add_next_tokens(&masked.framed(text));
                    }
                    Objective::Masked(masked) => {
                        masked.add(&mut rows, text, settings.mask_share, &mut random)
                    }
                    Objective::Causal(causal) => {
                        let running =
                            causal.add(&mut rows, text, settings, looks_up, &mut random)?;
                        if let (true, Some(graded)) = (running, &causal.graded) {
                            let row = rows.inputs.len() - 1;
                            graded.corpus.add(&mut rows.expected, number, places, row)?;
                        }
                    }
                    Objective::Taught(_) => unreachable!("returned above"),
                }
            }
        }
        Ok(rows)
    }
}

impl Causal<'_> {
    /// An episode, a repeated passage, or the text as it is; whether it is the text.
    fn add(
        &self,
        rows: &mut Rows,
        text: &[u32],
        settings: &Pretraining,
        looks_up: bool,
        random: &mut ChaCha8Rng,
    ) -> Result<bool, PretrainError> {
        let kind = random.random::<f64>();
        let ([episodes, repeats], again) = match looks_up {
            true => (LOOK_UP_SHARES, AGAIN_AT_FIRST),
            false => ([settings.episode_share, settings.repeat_share], AGAIN),
        };
        match &self.episodes {
            Some(made_of) if kind < episodes => {
                let episode = made_of.episode(text.len(), again, self.tokenizer, random)?;
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
            _ => {
                rows.add_next_tokens(text);
                return Ok(true);
            }
        }
        Ok(false)
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
    pub(crate) fn framed(&self, text: &[u32]) -> Vec<u32> {
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
        let (picked, ids) = picked(self.embedded(model, device).x, targets);
        (model.logits(picked), ids)
    }

    /// Final hidden states, `[b, t, hidden]`.
    fn embedded(&self, model: &Model, device: &Device) -> Embedded {
        let encoded: Vec<Encoded> = self
            .inputs
            .iter()
            .map(|ids| Encoded {
                ids: ids.clone(),
                types: vec![0; ids.len()],
                truncated_tokens: 0,
            })
            .collect();
        let pad = model.backbone.shape().pad_id.unwrap_or(0);
        let encoded: Vec<&Encoded> = encoded.iter().collect();
        let batch = collate(&encoded, pad, Side::Right, device);
        match self.left_to_right {
            true => {
                let backbone = model.backbone.clone().left_to_right();
                backbone.forward(&batch, &Pass::plain())
            }
            false => model.backbone.forward(&batch, &Pass::plain()),
        }
    }

    /// All losses that the rows have: what is not scored is not formed.
    pub(crate) fn losses(&self, model: &Model, teach: Option<&Teach>, device: &Device) -> Losses {
        let embedded = self.embedded(model, device);
        let recognition = self.neighbours.map(|neighbours| {
            recognition(embedded.x.clone(), neighbours).mul_scalar(neighbours.weight)
        });
        let taught = teach.map(|teach| Taught {
            logits: self.divergence(model, &embedded),
            ..teach.losses(self.lesson.as_ref(), &embedded)
        });
        let (picked, ids) = picked(embedded.x, &self.targets);
        Losses {
            language: model.loss(picked, ids),
            recognition,
            taught,
        }
    }

    /// From what a teacher expects, `[1]`; `None` where nothing is known of these rows.
    fn divergence(&self, model: &Model, embedded: &Embedded) -> Option<Tensor<1>> {
        if self.expected.places.is_empty() {
            return None;
        }
        let at = picked_places(embedded.x.clone(), &self.expected.places);
        Some(self.expected.divergence(model.logits(at)))
    }
}

/// States that are to give the targets, `[m, hidden]`, and the targets' ids `[m]`, from all states `[b, t, hidden]`.
fn picked(x: Tensor<3>, targets: &[Target]) -> (Tensor<2>, Tensor<1, Int>) {
    let device = x.device();
    let m = targets.len();
    let places: Vec<_> = targets
        .iter()
        .map(|target| (target.row, target.at))
        .collect();
    let picked = picked_places(x, &places);
    let ids: Vec<i64> = targets.iter().map(|target| i64::from(target.id)).collect();
    (
        picked,
        Tensor::from_data(TensorData::new(ids, [m]), &device),
    )
}

/// Rows of the states `[b, t, hidden]` at places of rows: `[m, hidden]`.
fn picked_places(x: Tensor<3>, places: &[(usize, usize)]) -> Tensor<2> {
    let device = x.device();
    let [b, t, hidden] = x.dims();
    let m = places.len();
    let places: Vec<i64> = places
        .iter()
        .map(|(row, at)| (row * t + at) as i64)
        .collect();
    let places = Tensor::<2, Int>::from_data(TensorData::new(places, [1, m]), &device);
    ops::embedding(x.reshape([b * t, hidden]), places).reshape([m, hidden])
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
            episodes: None,
            tokenizer: &tokenizer,
            graded: None,
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
