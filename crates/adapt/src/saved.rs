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
    /// Whether it was trained on pairs of texts, where that was kept.
    #[serde(default)]
    pub pairs: Option<bool>,
}

/// Reads the description.
///
/// # Errors
/// A file that is missing or is not this program's.
pub fn read_saved_info(dir: &Path) -> Result<SavedInfo, LoadAdapterError> {
    let bytes = read_file(dir, SAVED_FILE, files::SETTINGS_BYTES)?;
    let malformed = |reason| malformed(dir, SAVED_FILE, reason);
    let info: SavedInfo =
        serde_json::from_slice(&bytes).map_err(|error| malformed(error.to_string()))?;
    info.budget
        .check()
        .map_err(|reason| malformed(format!("budget: {reason}")))?;
    if info.classes.is_empty() {
        return Err(malformed(
            "\"classes\" is empty, expected the names of the classes".to_owned(),
        ));
    }
    Ok(info)
}

/// The bytes of a file of an adapter, of at most `at_most` bytes.
///
/// # Errors
/// As [`files::read`], with the file's name.
pub fn read_file(dir: &Path, file: &str, at_most: u64) -> Result<Vec<u8>, LoadAdapterError> {
    let path = dir.join(file);
    files::read(&path, at_most).map_err(|source| LoadAdapterError::Read {
        path: path.display().to_string(),
        source,
    })
}

/// The bytes of a file of tensors, see [`files::read_tensors`].
///
/// # Errors
/// A file that is missing or cannot be read.
pub fn read_tensor_file(dir: &Path, file: &str) -> Result<Vec<u8>, LoadAdapterError> {
    let path = dir.join(file);
    files::read_tensors(&path).map_err(|source| LoadAdapterError::Read {
        path: path.display().to_string(),
        source,
    })
}

/// A file of an adapter that is not what it should be.
pub fn malformed(dir: &Path, file: &str, reason: impl ToString) -> LoadAdapterError {
    LoadAdapterError::Malformed {
        path: dir.join(file).display().to_string(),
        reason: reason.to_string(),
    }
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
    files::write(&path, text.as_bytes()).map_err(|source| SaveError {
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

/// Tensors by name: shape and values.
type Named = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// The tensors of an adapter whose settings call for at least `values` values.
///
/// # Errors
/// A file that is missing, is not a file of tensors, holds what is no finite number, or fewer values than that: asked here, before a
/// model is made of those settings.
pub(crate) fn read_tensors(dir: &Path, values: u64) -> Result<Named, LoadAdapterError> {
    let bytes = read_tensor_file(dir, TENSORS_FILE)?;
    let malformed = |reason: String| malformed(dir, TENSORS_FILE, reason);
    let file = Tensors::from_bytes(&bytes).map_err(|error| malformed(error.to_string()))?;
    let mut tensors = Named::new();
    for key in file.names() {
        let found = file.get_floats(key);
        let (shape, values) = found.map_err(|error| malformed(error.to_string()))?;
        tensors.insert(key.to_owned(), (shape.to_vec(), values));
    }
    let found: usize = tensors.values().map(|(_, values)| values.len()).sum();
    match (found as u64) < values {
        true => Err(malformed(format!(
            "it holds {found} values, the settings and classes in {SAVED_FILE} need {values} on this model; was it trained on another one?"
        ))),
        false => Ok(tensors),
    }
}

/// Overwrites the tensors that were stored.
///
/// # Errors
/// Tensors that are missing, have another shape, or have no place.
pub(crate) fn place<A: Adaptation>(
    model: Adapted<A>,
    tensors: Named,
    dir: &Path,
) -> Result<Adapted<A>, LoadAdapterError> {
    let malformed = |reason: String| malformed(dir, TENSORS_FILE, reason);
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
    tensors: Named,
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
