//! What a gradient-trained method writes, and how each of them becomes a plan: freeze, attach, one head, the one loop.

use crate::data::{argmax, encode_examples, without_end};
use crate::init::InitRng;
use crate::model::Start;
use crate::saved::{self, SavedInfo};
use crate::snapshot::count_trainable;
use crate::train::{self, Job};
use crate::{
    Adapted, Budget, Change, FitError, Footprint, Head, HeadPolicy, LoadAdapterError, Logits, Plan,
    Portable, PredictError, Predictor, SaveError, Setting, Trainable, sub_seed,
};
use burn::module::{Module, ModuleDisplay, ParamGroup};
use burn::tensor::Device;
use serde::Serialize;
use serde_json::Value;
use std::path::Path;
use task::Example;
use transformer::{Backbone, Depth, Hooks, Pooling, Pretrained, Shape, Side, Tokenizer, collate};

/// A module that acts at a backbone's sites.
pub trait Adaptation: Module + ModuleDisplay + Hooks + 'static {}
impl<T: Module + ModuleDisplay + Hooks + 'static> Adaptation for T {}

/// The adaptation that inserts nothing.
#[derive(Module, Debug)]
pub struct Frozen {
    #[module(skip)]
    nothing: (),
}

impl Frozen {
    /// Nothing.
    pub fn new() -> Self {
        Self { nothing: () }
    }
}

impl Default for Frozen {
    fn default() -> Self {
        Self::new()
    }
}

impl Hooks for Frozen {}

/// What a method is given to build its inserted computation from.
pub struct Attach<'a> {
    /// Sizes of the model.
    pub shape: &'a Shape,
    /// The pretrained weights, for initialisations that read them.
    pub backbone: &'a Backbone,
    /// The tokenizer, for initialisations from words.
    pub tokenizer: &'a Tokenizer,
    /// Names of the classes.
    pub classes: &'a [String],
    /// Initial values come from here.
    pub rng: InitRng,
    /// Where tensors live.
    pub device: &'a Device,
}

/// A method trained by gradient: what it inserts, and which of the backbone's own parameters it trains.
pub trait Peft: Clone + Serialize + 'static {
    /// The inserted computation; [`Frozen`] where there is none.
    type Adaptation: Adaptation;

    /// The method's name in the registry.
    fn name(&self) -> &'static str;

    /// Peak learning rate of everything that trains.
    fn learning_rate(&self) -> f64;

    /// Builds the inserted computation.
    ///
    /// # Errors
    /// A setting that does not fit this model.
    fn attach(&self, to: &mut Attach<'_>) -> Result<Self::Adaptation, FitError>;

    /// Fits the pretrained weights and what was attached to each other: before training, and after reading back.
    /// PiSSA takes its start out of the weights, DoRA looks at their norms. Changes nothing by default.
    fn settle(
        &self,
        adaptation: Self::Adaptation,
        backbone: Backbone,
    ) -> (Self::Adaptation, Backbone) {
        (adaptation, backbone)
    }

    /// The backbone's parameters that train as well, by module path.
    fn train_in_backbone(&self, _shape: &Shape) -> Option<ParamGroup> {
        None
    }

    /// From where on something trains or is inserted.
    fn acts_from(&self, shape: &Shape) -> Depth;

    /// Closed form of the number of trained parameters, the head excluded.
    fn trainable_params(&self, shape: &Shape) -> u64;

    /// Parameters of the adaptation that learn at another rate, as a factor (LoRA+), by module path.
    fn learning_rate_factor(&self) -> Option<(ParamGroup, f64)> {
        None
    }

    /// Whether the model computes exactly what it did before the first step.
    fn identity_at_start(&self) -> bool {
        true
    }

    /// Whether training begins from random weights instead of the pretrained ones: the comparison that shows what pretraining is worth.
    fn begins_from_scratch(&self) -> bool {
        false
    }

    /// Tokens added to every input.
    fn extra_tokens(&self) -> f64 {
        0.0
    }

    /// Whether vectors go into the model instead of token ids; transformers then does not see which tokens are padding.
    fn replaces_ids(&self) -> bool {
        false
    }

    /// Positions of the window that the method takes away from the text.
    fn positions_taken(&self) -> usize {
        0
    }

    /// What was trained, in terms that other programs share; `None` where they have no equivalent.
    fn change(&self, _adaptation: &Self::Adaptation) -> Option<Change> {
        None
    }

    /// The backbone that the adaptation was trained on with the adaptation folded into its weights, where the method's mathematics allows.
    fn merge(&self, _adaptation: &Self::Adaptation, _backbone: Backbone) -> Option<Backbone> {
        None
    }
}

