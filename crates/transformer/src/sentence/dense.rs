//! The module Dense: a linear map with an activation and, where the settings say so, a residual.

use std::path::Path;

use burn::module::Module;
use burn::tensor::{Device, Tensor, activation};
use serde_json::json;

use super::SentenceError;
use super::behind::{on_the_vector, parameter, weights};
use super::json::Fields;
use crate::linear::Linear;
use crate::load::Storage;

/// Widest output of a Dense module; the file's real size bounds it too.
const WIDEST: usize = 1 << 16;

/// `activation(map(x))`, with x added where there is a residual.
#[derive(Clone, Debug)]
pub(super) struct Dense {
    pub(super) map: Linear,
    activation: Activation,
    residual: Residual,
}

/// What is added to a Dense module's result.
#[derive(Clone, Debug)]
enum Residual {
    None,
    /// Its input.
    Input,
    /// Its input through a map, where the widths differ.
    Mapped(Linear),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Activation {
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

impl Dense {
    /// `[b, d_in] -> [b, d_out]`.
    pub(super) fn apply(&self, x: Tensor<2>) -> Tensor<2> {
        let mapped = self.activation.apply(self.map.apply(&x));
        match &self.residual {
            Residual::None => mapped,
            Residual::Input => mapped + x,
            Residual::Mapped(map) => mapped + map.apply(&x),
        }
    }

    pub(super) fn params(&self) -> usize {
        let residual = match &self.residual {
            Residual::Mapped(map) => map.num_params(),
            Residual::None | Residual::Input => 0,
        };
        self.map.num_params() + residual
    }

    pub(super) fn valid(&self) -> Self {
        Self {
            map: self.map.valid(),
            activation: self.activation,
            residual: match &self.residual {
                Residual::Mapped(map) => Residual::Mapped(map.valid()),
                other => other.clone(),
            },
        }
    }

    pub(super) fn describe(&self) -> String {
        let name = ACTIVATIONS
            .iter()
            .find(|(_, known)| *known == self.activation);
        let name = name.map_or("", |(name, _)| name);
        let residual = match self.residual {
            Residual::None => "",
            Residual::Input | Residual::Mapped(_) => ", residual",
        };
        let (d_in, d_out) = (self.map.d_in(), self.map.d_out());
        format!("Dense {d_in} to {d_out} ({name}{residual})")
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
pub(super) fn read(
    fields: &Fields,
    dir: &Path,
    width: usize,
    device: &Device,
) -> Result<Dense, SentenceError> {
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
    let residual = fields.flag("use_residual")?.unwrap_or(false);
    if residual && width != out {
        wanted.push(parameter(
            "residual.weight",
            &[width, out],
            Storage::Transposed,
        ));
    }
    let mut arrays = weights(dir, wanted, device)?;
    let map = Linear {
        weight: arrays.take("linear.weight").expect("read"),
        bias: arrays.take("linear.bias"),
    };
    let residual = match arrays.take("residual.weight") {
        Some(weight) => Residual::Mapped(Linear { weight, bias: None }),
        None if residual => Residual::Input,
        None => Residual::None,
    };
    Ok(Dense {
        map,
        activation: Activation::read(fields)?,
        residual,
    })
}
