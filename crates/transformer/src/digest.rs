//! Which files of a model decide what it computes, and one digest of them.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::load::LoadError;
use crate::load::index::{self, INDEX, SINGLE};
use crate::sentence::sentence_files;
use crate::tokenizer::TOKENIZER_FILES;

/// Names, relative to `dir`, of the files that decide what the model in it computes: the configuration, everything that the tokenizer
/// is read from, the weights, and what sentence-transformers has behind them. Of a model that is one file (GGUF), that file's own name.
pub fn model_files(dir: &Path) -> BTreeSet<String> {
    if dir.is_file() {
        let name = dir.file_name();
        return name
            .map(|name| name.to_string_lossy().into_owned())
            .into_iter()
            .collect();
    }
    let there = |name: &str| dir.join(name).is_file();
    let beside = ["config.json"].into_iter().chain(TOKENIZER_FILES);
    let beside = beside.filter(|name| there(name));
    let mut names: BTreeSet<String> = beside.map(str::to_owned).collect();
    if there(SINGLE) {
        names.insert(SINGLE.to_owned());
    } else if there(INDEX) {
        names.insert(INDEX.to_owned());
        // What is wrong with an index is said where the weights are read.
        let shards = index::read(&dir.join(INDEX)).unwrap_or_default();
        names.extend(shards.into_values().filter(|name| there(name)));
    }
    let behind = sentence_files(dir);
    let behind = behind.iter().filter_map(|file| file.strip_prefix(dir).ok());
    names.extend(behind.map(|name| name.to_string_lossy().into_owned()));
    names
}

/// sha256 over names and contents of [`model_files`], as lower-case hexadecimal digits: another one wherever the model would compute
/// something else. Of a model that is one file, the sha256 of that file.
///
/// # Errors
/// Files that cannot be read.
pub fn model_digest(dir: &Path) -> Result<String, LoadError> {
    model_digest_with(dir, None)
}

/// [`model_digest`], where the sha256 of the weights may be known already: of model.safetensors, or of the one file.
pub(crate) fn model_digest_with(dir: &Path, weights: Option<&str>) -> Result<String, LoadError> {
    if dir.is_file() {
        return match weights {
            Some(known) => Ok(known.to_owned()),
            None => digest_files(&[dir.to_path_buf()]),
        };
    }
    let mut all = Sha256::new();
    for name in model_files(dir) {
        let own = match weights {
            Some(known) if name == SINGLE => known.to_owned(),
            _ => digest_files(&[dir.join(&name)])?,
        };
        all.update(name.as_bytes());
        all.update(own);
    }
    Ok(format!("{:x}", all.finalize()))
}

/// sha256 over the bytes of files one after another: for one file what `sha256sum` prints.
pub(crate) fn digest_files(files: &[PathBuf]) -> Result<String, LoadError> {
    let mut hasher = Sha256::new();
    for file in files {
        add_file(file, &mut hasher)?;
    }
    Ok(format!("{:x}", hasher.finalize()))
}

fn add_file(path: &Path, hasher: &mut Sha256) -> Result<(), LoadError> {
    let refused = |source| LoadError::Read {
        file: path.to_path_buf(),
        source,
    };
    let (mut file, _) = files::open(path).map_err(refused)?;
    let mut buffer = vec![0u8; 1 << 20];
    loop {
        let count = file.read(&mut buffer).map_err(refused)?;
        if count == 0 {
            return Ok(());
        }
        hasher.update(&buffer[..count]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(dir: &Path, name: &str, text: &str) {
        let file = dir.join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }

    #[test]
    fn every_file_that_changes_what_is_computed_changes_the_digest_and_no_other() {
        let dir = std::env::temp_dir().join(format!("digest-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        write(&dir, "config.json", "{}");
        write(
            &dir,
            INDEX,
            r#"{"weight_map": {"a": "part-1.safetensors", "b": "part-2.safetensors"}}"#,
        );
        let mut before = model_digest(&dir).unwrap();
        let modules = r#"[{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
            {"idx": 2, "name": "2", "path": "2_Dense", "type": "sentence_transformers.models.Dense"}]"#;
        let behind = [
            "sentence_bert_config.json",
            "config_sentence_transformers.json",
            "1_Pooling/config.json",
            "2_Dense/config.json",
            "2_Dense/model.safetensors",
        ];
        let weights = ["part-1.safetensors", "model.safetensors"];
        let first = ["config.json"];
        let all = first.iter().chain(&TOKENIZER_FILES).chain(&behind);
        write(&dir, "modules.json", modules);
        assert_ne!(model_digest(&dir).unwrap(), before);
        before = model_digest(&dir).unwrap();
        for name in all.chain(&weights) {
            for text in ["one", "other"] {
                write(&dir, name, text);
                let after = model_digest(&dir).unwrap();
                assert_ne!(after, before, "{name}");
                let weights = digest_files(&[dir.join(SINGLE)]).ok();
                assert_eq!(model_digest_with(&dir, weights.as_deref()).unwrap(), after);
                before = after;
            }
        }
        for name in [
            "README.md",
            "optimizer.safetensors",
            "onnx/model.onnx",
            "1_Pooling/README.md",
            "pytorch_model.bin",
        ] {
            write(&dir, name, "x");
            assert_eq!(model_digest(&dir).unwrap(), before, "{name}");
        }
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_model_of_one_file_has_that_files_digest() {
        let dir = std::env::temp_dir().join(format!("digest-of-one-{}", std::process::id()));
        write(&dir, "model.gguf", "GGUF");
        write(&dir, "other.gguf", "GGUF and more");
        let file = dir.join("model.gguf");
        assert_eq!(
            model_files(&file),
            BTreeSet::from(["model.gguf".to_owned()])
        );
        let digest = model_digest(&file).unwrap();
        assert_eq!(digest, digest_files(std::slice::from_ref(&file)).unwrap());
        assert_ne!(digest, model_digest(&dir.join("other.gguf")).unwrap());
        assert_eq!(model_digest_with(&file, Some("known")).unwrap(), "known");
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
