//! The tensors of an `adapter_model.safetensors` to be written, by name.

use burn::tensor::Tensor;
use files::Tensors;
use std::path::Path;

/// In the order they are put.
#[derive(Default)]
pub(crate) struct Stored(Tensors);

impl Stored {
    pub(crate) fn put<const D: usize>(&mut self, name: impl Into<String>, tensor: Tensor<D>) {
        let shape = tensor.dims();
        self.0.put(name, &shape, adapt::to_floats(tensor));
    }

    pub(crate) fn write(&self, path: &Path) -> std::io::Result<()> {
        self.0.write_for_python(path)
    }
}
