//! What can be asked of a gradient-trained plan from outside: the questions of the conformance kit.

use crate::fitted::{assemble, job};
use crate::model::Start;
use crate::snapshot::count_trainable;
use crate::train;
use crate::{
    Adapted, Budget, Event, FitError, Frozen, HeadPolicy, Logits, Peft, Setting, TrainingShape,
};
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Int, Tensor, TensorData};
use ops::to_floats;
use std::collections::BTreeMap;
use task::Example;
use transformer::{DropoutPlan, Pooling, Pretrained, Shape, Side, collate};

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

    /// Loss of one batch and its gradient with respect to every trained parameter. Each of these has been moved a little from where
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
            backbone: self.train_in_backbone(shape),
        }))
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
        let batch = collate(
            &encoded.iter().collect::<Vec<_>>(),
            base.tokenizer.pad_id(),
            Side::Right,
            &device,
        );
        let plan = DropoutPlan {
            hidden: dropout,
            attention: dropout,
            seed: 11,
            from: self.acts_from(&base.shape),
        };
        let labels: Vec<i64> = examples.iter().map(|e| e.label as i64).collect();
        let targets =
            Tensor::<1, Int>::from_data(TensorData::new(labels, [examples.len()]), &device);
        let pooling = crate::default_pooling(&base.shape);
        let logits = model.logits(Start::Tokens(batch), pooling, Some(plan)); // [b,classes]
        let loss = ops::cross_entropy(logits, targets); // [1]
        let value = f64::from(to_floats(loss.clone().detach().inner())[0]);
        let found = GradientsParams::from_grads(loss.backward(), &model);
        Ok(LossAndGradients {
            loss: value,
            gradients: gradients(&model, &found),
        })
    }
}

struct Moved;

impl ModuleMapper for Moved {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if !param.is_require_grad() {
            return param;
        }
        param.map(|old| {
            let (device, dims) = (old.device(), old.dims());
            let mut values = to_floats(old.detach());
            for (i, value) in values.iter_mut().enumerate() {
                *value += 0.05 * (1.7 * i as f32 + 0.3).sin();
            }
            Tensor::from_data(TensorData::new(values, dims), &device).require_grad()
        })
    }
}

fn gradients<M: Module>(module: &M, found: &GradientsParams) -> BTreeMap<String, Option<Vec<f32>>> {
    struct Collect<'a> {
        path: Vec<String>,
        found: &'a GradientsParams,
        gradients: BTreeMap<String, Option<Vec<f32>>>,
    }
    impl ModuleVisitor for Collect<'_> {
        fn enter_module(&mut self, name: &str, _container: &str) {
            self.path.push(name.to_owned());
        }
        fn exit_module(&mut self, _name: &str, _container: &str) {
            self.path.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if param.is_require_grad() {
                let gradient = self.found.get::<D>(param.id).map(to_floats);
                self.gradients.insert(self.path.join("."), gradient);
            }
        }
    }
    let mut collect = Collect {
        path: Vec::new(),
        found,
        gradients: BTreeMap::new(),
    };
    module.visit(&mut collect);
    collect.gradients
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

fn values<M: Module>(module: &M) -> BTreeMap<String, (bool, Vec<f32>)> {
    #[derive(Default)]
    struct Values {
        path: Vec<String>,
        found: BTreeMap<String, (bool, Vec<f32>)>,
    }
    impl ModuleVisitor for Values {
        fn enter_module(&mut self, name: &str, _container: &str) {
            self.path.push(name.to_owned());
        }
        fn exit_module(&mut self, _name: &str, _container: &str) {
            self.path.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.found.insert(
                self.path.join("."),
                (param.is_require_grad(), to_floats(param.val().detach())),
            );
        }
    }
    let mut values = Values::default();
    module.visit(&mut values);
    values.found
}
