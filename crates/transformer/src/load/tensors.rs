//! The tensors of a checkpoint: one safetensors file, or shards with an index; found by name, checked, converted to f32.
//!
//! Headers are read first; each tensor's bytes then go from the file straight into the memory where they stay, several at a
//! time, so that no second copy of the model ever exists.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use burn::tensor::TensorData;
use rayon::prelude::*;
use safetensors::tensor::Dtype;

use super::errors::LoadError;
use super::header::read_header;
use super::index::{self, INDEX, SINGLE};
use super::instead;
use super::names::ParameterName;
use super::values::{arrange, read_values};
use super::wrapping::Wrapping;
use crate::digest::digest_files;
use crate::gguf;
use crate::shape::Architecture;

/// All weight files of a model, headers read.
pub(crate) struct Checkpoint {
    /// Sorted by name; at least one.
    files: Vec<PathBuf>,
    /// By the names of the model alone.
    tensors: BTreeMap<String, Stored>,
}

/// A tensor in a file.
#[derive(Clone, Debug)]
struct Stored {
    /// As it is spelt there, with what stands around the model.
    name: String,
    file: usize,
    offset: u64,
    dims: Vec<usize>,
    format: Format,
}

/// How a tensor's numbers are written.
#[derive(Clone, Copy, Debug)]
enum Format {
    /// One after the other.
    Plain(Dtype),
    /// In a GGUF file: in blocks, or in another order than Hugging Face's.
    Gguf(gguf::Encoding),
}

/// A parameter and the tensor that was found for it.
#[derive(Clone)]
pub(crate) struct Wanted {
    pub(crate) name: ParameterName,
    /// Full name in the checkpoint.
    pub(crate) tensor: String,
}

impl Checkpoint {
    pub(crate) fn open(dir: &Path) -> Result<Checkpoint, LoadError> {
        // A link that leads nowhere, a pipe: there, and an error of its own when it is opened.
        let is_there = |name: &str| dir.join(name).symlink_metadata().is_ok();
        if is_there(SINGLE) {
            Checkpoint::read_headers(vec![dir.join(SINGLE)])
        } else if is_there(INDEX) {
            Checkpoint::open_shards(dir, dir.join(INDEX))
        } else {
            let dir = dir.to_path_buf();
            let hint = instead::of_weights(&dir);
            Err(LoadError::NoWeights { dir, hint })
        }
    }

    fn open_shards(dir: &Path, index: PathBuf) -> Result<Checkpoint, LoadError> {
        let weight_map = index::read(&index)?;
        let shards: BTreeSet<&String> = weight_map.values().collect();
        for shard in &shards {
            if !dir.join(shard).exists() {
                let shard = shard.to_string();
                return Err(LoadError::MissingShard { index, shard });
            }
        }
        let checkpoint =
            Checkpoint::read_headers(shards.iter().map(|shard| dir.join(shard)).collect())?;
        for (tensor, shard) in &weight_map {
            let found = checkpoint.tensors.get(tensor);
            if found.map(|stored| &checkpoint.files[stored.file]) != Some(&dir.join(shard)) {
                return Err(LoadError::WrongIndex {
                    index,
                    tensor: tensor.clone(),
                    shard: shard.clone(),
                });
            }
        }
        Ok(checkpoint)
    }

    fn read_headers(files: Vec<PathBuf>) -> Result<Checkpoint, LoadError> {
        let mut tensors = BTreeMap::new();
        for (at, file) in files.iter().enumerate() {
            let (metadata, data_start) = read_header(file)?;
            for (name, info) in metadata.tensors() {
                let stored = Stored {
                    name: name.clone(),
                    file: at,
                    offset: data_start + info.data_offsets.0 as u64,
                    dims: info.shape.clone(),
                    format: Format::Plain(info.dtype),
                };
                tensors.insert(name, stored);
            }
        }
        Ok(Checkpoint { files, tensors })
    }

    /// The tensors of a GGUF file, under Hugging Face's names.
    pub(crate) fn from_gguf(
        file: PathBuf,
        tensors: impl IntoIterator<Item = gguf::Tensor>,
    ) -> Checkpoint {
        let tensors = tensors.into_iter().map(|tensor| {
            let stored = Stored {
                name: tensor.spelt,
                file: 0,
                offset: tensor.offset,
                dims: tensor.dims,
                format: Format::Gguf(tensor.encoding),
            };
            (tensor.name, stored)
        });
        Checkpoint {
            tensors: tensors.collect(),
            files: vec![file],
        }
    }

    /// Takes off what wrappers around the model put before its names, and says what it was.
    pub(crate) fn unwrap(
        &mut self,
        architecture: Architecture,
    ) -> Result<Option<String>, LoadError> {
        let wrapping = Wrapping::of(self.tensors.keys(), architecture);
        let mut tensors: BTreeMap<String, Stored> = BTreeMap::new();
        for (name, stored) in std::mem::take(&mut self.tensors) {
            let plain = wrapping.plain(&name);
            if let Some(other) = tensors.get(&plain) {
                return Err(LoadError::TwiceTheSame {
                    file: self.files[stored.file].clone(),
                    tensor: plain,
                    first: other.name.clone(),
                    second: name,
                });
            }
            tensors.insert(plain, stored);
        }
        self.tensors = tensors;
        Ok(wrapping.found())
    }

