//! The tensors of an `adapter_model.safetensors` to be written, by name.

use burn::tensor::Tensor;
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// Shapes and bytes by name.
#[derive(Default)]
pub(crate) struct Stored(BTreeMap<String, (Vec<usize>, Vec<u8>)>);

impl Stored {
    pub(crate) fn put<const D: usize>(&mut self, name: impl Into<String>, tensor: Tensor<D>) {
        let shape = tensor.dims().to_vec();
        let values = adapt::to_floats(tensor);
        let bytes = values.into_iter().flat_map(f32::to_le_bytes).collect();
        self.0.insert(name.into(), (shape, bytes));
    }

    pub(crate) fn write(&self, path: &Path) -> std::io::Result<()> {
        let views = self.0.iter().map(|(name, (shape, bytes))| {
            let view = TensorView::new(Dtype::F32, shape.clone(), bytes);
            (name, view.expect("four bytes a value"))
        });
        let format = HashMap::from([("format".to_owned(), "pt".to_owned())]);
        safetensors::serialize_to_file(views, Some(format), path).map_err(std::io::Error::other)
    }
}
