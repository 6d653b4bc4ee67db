//! The modules that may stand behind the pooling: Dense, LayerNorm, Normalize, and Dropout, which does nothing here.

use std::collections::HashMap;
use std::path::Path;

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData, activation};
use serde_json::json;

use super::SentenceError;
use super::json::Fields;
use crate::linear::Linear;
use crate::load::{Checkpoint, ParameterName, Storage, Wanted};
use crate::norm::Norm;

/// Widest output of a Dense module; the file's real size bounds it too.
const WIDEST: usize = 1 << 16;

/// PyTorch's default, which sentence-transformers leaves as it is.
const LAYER_NORM_EPSILON: f64 = 1e-5;

/// One step from vector to vector.
#[derive(Clone, Debug)]
pub(super) enum Behind {
    Dense(Linear, Activation),
    LayerNorm(Norm),
    Normalize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Activation {
    Identity,
    Tanh,
    Relu,
    Gelu,
    Sigmoid,
    Silu,
}

const ACTIVATIONS: [(&str, Activation); 6] = [
    ("Identity", Activation::Identity),
    ("Tanh", Activation::Tanh),
    ("ReLU", Activation::Relu),
    ("GELU", Activation::Gelu),
    ("Sigmoid", Activation::Sigmoid),
    ("SiLU", Activation::Silu),
];

impl Behind {
    /// `[b, width] -> [b, width']`.
    pub(super) fn apply(&self, x: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Dense(map, function) => function.apply(map.apply(&x)),
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
            Self::Dense(map, _) => map.d_out(),
            Self::LayerNorm(_) | Self::Normalize => width,
        }
    }

    pub(super) fn params(&self) -> usize {
        match self {
            Self::Dense(map, _) => map.num_params(),
            Self::LayerNorm(norm) => norm.num_params(),
            Self::Normalize => 0,
        }
    }

    /// The same on the plain device: no operation is recorded.
    pub(super) fn valid(&self) -> Self {
        match self {
            Self::Dense(map, function) => Self::Dense(map.valid(), *function),
            Self::LayerNorm(norm) => Self::LayerNorm(norm.valid()),
            Self::Normalize => Self::Normalize,
        }
    }

    pub(super) fn describe(&self) -> String {
        match self {
            Self::Dense(map, function) => {
                let name = ACTIVATIONS.iter().find(|(_, known)| known == function);
                let name = name.map_or("", |(name, _)| name);
                format!("Dense {} to {} ({name})", map.d_in(), map.d_out())
            }
            Self::LayerNorm(_) => "LayerNorm".to_owned(),
            Self::Normalize => "Normalize".to_owned(),
        }
    }
}

impl Activation {
    fn apply(self, x: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Identity => x,
            Self::Tanh => x.tanh(),
            Self::Relu => activation::relu(x),
            Self::Gelu => activation::gelu(x),
            Self::Sigmoid => activation::sigmoid(x),
            Self::Silu => activation::silu(x),
        }
    }

    /// By PyTorch's class, `torch.nn.modules.activation.Tanh`; Tanh where none is named.
    fn read(fields: &Fields) -> Result<Self, SentenceError> {
        let Some(path) = fields.text("activation_function")? else {
            return Ok(Self::Tanh);
        };
        let name = path
            .strip_prefix("torch.nn.")
            .and_then(|path| path.rsplit('.').next());
        let known = |name| ACTIVATIONS.iter().find(|(known, _)| *known == name);
        match name.and_then(known) {
            Some((_, found)) => Ok(*found),
            None => {
                let names = ACTIVATIONS.map(|(name, _)| name).join(", ");
                let expected = format!("torch.nn's {names}");
                Err(fields.wrong("activation_function", &json!(path), &expected))
            }
        }
    }
}

/// A Dense module over vectors of this width.
pub(super) fn dense(
    fields: &Fields,
    dir: &Path,
    width: usize,
    device: &Device,
) -> Result<Behind, SentenceError> {
    fields.known(&[
        "in_features",
        "out_features",
        "bias",
        "activation_function",
        "module_input_name",
        "module_output_name",
        "use_residual",
    ])?;
    on_the_vector(fields)?;
    fields.only("use_residual", &json!(false))?;
    fields.only("in_features", &json!(width))?;
    let out = fields.required_size("out_features")?;
    if out > WIDEST {
        return Err(fields.error(format!(
            "\"out_features\" is {out}, expected at most {WIDEST}"
        )));
    }
    let mut wanted = vec![parameter(
        "linear.weight",
        &[width, out],
        Storage::Transposed,
    )];
    if fields.flag("bias")?.unwrap_or(true) {
        wanted.push(parameter("linear.bias", &[out], Storage::Same));
    }
    let mut arrays = weights(dir, wanted, device)?;
    let map = Linear {
        weight: arrays.take("linear.weight").expect("read"),
        bias: arrays.take("linear.bias"),
    };
    Ok(Behind::Dense(map, Activation::read(fields)?))
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
    }))
}

/// A Normalize module.
pub(super) fn normalize(fields: &Fields) -> Result<Behind, SentenceError> {
    on_the_vector(fields)?;
    Ok(Behind::Normalize)
}

/// Modules may work on the tokens' states instead, which is not implemented.
fn on_the_vector(fields: &Fields) -> Result<(), SentenceError> {
    let vector = json!("sentence_embedding");
    fields.only("module_input_name", &vector)?;
    fields.only("module_output_name", &vector)
}

fn parameter(name: &str, dims: &[usize], storage: Storage) -> Wanted {
    Wanted {
        name: ParameterName {
            path: name.to_owned(),
            tensor: name.to_owned(),
            dims: dims.to_vec(),
            storage,
        },
        tensor: name.to_owned(),
    }
}

struct Arrays<'a>(HashMap<String, TensorData>, &'a Device);

impl Arrays<'_> {
    fn take<const D: usize>(&mut self, name: &str) -> Option<Param<Tensor<D>>> {
        let array = self.0.remove(name)?;
        Some(Param::from_data(array, self.1))
    }
}

/// The tensors of the module's own model.safetensors, all of them and no others.
fn weights<'a>(
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
