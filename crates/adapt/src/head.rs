//! The classification head on the pooled final hidden state, the same for every method of a run that trains one.

use crate::init::{self, InitRng};
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use ops::{Activation, to_floats};
use serde::{Deserialize, Serialize};
use transformer::{Architecture, Linear, Pooler, Pooling, Shape};

/// Deviation of the linear head's initial weights: BERT's `initializer_range` (Devlin et al. 2019).
const INITIAL_DEVIATION: f64 = 0.02;

/// Keeps the second dropout of a head apart from the first.
const SECOND_STREAM: u64 = 0x5345_434f_4e44_0000;

/// Which head the methods of a run train.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeadPolicy {
    /// One linear map with a bias on the pooled hidden state.
    #[default]
    Linear,
    /// That of transformers' `...ForSequenceClassification`, one a family, so that the result can be used there: BERT's pooler
    /// (the pretrained one where the file has it) and RoBERTa's dense map with tanh, DistilBERT's with ReLU, each below the
    /// output layer and on the first token; of GPT-2 and Llama one map without bias on the last token.
    Transformers,
}

/// Pooled hidden state to class logits.
#[derive(Module, Debug)]
pub struct Head {
    /// BERT's `pooler.dense`, DistilBERT's `pre_classifier`, RoBERTa's `classifier.dense`.
    pub inner: Option<Inner>,
    /// `[hidden, classes]`
    pub weight: Param<Tensor<2>>,
    /// `[classes]`
    pub bias: Option<Param<Tensor<1>>>,
    #[module(skip)]
    dropout: Places,
}

/// The map below the output layer, with its activation.
#[derive(Module, Debug)]
pub struct Inner {
    /// `[hidden, hidden]`, with a bias.
    pub dense: Linear,
    #[module(skip)]
    activation: Activation,
}

/// Where a head drops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Places {
    Nowhere,
    BeforeOutput,
    BeforeBoth,
}

/// What a policy means for one family.
struct Form {
    inner: Option<Activation>,
    bias: bool,
    dropout: Places,
}

impl Form {
    fn of(policy: HeadPolicy, architecture: Architecture) -> Self {
        let (inner, bias, dropout) = match (policy, architecture) {
            (HeadPolicy::Linear, _) => (None, true, Places::BeforeOutput),
            (_, Architecture::Bert) => (Some(Activation::Tanh), true, Places::BeforeOutput),
            (_, Architecture::DistilBert) => (Some(Activation::Relu), true, Places::BeforeOutput),
            (_, Architecture::Roberta) => (Some(Activation::Tanh), true, Places::BeforeBoth),
            (_, Architecture::Gpt2 | Architecture::Llama) => (None, false, Places::Nowhere),
        };
        Self {
            inner,
            bias,
            dropout,
        }
    }
}

impl Head {
    /// A head before training: small random weights and no bias, but for BERT's pooler, which is the pretrained one where
    /// there is one.
    pub fn new(
        policy: HeadPolicy,
        shape: &Shape,
        pooler: Option<&Pooler>,
        classes: usize,
        rng: &mut InitRng,
        device: &Device,
    ) -> Self {
        let form = Form::of(policy, shape.architecture);
        let hidden = shape.hidden;
        let deviation = match policy {
            HeadPolicy::Linear => INITIAL_DEVIATION,
            HeadPolicy::Transformers => shape.initializer_range,
        };
        let weight = init::normal(rng, [hidden, classes], deviation, device);
        let dense = |rng: &mut InitRng| match pooler {
            Some(pooler) => trainable(&pooler.dense, device),
            None => Linear {
                weight: init::normal(rng, [hidden, hidden], deviation, device),
                bias: Some(init::constant(0.0, [hidden], device)),
            },
        };
        Self {
            inner: form.inner.map(|activation| Inner {
                dense: dense(rng),
                activation,
            }),
            weight,
            bias: form.bias.then(|| init::constant(0.0, [classes], device)),
            dropout: form.dropout,
        }
    }

    /// The head of transformers' model from trained weights; `inner` where the family has one.
    pub fn of_transformers(shape: &Shape, inner: Option<Linear>, out: Linear) -> Self {
        let form = Form::of(HeadPolicy::Transformers, shape.architecture);
        let inner = form.inner.zip(inner);
        Self {
            inner: inner.map(|(activation, dense)| Inner { dense, activation }),
            weight: out.weight,
            bias: out.bias,
            dropout: form.dropout,
        }
    }

    /// Whether the output layer of this policy's heads has a bias on this family.
    pub fn has_bias(policy: HeadPolicy, architecture: Architecture) -> bool {
        Form::of(policy, architecture).bias
    }

    /// Whether this policy's heads have a map below the output layer on this family.
    pub fn has_inner(policy: HeadPolicy, architecture: Architecture) -> bool {
        Form::of(policy, architecture).inner.is_some()
    }

    /// Number of parameters of such a head, all of them trained.
    pub fn params(policy: HeadPolicy, shape: &Shape, classes: usize) -> u64 {
        let form = Form::of(policy, shape.architecture);
        let inner = match form.inner {
            Some(_) => (shape.hidden + 1) * shape.hidden,
            None => 0,
        };
        let out = (shape.hidden + usize::from(form.bias)) * classes;
        (inner + out) as u64
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.weight.dims()[1]
    }

    /// # Shapes
    /// - pooled: `[batch, hidden]`
    /// - result: `[batch, classes]`
    pub fn forward(&self, pooled: Tensor<2>, dropout: Option<ops::Dropout>) -> Tensor<2> {
        let mut x = pooled;
        if let Some(inner) = &self.inner {
            if self.dropout == Places::BeforeBoth {
                x = dropped(x, dropout.map(second));
            }
            x = ops::activate(inner.dense.apply(&x), inner.activation); // [b,h] -> [b,h]
        }
        if self.dropout != Places::Nowhere {
            x = dropped(x, dropout);
        }
        let logits = x.matmul(self.weight.val()); // [b,h] x [h,c] -> [b,c]
        match &self.bias {
            Some(bias) => logits + bias.val().unsqueeze(), // [b,c] + [1,c]
            None => logits,
        }
    }
}

fn second(dropout: ops::Dropout) -> ops::Dropout {
    ops::Dropout {
        seed: dropout.seed ^ SECOND_STREAM,
        ..dropout
    }
}

fn dropped(x: Tensor<2>, dropout: Option<ops::Dropout>) -> Tensor<2> {
    match dropout {
        Some(d) if d.rate > 0.0 => ops::dropout(x.unsqueeze_dim::<3>(1), d).squeeze_dim::<2>(1),
        _ => x,
    }
}

/// A copy that trains, whatever the original does.
fn trainable(map: &Linear, device: &Device) -> Linear {
    let weight = to_floats(map.weight.val().detach());
    Linear {
        weight: init::param(weight, map.weight.dims(), device),
        bias: map.bias.as_ref().map(|bias| {
            let values = to_floats(bias.val().detach());
            init::param(values, bias.dims(), device)
        }),
    }
}

/// Mean of the tokens for encoders, the last token for decoders: it alone has seen the whole text.
pub fn default_pooling(shape: &Shape) -> Pooling {
    if shape.causal {
        Pooling::LastToken
    } else {
        Pooling::Mean
    }
}

/// What transformers' heads read: the first token of encoders, the last of decoders.
pub(crate) fn token_pooling(shape: &Shape) -> Pooling {
    if shape.causal {
        Pooling::LastToken
    } else {
        Pooling::First
    }
}
