//! What can be asked of a gradient-trained plan from outside: the questions of the conformance kit.

mod parameters;

use crate::fitted::{assemble, job};
use crate::model::{Start, head_dropout};
use crate::snapshot::count_trainable;
use crate::train;
use crate::{
    Adapted, Budget, Event, FitError, Frozen, HeadPolicy, Logits, Objective, OutputLayer, Part,
    Peft, Setting, Targets, TrainingShape, TrainingTexts,
};
use burn::module::Module;
use burn::optim::GradientsParams;
use ops::to_floats;
use parameters::{Moved, gradients, values};
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use task::Example;
use transformer::{DropoutPlan, Encoded, Pooling, Pretrained, Shape, Side, collate};

/// A gradient-trained plan, seen from outside.
pub trait Trainable {
    /// Closed form of the number of trained parameters, the head excluded.
    fn trainable_params(&self, shape: &Shape) -> u64;

    /// What decides the memory of a training; `None` where the method does not tell what it inserts.
    ///
    /// # Errors
    /// A model whose window has no room for a text beside what stands in front of it.
    fn training_shape(
        &self,
        shape: &Shape,
        budget: &Budget,
    ) -> Result<Option<TrainingShape>, FitError>;

    /// The heads that it can train.
    fn heads(&self) -> &'static [HeadPolicy];

    /// Whether the model computes exactly what it did before the first step.
    fn identity_at_start(&self) -> bool;

    /// How many parameters require a gradient once everything is attached, the head included.
    ///
    /// # Errors
    /// When the method does not fit the model.
    fn attached_trainable_params(
        &self,
        base: &Pretrained,
        classes: &[String],
        head: HeadPolicy,
    ) -> Result<u64, FitError>;

    /// Logits of the attached, untrained model, and of the bare backbone with the same head.
    ///
    /// # Errors
    /// When the method does not fit the model or a text cannot be tokenised.
    fn logits_at_start(
        &self,
        base: &Pretrained,
        classes: &[String],
        head: HeadPolicy,
        examples: &[Example],
    ) -> Result<[Vec<Logits>; 2], FitError>;

    /// Trains with `setting` and tells for each parameter whether it was declared trainable and whether it changed.
    ///
    /// # Errors
    /// When training fails.
    fn train_and_compare(&self, setting: Setting<'_>) -> Result<Vec<Compared>, FitError>;

    /// Loss of one step's first part, all examples in one batch, and its gradient with respect to every parameter that it trains. Each of these has been moved a little from where
    /// training starts, by amounts that are always the same: factors that start at zero would hide the gradients behind them.
    ///
    /// # Errors
    /// When the method does not fit the model or a text cannot be tokenised.
    fn loss_and_gradients(
        &self,
        base: &Pretrained,
        classes: &[String],
        examples: &[Example],
        dropout: f64,
    ) -> Result<LossAndGradients, FitError>;
}

/// What [`Trainable::loss_and_gradients`] finds.
#[derive(Clone, Debug, PartialEq)]
pub struct LossAndGradients {
    /// Mean over the examples.
    pub loss: f64,
    /// By the parameter's path; `None` where the graph does not reach a trained parameter.
    pub gradients: BTreeMap<String, Option<Vec<f32>>>,
}

/// One parameter before and after training.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    /// Its path in the model.
    pub path: String,
    /// Whether it required a gradient.
    pub trainable: bool,
    /// Whether any of its values changed, bit for bit.
    pub changed: bool,
}

impl<P: Peft> Trainable for P {
    fn trainable_params(&self, shape: &Shape) -> u64 {
        Peft::trainable_params(self, shape)
    }

    fn training_shape(
        &self,
        shape: &Shape,
        budget: &Budget,
    ) -> Result<Option<TrainingShape>, FitError> {
        let window = self.in_front().window(P::INFO.name, shape)?;
        Ok(self.inserted(shape).map(|inserted| TrainingShape {
            acts_from: self.acts_from(shape),
            in_front: self.in_front(),
            inserted,
            longest_text: budget.max_length.get().min(window),
            objective: self.objective(),
            backbone: self.train_in_backbone(shape),
        }))
    }

