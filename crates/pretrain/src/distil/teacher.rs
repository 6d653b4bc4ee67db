//! The model that is learnt from: what it makes of a batch of texts, and of single words.

use super::Teaching;
use crate::PretrainError;
use burn::tensor::Device;
use rayon::prelude::*;
use std::path::{Path, PathBuf};
use transformer::{
    Embedded, Embedder, Encoded, Pass, Pooling, Pretrained, Side, Spanned, collate, load,
};

/// Tokens of one forward pass, padding included.
const TOKENS_A_PASS: usize = 2_048;

/// A pretrained model that is asked and not trained.
pub(crate) struct Teacher {
    model: Pretrained,
    reader: Reader,
    device: Device,
}

/// How a teacher reads a text.
#[derive(Clone)]
pub(crate) struct Reader {
    embedder: Embedder,
    path: PathBuf,
}

/// What a teacher says of one text.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Said {
    /// The text's vector, empty where it was not asked for.
    pub(crate) vector: Vec<f32>,
    /// `[t, width]`, the state of every token, special ones included; empty where it was not asked for.
    pub(crate) states: Vec<f32>,
}

impl Teacher {
    /// Reads the teacher. Its texts become vectors as its folder says, else by the mean of its states.
    ///
    /// # Errors
    /// A model that cannot be read, a folder whose way of making vectors is not followed, signals that the teacher cannot give together.
    pub(crate) fn load(
        teaching: &Teaching,
        longest: usize,
        device: &Device,
    ) -> Result<Teacher, PretrainError> {
        let device = device.clone().inner();
        let model = load(&teaching.teacher, &device)?;
        let refuse = refusal(&teaching.teacher);
        let embedder = Embedder::new(
            &model.sentence,
            &model.tokenizer,
            &model.shape,
            longest,
            None,
            Pooling::Mean,
        )
        .map_err(|error| refuse(error.to_string()))?;
        if teaching.vectors().is_some()
            && teaching.states().is_some()
            && !embedder.is_mean_of_states()
        {
            return Err(refuse("its vectors are not the mean of its states, and the mean of the student's states cannot follow both; give one of --teacher-signal vectors and states".to_owned()));
        }
        Ok(Teacher {
            model,
            reader: Reader {
                embedder,
                path: teaching.teacher.clone(),
            },
            device,
        })
    }

    /// Values of a text's vector.
    pub(crate) fn vector_width(&self) -> usize {
        self.reader.embedder.width()
    }

    /// Values of a token's state.
    pub(crate) fn state_width(&self) -> usize {
        self.model.shape.hidden
    }

    /// The directory's name or the Hub id.
    pub(crate) fn name(&self) -> &str {
        &self.model.name
    }

    /// Where its weights are.
    pub(crate) fn device(&self) -> &Device {
        &self.device
    }

    /// How it reads, without its weights.
    pub(crate) fn reader(&self) -> Reader {
        self.reader.clone()
    }

    /// How many tokens it reads of each text.
    ///
    /// # Errors
    /// A text that its tokenizer refuses.
    pub(crate) fn lengths(&self, texts: &[&str]) -> Result<Vec<u16>, PretrainError> {
        let length = |text: &&str| {
            let count = self.reader.encode(text)?.encoded.ids.len();
            u16::try_from(count).map_err(|_| {
                let reason = format!(
                    "it reads {count} tokens of one excerpt, expected at most {}",
                    u16::MAX
                );
                refusal(&self.reader.path)(reason)
            })
        };
        texts.par_iter().map(length).collect()
    }

    /// Token ids of texts, on all threads.
    ///
    /// # Errors
    /// A text that its tokenizer refuses.
    pub(crate) fn encode_all(&self, texts: &[&str]) -> Result<Vec<Spanned>, PretrainError> {
        texts
            .par_iter()
            .map(|text| self.reader.encode(text))
            .collect()
    }

    /// What it says of these texts, in their order; they are read in batches of about equal lengths.
    pub(crate) fn say(&self, texts: &[Spanned], vectors: bool, states: bool) -> Vec<Said> {
        let mut order: Vec<usize> = (0..texts.len()).collect();
        order.sort_by_key(|&at| texts[at].encoded.ids.len());
        let mut said = vec![Said::default(); texts.len()];
        let lengths: Vec<usize> = order
            .iter()
            .map(|&at| texts[at].encoded.ids.len())
            .collect();
        for batch in super::batches::within(&lengths, TOKENS_A_PASS) {
            let places = &order[batch];
            let encoded: Vec<&Encoded> = places.iter().map(|&at| &texts[at].encoded).collect();
            let embedded = self.pass(&encoded);
            let mut put = |values: Vec<f32>, vector: bool| {
                let size = values.len() / places.len();
                for (&at, own) in places.iter().zip(values.chunks_exact(size)) {
                    match vector {
                        true => said[at].vector = own.to_vec(),
                        // Padding stands behind the text.
                        false => {
                            let kept = texts[at].encoded.ids.len() * self.state_width();
                            said[at].states = own[..kept].to_vec();
                        }
                    }
                }
            };
            if vectors {
                put(ops::to_floats(self.reader.embedder.embed(&embedded)), true);
            }
            if states {
                put(ops::to_floats(embedded.x), false);
            }
        }
        said
    }