impl<P: Peft> Plan for P {
    fn resolved(&self) -> Value {
        serde_json::to_value(self).expect("a configuration serialises")
    }

    fn fit(self: Box<Self>, mut setting: Setting<'_>) -> Result<Box<dyn Predictor>, FitError> {
        let base = setting.take_model(self.name())?;
        let model = assemble(
            &*self,
            &base,
            setting.classes,
            setting.budget.head,
            setting.seed,
            setting.device,
        )?;
        let (shape, tokenizer) = (base.shape.clone(), base.tokenizer.clone());
        let (name, digest) = (base.name.clone(), base.digest.clone());
        drop(base); // finetuning changes the weights in place, which needs them to have one owner
        let pooling = setting.budget.pooling_of(&shape);
        let job = Job {
            train: setting.train,
            validation: setting.validation,
            tokenizer: &tokenizer,
            budget: &setting.budget,
            seed: setting.seed,
            device: setting.device,
            depth: self.acts_from(&shape),
            window: shape.max_length - self.positions_taken(),
            pooling,
            unread: unread(&*self, &setting.budget, &shape),
            learning_rate: self.learning_rate(),
            learning_rate_factor: self.learning_rate_factor(),
        };
        let trainable = count_trainable(&model);
        let model = train::train(model, job, setting.events)?;
        Ok(Box::new(Trained {
            plan: *self,
            model: model.valid(),
            tokenizer,
            shape,
            classes: setting.classes.to_vec(),
            budget: setting.budget,
            pooling,
            trainable,
            base_name: name,
            base_digest: digest,
            device: setting.device.clone(),
        }))
    }

    fn as_trainable(&self) -> Option<&dyn Trainable> {
        Some(self)
    }

    fn load_with(
        self: Box<Self>,
        dir: &Path,
        info: SavedInfo,
        base: Option<&Pretrained>,
    ) -> Result<Box<dyn Predictor>, LoadAdapterError> {
        let base = base.ok_or(LoadAdapterError::NeedsModel)?;
        let device = base.backbone.device();
        let model =
            attach(&*self, base, &info.classes, info.budget.head, 0, &device).map_err(|error| {
                LoadAdapterError::Malformed {
                    path: dir.display().to_string(),
                    reason: error.to_string(),
                }
            })?;
        let trainable = count_trainable(&model);
        let model = settle(&*self, saved::read_tensors(model.valid(), dir)?);
        Ok(Box::new(Trained {
            plan: *self,
            model,
            tokenizer: base.tokenizer.clone(),
            shape: base.shape.clone(),
            classes: info.classes,
            pooling: info
                .pooling
                .unwrap_or_else(|| info.budget.pooling_of(&base.shape)),
            budget: info.budget,
            trainable,
            base_name: base.name.clone(),
            base_digest: base.digest.clone(),
            device,
        }))
    }
}

/// The backbone with everything frozen but what the method trains, its adaptation, and a fresh head: ready to train.
pub(crate) fn assemble<P: Peft>(
    plan: &P,
    base: &Pretrained,
    classes: &[String],
    head: HeadPolicy,
    seed: u64,
    device: &Device,
) -> Result<Adapted<P::Adaptation>, FitError> {
    Ok(settle(
        plan,
        attach(plan, base, classes, head, seed, device)?,
    ))
}

fn settle<P: Peft>(plan: &P, model: Adapted<P::Adaptation>) -> Adapted<P::Adaptation> {
    let (adaptation, backbone) = plan.settle(model.adaptation, model.backbone);
    Adapted {
        backbone,
        adaptation,
        head: model.head,
    }
}

/// The parts of [`assemble`], not yet settled.
fn attach<P: Peft>(
    plan: &P,
    base: &Pretrained,
    classes: &[String],
    head: HeadPolicy,
    seed: u64,
    device: &Device,
) -> Result<Adapted<P::Adaptation>, FitError> {
    let mut to = Attach {
        shape: &base.shape,
        backbone: &base.backbone,
        tokenizer: &base.tokenizer,
        classes,
        rng: InitRng::new(sub_seed(seed, "adaptation")),
        device,
    };
    let adaptation = plan.attach(&mut to)?;
    let mut rng = InitRng::new(sub_seed(seed, "head"));
    let head = Head::new(
        head,
        &base.shape,
        base.pooler.as_ref(),
        classes.len(),
        &mut rng,
        device,
    );
    // `no_grad`, not `freeze`: dropout has one rule for every method, and it is not the modules' training flags.
    let mut backbone = match plan.begins_from_scratch() {
        true => Backbone::random(&base.shape, sub_seed(seed, "scratch"), device).no_grad(),
        false => base.backbone.clone().no_grad(),
    };
    if let Some(group) = plan.train_in_backbone(&base.shape) {
        backbone = backbone.set_require_grad_group(group, true);
    }
    Ok(Adapted {
        backbone,
        adaptation,
        head,
    }
    .train())
}

