//! Where oracles lie, and what one holds.

use safetensors::{Dtype, SafeTensors};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use transformer::{MODEL_TYPES, Pretrained, load};

/// Names a folder of more oracles, beside the fixtures.
const MORE: &str = "ADAPTBENCH_ORACLES";

/// What is not read: the `model_type`.
const NOT_READ: [&str; 1] = ["t5"];

/// What of a folder is a model.
pub(crate) const MODEL_FILES: [&str; 4] = [
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
];

pub(crate) type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// A checkpoint, and what `transformers` computes from it.
pub(crate) struct Oracle {
    /// The folder's name, with that of the folder around it.
    pub(crate) name: String,
    pub(crate) dir: PathBuf,
    pub(crate) config: Map<String, Value>,
    expected: Tensors,
}

impl Oracle {
    fn open(dir: PathBuf) -> Oracle {
        let own = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
        Oracle {
            name: format!("{}/{}", own(dir.parent().unwrap()), own(&dir)),
            config: read_json(&dir.join("config.json")),
            expected: tensors(&dir.join("expected.safetensors")),
            dir,
        }
    }

    pub(crate) fn model_type(&self) -> &str {
        self.config["model_type"].as_str().unwrap()
    }

    pub(crate) fn load(&self) -> Result<Pretrained, String> {
        load(&self.dir, &ops::test_device()).map_err(|error| format!("{}: {error}", self.name))
    }

    /// expected.json.
    pub(crate) fn about(&self) -> Map<String, Value> {
        read_json(&self.dir.join("expected.json"))
    }

    pub(crate) fn texts(&self) -> Vec<String> {
        let about = self.about();
        let texts = about["texts"].as_array().unwrap().iter();
        texts
            .map(|text| text.as_str().unwrap().to_owned())
            .collect()
    }

    /// Texts were cut to this many tokens.
    pub(crate) fn max_length(&self) -> usize {
        self.about()["max_length"].as_u64().unwrap() as usize
    }

    /// Ids of each text, without padding.
    pub(crate) fn ids(&self) -> Vec<Vec<i64>> {
        let ids = self.unpadded("ids").unwrap();
        let row = |row: Vec<f32>| row.into_iter().map(|id| id as i64).collect();
        ids.into_iter().map(row).collect()
    }

    /// A tensor `[b, t, ..]` without what stands where the mask is 0, a list of values for each text.
    pub(crate) fn unpadded(&self, name: &str) -> Option<Vec<Vec<f32>>> {
        let (dims, mask) = &self.expected["mask"];
        let (_, values) = self.expected.get(name)?;
        let width = values.len() / mask.len();
        let rows = values
            .chunks(dims[1] * width)
            .zip(mask.chunks(dims[1]))
            .map(|(row, mask)| {
                let real = row
                    .chunks(width)
                    .zip(mask)
                    .filter(|(_, mask)| **mask == 1.0);
                real.flat_map(|(token, _)| token.to_vec()).collect()
            });
        Some(rows.collect())
    }

    /// Logits of the language head, causal or masked.
    pub(crate) fn language_logits(&self) -> Option<Vec<Vec<f32>>> {
        let names = ["lm_logits", "mlm_logits"];
        names.iter().find_map(|name| self.unpadded(name))
    }

    /// A copy of the model in a folder of its own, with another config.json.
    pub(crate) fn copy_with(&self, config: &Map<String, Value>, to: &Path) {
        for name in MODEL_FILES {
            // Written by its reader or its writer, a copy shares nothing with the fixture.
            fs::copy(self.dir.join(name), to.join(name)).unwrap();
        }
        fs::write(
            to.join("config.json"),
            Value::from(config.clone()).to_string(),
        )
        .unwrap();
    }
}

pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

fn folders() -> Vec<PathBuf> {
    let own = ["oracle", "features"].map(|name| fixtures().join(name));
    let more = std::env::var_os(MORE).map(PathBuf::from);
    if more.is_none() {
        println!("only the fixtures: {MORE} names no folder of more oracles");
    }
    let roots = own.into_iter().chain(more);
    let all = roots.flat_map(|root| {
        let entries = fs::read_dir(&root).unwrap_or_else(|e| panic!("{}: {e}", root.display()));
        let mut folders: Vec<PathBuf> = entries
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_dir())
            .collect();
        folders.sort();
        assert!(!folders.is_empty(), "{} holds no oracle", root.display());
        folders
    });
    all.collect()
}

/// All that are read.
pub(crate) fn oracles() -> Vec<Oracle> {
    let all = folders().into_iter().map(Oracle::open);
    all.filter(|oracle| !NOT_READ.contains(&oracle.model_type()))
        .collect()
}

#[test]
fn every_folder_is_read_or_refused_by_name() {
    for dir in folders() {
        let oracle = Oracle::open(dir);
        let (name, model_type) = (&oracle.name, oracle.model_type());
        match (oracle.load(), NOT_READ.contains(&model_type)) {
            (Ok(model), false) => {
                assert!(MODEL_TYPES.contains(&model_type), "{name}");
                // Which class reads a tokenizer is none of the model.
                let mut warnings = model.warnings.iter();
                let other = warnings.find(|warning| !warning.contains("tokenizer_class"));
                assert_eq!(other, None, "{name}");
            }
            (Err(said), true) => {
                assert!(!MODEL_TYPES.contains(&model_type), "{name}");
                assert!(said.contains(&format!("\"{model_type}\"")), "{said}");
                assert!(MODEL_TYPES.iter().any(|read| said.contains(read)), "{said}");
            }
            (Ok(_), true) => panic!("{name} is read and stands among what is not"),
            (Err(said), false) => panic!("{said}"),
        }
    }
}

pub(crate) fn read_json(file: &Path) -> Map<String, Value> {
    let text = fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", file.display()))
}

/// All tensors of a file as f32, with their dimensions.
pub(crate) fn tensors(file: &Path) -> Tensors {
    let bytes = fs::read(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    let read = SafeTensors::deserialize(&bytes).unwrap();
    let list = read.tensors().into_iter().map(|(name, view)| {
        let data = view.data();
        let values = match view.dtype() {
            Dtype::F32 => {
                let floats = data.as_chunks::<4>().0.iter();
                floats.map(|&bytes| f32::from_le_bytes(bytes)).collect()
            }
            Dtype::I64 => {
                let whole = data.as_chunks::<8>().0.iter();
                whole
                    .map(|&bytes| i64::from_le_bytes(bytes) as f32)
                    .collect()
            }
            other => panic!("{}: {name} is {other:?}", file.display()),
        };
        (name, (view.shape().to_vec(), values))
    });
    list.collect()
}
