//! Writing weights as `transformers` writes them: one safetensors file with the names and orientations of the checkpoint's family.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{DType, Tensor, TensorData};
use safetensors::tensor::{Dtype, TensorView};
use thiserror::Error;

use crate::backbone::Backbone;
use crate::language_head::LanguageHead;
use crate::load::{ParameterName, head_names, place, save_prefix};

/// How weights are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// 4 bytes a weight: what was computed.
    F32,
    /// 2 bytes a weight, rounded to 11 significant bits; values beyond 65,504 become infinite and are refused.
    F16,
}

/// Weights that cannot be written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SaveError {
    /// The system refuses the file.
    #[error("cannot write {}: {source}", file.display())]
    Write {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A weight that half precision cannot hold.
    #[error("tensor \"{tensor}\" holds {value}, which f16 cannot; store it as f32")]
    Range {
        /// The tensor.
        tensor: String,
        /// The first such value.
        value: f32,
    },
}

/// Writes backbone and language head (the tied output matrix apart) to `file`, whole or not at all. [`load`](crate::load()) reads the same values back.
///
/// # Errors
/// If the file cannot be written, or a value does not fit the precision.
pub fn save_weights(
    file: &Path,
    backbone: &Backbone,
    head: Option<&LanguageHead>,
    precision: Precision,
) -> Result<(), SaveError> {
    let shape = backbone.shape();
    let mut stored: BTreeMap<String, Stored> = BTreeMap::new();
    let prefix = save_prefix(shape.architecture, head.is_some());
    let mut values = Values::of(backbone);
    for name in backbone.parameter_names() {
        let value = values.take(&name.path);
        put(
            &mut stored,
            format!("{prefix}{}", name.tensor),
            &name,
            value,
        );
    }
    if let Some(head) = head {
        let mut values = Values::of(head);
        for name in head_names(shape, head.tied) {
            if let Some(value) = values.0.remove(&name.path) {
                put(&mut stored, name.tensor.clone(), &name, value);
            }
        }
    }
    write(file, stored, precision)
}

/// A tensor as the file has it.
struct Stored {
    dims: Vec<usize>,
    values: Vec<f32>,
}

/// Every parameter of a module by its path.
struct Values(HashMap<String, Vec<f32>>);

impl Values {
    fn of<M: Module>(module: &M) -> Values {
        struct Visit {
            path: Vec<String>,
            values: HashMap<String, Vec<f32>>,
        }
        impl ModuleVisitor for Visit {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                let values = ops::to_floats(param.val());
                self.values.insert(self.path.join("."), values);
            }
            fn enter_module(&mut self, name: &str, _: &str) {
                self.path.push(name.to_owned());
            }
            fn exit_module(&mut self, _: &str, _: &str) {
                self.path.pop();
            }
        }
        let mut visit = Visit {
            path: Vec::new(),
            values: HashMap::new(),
        };
        module.visit(&mut visit);
        Values(visit.values)
    }

    fn take(&mut self, path: &str) -> Vec<f32> {
        let value = self.0.remove(path);
        value.unwrap_or_else(|| panic!("the backbone has no parameter {path}"))
    }
}

/// Puts a parameter where the checkpoint has it: in a tensor of its own or beside others.
fn put(
    stored: &mut BTreeMap<String, Stored>,
    tensor: String,
    name: &ParameterName,
    value: Vec<f32>,
) {
    let whole = stored.entry(tensor).or_insert_with(|| Stored {
        dims: name.stored_dims(),
        values: Vec::new(),
    });
    place(&mut whole.values, name, value);
}

fn write(
    file: &Path,
    stored: BTreeMap<String, Stored>,
    precision: Precision,
) -> Result<(), SaveError> {
    let (format, kind) = match precision {
        Precision::F32 => (Dtype::F32, DType::F32),
        Precision::F16 => (Dtype::F16, DType::F16),
    };
    let mut bytes = BTreeMap::new();
    for (tensor, Stored { dims, values }) in stored {
        let too_large = values.iter().find(|value| value.abs() > 65_504.0);
        if let (Precision::F16, Some(&value)) = (precision, too_large) {
            return Err(SaveError::Range { tensor, value });
        }
        let data = TensorData::new(values, dims.clone()).convert_dtype(kind);
        bytes.insert(tensor, (dims, data));
    }
    let views = bytes.iter().map(|(tensor, (dims, data))| {
        let view = TensorView::new(format, dims.clone(), data.as_bytes());
        (tensor.as_str(), view.expect("sizes agree"))
    });
    // `transformers` asks for this entry.
    let about = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let written = files::replace(file, |temporary| {
        safetensors::serialize_to_file(views, Some(about), temporary).map_err(std::io::Error::other)
    });
    written.map_err(|source| SaveError::Write {
        file: file.to_path_buf(),
        source,
    })
}
