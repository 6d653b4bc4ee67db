//! SetFit's settings, and what the registry holds. Names and defaults are those of the `setfit` package, version 1.2, where it has them.

use crate::adaptation::BodyAdaptation;
use crate::body::BodyPlan;
use crate::objective::Contrastive;
use adapt::{
    Attach, Budget, FitError, HeadPolicy, Hue, Inserted, Level, Look, MethodInfo, Objective,
    Outline, Peft, Target, Trained,
};
use burn::module::ParamGroup;
use serde::{Deserialize, Serialize};
use std::num::NonZeroUsize;
use std::rc::Rc;
use transformer::{Backbone, Depth, SentenceFolder, Shape};

/// `setfit` in the registry.
pub static SETFIT: Trained<Setfit> = Trained::new();

adapt::settings! {
    /// SetFit's settings.
    pub struct Setfit {
        /// Peak learning rate of the body, `body_learning_rate` of the package's first phase: its default.
        learning_rate: f64 = 2e-5 => adapt::Range::LEARNING_RATE,
        /// What of the model trains: `"all"` of it, as the package does; `"last"`, the last `blocks` blocks and the final norm, below which
        /// states are computed once; or `"lora"`, corrections of low rank.
        body: Body = Body::All,
        /// With `body = "last"`: so many blocks; as `finetune-last`.
        blocks: NonZeroUsize = NonZeroUsize::MIN => adapt::Range::whole(1, 1000),
        /// With `body = "lora"`: r; as `lora`.
        rank: NonZeroUsize = NonZeroUsize::new(8).expect("not zero") => adapt::Range::WIDTH,
        /// With `body = "lora"`: α; as `lora`.
        alpha: f64 = 16.0 => adapt::Range::above(0.0, 1e6),
        /// With `body = "lora"`: which maps get a correction; as `lora`.
        targets: Vec<Target> = vec![Target::Query, Target::Value],
        /// With `body = "lora"`: the corrections learn at so many times `learning_rate`. 25 is `lora`'s default rate by this one's, so that one
        /// range is searched for every body.
        lora_rate_factor: f64 = 25.0 => adapt::Range::above(0.0, 1e6),
        /// What the body minimises: `"cosine-similarity"` of pairs, the package's default, or `"sup-con"`, the supervised contrastive loss of
        /// Khosla et al. 2020 over the texts of a step (`CosineSimilarityLoss` and `SupConLoss` there).
        loss: Loss = Loss::CosineSimilarity,
        /// R: an epoch has R·n pairs of one class and R·n of two, n being the number of training texts. E epochs at 1 are `num_iterations=E` of
        /// the package, whose versions before 1.0 had 20. `null`: `sampling_strategy` says how many pairs there are, the package's default.
        num_iterations: Option<NonZeroUsize> = Some(NonZeroUsize::MIN) => adapt::Range::whole(1, 100_000),
        /// Without `num_iterations`: `"oversampling"`, all pairs and the rarer kind as often as the other (the package's default);
        /// `"undersampling"`, of the other kind as many as of the rarer one; `"unique"`, all pairs once.
        sampling_strategy: SamplingStrategy = SamplingStrategy::Oversampling,
        /// An epoch has at most so many pairs, half of them of one class. `null`: no limit, the package's default; there it follows from
        /// `max_steps`.
        max_pairs: Option<NonZeroUsize> = None => adapt::Range::whole(2, 10_000_000),
        /// Train the output layer along with the body, by cross-entropy at `budget.head_learning_rate`, rather than fitting it to the trained
        /// vectors. The package trains it in a second phase.
        use_differentiable_head: bool = false,
        /// With `use_differentiable_head`: its gradient reaches the body as well. `false` in the package.
        end_to_end: bool = false,
        /// Bring vectors to length 1 before the output layer. `null`: as the modules.json of a sentence-transformers folder says, else not; what
        /// stands there the package follows whatever this says.
        normalize_embeddings: Option<bool> = None,
        /// Inverse penalty of the logistic regression that the output layer is; scikit-learn's default, which the package takes.
        c: f64 = 1.0 => adapt::Range::from(1e-12, 1e12),
    }
}

/// What of the model trains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Body {
    /// All of it.
    All,
    /// The last blocks and the final norm.
    Last,
    /// Corrections of low rank beside its maps.
    Lora,
}

/// What the body minimises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// Squared distance of a pair's cosine from 1 for texts of one class, from 0 for texts of two.
    #[serde(alias = "CosineSimilarityLoss")]
    CosineSimilarity,
    /// Supervised contrastive. Khosla et al. 2020, eq. 2.
    #[serde(alias = "SupConLoss")]
    SupCon,
}

