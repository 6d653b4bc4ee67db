//! The loss on text that is not trained on: always the same sequences, masks and episodes.

use crate::PretrainError;
use crate::config::Pretraining;
use crate::episodes::{AGAIN, Passages};
use crate::model::Model;
use crate::objective::{Causal, Objective, Rows, Target};
use crate::packing::{Packed, random};
use burn::module::Module;

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
}

/// What was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Measured {
    /// Mean loss a predicted token, nats.
    pub loss: f64,
    /// Share of the labels of episodes, of classes shown before, whose first token is the most probable one.
    pub episode_accuracy: Option<f64>,
}

impl HeldOut {
    /// Draws them.
    ///
    /// # Errors
    /// What the tokenizer refuses.
    pub(crate) fn new(
        objective: &Objective<'_>,
        mut packed: Packed,
        passages: Option<Passages<'_>>,
        settings: &Pretraining,
    ) -> Result<HeldOut, PretrainError> {
        let (_, ahead) = objective.payload(settings.length);
        let count = packed.len().min((TOKENS / settings.length).max(1));
        let mut draws = random(settings.seed, "held out", 0);
        let pieces = packed.rows(0, count, ahead);
        let mut text = Vec::new();
        for batch in pieces.chunks(settings.batch) {
            let mut rows = Rows::default();
            for piece in batch {
                match objective {
                    Objective::Masked(masked) => {
                        masked.add(&mut rows, piece, settings.mask_share, &mut draws)
                    }
                    Objective::Causal(_) => rows.add_next_tokens(piece),
                }
            }
            text.push(rows);
        }
        let mut episodes = Vec::new();
        if let (Objective::Causal(Causal { tokenizer, .. }), Some(passages)) =
            (objective, passages.filter(Passages::is_enough))
        {
            for _ in 0..EPISODES.div_ceil(settings.batch) {
                let mut rows = Rows::default();
                let mut labels = Vec::new();
                for row in 0..settings.batch {
                    let episode =
                        passages.episode(settings.length + 1, AGAIN, tokenizer, &mut draws)?;
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
        })
    }

    /// Measures a model as it is now.
    pub(crate) fn measure(&self, model: &Model) -> Measured {
        let model = model.valid();
        let device = model.device();
        let (mut sum, mut count) = (0.0, 0);
        for rows in &self.text {
            let loss = ops::to_floats(rows.loss(&model, &device))[0];
            sum += f64::from(loss) * rows.targets.len() as f64;
            count += rows.targets.len();
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
            loss: sum / count as f64,
            episode_accuracy: (labels > 0).then(|| right as f64 / labels as f64),
        }
    }
}
