//! The classification heads of `transformers`' `...ForSequenceClassification`, one a family.

use crate::PeftError;
use crate::tensors::Tensors;
use burn::module::Param;
use burn::tensor::Tensor;
use ops::Activation;
use transformer::{Architecture, Linear, Pooler, Shape};

/// Pooled hidden state to class logits.
pub(crate) struct Head {
    /// BERT's pooler, DistilBERT's pre_classifier, RoBERTa's classifier.dense.
    inner: Option<(Linear, Activation)>,
    out: Linear,
}

/// The names of one family's head: the inner map with its activation, the outer map, whether that has a bias.
struct Names {
    inner: Option<(&'static str, Activation)>,
    out: &'static str,
    bias: bool,
}

impl Names {
    fn of(architecture: Architecture) -> Names {
        let (inner, out) = match architecture {
            Architecture::Bert => (Some(("bert.pooler.dense", Activation::Tanh)), "classifier"),
            Architecture::DistilBert => (Some(("pre_classifier", Activation::Relu)), "classifier"),
            Architecture::Roberta => (
                Some(("classifier.dense", Activation::Tanh)),
                "classifier.out_proj",
            ),
            Architecture::Gpt2 | Architecture::Llama => (None, "score"),
        };
        Names {
            inner,
            out,
            bias: inner.is_some(),
        }
    }
}

impl Head {
    /// The head among the tensors named `{prefix}classifier...`; BERT's pooler is the base model's unless it was saved too.
    pub(crate) fn take(
        tensors: &mut Tensors,
        prefix: &str,
        shape: &Shape,
        pooler: Option<&Pooler>,
    ) -> Result<Head, PeftError> {
        let names = Names::of(shape.architecture);
        let hidden = shape.hidden;
        let weight = format!("{prefix}{}.weight", names.out);
        let Some(classes) = tensors.dims(&weight).and_then(|dims| dims.first().copied()) else {
            return Err(PeftError::MissingTensor {
                tensor: weight,
                reason: format!(
                    ": the checkpoint has no classification head for {}; train it with task_type=\"SEQ_CLS\", which saves the head",
                    shape.architecture.name()
                ),
            });
        };
        let inner = match names.inner {
            None => None,
            Some((name, activation)) => {
                let saved = tensors.dims(&format!("{prefix}{name}.weight")).is_some();
                let map = match shape.architecture {
                    Architecture::Bert if !saved => {
                        pooler.ok_or(PeftError::NoPooler)?.dense.clone()
                    }
                    _ => linear(tensors, &format!("{prefix}{name}"), [hidden, hidden], true)?,
                };
                Some((map, activation))
            }
        };
        let out = format!("{prefix}{}", names.out);
        Ok(Head {
            inner,
            out: linear(tensors, &out, [hidden, classes], names.bias)?,
        })
    }

    pub(crate) fn classes(&self) -> usize {
        self.out.d_out()
    }

    pub(crate) fn inner_map_mut(&mut self) -> Option<&mut Linear> {
        self.inner.as_mut().map(|(map, _)| map)
    }

    /// `[b, hidden] -> [b, classes]`.
    pub(crate) fn forward(&self, pooled: Tensor<2>) -> Tensor<2> {
        let pooled = match &self.inner {
            Some((map, activation)) => ops::activate(map.apply(&pooled), *activation),
            None => pooled,
        };
        self.out.apply(&pooled)
    }
}

fn linear(
    tensors: &mut Tensors,
    name: &str,
    [d_in, d_out]: [usize; 2],
    bias: bool,
) -> Result<Linear, PeftError> {
    let why = ", part of the classification head";
    let weight: Tensor<2> = tensors.take(&format!("{name}.weight"), [d_out, d_in], why)?;
    let bias = match bias {
        true => Some(tensors.take::<1>(&format!("{name}.bias"), [d_out], why)?),
        false => None,
    };
    Ok(Linear {
        weight: frozen(weight.transpose()), // [out, in] -> [in, out]
        bias: bias.map(frozen),
    })
}

/// A parameter that gets no gradient.
pub(crate) fn frozen<const D: usize>(value: Tensor<D>) -> Param<Tensor<D>> {
    Param::from_tensor(value).set_require_grad(false)
}