    /// Final states, `[b, t, width]`, padding behind the texts.
    fn pass(&self, encoded: &[&Encoded]) -> Embedded {
        let pad = self.reader.embedder.pad_id();
        let batch = collate(encoded, pad, Side::Right, &self.device);
        self.model.backbone.forward(&batch, &Pass::plain())
    }

    /// The vector of each text alone, `None` where there is none to read.
    ///
    /// # Errors
    /// A text that its tokenizer refuses.
    pub(crate) fn vectors_of(
        &self,
        texts: &[Option<String>],
    ) -> Result<Vec<Option<Vec<f32>>>, PretrainError> {
        let known: Vec<&str> = texts.iter().flatten().map(String::as_str).collect();
        let mut said = Vec::with_capacity(known.len());
        for part in known.chunks(1_024) {
            let encoded = self.encode_all(part)?;
            said.extend(self.say(&encoded, true, false));
        }
        let mut said = said.into_iter();
        let one = |text: &Option<String>| {
            text.as_ref()
                .map(|_| said.next().expect("one a text").vector)
        };
        Ok(texts.iter().map(one).collect())
    }
}

impl Reader {
    /// Token ids as the teacher reads a text, and the bytes that each stands for.
    ///
    /// # Errors
    /// A text that its tokenizer refuses.
    pub(crate) fn encode(&self, text: &str) -> Result<Spanned, PretrainError> {
        let found = self.embedder.encode_with_spans(text);
        found.map_err(|error| refusal(&self.path)(error.to_string()))
    }
}

/// An error that names the teacher.
pub(crate) fn refusal(teacher: &Path) -> impl Fn(String) -> PretrainError {
    let path = teacher.to_path_buf();
    move |reason| PretrainError::Teacher {
        path: path.clone(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distil::Signal;
    use std::fs;

    fn tiny_bert() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../runner/bundled/models/tiny-bert")
    }

    fn load_from(path: PathBuf, longest: usize) -> Teacher {
        let teaching = Teaching::new(path, [(Signal::Vectors, 1.0)].into(), 1.0).unwrap();
        Teacher::load(&teaching, longest, &Device::flex()).unwrap()
    }

    /// Tokens of a text, each with the part of the text that it stands for.
    fn tokens(teacher: &Teacher, text: &str) -> Vec<(String, Option<String>)> {
        let found = teacher.reader().encode(text).unwrap();
        assert_eq!(found.encoded.ids.len(), found.spans.len());
        let token = |&id: &u32| teacher.model.tokenizer.token(id).unwrap();
        let part = |span: Option<std::ops::Range<usize>>| span.map(|span| text[span].to_owned());
        let ids = found.encoded.ids.iter().map(token);
        ids.zip(found.spans.into_iter().map(part)).collect()
    }

    fn check_spans(teacher: &Teacher, text: &str) -> usize {
        let mut read = 0;
        for (token, part) in tokens(teacher, text) {
            let Some(part) = part else { continue };
            read += 1;
            if token != "[UNK]" {
                let plain = part.to_lowercase().replace('ï', "i");
                assert_eq!(token.trim_start_matches("##"), plain);
            }
        }
        read
    }

    #[test]
    fn spans_say_what_each_token_stands_for_and_ids_are_those_of_the_tokenizer() {
        let text = "The naïve film was not good, twice!";
        for longest in [128, 7] {
            let teacher = load_from(tiny_bert(), longest);
            let found = teacher.reader().encode(text).unwrap();
            let tokenizer = &teacher.model.tokenizer;
            let expected = tokenizer.encode(&[(text, None)], longest).unwrap();
            assert_eq!(found.encoded, expected[0], "{longest}");
            let words = found.encoded.ids.len() - 2;
            assert_eq!(check_spans(&teacher, text), words);
            assert_eq!([&found.spans[0], &found.spans[words + 1]], [&None, &None]);
        }
    }

    #[test]
    fn a_prompt_stands_before_the_text_and_its_tokens_for_none_of_it() {
        let dir = tempfile::tempdir().unwrap();
        for name in [
            "config.json",
            "model.safetensors",
            "tokenizer.json",
            "tokenizer_config.json",
        ] {
            fs::copy(tiny_bert().join(name), dir.path().join(name)).unwrap();
        }
        let hidden = transformer::load_shape(dir.path()).unwrap().hidden;
        let write = |name: &str, text: String| {
            let file = dir.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        };
        let modules = r#"[{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]"#;
        write("modules.json", modules.to_owned());
        let pooling = format!(
            r#"{{"word_embedding_dimension": {hidden}, "pooling_mode_mean_tokens": true}}"#
        );
        write("1_Pooling/config.json", pooling);
        let prompts = r#"{"prompts": {"film": "a film: "}, "default_prompt_name": "film"}"#;
        write("config_sentence_transformers.json", prompts.to_owned());

        let (plain, prompted) = (load_from(tiny_bert(), 64), load_from(dir.path().into(), 64));
        let text = "The film was good";
        let own = check_spans(&plain, text);
        assert_eq!(check_spans(&prompted, text), own);
        let more = prompted.reader().encode(text).unwrap().encoded.ids.len();
        assert!(
            more >= own + 2 + 3,
            "{more} tokens with a prompt, {own} own"
        );
        assert!(prompted.reader.embedder.is_mean_of_states());
    }
}