/// The token that ends a text for the head: transformers' decoders read the last token that is not `pad_token_id`, even where
/// that id is also the end of text and part of it. Nothing before it sees it in a causal model, so it can be left out.
pub(crate) fn unread<P: Peft>(plan: &P, budget: &Budget, shape: &Shape) -> Option<u32> {
    let by_id = budget.head == HeadPolicy::Transformers && shape.causal && !plan.replaces_ids();
    shape.pad_id.filter(|_| by_id)
}

/// A fitted [`Peft`].
pub struct Trained<P: Peft> {
    pub(crate) plan: P,
    pub(crate) model: Adapted<P::Adaptation>,
    pub(crate) tokenizer: Tokenizer,
    pub(crate) shape: Shape,
    pub(crate) classes: Vec<String>,
    pub(crate) budget: Budget,
    pub(crate) pooling: Pooling,
    pub(crate) trainable: u64,
    pub(crate) base_name: String,
    pub(crate) base_digest: String,
    pub(crate) device: Device,
}

impl<P: Peft> Trained<P> {
    /// The adapted model.
    pub fn model(&self) -> &Adapted<P::Adaptation> {
        &self.model
    }

    /// The method's settings.
    pub fn plan(&self) -> &P {
        &self.plan
    }
}

impl<P: Peft> Predictor for Trained<P> {
    fn class_logits(&self, examples: &[Example]) -> Result<Vec<Logits>, PredictError> {
        let encoded = encode_examples(
            examples,
            &self.tokenizer,
            self.budget
                .max_length
                .get()
                .min(self.shape.max_length - self.plan.positions_taken()),
        )?;
        let encoded = without_end(encoded, unread(&self.plan, &self.budget, &self.shape));
        let lengths: Vec<usize> = encoded.iter().map(|e| e.ids.len()).collect();
        let device = self.device.clone().inner();
        let mut logits = vec![Logits::new(); examples.len()];
        for rows in task::batches_sorted(&lengths, self.budget.eval_batch.get()) {
            let part: Vec<_> = rows.iter().map(|&i| &encoded[i]).collect();
            let batch = collate(&part, self.tokenizer.pad_id(), Side::Right, &device);
            let scores =
                ops::to_floats(self.model.logits(Start::Tokens(batch), self.pooling, None)); // [b,classes]
            for (scores, &row) in scores.chunks_exact(self.classes.len()).zip(&rows) {
                logits[row] = scores.to_vec();
            }
        }
        Ok(logits)
    }

    fn footprint(&self) -> Footprint {
        let head = self.model.head.num_params() as u64;
        let added = self.model.adaptation.num_params() as u64;
        Footprint {
            trainable_params: self.trainable,
            added_params: added,
            total_params: self.model.backbone.num_params() as u64 + added + head,
            stored_bytes: 4 * (self.trainable.max(added + head)),
            acts_from: Some(self.plan.acts_from(&self.shape)),
            trains_backbone_weights: self.plan.train_in_backbone(&self.shape).is_some(),
            extra_tokens: self.plan.extra_tokens(),
        }
    }

    fn save(&self, dir: &Path) -> Result<(), SaveError> {
        let info = SavedInfo {
            method: self.plan.name().to_owned(),
            config: self.plan.resolved(),
            classes: self.classes.clone(),
            budget: self.budget.clone(),
            pooling: Some(self.pooling),
            base_model: self.base_name.clone(),
            base_digest: Some(self.base_digest.clone()),
        };
        saved::write(&self.model, &self.plan, &self.shape, &info, dir)
    }

    fn portable(&self) -> Option<Portable> {
        Some(Portable {
            change: self.plan.change(&self.model.adaptation)?,
            backbone: self.model.backbone.clone(),
            head: self.model.head.clone(),
            head_policy: self.budget.head,
            classes: self.classes.clone(),
        })
    }
}

/// Accuracy and mean negative log-likelihood of logits.
pub(crate) fn score(logits: &[Logits], labels: &[usize]) -> (f64, f64) {
    let right = logits
        .iter()
        .zip(labels)
        .filter(|(l, y)| argmax(l) == **y)
        .count();
    let loss: f64 = logits
        .iter()
        .zip(labels)
        .map(|(l, &y)| -crate::log_softmax(l)[y])
        .sum();
    let n = labels.len().max(1) as f64;
    (right as f64 / n, loss / n)
}
