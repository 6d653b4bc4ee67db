//! The corpus' checkpoints: the fixtures as they are, with the tokenizer files of older versions, and in shards.

use super::change::safetensors;
use super::corpus::{Corpus, FAMILIES, fixtures};
use serde_json::{Map, Value, json};
use std::fs;

impl Corpus {
    pub(super) fn make_models(&self) -> anyhow::Result<()> {
        for family in FAMILIES {
            self.link(&self.model(family), &format!("models/{family}"))?;
        }
        for feature in fs::read_dir(fixtures().join("features"))? {
            let feature = feature?;
            let name = feature.file_name();
            self.link(
                &feature.path(),
                &format!("models/{}", name.to_string_lossy()),
            )?;
        }
        for (family, kind, class) in [
            ("bert", "words", "BertTokenizer"),
            ("distilbert", "words", "DistilBertTokenizer"),
            ("roberta", "pairs", "RobertaTokenizer"),
            ("gpt2", "pairs", "GPT2Tokenizer"),
        ] {
            self.make_model_of_old_files(family, kind, class)?;
        }
        self.make_sharded("distilbert")
    }

    /// Files of llama.cpp, each of them a model.
    pub(super) fn make_gguf(&self) -> anyhow::Result<()> {
        for name in ["llama", "gpt2"] {
            let file = fs::read(fixtures().join(format!("gguf/{name}.gguf")))?;
            self.file(&format!("gguf/{name}/model.gguf"), file)?;
        }
        Ok(())
    }

    /// The tokenizer as it was saved before tokenizer.json: `vocab.txt`, or `vocab.json` and `merges.txt`.
    fn make_model_of_old_files(&self, family: &str, kind: &str, class: &str) -> anyhow::Result<()> {
        let entry = format!("models/{family}-{kind}");
        self.link(&self.model(family), &entry)?;
        let tokenizer = self.root.join(&entry).join("tokenizer.json");
        let read: Value = serde_json::from_slice(&fs::read(&tokenizer)?)?;
        fs::remove_file(tokenizer)?;
        let model = &read["model"];
        let vocabulary = model["vocab"].as_object().cloned().unwrap_or_default();
        let mut words: Vec<(&String, u64)> = vocabulary
            .iter()
            .map(|(word, id)| (word, id.as_u64().unwrap_or(0)))
            .collect();
        words.sort_by_key(|(_, id)| *id);
        if kind == "words" {
            let lines: String = words.iter().map(|(word, _)| format!("{word}\n")).collect();
            self.file(&format!("{entry}/vocab.txt"), lines)?;
        } else {
            self.file(
                &format!("{entry}/vocab.json"),
                Value::from(vocabulary.clone()).to_string(),
            )?;
            let merges = model["merges"].as_array().cloned().unwrap_or_default();
            let lines: String = merges
                .iter()
                .map(|pair| match pair {
                    Value::Array(two) => format!(
                        "{} {}\n",
                        two[0].as_str().unwrap_or(""),
                        two[1].as_str().unwrap_or("")
                    ),
                    other => format!("{}\n", other.as_str().unwrap_or("")),
                })
                .collect();
            self.file(
                &format!("{entry}/merges.txt"),
                format!("#version: 0.2\n{lines}"),
            )?;
        }
        let path = self.root.join(&entry).join("tokenizer_config.json");
        let mut config: Map<String, Value> = serde_json::from_slice(&fs::read(&path)?)?;
        fs::remove_file(path)?;
        config.insert("tokenizer_class".to_owned(), json!(class));
        self.file(
            &format!("{entry}/tokenizer_config.json"),
            Value::from(config.clone()).to_string(),
        )?;
        let special = config.iter().filter(|(key, _)| key.ends_with("_token"));
        let special: Map<String, Value> = special
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        self.file(
            &format!("{entry}/special_tokens_map.json"),
            Value::from(special).to_string(),
        )?;
        Ok(())
    }

    fn make_sharded(&self, family: &str) -> anyhow::Result<()> {
        let entry = format!("models/{family}-shards");
        self.link(&self.model(family), &entry)?;
        let whole = self.root.join(&entry).join("model.safetensors");
        let (header, body) = safetensors::parts(&fs::read(&whole)?).expect("a fixture");
        fs::remove_file(whole)?;
        let header = header.as_object().cloned().unwrap_or_default();
        let mut map = Map::new();
        let mut shards = [(Map::new(), Vec::new()), (Map::new(), Vec::new())];
        for (at, (name, about)) in header
            .iter()
            .filter(|(name, _)| *name != "__metadata__")
            .enumerate()
        {
            let offset = |place: usize| about["data_offsets"][place].as_u64().unwrap_or(0) as usize;
            let (shard, bytes) = &mut shards[at % 2];
            let from = bytes.len();
            bytes.extend(&body[offset(0)..offset(1)]);
            let mut about = about.clone();
            about["data_offsets"] = json!([from, bytes.len()]);
            shard.insert(name.clone(), about);
            map.insert(
                name.clone(),
                json!(format!("model-0000{}-of-00002.safetensors", at % 2 + 1)),
            );
        }
        for (at, (header, bytes)) in shards.into_iter().enumerate() {
            let text = Value::from(header).to_string().into_bytes();
            let all = [&(text.len() as u64).to_le_bytes()[..], &text, &bytes].concat();
            self.file(
                &format!("{entry}/model-0000{}-of-00002.safetensors", at + 1),
                all,
            )?;
        }
        let index = json!({"metadata": {"total_size": body.len()}, "weight_map": map});
        self.file(
            &format!("{entry}/model.safetensors.index.json"),
            index.to_string(),
        )?;
        Ok(())
    }
}
