//! The tensors of an `adapter_model.safetensors` to be written, by name.

use crate::PeftError;
use burn::tensor::Tensor;
use files::Tensors;
use std::path::Path;

/// In the order they are put.
#[derive(Default)]
pub(crate) struct Stored {
    tensors: Tensors,
    /// The first that holds a number that is not finite.
    broken: Option<(String, f32)>,
}

impl Stored {
    pub(crate) fn put<const D: usize>(&mut self, name: impl Into<String>, tensor: Tensor<D>) {
        let (name, shape) = (name.into(), tensor.dims());
        let values = adapt::to_floats(tensor);
        if let Some(&value) = values.iter().find(|value| !value.is_finite()) {
            self.broken.get_or_insert((name.clone(), value));
        }
        self.tensors.put(name, &shape, values);
    }

    /// # Errors
    /// The first tensor that holds NaN or an infinity.
    pub(crate) fn require_numbers(&self) -> Result<(), PeftError> {
        match &self.broken {
            None => Ok(()),
            Some((tensor, value)) => Err(PeftError::TrainedNonsense {
                tensor: tensor.clone(),
                value: *value,
            }),
        }
    }

    pub(crate) fn write(&self, path: &Path) -> std::io::Result<()> {
        self.tensors.write_for_python(path)
    }
}
