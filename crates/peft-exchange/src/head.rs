//! The classification heads of `transformers`' `...ForSequenceClassification` under PEFT's names, one a family.

use crate::PeftError;
use crate::stored::Stored;
use crate::tensors::Tensors;
use adapt::{Head, HeadForm, HeadPolicy};
use burn::module::{Module, Param};
use burn::tensor::Tensor;
use transformer::{Architecture, Linear, Norm, NormKind, Pretrained, Shape, classifier_prefix};

/// How a model with a head names the head's modules.
pub(crate) struct HeadNames {
    /// The map below the output layer.
    pub(crate) inner: Option<InnerNames>,
    /// The output layer.
    pub(crate) out: &'static str,
}

/// How it names the map below the output layer.
pub(crate) struct InnerNames {
    /// The map.
    pub(crate) dense: String,
    /// The norm behind it.
    pub(crate) norm: Option<String>,
    /// The module that PEFT saves whole where `modules_to_save` names it.
    pub(crate) module: &'static str,
    /// PEFT counts it to the base model, whose adapters may act on it; `classifier` and `score` it saves of itself.
    pub(crate) is_of_base: bool,
}

/// The names of the head that `transformers` puts on a model of this family.
pub(crate) fn names(shape: &Shape) -> HeadNames {
    use Architecture as A;
    let inner = |dense: String, module, is_of_base| InnerNames {
        dense,
        norm: None,
        module,
        is_of_base,
    };
    let pooler = |part: &str| {
        let prefix = classifier_prefix(shape.architecture);
        Some(inner(format!("{prefix}{part}"), "pooler", true))
    };
    let (inner, out) = match shape.architecture {
        A::Bert | A::GteNew | A::NomicBert => (pooler("pooler.dense"), "classifier"),
        A::Albert => (pooler("pooler"), "classifier"),
        A::DebertaV2 => {
            let dense = inner("pooler.dense".to_owned(), "pooler", true);
            (Some(dense), "classifier")
        }
        A::DistilBert => {
            let dense = inner("pre_classifier".to_owned(), "pre_classifier", false);
            (Some(dense), "classifier")
        }
        A::Roberta | A::Electra | A::Mpnet => {
            let dense = inner("classifier.dense".to_owned(), "classifier", false);
            (Some(dense), "classifier.out_proj")
        }
        A::ModernBert | A::ModernBertDecoder => {
            let head = InnerNames {
                norm: Some("head.norm".to_owned()),
                ..inner("head.dense".to_owned(), "head", true)
            };
            (Some(head), "classifier")
        }
        A::EuroBert => (Some(inner("dense".to_owned(), "dense", true)), "classifier"),
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
        | A::Gemma3 => (None, "score"),
    };
    HeadNames { inner, out }
}

/// The head among the tensors named `{prefix}classifier...`; a pooler or ModernBERT's head is the base model's unless it was saved too.
pub(crate) fn take(
    tensors: &mut Tensors,
    prefix: &str,
    base: &Pretrained,
) -> Result<Head, PeftError> {
    let shape = &base.shape;
    let names = names(shape);
    let form = HeadForm::of(HeadPolicy::Transformers, shape);
    let hidden = shape.hidden;
    let weight = format!("{prefix}{}.weight", names.out);
    let first = tensors.dims(&weight).and_then(|dims| dims.first().copied());
    let Some(classes) = first.filter(|classes| *classes > 0) else {
        return Err(PeftError::MissingTensor {
            tensor: weight,
            reason: format!(
                ": the checkpoint has no classification head for {}; train it with task_type=\"SEQ_CLS\", which saves the head",
                shape.architecture.name()
            ),
        });
    };
    let inner = match (names.inner, form.inner) {
        (Some(names), Some(form)) => {
            let name = format!("{prefix}{}", names.dense);
            let saved = tensors.dims(&format!("{name}.weight")).is_some();
            Some(if saved || !names.is_of_base {
                let dense = linear(tensors, &name, [hidden, hidden], form.bias)?;
                let norm = names.norm.zip(form.norm);
                let norm = norm.map(|(name, kind)| {
                    let name = format!("{prefix}{name}");
                    norm_of(tensors, &name, kind, shape)
                });
                (dense, norm.transpose()?)
            } else {
                of_base(&names, base)?
            })
        }
        _ => None,
    };
    let name = format!("{prefix}{}", names.out);
    let out = linear(tensors, &name, [hidden, classes], form.bias)?;
    Ok(Head::of_transformers(shape, inner, out))
}