    fn heads(&self) -> &'static [HeadPolicy] {
        P::HEADS
    }

    fn identity_at_start(&self) -> bool {
        Peft::identity_at_start(self)
    }

    fn attached_trainable_params(
        &self,
        base: &Pretrained,
        classes: &[String],
        head: HeadPolicy,
    ) -> Result<u64, FitError> {
        let device = base.backbone.device().autodiff();
        Ok(count_trainable(&assemble(
            self, base, classes, head, 3, &device,
        )?))
    }

    fn logits_at_start(
        &self,
        base: &Pretrained,
        classes: &[String],
        head: HeadPolicy,
        examples: &[Example],
    ) -> Result<[Vec<Logits>; 2], FitError> {
        let device = base.backbone.device().autodiff();
        let model = assemble(self, base, classes, head, 3, &device)?.valid();
        let bare = Adapted {
            backbone: base.backbone.clone(),
            adaptation: Frozen::new(),
            head: model.head.clone(),
        };
        let encoded =
            crate::data::encode_examples(examples, &base.tokenizer, base.shape.max_length / 2)?;
        let encoded: Vec<_> = encoded.iter().collect();
        let batch = collate(
            &encoded,
            base.tokenizer.pad_id(),
            Side::Right,
            &base.backbone.device(),
        );
        let budget = Budget {
            head,
            ..Budget::default()
        };
        let pooling = budget.pooling_of(&base.shape);
        Ok([
            forward(&model, Start::Tokens(batch.clone()), pooling),
            forward(&bare, Start::Tokens(batch), pooling),
        ])
    }

    fn train_and_compare(&self, mut setting: Setting<'_>) -> Result<Vec<Compared>, FitError> {
        let base = setting.take_model(P::INFO.name)?;
        let model = assemble(
            self,
            &base,
            setting.classes,
            setting.budget.head,
            setting.seed,
            setting.device,
        )?;
        let before = values(&model);
        let job = job(self, &setting, &base.tokenizer, &base.shape)?;
        let mut ignore = |_: Event| {};
        let after = values(&train::train(model, job, &mut ignore)?);
        Ok(before
            .into_iter()
            .map(|(path, (trainable, old))| {
                let changed = after[&path]
                    .1
                    .iter()
                    .zip(&old)
                    .any(|(a, b)| a.to_bits() != b.to_bits());
                Compared {
                    path,
                    trainable,
                    changed,
                }
            })
            .collect())
    }

    fn loss_and_gradients(
        &self,
        base: &Pretrained,
        classes: &[String],
        examples: &[Example],
        dropout: f64,
    ) -> Result<LossAndGradients, FitError> {
        let device = base.backbone.device().autodiff();
        let model = assemble(self, base, classes, HeadPolicy::Linear, 3, &device)?.map(&mut Moved);
        let window = self.in_front().window(P::INFO.name, &base.shape)?;
        let encoded = crate::data::encode_examples(examples, &base.tokenizer, window)?;
        let (objective, labels) = (self.objective(), labels(examples));
        let part = whole_part(&*objective, &encoded, &labels)?;
        let texts: Vec<_> = part.rows.iter().map(|&row| &encoded[row]).collect();
        let batch = collate(&texts, base.tokenizer.pad_id(), Side::Right, &device);
        let plan = DropoutPlan {
            hidden: dropout,
            attention: dropout,
            seed: 11,
            from: self.acts_from(&base.shape),
        };
        let targets = Targets {
            part: &part,
            labels: part.rows.iter().map(|&row| labels[row]).collect(),
            device: &device,
            head: &model.head,
            dropout: head_dropout(Some(&plan)),
        };
        let pooling = crate::default_pooling(&base.shape);
        let vectors = model.vectors(Start::Tokens(batch), pooling, Some(plan)); // [b,h]
        let loss = objective.loss(vectors, &targets); // [1]
        let value = f64::from(to_floats(loss.clone().detach().inner())[0]);
        let found = GradientsParams::from_grads(loss.backward(), &model);
        let mut gradients = gradients(&model, &found);
        if objective.output_layer() != OutputLayer::ByGradient {
            gradients.retain(|path, _| !path.starts_with("head."));
        }
        Ok(LossAndGradients {
            loss: value,
            gradients,
        })
    }
}

fn labels(examples: &[Example]) -> Vec<usize> {
    examples.iter().map(|example| example.label).collect()
}

/// All examples in one part, as far as the objective takes them into its first step.
fn whole_part(
    objective: &dyn Objective,
    encoded: &[Encoded],
    labels: &[usize],
) -> Result<Part, FitError> {
    let lengths: Vec<usize> = encoded.iter().map(|text| text.ids.len()).collect();
    let budget = Budget {
        batch: NonZeroUsize::new(1 << 20).expect("not zero"),
        ..Budget::default()
    };
    let texts = TrainingTexts {
        budget: &budget,
        seed: 3,
        lengths: &lengths,
        labels,
    };
    if let Some(reason) = objective.refuses(&texts) {
        return Err(FitError::NotApplicable(reason));
    }
    let first = objective.steps(&texts, 0).swap_remove(0).swap_remove(0);
    Ok(first.in_order())
}

fn forward<A: crate::Adaptation>(
    model: &Adapted<A>,
    start: Start,
    pooling: Pooling,
) -> Vec<Logits> {
    let logits = model.logits(start, pooling, None); // [b,classes]
    let classes = logits.dims()[1];
    to_floats(logits)
        .chunks_exact(classes)
        .map(<[f32]>::to_vec)
        .collect()
}
