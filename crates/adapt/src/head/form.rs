//! What a head is made of, one a family, as data. Each is that of transformers' `modeling_<family>.py`, class
//! `...ForSequenceClassification`, and of `GenericForSequenceClassification` for decoders.

use crate::HeadPolicy;
use ops::Activation;
use transformer::{
    Architecture, ClassifierPooling, Linear, Norm, NormKind, Pooling, Pretrained, Shape,
};

/// What a policy means for one model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HeadForm {
    /// The map below the output layer, where there is one.
    pub inner: Option<InnerForm>,
    /// Whether the output layer has a bias.
    pub bias: bool,
    /// Where it drops, at the rate of hidden states.
    pub dropout: DropoutPlaces,
    /// What it reads; `None` leaves that to the budget.
    pub pooling: Option<Pooling>,
    /// The map below the output layer runs on every token, and what it gives is pooled: EuroBERT's `late`.
    pub pools_late: bool,
}

/// The map below the output layer: `norm(act(dense(x)))`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InnerForm {
    /// After the map.
    pub activation: Activation,
    /// Whether the map has a bias.
    pub bias: bool,
    /// After the activation (ModernBERT).
    pub norm: Option<NormKind>,
    /// Where its weights start.
    pub start: InnerStart,
}

/// Where the map below the output layer takes its weights from, if the checkpoint has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InnerStart {
    /// They are drawn.
    Drawn,
    /// The checkpoint's pooler.
    Pooler,
    /// What the language head does before its decoder: ModernBERT has one module for both, and its decoder variant two.
    LanguageHead,
}

/// Where a head drops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropoutPlaces {
    /// Nowhere.
    Nowhere,
    /// Before the output layer.
    BeforeOutput,
    /// Before the map below it as well.
    BeforeBoth,
}

impl HeadForm {
    /// The head of this policy on a model of this shape.
    pub fn of(policy: HeadPolicy, shape: &Shape) -> Self {
        match policy {
            HeadPolicy::Linear => Self {
                inner: None,
                bias: true,
                dropout: DropoutPlaces::BeforeOutput,
                pooling: None,
                pools_late: false,
            },
            HeadPolicy::Transformers => of_transformers(shape),
        }
    }

    /// What the checkpoint holds of the map below the output layer, and of its norm.
    pub fn pretrained_inner(&self, base: &Pretrained) -> Option<(Linear, Option<Norm>)> {
        match self.inner?.start {
            InnerStart::Drawn => None,
            InnerStart::Pooler => Some((base.pooler.as_ref()?.dense.clone(), None)),
            InnerStart::LanguageHead => {
                let transform = base.language_head.as_ref()?.transform.as_ref()?;
                Some((transform.dense.clone(), Some(transform.norm.clone())))
            }
        }
    }

    /// Number of parameters of such a head.
    pub fn params(&self, hidden: usize, classes: usize) -> u64 {
        let inner = self.inner.map_or(0, |inner| {
            let norm = inner.norm.map_or(0, vectors);
            (hidden + usize::from(inner.bias) + norm) * hidden
        });
        let out = (hidden + usize::from(self.bias)) * classes;
        (inner + out) as u64
    }
}

/// How many vectors a norm has: a gain, and a bias where the kind has one.
pub(crate) fn vectors(norm: NormKind) -> usize {
    match norm {
        NormKind::Layer => 2,
        NormKind::LayerWithoutBias | NormKind::Rms => 1,
    }
}

fn of_transformers(shape: &Shape) -> HeadForm {
    use Architecture as A;
    use DropoutPlaces::{BeforeBoth, BeforeOutput, Nowhere};
    use InnerStart::{Drawn, LanguageHead, Pooler};
    let settings = shape.classifier;
    let dense = |activation, start| InnerForm {
        activation,
        bias: true,
        norm: None,
        start,
    };
    let named = settings.activation.unwrap_or(Activation::GeluErf);
    let (inner, bias, dropout) = match shape.architecture {
        A::Bert | A::Albert | A::GteNew | A::NomicBert => {
            (Some(dense(Activation::Tanh, Pooler)), true, BeforeOutput)
        }
        A::DebertaV2 => (Some(dense(named, Pooler)), true, BeforeOutput),
        A::DistilBert => (Some(dense(Activation::Relu, Drawn)), true, BeforeOutput),
        A::Roberta | A::Mpnet => (Some(dense(Activation::Tanh, Drawn)), true, BeforeBoth),
        A::Electra => (Some(dense(Activation::GeluErf, Drawn)), true, BeforeBoth),
        A::EuroBert => (Some(dense(Activation::GeluErf, Drawn)), true, Nowhere),
        A::ModernBert | A::ModernBertDecoder => {
            let sees_both_ways = shape.architecture == A::ModernBert;
            let start = if sees_both_ways { LanguageHead } else { Drawn };
            let inner = InnerForm {
                bias: settings.bias,
                norm: Some(shape.norm),
                ..dense(named, start)
            };
            (Some(inner), sees_both_ways || settings.bias, BeforeOutput)
        }
        A::Gpt2
        | A::GptNeoX
        | A::Opt
        | A::Llama
        | A::Mistral
        | A::Qwen2
        | A::Qwen3
        | A::Phi3
        | A::Olmo2
        | A::SmolLm3
        | A::Gemma2
        | A::Gemma3 => (None, false, Nowhere),
    };
    // Heads without a map below, and ModernBERT's decoder, are those of decoders: of all tokens the last has seen the text.
    let reads_last = inner.is_none() || shape.architecture == A::ModernBertDecoder;
    let pooling = match settings.pooling {
        _ if reads_last => Pooling::LastToken,
        ClassifierPooling::First => Pooling::First,
        ClassifierPooling::Mean | ClassifierPooling::Late => Pooling::Mean,
    };
    HeadForm {
        inner,
        bias,
        dropout,
        pooling: Some(pooling),
        pools_late: settings.pooling == ClassifierPooling::Late,
    }
}
