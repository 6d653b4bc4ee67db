//! The classification head on the pooled final hidden state, the same for every method of a run that trains one.

mod form;

pub(crate) use form::vectors;
pub use form::{DropoutPlaces, HeadForm, InnerForm, InnerStart};

use crate::init::{self, InitRng};
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};
use ops::{Activation, to_floats};
use serde::{Deserialize, Serialize};
use transformer::{Embedded, Linear, Norm, NormKind, Pooling, Pretrained, Shape, pool};

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
    /// That of transformers' `...ForSequenceClassification`, one a family, so that the result can be used there. Encoders have a map
    /// with an activation below the output layer, on the first token unless config.json says otherwise (`classifier_pooling`): the
    /// pretrained pooler of BERT, ALBERT, GTE and nomic-bert where the file has it, ModernBERT's pretrained `head` with its norm, a new
    /// one elsewhere. Decoders have one map without bias on the last token.
    Transformers,
}

/// Pooled hidden state to class logits.
#[derive(Module, Debug)]
pub struct Head {
    /// BERT's `pooler.dense`, DistilBERT's `pre_classifier`, RoBERTa's `classifier.dense`, ModernBERT's `head`.
    pub inner: Option<Inner>,
    /// `[hidden, classes]`
    pub weight: Param<Tensor<2>>,
    /// `[classes]`
    pub bias: Option<Param<Tensor<1>>>,
    #[module(skip)]
    dropout: DropoutPlaces,
    #[module(skip)]
    pools_late: bool,
    #[module(skip)]
    unit_length: bool,
}

/// The map below the output layer, with its activation.
#[derive(Module, Debug)]
pub struct Inner {
    /// `[hidden, hidden]`.
    pub dense: Linear,
    /// After the activation, in ModernBERT.
    pub norm: Option<Norm>,
    #[module(skip)]
    activation: Activation,
}

impl Inner {
    /// `[.., hidden] -> [.., hidden]`
    fn apply<const D: usize>(&self, x: &Tensor<D>) -> Tensor<D> {
        let x = ops::activate(self.dense.apply(x), self.activation);
        match &self.norm {
            Some(norm) => norm.apply(x),
            None => x,
        }
    }
}

impl Head {
    /// A head before training: small random weights and no bias, but for a map below the output layer that `base` has pretrained.
    pub fn new(
        policy: HeadPolicy,
        shape: &Shape,
        base: Option<&Pretrained>,
        classes: usize,
        rng: &mut InitRng,
        device: &Device,
    ) -> Self {
        let form = HeadForm::of(policy, shape);
        let hidden = shape.hidden;
        let deviation = match policy {
            HeadPolicy::Linear => INITIAL_DEVIATION,
            HeadPolicy::Transformers => shape.initializer_range,
        };
        let weight = init::normal(rng, [hidden, classes], deviation, device);
        let pretrained = base.and_then(|base| form.pretrained_inner(base));
        let inner = form.inner.map(|inner| {
            let (dense, norm) = match pretrained {
                Some((dense, norm)) => (
                    trainable(&dense, device),
                    norm.map(|norm| trainable_norm(&norm, device)),
                ),
                None => drawn(&inner, shape, deviation, rng, device),
            };
            Inner {
                dense,
                norm,
                activation: inner.activation,
            }
        });
        Self {
            inner,
            weight,
            bias: form.bias.then(|| init::constant(0.0, [classes], device)),
            dropout: form.dropout,
            pools_late: form.pools_late,
            unit_length: false,
        }
    }

    /// The same, its output layer reading vectors that are brought to length 1.
    #[must_use]
    pub(crate) fn of_unit_length(self) -> Self {
        Self {
            unit_length: true,
            ..self
        }
    }

    /// The same with this output layer: `weight` is `[hidden, classes]` row by row, `bias` one number a class.
    #[must_use]
    pub(crate) fn with_output(self, weight: Vec<f32>, bias: Vec<f32>) -> Self {
        Self {
            weight: replaced(self.weight, weight),
            bias: self.bias.map(|old| replaced(old, bias)),
            ..self
        }
    }

    /// The head of transformers' model from trained weights; `inner` where the family has one.
    pub fn of_transformers(
        shape: &Shape,
        inner: Option<(Linear, Option<Norm>)>,
        out: Linear,
    ) -> Self {
        let form = HeadForm::of(HeadPolicy::Transformers, shape);
        let inner = form.inner.zip(inner);
        Self {
            inner: inner.map(|(form, (dense, norm))| Inner {
                dense,
                norm,
                activation: form.activation,
            }),
            weight: out.weight,
            bias: out.bias,
            dropout: form.dropout,
            pools_late: form.pools_late,
            unit_length: false,
        }
    }

    /// Number of parameters of such a head, all of them trained.
    pub fn params(policy: HeadPolicy, shape: &Shape, classes: usize) -> u64 {
        HeadForm::of(policy, shape).params(shape.hidden, classes)
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.weight.dims()[1]
    }

