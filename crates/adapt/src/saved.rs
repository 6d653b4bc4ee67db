//! What is kept of an adapted model: `adaptbench.json` (method, settings, classes) beside `adapter.safetensors` (the tensors that differ
//! from the pretrained model).

use crate::{Adaptation, Adapted, Budget, LoadAdapterError, Peft, SaveError};
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamGroup};
use burn::tensor::{Tensor, TensorData};
use files::Tensors;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use transformer::{Pooling, Shape};

/// The description's file name; its presence tells this program's adapters from others.
pub const SAVED_FILE: &str = "adaptbench.json";
const TENSORS_FILE: &str = "adapter.safetensors";

/// The description beside the tensors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SavedInfo {
    /// Name in the registry.
    pub method: String,
    /// Its settings.
    pub config: Value,
    /// Names of the classes, in the order of the logits.
    pub classes: Vec<String>,
    /// General settings it was trained with.
    pub budget: Budget,
    /// How hidden states become one vector.
    pub pooling: Option<Pooling>,
    /// The pretrained model's name.
    pub base_model: String,
    /// `Pretrained::files_digest` of it; of its weight files alone in what older builds saved; none where it was not kept.
    #[serde(default)]
    pub base_digest: Option<String>,
}

/// Reads the description.
///
/// # Errors
/// A file that is missing or is not this program's.
pub fn read_saved_info(dir: &Path) -> Result<SavedInfo, LoadAdapterError> {
    let path = dir.join(SAVED_FILE);
    let text = std::fs::read_to_string(&path).map_err(|source| LoadAdapterError::Read {
        path: path.display().to_string(),
        source,
    })?;
    serde_json::from_str(&text).map_err(|error| LoadAdapterError::Malformed {
        path: path.display().to_string(),
        reason: error.to_string(),
    })
}

/// Writes the description alone, for methods that keep their state in files of their own.
///
/// # Errors
/// A directory or file that cannot be written.
pub fn write_info(info: &SavedInfo, dir: &Path) -> Result<(), SaveError> {
    std::fs::create_dir_all(dir).map_err(|source| SaveError {
        path: dir.display().to_string(),
        source,
    })?;
    let path = dir.join(SAVED_FILE);
    let text = serde_json::to_string_pretty(info).expect("a description serialises");
    std::fs::write(&path, text).map_err(|source| SaveError {
        path: path.display().to_string(),
        source,
    })
}

pub(crate) fn write<P: Peft>(
    model: &Adapted<P::Adaptation>,
    plan: &P,
    shape: &Shape,
    info: &SavedInfo,
    dir: &Path,
) -> Result<(), SaveError> {
    write_info(info, dir)?;
    let mut collect = Collect {
        path: Vec::new(),
        in_backbone: plan.train_in_backbone(shape),
        tensors: Tensors::default(),
    };
    model.visit(&mut collect);
    let path = dir.join(TENSORS_FILE);
    let written = collect.tensors.write(&path);
    written.map_err(|source| SaveError {
        path: path.display().to_string(),
        source,
    })
}

/// Overwrites the tensors that the file holds.
pub(crate) fn read_tensors<A: Adaptation>(
    model: Adapted<A>,
    dir: &Path,
) -> Result<Adapted<A>, LoadAdapterError> {
    let path = dir.join(TENSORS_FILE);
    let name = path.display().to_string();
    let bytes = std::fs::read(&path).map_err(|source| LoadAdapterError::Read {
        path: name.clone(),
        source,
    })?;
    let malformed = |reason: String| LoadAdapterError::Malformed {
        path: name.clone(),
        reason,
    };
    let file = Tensors::from_bytes(&bytes).map_err(|error| malformed(error.to_string()))?;
    let mut tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)> = BTreeMap::new();
    for key in file.names() {
        let found = file.get_floats(key);
        let (shape, values) = found.map_err(|error| malformed(error.to_string()))?;
        tensors.insert(key.to_owned(), (shape.to_vec(), values));
    }
    let mut place = Place {
        path: Vec::new(),
        tensors,
        wrong: None,
    };
    let model = model.map(&mut place);
    if let Some(reason) = place.wrong {
        return Err(malformed(reason));
    }
    match place.tensors.keys().next() {
        Some(key) => Err(malformed(format!(
            "tensor \"{key}\" has no place in this model; was it trained on another one?"
        ))),
        None => Ok(model),
    }
}

struct Collect {
    path: Vec<String>,
    in_backbone: Option<ParamGroup>,
    tensors: Tensors,
}

impl ModuleVisitor for Collect {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let differs = match self.path.split_first() {
            Some((root, rest)) if root == "backbone" => self
                .in_backbone
                .as_ref()
                .is_some_and(|group| group.matches(&param.id, Some(&rest.join(".")))),
            _ => true,
        };
        if differs {
            let shape = param.val().dims();
            let values = ops::to_floats(param.val());
            self.tensors.put(self.path.join("."), &shape, values);
        }
    }
}

struct Place {
    path: Vec<String>,
    tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
    wrong: Option<String>,
}

impl ModuleMapper for Place {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let key = self.path.join(".");
        let in_backbone = self.path.first().is_some_and(|root| root == "backbone");
        let Some((shape, values)) = self.tensors.remove(&key) else {
            if !in_backbone {
                self.wrong
                    .get_or_insert(format!("tensor \"{key}\" is missing"));
            }
            return param;
        };
        let expected = param.val().dims();
        if shape != expected {
            self.wrong.get_or_insert(format!(
                "tensor \"{key}\" has shape {shape:?}, expected {expected:?}"
            ));
            return param;
        }
        param.map(|old| Tensor::from_data(TensorData::new(values, expected), &old.device()))
    }
}
