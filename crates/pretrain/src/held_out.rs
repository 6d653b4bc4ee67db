//! The loss on text that is not trained on: always the same sequences, masks and episodes.

use crate::PretrainError;
use crate::config::Pretraining;
use crate::distil::{Lesson, Teach};
use crate::episodes::{AGAIN, Episodes};
use crate::model::Model;
use crate::objective::{Causal, Objective, Rows, Target};
use crate::packing::{Packed, random};
use burn::module::Module;
use burn::tensor::Tensor;

/// Tokens the loss is measured on, at most.
const TOKENS: usize = 65_536;
/// Episodes whose labels are measured.
const EPISODES: usize = 64;

/// Fixed batches.
pub(crate) struct HeldOut {
    text: Vec<Rows>,
    /// Episodes, and the places of the first tokens of their known labels.
    episodes: Vec<(Rows, Vec<Target>)>,
    /// Tokens of text that are read for one measurement.
    pub(crate) tokens: usize,
    /// Of a pretraining with a teacher, on the plain device.
    teach: Option<Teach>,
}

/// What was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Measured {
    /// Mean loss a predicted token, nats.
    pub loss: f64,
    /// Share of the labels of episodes, of classes shown before, whose first token is the most probable one.
    pub episode_accuracy: Option<f64>,
    /// Mean cosine of the student's vectors of texts and the teacher's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teacher_cosine: Option<f64>,
    /// Mean squared distance of the student's states from the teacher's, as a share of the teacher's mean square.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teacher_error: Option<f64>,
    /// Mean divergence of the student's next tokens from those that a causal teacher expects, nats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teacher_divergence: Option<f64>,
}

impl HeldOut {
    /// Draws them.
    ///
    /// # Errors
    /// What the tokenizer refuses.
    pub(crate) fn new(
        objective: &Objective<'_>,
        mut packed: Packed,
        made_of: Option<Episodes<'_>>,
        settings: &Pretraining,
    ) -> Result<HeldOut, PretrainError> {
        if let Objective::Taught(lessons) = objective {
            let text = lessons.held_out(settings.mask_share)?;
            let rows = text.iter().flat_map(|rows: &Rows| &rows.inputs);
            return Ok(HeldOut {
                tokens: rows.map(Vec::len).sum(),
                text,
                episodes: Vec::new(),
                teach: None,
            });
        }
        let (_, ahead) = objective.payload(settings.length);
        let count = packed.len().min((TOKENS / settings.length).max(1));
        let mut draws = random(settings.seed, "held out", 0);
        let pieces = packed.numbers(0, count);
        let mut text = Vec::new();
        for batch in pieces.chunks(settings.batch) {
            let mut rows = Rows::default();
            for &number in batch {
                let piece = packed.piece(number, ahead);
                match objective {
                    Objective::Masked(masked) => {
                        masked.add(&mut rows, piece, settings.mask_share, &mut draws)
                    }
                    Objective::Causal(causal) => {
                        rows.add_next_tokens(piece);
                        if let Some(graded) = &causal.graded {
                            let (row, places) = (rows.inputs.len() - 1, 0..packed.length());
                            let expected = &mut rows.expected;
                            graded.held_out.add(expected, number, places, row)?;
                        }
                    }
                    Objective::Taught(_) => unreachable!("returned above"),
                }
            }
            text.push(rows);
        }
        let mut episodes = Vec::new();
        if let (Objective::Causal(Causal { tokenizer, .. }), Some(made_of)) =
            (objective, made_of.filter(Episodes::is_enough))
        {
            for _ in 0..EPISODES.div_ceil(settings.batch) {
                let mut rows = Rows::default();
                let mut labels = Vec::new();
                for row in 0..settings.batch {
                    let episode =
                        made_of.episode(settings.length + 1, AGAIN, tokenizer, &mut draws)?;
                    labels.extend(episode.known.iter().map(|place| Target {
                        row,
                        at: place.start - 1,
                        id: episode.ids[place.start],
                    }));
                    rows.add_next_tokens(&episode.ids);
                }
                if !labels.is_empty() {
                    episodes.push((rows, labels));
                }
            }
        }
        Ok(HeldOut {
            text,
            episodes,
            tokens: count * settings.length,
            teach: None,
        })
    }

    /// Compares with the teacher as well.
    pub(crate) fn taught(self, teach: Option<Teach>) -> HeldOut {
        HeldOut { teach, ..self }
    }

    /// Measures a model as it is now.
    pub(crate) fn measure(&self, model: &Model) -> Measured {
        let model = model.valid();
        let device = model.device();
        let [mut language, mut vectors, mut states, mut divergence] = [Mean::default(); 4];
        for rows in &self.text {
            let losses = rows.losses(&model, self.teach.as_ref(), &device);
            language.add(losses.language, rows.targets.len());
            let taught = losses.taught.unwrap_or_default();
            let pieces = rows.lesson.as_ref().map_or(0, Lesson::pieces);
            let parts = [
                (&mut vectors, taught.vectors, rows.inputs.len()),
                (&mut states, taught.states, pieces),
                (&mut divergence, taught.logits, rows.expected.places.len()),
            ];
            for (mean, loss, count) in parts {
                if let Some(loss) = loss {
                    mean.add(loss, count);
                }
            }
        }
        let (mut right, mut labels) = (0, 0);
        for (rows, targets) in &self.episodes {
            let (logits, _) = rows.predict(&model, targets, &device);
            let vocab = logits.dims()[1];
            let logits = ops::to_floats(logits);
            let best = |scores: &[f32]| {
                (0..vocab)
                    .max_by(|&a, &b| scores[a].total_cmp(&scores[b]))
                    .expect("a vocabulary") as u32
            };
            right += logits
                .chunks_exact(vocab)
                .zip(targets)
                .filter(|(scores, target)| best(scores) == target.id)
                .count();
            labels += targets.len();
        }
        Measured {
            loss: language.value().unwrap_or(f64::NAN),
            teacher_cosine: vectors.value().map(|loss| 1.0 - loss),
            teacher_error: states.value(),
            teacher_divergence: divergence.value(),
            episode_accuracy: (labels > 0).then(|| right as f64 / labels as f64),
        }
    }
}

/// A mean of means over unlike numbers of things.
#[derive(Clone, Copy, Debug, Default)]
struct Mean {
    sum: f64,
    count: usize,
}

impl Mean {
    fn add(&mut self, mean: Tensor<1>, count: usize) {
        self.sum += f64::from(ops::to_floats(mean)[0]) * count as f64;
        self.count += count;
    }

    fn value(self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }
}