    /// A tensor's name as the file spells it.
    pub(crate) fn spelt(&self, tensor: &str) -> String {
        let stored = self.tensors.get(tensor);
        stored.map_or(tensor, |stored| &stored.name).to_owned()
    }

    pub(crate) fn contains(&self, tensor: &str) -> bool {
        self.tensors.contains_key(tensor)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &String> + Clone {
        self.tensors.keys()
    }

    /// The file that holds a tensor, or should.
    pub(crate) fn file_of(&self, tensor: &str) -> PathBuf {
        let at = self.tensors.get(tensor).map_or(0, |stored| stored.file);
        self.files[at].clone()
    }

    /// The tensor's full name, if it is there: under `prefix`, or under the names that TensorFlow-born checkpoints give to
    /// the gains and biases of layer norms.
    pub(crate) fn find(&self, prefix: &str, tensor: &str) -> Option<String> {
        let name = format!("{prefix}{tensor}");
        if self.contains(&name) {
            return Some(name);
        }
        let stem = name.strip_suffix(".weight").map(|stem| (stem, "gamma"));
        let stem = stem.or_else(|| name.strip_suffix(".bias").map(|stem| (stem, "beta")));
        let (stem, old) = stem.filter(|(stem, _)| stem.ends_with("LayerNorm"))?;
        let name = format!("{stem}.{old}");
        self.contains(&name).then_some(name)
    }

    /// Checks shape and number format, before anything is read.
    pub(crate) fn check(&self, wanted: &Wanted) -> Result<(), LoadError> {
        let stored = &self.tensors[&wanted.tensor];
        let expected = wanted.name.stored_dims();
        if stored.dims != expected {
            return Err(LoadError::WrongShape {
                tensor: stored.name.clone(),
                file: self.file_of(&wanted.tensor),
                found: stored.dims.clone(),
                expected,
            });
        }
        match stored.format {
            Format::Plain(Dtype::F32 | Dtype::F16 | Dtype::BF16 | Dtype::F64) | Format::Gguf(_) => {
                Ok(())
            }
            Format::Plain(other) => Err(LoadError::NumberFormat {
                tensor: stored.name.clone(),
                file: self.file_of(&wanted.tensor),
                found: format!("{other:?}"),
            }),
        }
    }

    /// Reads and converts many tensors at once; keyed by parameter path.
    pub(crate) fn read(&self, wanted: &[Wanted]) -> Result<HashMap<String, TensorData>, LoadError> {
        // Tensors that several parameters share (GPT-2's c_attn) are read once.
        let mut groups: BTreeMap<&str, Vec<&ParameterName>> = BTreeMap::new();
        for one in wanted {
            groups.entry(&one.tensor).or_default().push(&one.name);
        }
        let groups: Vec<_> = groups.into_iter().collect();
        let read = groups.par_iter().map(|(tensor, names)| {
            let values = self.read_one(tensor)?;
            let stored = &self.tensors[*tensor];
            Ok(arrange(values, &stored.dims, names))
        });
        let read: Vec<Vec<(String, TensorData)>> = read.collect::<Result<_, LoadError>>()?;
        Ok(read.into_iter().flatten().collect())
    }

    fn read_one(&self, tensor: &str) -> Result<Vec<f32>, LoadError> {
        let stored = &self.tensors[tensor];
        let path = &self.files[stored.file];
        let values = match stored.format {
            Format::Plain(format) => {
                let count = stored.dims.iter().product();
                read_values(path, stored.offset, count, format)
            }
            Format::Gguf(encoding) => {
                gguf::read_values(path, stored.offset, &stored.dims, encoding)
            }
        };
        let values = values.map_err(|source| LoadError::Read {
            file: path.clone(),
            source,
        })?;
        match values.iter().position(|value| !value.is_finite()) {
            None => Ok(values),
            Some(element) => Err(LoadError::NotFinite {
                tensor: stored.name.clone(),
                file: path.clone(),
                value: values[element],
                element,
            }),
        }
    }

    /// The format of the first tensor of the first file, where it is a floating-point format other than float32.
    pub(crate) fn narrow_format(&self) -> Option<&'static str> {
        let first = self
            .tensors
            .values()
            .min_by_key(|stored| (stored.file, stored.offset))?;
        match first.format {
            Format::Plain(Dtype::F16) => Some("float16"),
            Format::Plain(Dtype::BF16) => Some("bfloat16"),
            Format::Plain(Dtype::F64) => Some("float64"),
            Format::Plain(_) | Format::Gguf(_) => None,
        }
    }

    /// sha256 over the bytes of the weight files in the order of their names: for one file what `sha256sum` prints.
    pub(crate) fn digest(&self) -> Result<String, LoadError> {
        digest_files(&self.files)
    }
}