/// The map below the output layer as the base model's file has it.
fn of_base(names: &InnerNames, base: &Pretrained) -> Result<(Linear, Option<Norm>), PeftError> {
    let form = HeadForm::of(HeadPolicy::Transformers, &base.shape);
    let found = form.pretrained_inner(base);
    let (dense, norm) = found.ok_or_else(|| PeftError::NoInner {
        module: names.dense.clone(),
        architecture: base.shape.architecture.name(),
        to_save: names.module,
    })?;
    let still = |norm: Norm| norm.no_grad().valid();
    Ok((dense.no_grad().valid(), norm.map(still)))
}

fn linear(
    tensors: &mut Tensors,
    name: &str,
    [d_in, d_out]: [usize; 2],
    bias: bool,
) -> Result<Linear, PeftError> {
    let weight: Tensor<2> = tensors.take(&format!("{name}.weight"), [d_out, d_in], WHY)?;
    let bias = if bias {
        Some(tensors.take::<1>(&format!("{name}.bias"), [d_out], WHY)?)
    } else {
        None
    };
    Ok(Linear {
        weight: frozen(weight.transpose()), // [out, in] -> [in, out]
        bias: bias.map(frozen),
    })
}

fn norm_of(
    tensors: &mut Tensors,
    name: &str,
    kind: NormKind,
    shape: &Shape,
) -> Result<Norm, PeftError> {
    let width = [shape.hidden];
    let weight = tensors.take::<1>(&format!("{name}.weight"), width, WHY)?;
    let bias = if kind == NormKind::Layer {
        Some(tensors.take::<1>(&format!("{name}.bias"), width, WHY)?)
    } else {
        None
    };
    Ok(Norm {
        weight: frozen(weight),
        bias: bias.map(frozen),
        epsilon: shape.norm_epsilon,
        kind,
    })
}

const WHY: &str = ", part of the classification head";

/// A parameter that gets no gradient.
pub(crate) fn frozen<const D: usize>(value: Tensor<D>) -> Param<Tensor<D>> {
    Param::from_tensor(value).set_require_grad(false)
}

/// Puts the head under PEFT's names; the opposite of [`take`].
pub(crate) fn put(tensors: &mut Stored, prefix: &str, shape: &Shape, head: &Head) {
    let names = names(shape);
    if let (Some(names), Some(inner)) = (names.inner, &head.inner) {
        let (dense, name) = (&inner.dense, format!("{prefix}{}", names.dense));
        tensors.put(format!("{name}.weight"), dense.weight.val().transpose()); // [h, h]
        if let Some(bias) = &dense.bias {
            tensors.put(format!("{name}.bias"), bias.val());
        }
        if let (Some(name), Some(norm)) = (names.norm, &inner.norm) {
            tensors.put(format!("{prefix}{name}.weight"), norm.weight.val());
            if let Some(bias) = &norm.bias {
                tensors.put(format!("{prefix}{name}.bias"), bias.val());
            }
        }
    }
    let name = format!("{prefix}{}", names.out);
    tensors.put(format!("{name}.weight"), head.weight.val().transpose()); // [h, c] -> [c, h]
    if let Some(bias) = &head.bias {
        tensors.put(format!("{name}.bias"), bias.val());
    }
}