    /// Class logits `[batch, classes]` of the backbone's final states `[batch, tokens, hidden]`.
    pub fn logits(
        &self,
        states: Embedded,
        pooling: Pooling,
        dropout: Option<ops::Dropout>,
    ) -> Tensor<2> {
        self.output(self.vectors(states, pooling, dropout), dropout)
    }

    /// What the output layer reads, `[batch, hidden]`, of the backbone's final states `[batch, tokens, hidden]`.
    pub(crate) fn vectors(
        &self,
        states: Embedded,
        pooling: Pooling,
        dropout: Option<ops::Dropout>,
    ) -> Tensor<2> {
        match &self.inner {
            Some(inner) if self.pools_late => {
                let x = inner.apply(&states.x); // [b,t,h] -> [b,t,h]
                self.read(pool(&Embedded { x, ..states }, pooling))
            }
            _ => self.vectors_of_pooled(pool(&states, pooling), dropout),
        }
    }

    /// Whether the pooled state alone decides the logits, so that nothing else need be kept of a frozen backbone.
    pub(crate) fn reads_pooled(&self) -> bool {
        !(self.pools_late && self.inner.is_some())
    }

    /// # Shapes
    /// - pooled: `[batch, hidden]`
    /// - result: `[batch, classes]`
    pub fn forward(&self, pooled: Tensor<2>, dropout: Option<ops::Dropout>) -> Tensor<2> {
        self.output(self.vectors_of_pooled(pooled, dropout), dropout)
    }

    /// What the output layer reads of pooled states: `[batch, hidden] -> [batch, hidden]`.
    pub(crate) fn vectors_of_pooled(
        &self,
        pooled: Tensor<2>,
        dropout: Option<ops::Dropout>,
    ) -> Tensor<2> {
        let mut x = pooled;
        if let Some(inner) = &self.inner {
            if self.dropout == DropoutPlaces::BeforeBoth {
                x = dropped(x, dropout.map(second));
            }
            x = inner.apply(&x); // [b,h] -> [b,h]
        }
        self.read(x)
    }

    fn read(&self, x: Tensor<2>) -> Tensor<2> {
        if self.unit_length { unit_length(x) } else { x }
    }

    /// The output layer: `[batch, hidden] -> [batch, classes]`.
    pub(crate) fn output(&self, mut x: Tensor<2>, dropout: Option<ops::Dropout>) -> Tensor<2> {
        if self.dropout != DropoutPlaces::Nowhere {
            x = dropped(x, dropout);
        }
        let logits = x.matmul(self.weight.val()); // [b,h] x [h,c] -> [b,c]
        match &self.bias {
            Some(bias) => logits + bias.val().unsqueeze(), // [b,c] + [1,c]
            None => logits,
        }
    }
}

/// Each row brought to length 1, `[b,h] -> [b,h]`; rows shorter than 1e-12 are divided by that, as in torch.
pub fn unit_length(x: Tensor<2>) -> Tensor<2> {
    let squares = (x.clone() * x.clone()).sum_dim(1); // [b,1]
    x / squares.clamp_min(1e-24).sqrt()
}

/// A parameter with other values, which trains if it did before.
fn replaced<const D: usize>(param: Param<Tensor<D>>, values: Vec<f32>) -> Param<Tensor<D>> {
    param.map(|old| {
        let (device, dims) = (old.device(), old.dims());
        let trains = old.is_require_grad();
        Tensor::from_data(TensorData::new(values, dims), &device).set_require_grad(trains)
    })
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

/// A map that starts from small random weights, and a norm that starts as the identity.
fn drawn(
    form: &InnerForm,
    shape: &Shape,
    deviation: f64,
    rng: &mut InitRng,
    device: &Device,
) -> (Linear, Option<Norm>) {
    let hidden = shape.hidden;
    let constant = |value| init::constant(value, [hidden], device);
    let dense = Linear {
        weight: init::normal(rng, [hidden, hidden], deviation, device),
        bias: form.bias.then(|| constant(0.0)),
    };
    let norm = form.norm.map(|kind| Norm {
        weight: constant(1.0),
        bias: (kind == NormKind::Layer).then(|| constant(0.0)),
        epsilon: shape.norm_epsilon,
        kind,
    });
    (dense, norm)
}

/// A copy that trains, whatever the original does.
fn trainable(map: &Linear, device: &Device) -> Linear {
    Linear {
        weight: copy(&map.weight, device),
        bias: map.bias.as_ref().map(|bias| copy(bias, device)),
    }
}

fn trainable_norm(norm: &Norm, device: &Device) -> Norm {
    Norm {
        weight: copy(&norm.weight, device),
        bias: norm.bias.as_ref().map(|bias| copy(bias, device)),
        epsilon: norm.epsilon,
        kind: norm.kind,
    }
}

fn copy<const D: usize>(value: &Param<Tensor<D>>, device: &Device) -> Param<Tensor<D>> {
    let values = to_floats(value.val().detach());
    init::param(values, value.dims(), device)
}

/// Mean of the tokens for encoders, the last token for decoders: it alone has seen the whole text.
pub fn default_pooling(shape: &Shape) -> Pooling {
    if shape.causal {
        Pooling::LastToken
    } else {
        Pooling::Mean
    }
}

#[cfg(test)]
mod tests;
