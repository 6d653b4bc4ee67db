//! The classification heads of `transformers`' `...ForSequenceClassification` under PEFT's names, one a family.

use crate::PeftError;
use crate::stored::Stored;
use crate::tensors::Tensors;
use adapt::{Head, HeadPolicy};
use burn::module::Param;
use burn::tensor::Tensor;
use transformer::{Architecture, Linear, Pooler, Shape};

/// The inner map and the output layer, as a model with a head names them.
pub(crate) fn names(architecture: Architecture) -> (Option<&'static str>, &'static str) {
    match architecture {
        Architecture::Bert => (Some("bert.pooler.dense"), "classifier"),
        Architecture::DistilBert => (Some("pre_classifier"), "classifier"),
        Architecture::Roberta => (Some("classifier.dense"), "classifier.out_proj"),
        Architecture::Gpt2 | Architecture::Llama => (None, "score"),
    }
}

/// The head among the tensors named `{prefix}classifier...`; BERT's pooler is the base model's unless it was saved too.
pub(crate) fn take(
    tensors: &mut Tensors,
    prefix: &str,
    shape: &Shape,
    pooler: Option<&Pooler>,
) -> Result<Head, PeftError> {
    let (inner, out) = names(shape.architecture);
    let hidden = shape.hidden;
    let weight = format!("{prefix}{out}.weight");
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
    let inner = match inner {
        None => None,
        Some(name) => {
            let saved = tensors.dims(&format!("{prefix}{name}.weight")).is_some();
            Some(match shape.architecture {
                Architecture::Bert if !saved => pooler.ok_or(PeftError::NoPooler)?.dense.clone(),
                _ => linear(tensors, &format!("{prefix}{name}"), [hidden, hidden], true)?,
            })
        }
    };
    let bias = Head::has_bias(HeadPolicy::Transformers, shape.architecture);
    let out = linear(tensors, &format!("{prefix}{out}"), [hidden, classes], bias)?;
    Ok(Head::of_transformers(shape, inner, out))
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

/// Puts the head under PEFT's names; the opposite of [`take`].
pub(crate) fn put(tensors: &mut Stored, prefix: &str, architecture: Architecture, head: &Head) {
    let (inner, out) = names(architecture);
    if let (Some(name), Some(inner)) = (inner, &head.inner) {
        let dense = &inner.dense;
        tensors.put(
            format!("{prefix}{name}.weight"),
            dense.weight.val().transpose(),
        );
        if let Some(bias) = &dense.bias {
            tensors.put(format!("{prefix}{name}.bias"), bias.val());
        }
    }
    tensors.put(
        format!("{prefix}{out}.weight"),
        head.weight.val().transpose(),
    ); // [h, c] -> [c, h]
    if let Some(bias) = &head.bias {
        tensors.put(format!("{prefix}{out}.bias"), bias.val());
    }
}
