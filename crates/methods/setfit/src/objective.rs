//! The contrastive objective: steps of pairs or of texts by class, their loss, and the output layer.

use crate::config::{Loss, Setfit};
use crate::grouped;
use crate::loss::{cosine_similarity, supervised_contrastive};
use crate::pairs::Draw;
use adapt::{Objective, OutputLayer, Part, Step, Targets, TrainingTexts, pieces, sub_seed};
use burn::tensor::Tensor;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Texts of one class alike, texts of two unlike.
#[derive(Clone, Copy, Debug)]
pub struct Contrastive {
    loss: Loss,
    draw: Draw,
    output_layer: OutputLayer,
    end_to_end: bool,
}

impl Contrastive {
    /// As the settings say.
    pub fn of(settings: &Setfit) -> Self {
        Self {
            loss: settings.loss,
            draw: Draw::of(settings),
            output_layer: if settings.use_differentiable_head {
                OutputLayer::ByGradient
            } else {
                OutputLayer::LogisticRegression { c: settings.c }
            },
            end_to_end: settings.end_to_end,
        }
    }

    fn contrast(&self, vectors: Tensor<2>, of: &Targets<'_>) -> Tensor<1> {
        match self.loss {
            Loss::CosineSimilarity => {
                cosine_similarity(vectors, &of.part.pairs, &of.labels, of.device)
            }
            Loss::SupCon => supervised_contrastive(vectors, &of.labels, of.device),
        }
    }
}

impl Objective for Contrastive {
    /// `budget.batch` pairs of similar length a step, or so many texts of the supervised contrastive loss.
    fn steps(&self, of: &TrainingTexts<'_>, epoch: usize) -> Vec<Step> {
        let batch = of.budget.batch.get();
        let mut rng = ChaCha8Rng::seed_from_u64(sub_seed(of.seed, "pairs"));
        rng.set_stream(epoch as u64);
        match self.loss {
            Loss::CosineSimilarity => {
                let pairs = self.draw.pairs(of.labels, &mut rng);
                let longer = |pair: &[usize; 2]| of.lengths[pair[0]].max(of.lengths[pair[1]]);
                let lengths: Vec<usize> = pairs.iter().map(longer).collect();
                let seed = sub_seed(of.seed, "order");
                let batches = task::batches_by_length(&lengths, batch, seed, epoch as u64);
                let parts = |numbers: Vec<usize>| {
                    let of_step: Vec<_> = numbers.into_iter().map(|i| pairs[i]).collect();
                    let parts = pieces(&of_step, of.budget.micro_batch);
                    parts.map(Part::of_pairs).collect()
                };
                batches.into_iter().map(parts).collect()
            }
            Loss::SupCon => {
                let batches = grouped::batches(of.labels, batch, &mut rng).into_iter();
                batches.map(|rows| vec![Part::of_texts(rows)]).collect()
            }
        }
    }

    fn refuses(&self, of: &TrainingTexts<'_>) -> Option<String> {
        match self.loss {
            Loss::CosineSimilarity => self.draw.refuses(of.labels),
            Loss::SupCon if of.budget.micro_batch.is_some() => Some(
                "setfit: loss \"sup-con\" compares every two texts of a step, which budget.micro_batch would divide; leave it out, or take \
                 loss \"cosine-similarity\""
                    .to_owned(),
            ),
            Loss::SupCon => {
                let mut labels = of.labels.to_vec();
                labels.sort_unstable();
                let all_differ = labels.is_sorted_by(|a, b| a < b);
                all_differ.then(|| {
                    format!(
                        "setfit: of {} training texts no two are of one class, and loss \"sup-con\" has nothing to bring together; expected two \
                         texts of a class, or loss \"cosine-similarity\"",
                        labels.len()
                    )
                })
            }
        }
    }

    fn loss(&self, vectors: Tensor<2>, of: &Targets<'_>) -> Tensor<1> {
        if self.output_layer != OutputLayer::ByGradient {
            return self.contrast(vectors, of);
        }
        let read = if self.end_to_end {
            vectors.clone()
        } else {
            vectors.clone().detach()
        };
        self.contrast(vectors, of) + of.cross_entropy(read)
    }

    fn output_layer(&self) -> OutputLayer {
        self.output_layer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use adapt::Budget;
    use std::num::NonZeroUsize;

    const LABELS: [usize; 9] = [0, 1, 0, 2, 1, 1, 2, 0, 1];

    fn texts(budget: &Budget) -> TrainingTexts<'_> {
        TrainingTexts {
            budget,
            seed: 5,
            lengths: &[3; 9],
            labels: &LABELS,
        }
    }

    fn budget(batch: usize, micro_batch: Option<usize>) -> Budget {
        Budget {
            batch: NonZeroUsize::new(batch).unwrap(),
            micro_batch: micro_batch.and_then(NonZeroUsize::new),
            ..Budget::default()
        }
    }

    #[test]
    fn a_step_has_so_many_pairs_and_every_text_of_them_once() {
        let budget = budget(5, None);
        let objective = Contrastive::of(&Setfit::default());
        let steps = objective.steps(&texts(&budget), 0);
        let mut terms: Vec<usize> = steps.iter().map(|step| step[0].terms()).collect();
        terms.sort_unstable();
        assert_eq!(terms, [3, 5, 5, 5]);
        for part in steps.iter().flatten() {
            assert!(part.rows.is_sorted_by(|a, b| a < b), "{part:?}");
            let met = |place: usize| part.pairs.iter().flatten().any(|&p| p == place);
            assert!((0..part.rows.len()).all(met), "{part:?}");
        }
        assert_eq!(steps, objective.steps(&texts(&budget), 0));
        assert_ne!(steps, objective.steps(&texts(&budget), 1), "drawn anew");
    }

    #[test]
    fn a_micro_batch_divides_pairs_and_is_refused_where_all_texts_are_compared() {
        let budget = budget(5, Some(2));
        let pairs = Contrastive::of(&Setfit::default()).steps(&texts(&budget), 0);
        let terms = |step: &Step| step.iter().map(Part::terms).collect::<Vec<_>>();
        assert!(
            pairs
                .iter()
                .all(|step| [vec![2, 2, 1], vec![2, 1]].contains(&terms(step)))
        );
        let sup_con = Contrastive::of(&Setfit {
            loss: Loss::SupCon,
            ..Setfit::default()
        });
        let reason = sup_con.refuses(&texts(&budget)).unwrap();
        assert!(reason.contains("budget.micro_batch"), "{reason}");
    }

    #[test]
    fn classes_of_one_text_each_have_no_supervised_contrastive_loss() {
        let budget = budget(5, None);
        let sup_con = Contrastive::of(&Setfit {
            loss: Loss::SupCon,
            ..Setfit::default()
        });
        let of = |labels| TrainingTexts {
            labels,
            ..texts(&budget)
        };
        let reason = sup_con.refuses(&of(&[0, 1, 2, 3]));
        assert!(
            reason
                .unwrap()
                .contains("of 4 training texts no two are of one class")
        );
        assert_eq!(sup_con.refuses(&of(&[0, 1, 2, 1])), None);
    }
}
