//! What of the model trains, each by the method that trains it otherwise.

use crate::adaptation::BodyAdaptation;
use crate::config::{Body, Setfit};
use adapt::{Attach, FitError, Inserted, Peft};
use burn::module::ParamGroup;
use finetune::{FinetuneAll, FinetuneLast};
use lora::Lora;
use transformer::{Backbone, Depth, Shape};

/// The method that trains the body.
pub(crate) enum BodyPlan {
    All(FinetuneAll),
    Last(FinetuneLast),
    Lora(Lora),
}

impl BodyPlan {
    pub(crate) fn of(settings: &Setfit) -> Self {
        match settings.body {
            Body::All => Self::All(FinetuneAll::default()),
            Body::Last => Self::Last(FinetuneLast {
                blocks: settings.blocks,
                ..FinetuneLast::default()
            }),
            Body::Lora => Self::Lora(Lora {
                rank: settings.rank,
                alpha: settings.alpha,
                targets: settings.targets.clone(),
                ..Lora::default()
            }),
        }
    }

    pub(crate) fn attach(&self, to: &mut Attach<'_>) -> Result<BodyAdaptation, FitError> {
        let lora = match self {
            Self::All(plan) => plan.attach(to).map(|_| None),
            Self::Last(plan) => plan.attach(to).map(|_| None),
            Self::Lora(plan) => plan.attach(to).map(Some),
        };
        match lora {
            Ok(lora) => Ok(BodyAdaptation { lora }),
            Err(FitError::NotApplicable(reason)) => Err(FitError::NotApplicable(format!(
                "setfit.body trains as another method does, with the settings of setfit: {reason}"
            ))),
            Err(other) => Err(other),
        }
    }

    pub(crate) fn settle(
        &self,
        adaptation: BodyAdaptation,
        backbone: Backbone,
    ) -> (BodyAdaptation, Backbone) {
        match (self, adaptation.lora) {
            (Self::Lora(plan), Some(lora)) => {
                let (lora, backbone) = plan.settle(lora, backbone);
                (BodyAdaptation { lora: Some(lora) }, backbone)
            }
            (_, lora) => (BodyAdaptation { lora }, backbone),
        }
    }

    pub(crate) fn train_in_backbone(&self, shape: &Shape) -> Option<ParamGroup> {
        match self {
            Self::All(plan) => plan.train_in_backbone(shape),
            Self::Last(plan) => plan.train_in_backbone(shape),
            Self::Lora(plan) => plan.train_in_backbone(shape),
        }
    }

    pub(crate) fn acts_from(&self, shape: &Shape) -> Depth {
        match self {
            Self::All(plan) => plan.acts_from(shape),
            Self::Last(plan) => plan.acts_from(shape),
            Self::Lora(plan) => plan.acts_from(shape),
        }
    }

    pub(crate) fn trainable_params(&self, shape: &Shape) -> u64 {
        match self {
            Self::All(plan) => plan.trainable_params(shape),
            Self::Last(plan) => plan.trainable_params(shape),
            Self::Lora(plan) => plan.trainable_params(shape),
        }
    }

    pub(crate) fn added_per_token(&self, shape: &Shape) -> u64 {
        match self {
            Self::All(_) | Self::Last(_) => 0,
            Self::Lora(plan) => plan.added_per_token(shape),
        }
    }

    pub(crate) fn inserted(&self, shape: &Shape) -> Option<Inserted> {
        match self {
            Self::All(_) | Self::Last(_) => Some(Inserted::default()),
            Self::Lora(plan) => plan.inserted(shape),
        }
    }

    pub(crate) fn merge(
        &self,
        adaptation: &BodyAdaptation,
        backbone: Backbone,
    ) -> Option<Backbone> {
        match self {
            Self::All(_) | Self::Last(_) => None,
            Self::Lora(plan) => plan.merge(adaptation.lora.as_ref()?, backbone),
        }
    }
}
