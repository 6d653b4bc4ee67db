//! The tensors of `adapter_model.safetensors`, each to be taken once: what is left at the end was not understood.

use crate::PeftError;
use burn::tensor::{DType, Device, Tensor, TensorData};
use safetensors::{Dtype, SafeTensors};
use std::collections::BTreeMap;
use std::path::Path;

/// Tensors by name, in f32.
pub(crate) struct Tensors {
    by_name: BTreeMap<String, TensorData>,
    device: Device,
}

impl Tensors {
    pub(crate) fn open(path: &Path, device: Device) -> Result<Tensors, PeftError> {
        let bytes = files::read_tensors(path).map_err(|source| PeftError::Read {
            path: path.to_owned(),
            source,
            hint: match path.with_extension("bin").is_file() {
                true => {
                    " (adapter_model.bin is there: write it anew with `save_pretrained(..., safe_serialization=True)` of PEFT)"
                }
                false => "",
            },
        })?;
        let file = SafeTensors::deserialize(&bytes).map_err(|error| PeftError::Broken {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        let mut by_name = BTreeMap::new();
        for (name, view) in file.tensors() {
            let kind = match view.dtype() {
                Dtype::F32 => DType::F32,
                Dtype::F16 => DType::F16,
                Dtype::BF16 => DType::BF16,
                Dtype::F64 => DType::F64,
                other => {
                    return Err(PeftError::Numbers {
                        tensor: name,
                        found: format!("{other:?}"),
                    });
                }
            };
            let data = TensorData::from_bytes_vec(view.data().to_vec(), view.shape(), kind);
            let data = data.convert::<f32>(); // A number of f64 may become infinite.
            let values = data.as_slice::<f32>().unwrap_or_default();
            if let Some(&value) = values.iter().find(|value| !value.is_finite()) {
                return Err(PeftError::NotFinite {
                    tensor: name,
                    path: path.to_owned(),
                    value,
                });
            }
            by_name.insert(name, data);
        }
        Ok(Tensors { by_name, device })
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &String> {
        self.by_name.keys()
    }

    /// Values of all tensors together.
    pub(crate) fn values(&self) -> u64 {
        let sizes = self
            .by_name
            .values()
            .map(|tensor| tensor.shape().iter().product::<usize>());
        sizes.sum::<usize>() as u64
    }

    pub(crate) fn dims(&self, name: &str) -> Option<Vec<usize>> {
        Some(self.by_name.get(name)?.shape().to_vec())
    }

    /// Takes a tensor that must be there and have these dimensions.
    pub(crate) fn take<const D: usize>(
        &mut self,
        name: &str,
        expected: [usize; D],
        why: &str,
    ) -> Result<Tensor<D>, PeftError> {
        let Some(found) = self.dims(name) else {
            return Err(PeftError::MissingTensor {
                tensor: name.to_owned(),
                reason: why.to_owned(),
            });
        };
        match self.by_name.remove(name) {
            Some(data) if found == expected => Ok(Tensor::from_data(data, &self.device)),
            _ => Err(PeftError::Shape {
                tensor: name.to_owned(),
                found,
                expected: expected.to_vec(),
                reason: why.to_owned(),
            }),
        }
    }
}
