//! The modules that may stand behind the pooling: Dense, LayerNorm, Normalize, and Dropout, which does nothing here.

use std::collections::HashMap;
use std::path::Path;

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};
use serde_json::json;

use super::SentenceError;
use super::dense::Dense;
use super::json::Fields;
use crate::load::{Checkpoint, ParameterName, Storage, Wanted};
use crate::norm::Norm;
use crate::shape::NormKind;

/// PyTorch's default, which sentence-transformers leaves as it is.
const LAYER_NORM_EPSILON: f64 = 1e-5;

/// One step from vector to vector.
#[derive(Clone, Debug)]
pub(super) enum Behind {
    Dense(Dense),
    LayerNorm(Norm),
    Normalize,
}

impl Behind {
    /// `[b, width] -> [b, width']`.
    pub(super) fn apply(&self, x: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Dense(dense) => dense.apply(x),
            Self::LayerNorm(norm) => norm.apply(x),
            Self::Normalize => {
                let length = (x.clone() * x.clone()).sum_dim(1).sqrt(); // [b, 1]
                x / length.clamp_min(1e-12)
            }
        }
    }

    /// Width of what it gives for vectors of this width.
    pub(super) fn width(&self, width: usize) -> usize {
        match self {
            Self::Dense(dense) => dense.map.d_out(),
            Self::LayerNorm(_) | Self::Normalize => width,
        }
    }

    pub(super) fn params(&self) -> usize {
        match self {
            Self::Dense(dense) => dense.params(),
            Self::LayerNorm(norm) => norm.num_params(),
            Self::Normalize => 0,
        }
    }

    /// The same on the plain device: no operation is recorded.
    pub(super) fn valid(&self) -> Self {
        match self {
            Self::Dense(dense) => Self::Dense(dense.valid()),
            Self::LayerNorm(norm) => Self::LayerNorm(norm.valid()),
            Self::Normalize => Self::Normalize,
        }
    }

    pub(super) fn describe(&self) -> String {
        match self {
            Self::Dense(dense) => dense.describe(),
            Self::LayerNorm(_) => "LayerNorm".to_owned(),
            Self::Normalize => "Normalize".to_owned(),
        }
    }
}

/// A LayerNorm module over vectors of this width.
pub(super) fn layer_norm(
    fields: &Fields,
    dir: &Path,
    width: usize,
    device: &Device,
) -> Result<Behind, SentenceError> {
    fields.known(&["dimension"])?;
    fields.only("dimension", &json!(width))?;
    let names = ["norm.weight", "norm.bias"];
    let wanted = names.map(|name| parameter(name, &[width], Storage::Same));
    let mut arrays = weights(dir, wanted.to_vec(), device)?;
    Ok(Behind::LayerNorm(Norm {
        weight: arrays.take("norm.weight").expect("read"),
        bias: arrays.take("norm.bias"),
        epsilon: LAYER_NORM_EPSILON,
        kind: NormKind::Layer,
    }))
}

/// A Normalize module.
pub(super) fn normalize(fields: &Fields) -> Result<Behind, SentenceError> {
    on_the_vector(fields)?;
    Ok(Behind::Normalize)
}

/// Modules may work on the tokens' states instead, which is not implemented.
pub(super) fn on_the_vector(fields: &Fields) -> Result<(), SentenceError> {
    let vector = json!("sentence_embedding");
    fields.only("module_input_name", &vector)?;
    fields.only("module_output_name", &vector)
}

pub(super) fn parameter(name: &str, dims: &[usize], storage: Storage) -> Wanted {
    Wanted {
        name: ParameterName {
            path: name.to_owned(),
            tensor: name.to_owned(),
            dims: dims.to_vec(),
            storage,
            offset: 0.0,
        },
        tensor: name.to_owned(),
    }
}

pub(super) struct Arrays<'a>(HashMap<String, TensorData>, &'a Device);

impl Arrays<'_> {
    pub(super) fn take<const D: usize>(&mut self, name: &str) -> Option<Param<Tensor<D>>> {
        let array = self.0.remove(name)?;
        Some(Param::from_data(array, self.1))
    }
}

/// The tensors of the module's own model.safetensors, all of them and no others.
pub(super) fn weights<'a>(
    dir: &Path,
    wanted: Vec<Wanted>,
    device: &'a Device,
) -> Result<Arrays<'a>, SentenceError> {
    let in_dir = |problem: String| SentenceError::new(dir, problem);
    let checkpoint = Checkpoint::open(dir).map_err(|error| in_dir(error.to_string()))?;
    let expected: Vec<&str> = wanted.iter().map(|one| one.tensor.as_str()).collect();
    for name in &expected {
        if !checkpoint.contains(name) {
            return Err(in_dir(format!("holds no tensor \"{name}\"")));
        }
    }
    if let Some(other) = checkpoint
        .names()
        .find(|name| !expected.contains(&name.as_str()))
    {
        return Err(in_dir(format!(
            "holds the tensor \"{}\", expected {} alone",
            other.escape_debug(),
            expected.join(" and ")
        )));
    }
    let read = || {
        wanted.iter().try_for_each(|one| checkpoint.check(one))?;
        checkpoint.read(&wanted)
    };
    Ok(Arrays(
        read().map_err(|error| in_dir(error.to_string()))?,
        device,
    ))
}