/// How many pairs an epoch has where `num_iterations` does not say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SamplingStrategy {
    /// All pairs, the rarer kind repeated.
    Oversampling,
    /// As many of each kind as there are of the rarer.
    Undersampling,
    /// All pairs once.
    Unique,
}

impl Setfit {
    fn body_plan(&self) -> BodyPlan {
        BodyPlan::of(self)
    }
}

impl Peft for Setfit {
    const INFO: MethodInfo = MethodInfo {
        name: "setfit",
        definition: "The model is trained on pairs of texts, alike in one class and unlike in two; a linear layer is fitted to its vectors.",
        paper: "Tunstall et al. 2022, SetFit, arXiv:2209.11055",
        level: Level::Parameters,
        uses_model: true,
        look: Some(Look {
            hue: Hue::Black,
            outline: Outline::Star,
        }),
    };

    const VARIANTS: &'static [&'static str] = &[
        r#"{"body": "last", "use_differentiable_head": true, "end_to_end": true, "normalize_embeddings": true}"#,
        r#"{"body": "lora", "rank": 3, "alpha": 5, "targets": ["all"], "lora_rate_factor": 1, "loss": "sup-con", "c": 100}"#,
        r#"{"num_iterations": null, "sampling_strategy": "undersampling", "max_pairs": 12, "use_differentiable_head": true}"#,
    ];

    const HEADS: &'static [HeadPolicy] = &[HeadPolicy::Linear];

    type Adaptation = BodyAdaptation;

    fn learning_rate(&self) -> f64 {
        match self.body {
            Body::All | Body::Last => self.learning_rate,
            Body::Lora => self.learning_rate * self.lora_rate_factor,
        }
    }

    fn objective(&self) -> Rc<dyn Objective> {
        Rc::new(Contrastive::of(self))
    }

    /// Pooling and unit length are those of the folder where no pooling was given.
    fn follow(&self, folder: &SentenceFolder, budget: &mut Budget) -> Result<Self, FitError> {
        let mut normalizes = false;
        if let (None, Some(asked)) = (budget.pooling, folder.describe()) {
            let Some((pooling, to_unit_length)) = folder.plain() else {
                let reason = format!(
                    "setfit: the model's folder asks for {asked}; of a sentence-transformers folder, pooling and Normalize are trained through \
                     and nothing else; set it aside with --set budget.pooling=mean"
                );
                return Err(FitError::NotApplicable(reason));
            };
            budget.pooling = Some(pooling);
            normalizes = to_unit_length;
        }
        Ok(Self {
            normalize_embeddings: Some(self.normalize_embeddings.unwrap_or(normalizes)),
            ..self.clone()
        })
    }

    fn reads_unit_length(&self) -> bool {
        self.normalize_embeddings.unwrap_or(false)
    }

    fn attach(&self, to: &mut Attach<'_>) -> Result<BodyAdaptation, FitError> {
        self.body_plan().attach(to)
    }

    fn settle(&self, adaptation: BodyAdaptation, backbone: Backbone) -> (BodyAdaptation, Backbone) {
        self.body_plan().settle(adaptation, backbone)
    }

    fn train_in_backbone(&self, shape: &Shape) -> Option<ParamGroup> {
        self.body_plan().train_in_backbone(shape)
    }

    fn acts_from(&self, shape: &Shape) -> Depth {
        self.body_plan().acts_from(shape)
    }

    fn trainable_params(&self, shape: &Shape) -> u64 {
        self.body_plan().trainable_params(shape)
    }

    fn added_per_token(&self, shape: &Shape) -> u64 {
        self.body_plan().added_per_token(shape)
    }

    fn inserted(&self, shape: &Shape) -> Option<Inserted> {
        self.body_plan().inserted(shape)
    }

    fn merge(&self, adaptation: &BodyAdaptation, backbone: Backbone) -> Option<Backbone> {
        self.body_plan().merge(adaptation, backbone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn corrections_learn_at_loras_default_rate_and_the_body_at_the_packages() {
        let lora = Setfit {
            body: Body::Lora,
            ..Setfit::default()
        };
        let rate = lora::Lora::default().learning_rate;
        assert!((Peft::learning_rate(&lora) / rate - 1.0).abs() < 1e-12);
        assert_eq!(Peft::learning_rate(&Setfit::default()), 2e-5);
    }

    #[test]
    fn losses_go_by_the_packages_names_too() {
        let read = |name: &str| serde_json::from_value::<Loss>(json!(name)).unwrap();
        assert_eq!(read("SupConLoss"), read("sup-con"));
        assert_eq!(read("CosineSimilarityLoss"), Loss::CosineSimilarity);
    }
}
