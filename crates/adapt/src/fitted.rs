//! How a gradient-trained method is fitted and predicts: freeze, attach, one head, the one loop.

use crate::data::{encode_examples, without_end};
use crate::init::InitRng;
use crate::model::Start;
use crate::saved::{self, SavedInfo};
use crate::snapshot::count_trainable;
use crate::train::{self, Job};
use crate::{
    Adaptation, Adapted, Attach, Budget, Event, FitError, Footprint, Frozen, HEAD_LEARNING_RATE,
    Head, HeadPolicy, LanguageStates, LoadAdapterError, Logits, Merged, OutputLayer, Peft, Place,
    Plan, Portable, PredictError, Predictor, Reading, SaveError, Setting, Trainable, has_pairs,
    language_states, sub_seed,
};
use burn::module::{Module, ParamGroup};
use burn::tensor::Device;
use serde_json::Value;
use std::path::Path;
use task::Example;
use transformer::{Backbone, Batch, Depth, Pooling, Pretrained, Shape, Side, Tokenizer, collate};

impl<P: Peft> Plan for P {
    fn resolved(&self) -> Value {
        serde_json::to_value(self).expect("a configuration serialises")
    }

    fn fit(self: Box<Self>, mut setting: Setting<'_>) -> Result<Box<dyn Predictor>, FitError> {
        let base = setting.take_model(P::INFO.name)?;
        let given = setting.budget.pooling;
        let plan = self.follow(&base.sentence, &mut setting.budget)?;
        let model = assemble(
            &plan,
            &base,
            setting.classes,
            setting.budget.head,
            setting.seed,
            setting.device,
        )?;
        let (shape, tokenizer) = (base.shape.clone(), base.tokenizer.clone());
        let (name, digest) = (base.name.clone(), base.files_digest.clone());
        let pooling = setting.budget.pooling_of(&shape);
        let length = setting.budget.max_length.get().min(shape.max_length);
        let in_its_place = (given == setting.budget.pooling).then_some(pooling);
        crate::note_folder(&mut setting, &base.sentence, in_its_place, length);
        drop(base); // finetuning changes the weights in place, which needs them to have one owner
        let job = job(&plan, &setting, &tokenizer, &shape)?;
        if job.objective.output_layer() == OutputLayer::ByGradient {
            let head_rate = head_learning_rate(&plan, &setting.budget, &shape);
            (setting.events)(Event::HeadLearningRate(head_rate));
        }
        let window = job.window;
        let trainable = count_trainable(&model);
        let model = train::train(model, job, setting.events)?;
        Ok(Box::new(Fitted {
            plan,
            model: model.valid(),
            tokenizer,
            shape,
            classes: setting.classes.to_vec(),
            budget: setting.budget,
            pooling,
            window,
            trainable,
            base_name: name,
            base_digest: digest,
            pairs: Some(has_pairs(setting.train)),
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
        let unfit = |error: FitError| LoadAdapterError::Malformed {
            path: dir.display().to_string(),
            reason: error.to_string(),
        };
        let head = (base.shape.hidden * info.classes.len()) as u64;
        let tensors = saved::read_tensors(dir, self.trainable_params(&base.shape) + head)?;
        let model =
            attach(&*self, base, &info.classes, info.budget.head, 0, &device).map_err(unfit)?;
        let window = self
            .in_front()
            .window(P::INFO.name, &base.shape)
            .map_err(unfit)?;
        let trainable = count_trainable(&model);
        let model = settle(&*self, saved::place(model.valid(), tensors, dir)?);
        Ok(Box::new(Fitted {
            plan: *self,
            model,
            tokenizer: base.tokenizer.clone(),
            shape: base.shape.clone(),
            classes: info.classes,
            pooling: info
                .pooling
                .unwrap_or_else(|| info.budget.pooling_of(&base.shape)),
            budget: info.budget,
            window,
            trainable,
            base_name: base.name.clone(),
            base_digest: base.files_digest.clone(),
            pairs: info.pairs,
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
    plan.in_front().window(P::INFO.name, &base.shape)?;
    if let Some(reason) = plan.not_applicable(&base.shape) {
        return Err(FitError::NotApplicable(format!(
            "{}: {reason}",
            P::INFO.name
        )));
    }
    if !P::HEADS.contains(&head) {
        let names = |policy: &HeadPolicy| serde_json::to_value(policy).expect("a name").to_string();
        let known: Vec<String> = P::HEADS.iter().map(names).collect();
        return Err(FitError::NotApplicable(format!(
            "{}: budget.head is {}, expected {}",
            P::INFO.name,
            names(&head),
            known.join(" or ")
        )));
    }
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
        Some(base),
        classes.len(),
        &mut rng,
        device,
    );
    let head = if plan.reads_unit_length() {
        head.of_unit_length()
    } else {
        head
    };
    // `no_grad`, not `freeze`: dropout has one rule for every method, and it is not the modules' training flags.
    let mut backbone = if plan.begins_from_scratch() {
        Backbone::random(&base.shape, sub_seed(seed, "scratch"), device).no_grad()
    } else {
        base.backbone.clone().no_grad()
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

/// What the loop needs to train `plan` in this setting.
pub(crate) fn job<'a, 'setting: 'a, P: Peft>(
    plan: &P,
    setting: &Setting<'setting>,
    tokenizer: &'a Tokenizer,
    shape: &Shape,
) -> Result<Job<'a>, FitError> {
    Ok(Job {
        train: setting.train,
        validation: setting.validation,
        tokenizer,
        budget: setting.budget.clone(),
        seed: setting.seed,
        device: setting.device,
        objective: plan.objective(),
        shared: setting.shared,
        depth: plan.acts_from(shape),
        window: plan.in_front().window(P::INFO.name, shape)?,
        pooling: setting.budget.pooling_of(shape),
        unread: unread(plan, &setting.budget, shape),
        learning_rate: plan.learning_rate(),
        learning_rate_factors: learning_rate_factors(plan, &setting.budget, shape),
    })
}

/// The head's learning rate: the method's own where nothing else trains, else the budget's.
fn head_learning_rate<P: Peft>(plan: &P, budget: &Budget, shape: &Shape) -> f64 {
    if plan.acts_from(shape) == Depth::Head {
        plan.learning_rate()
    } else {
        budget.head_learning_rate.unwrap_or(HEAD_LEARNING_RATE)
    }
}

/// The method's groups, and the head where its rate is another than the method's.
fn learning_rate_factors<P: Peft>(
    plan: &P,
    budget: &Budget,
    shape: &Shape,
) -> Vec<(ParamGroup, f64)> {
    let head = ParamGroup::from_regex(r"^head\.").expect("a valid pattern");
    let (rate, others) = (
        head_learning_rate(plan, budget, shape),
        plan.learning_rate(),
    );
    let mut factors = plan.learning_rate_factors();
    factors.extend((rate != others).then_some((head, rate / others)));
    factors
}

/// The token that ends a text for the head: transformers' decoders read the last token that is not `pad_token_id`, even where
/// that id is also the end of text and part of it. Nothing before it sees it in a causal model, so it can be left out.
fn unread<P: Peft>(plan: &P, budget: &Budget, shape: &Shape) -> Option<u32> {
    let by_id =
        budget.head == HeadPolicy::Transformers && shape.causal && !plan.in_front().replaces_ids;
    shape.pad_id.filter(|_| by_id)
}

/// A fitted [`Peft`].
pub struct Fitted<P: Peft> {
    pub(crate) plan: P,
    pub(crate) model: Adapted<P::Adaptation>,
    pub(crate) tokenizer: Tokenizer,
    pub(crate) shape: Shape,
    pub(crate) classes: Vec<String>,
    pub(crate) budget: Budget,
    pub(crate) pooling: Pooling,
    /// Longest text beside what stands in front of it.
    pub(crate) window: usize,
    pub(crate) trainable: u64,
    pub(crate) base_name: String,
    pub(crate) base_digest: String,
    /// Whether it was trained on pairs; `None` where that was not kept.
    pub(crate) pairs: Option<bool>,
    pub(crate) device: Device,
}

impl<P: Peft> Fitted<P> {
    /// The adapted model.
    pub fn model(&self) -> &Adapted<P::Adaptation> {
        &self.model
    }

    /// The method's settings.
    pub fn plan(&self) -> &P {
        &self.plan
    }

    /// Most tokens of a text.
    fn longest(&self) -> usize {
        self.budget.max_length.get().min(self.window)
    }
}

/// How texts become batches, and states one vector.
pub(crate) struct Reads<'a> {
    pub(crate) tokenizer: &'a Tokenizer,
    /// Most tokens of a text.
    pub(crate) longest: usize,
    /// See [`unread`].
    pub(crate) unread: Option<u32>,
    pub(crate) batch: usize,
    pub(crate) pooling: Pooling,
    pub(crate) device: &'a Device,
}

/// Scores of each example, in the order given.
pub(crate) fn class_logits<A: Adaptation>(
    model: &Adapted<A>,
    reads: &Reads<'_>,
    examples: &[Example],
) -> Result<Vec<Logits>, PredictError> {
    let encoded = encode_examples(examples, reads.tokenizer, reads.longest)?;
    let encoded = without_end(encoded, reads.unread);
    let lengths: Vec<usize> = encoded.iter().map(|e| e.ids.len()).collect();
    let device = reads.device.clone().inner();
    let classes = model.head.classes();
    let mut logits = vec![Logits::new(); examples.len()];
    for rows in task::batches_sorted(&lengths, reads.batch) {
        let part: Vec<_> = rows.iter().map(|&i| &encoded[i]).collect();
        let batch = collate(&part, reads.tokenizer.pad_id(), Side::Right, &device);
        let scores = ops::to_floats(model.logits(Start::Tokens(batch), reads.pooling, None)); // [b,classes]
        for (scores, &row) in scores.chunks_exact(classes).zip(&rows) {
            logits[row] = scores.to_vec();
        }
    }
    Ok(logits)
}

impl<P: Peft> Predictor for Fitted<P> {
    fn class_logits(&self, examples: &[Example]) -> Result<Vec<Logits>, PredictError> {
        let reads = Reads {
            tokenizer: &self.tokenizer,
            longest: self.longest(),
            unread: unread(&self.plan, &self.budget, &self.shape),
            batch: self.budget.eval_batch.get(),
            pooling: self.pooling,
            device: &self.device,
        };
        class_logits(&self.model, &reads, examples)
    }

    fn pairs(&self) -> Option<bool> {
        self.pairs
    }

    fn footprint(&self) -> Footprint {
        let head = self.model.head.num_params() as u64;
        let added = self.model.adaptation.num_params() as u64;
        let in_front = self.plan.in_front();
        Footprint {
            trainable_params: self.trainable,
            added_params: added,
            total_params: self.model.backbone.num_params() as u64 + added + head,
            stored_bytes: 4 * (self.trainable.max(added + head)),
            acts_from: Some(self.plan.acts_from(&self.shape)),
            trains_backbone_weights: self.plan.train_in_backbone(&self.shape).is_some(),
            extra_tokens: if in_front.replaces_ids {
                in_front.tokens as f64
            } else {
                0.0
            },
            extra_keys: if in_front.replaces_ids {
                0.0
            } else {
                in_front.tokens as f64
            },
            added_per_token: self.plan.added_per_token(&self.shape),
            ..Footprint::default()
        }
    }

    fn reading(&self, examples: &[Example]) -> Result<Option<Reading>, PredictError> {
        let longest = self.longest();
        let encoded = encode_examples(examples, &self.tokenizer, longest)?;
        Ok(Some(Reading::of(&encoded, longest)))
    }

    fn save(&self, dir: &Path) -> Result<(), SaveError> {
        let info = SavedInfo {
            method: P::INFO.name.to_owned(),
            config: self.plan.resolved(),
            classes: self.classes.clone(),
            budget: self.budget.clone(),
            pooling: Some(self.pooling),
            base_model: self.base_name.clone(),
            base_digest: Some(self.base_digest.clone()),
            pairs: self.pairs,
        };
        saved::write(&self.model, &self.plan, &self.shape, &info, dir)
    }

    fn merged(&self) -> Option<Merged> {
        let merge = self
            .plan
            .merge(&self.model.adaptation, self.model.backbone.clone());
        let own = self.footprint();
        Some(Merged {
            model: Adapted {
                backbone: merge?,
                adaptation: Frozen::new(),
                head: self.model.head.clone(),
            },
            tokenizer: self.tokenizer.clone(),
            longest: self.longest(),
            unread: unread(&self.plan, &self.budget, &self.shape),
            batch: self.budget.eval_batch.get(),
            pooling: self.pooling,
            device: self.device.clone(),
            footprint: Footprint {
                total_params: own.total_params - own.added_params,
                added_params: 0,
                added_per_token: 0,
                ..own
            },
        })
    }

    fn language_states(&self, batch: &Batch, places: &[Place]) -> Option<LanguageStates> {
        let Adapted {
            backbone,
            adaptation,
            ..
        } = &self.model;
        Some(language_states(backbone, adaptation, batch, places))
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
