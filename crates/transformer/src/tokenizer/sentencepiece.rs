//! The vocabulary of a SentencePiece model (`spm.model`, `spiece.model`, ..), as the classes of transformers take it
//! (`SentencePieceExtractor` and `convert_from_spm` in `convert_slow_tokenizer.py`, 5.23).

mod model;
#[cfg(test)]
mod tests;
mod wire;

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use tokenizers::AddedToken;

use super::class::Class;
use super::files::{Vocabulary, broken};
use super::settings::Named;
use super::{base64, merges};
use crate::load::LoadError;
use model::{Algorithm, PieceKind, PieceModel};

/// The largest in use have 5 MB (XLM-RoBERTa).
const BYTES: u64 = 64 << 20;

/// A model and the file it is from.
pub(super) struct Pieces {
    pub(super) file: PathBuf,
    model: PieceModel,
}

impl Pieces {
    /// Reads a file for a class.
    ///
    /// # Errors
    /// A file that is no SentencePiece model, or one of another algorithm than the class has.
    pub(super) fn read(file: &Path, class: Class) -> Result<Pieces, LoadError> {
        let bytes = files::read(file, BYTES).map_err(|source| LoadError::Read {
            file: file.to_path_buf(),
            source,
        })?;
        let model = PieceModel::parse(&bytes).map_err(|problem| {
            let problem = format!("as a SentencePiece model it is faulty: {problem}");
            broken(file, problem.into())
        })?;
        let expected = match class {
            Class::Llama | Class::Gemma => Algorithm::Bpe,
            Class::AsWritten => model.algorithm,
            _ => Algorithm::Unigram,
        };
        if model.algorithm == expected {
            let file = file.to_path_buf();
            Ok(Pieces { file, model })
        } else {
            let problem = format!(
                "it is a SentencePiece model of {:?}, and {} takes {expected:?}",
                model.algorithm,
                class.name()
            );
            Err(broken(file, problem.into()).into())
        }
    }

    /// The tokens with a function that the model names, where no class does.
    pub(super) fn usual_tokens(&self) -> Vec<(&'static str, &str)> {
        let functions = [
            ("bos_token", &self.model.begin),
            ("eos_token", &self.model.end),
            ("unk_token", &self.model.unknown),
        ];
        let there = functions.iter().filter(|(_, function)| function.id >= 0);
        there
            .map(|(key, function)| (*key, &function.text[..]))
            .collect()
    }

    /// Pieces that are always one token: control symbols, which are special, and those that a user defined.
    pub(super) fn added(&self) -> Vec<Named> {
        let added = self.model.pieces.iter().filter_map(|piece| {
            let special = match piece.kind {
                PieceKind::Control => true,
                PieceKind::UserDefined => false,
                _ => return None,
            };
            let token = AddedToken::from(piece.text.clone(), special).normalized(false);
            Some(Named::Token(token))
        });
        added.collect()
    }

    /// The vocabulary as a class orders it; `functions`: what its tokens with a function are called.
    pub(super) fn vocabulary(&self, class: Class, functions: &[(String, Named)]) -> Vocabulary {
        let bpe = self.model.algorithm == Algorithm::Bpe;
        Vocabulary {
            words: if bpe {
                Value::Object(self.words())
            } else {
                self.ordered(class, functions)
            },
            merges: if bpe { self.merges() } else { Value::Null },
            charsmap: self.charsmap(),
            unknown: Some(self.unknown()),
            files: vec![self.file.clone()],
        }
    }

    /// Words and scores. XLM-RoBERTa and CamemBERT put fairseq's tokens in front of the pieces, and drop the model's own.
    fn ordered(&self, class: Class, functions: &[(String, Named)]) -> Value {
        let named = |key: &str, usual: &str| {
            let named = functions.iter().find(|(name, _)| name == key);
            let named = named.map_or(usual, |(_, named)| named.content());
            json!([named, 0.0])
        };
        let mask = || named("mask_token", "<mask>");
        let (before, dropped, behind) = match class {
            Class::XlmRoberta => {
                let before = vec![
                    named("bos_token", "<s>"),
                    named("pad_token", "<pad>"),
                    named("eos_token", "</s>"),
                    named("unk_token", "<unk>"),
                ];
                (before, 3, Some(mask()))
            }
            Class::Camembert => {
                let before = vec![
                    json!(["<s>NOTUSED", 0.0]),
                    named("pad_token", "<pad>"),
                    json!(["</s>NOTUSED", 0.0]),
                    named("unk_token", "<unk>"),
                    json!(["<unk>NOTUSED", -100.0]),
                ];
                (before, 1, Some(mask()))
            }
            _ => (Vec::new(), 0, None),
        };
        let own = self.model.pieces.iter().skip(dropped);
        let own = own.map(|piece| json!([piece.text, f64::from(piece.score)]));
        before.into_iter().chain(own).chain(behind).collect()
    }

    fn words(&self) -> Map<String, Value> {
        let pieces = self.model.pieces.iter().enumerate();
        let words = pieces.map(|(id, piece)| (piece.text.clone(), Value::from(id)));
        words.collect()
    }

    fn merges(&self) -> Value {
        let pieces = self.model.pieces.iter().map(|piece| &piece.text[..]);
        json!(merges::by_id(&pieces.collect::<Vec<_>>()))
    }

    fn charsmap(&self) -> Value {
        match &self.model.normalizer.charsmap[..] {
            [] => Value::Null,
            map => json!({"type": "Precompiled", "precompiled_charsmap": base64::encode(map)}),
        }
    }

    fn unknown(&self) -> usize {
        usize::try_from(self.model.unknown.id).expect("checked where it was read")
    }

    /// The tokenizer of a model that no class reads in its own way (`SpmConverter.build_tokenizer_from_spm_proto`). `declared`: tokens
    /// that stand in the place of the piece with their id.
    pub(super) fn as_written<'a>(
        &self,
        declared: impl IntoIterator<Item = (u32, &'a AddedToken)>,
    ) -> Value {
        let fallback = self.model.byte_fallback;
        let model = match self.model.algorithm {
            Algorithm::Unigram => json!({
                "type": "Unigram", "unk_id": self.unknown(), "vocab": self.ordered(Class::AsWritten, &[]), "byte_fallback": fallback,
            }),
            Algorithm::Bpe => {
                let mut words = self.words();
                for (id, token) in declared {
                    let Some(piece) = self.model.pieces.get(id as usize) else {
                        continue;
                    };
                    if !words.contains_key(&token.content)
                        && let Some(id) = words.shift_remove(&piece.text)
                    {
                        words.insert(token.content.clone(), id);
                    }
                }
                json!({
                    "type": "BPE", "dropout": null, "unk_token": self.model.unknown.text, "continuing_subword_prefix": null,
                    "end_of_word_suffix": null, "fuse_unk": true, "byte_fallback": fallback, "vocab": words, "merges": self.merges(),
                })
            }
        };
        let spaces = json!({"type": "Replace", "pattern": {"String": " "}, "content": "▁"});
        let steps = [self.charsmap(), spaces];
        let steps = steps.into_iter().filter(|step| !step.is_null());
        let mut decoders =
            vec![json!({"type": "Replace", "pattern": {"String": "▁"}, "content": " "})];
        if fallback {
            decoders.extend([json!({"type": "ByteFallback"}), json!({"type": "Fuse"})]);
        }
        json!({
            "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
            "normalizer": {"type": "Sequence", "normalizers": steps.collect::<Vec<_>>()}, "pre_tokenizer": null,
            "post_processor": null, "decoder": {"type": "Sequence", "decoders": decoders}, "model": model,
        })
    }

    /// What the model asks for and its class in transformers does not do. `prefix`: whether the class puts a space in front of a text.
    pub(super) fn set_aside(&self, class: Class, prefix: bool) -> Option<String> {
        let model = &self.model;
        let normalizer = &model.normalizer;
        let maps = matches!(
            class,
            Class::Albert | Class::XlmRoberta | Class::Camembert | Class::AsWritten
        );
        let byte_fallback = match class {
            Class::Llama | Class::Gemma => true,
            Class::AsWritten => model.byte_fallback,
            _ => false,
        };
        let removes_spaces = !matches!(class, Class::Llama | Class::Gemma | Class::AsWritten);
        let mut asked = Vec::new();
        if !maps && !normalizer.charsmap.is_empty() {
            asked.push(format!(
                "the normalisation \"{}\"",
                normalizer.name.escape_debug()
            ));
        }
        let flags = [
            ("add_dummy_prefix", normalizer.dummy_prefix, prefix),
            (
                "remove_extra_whitespaces",
                normalizer.removes_spaces,
                removes_spaces,
            ),
            ("byte_fallback", model.byte_fallback, byte_fallback),
            ("treat_whitespace_as_suffix", model.spaces_behind, false),
        ];
        let flags = flags.iter().filter(|(_, asked, done)| asked != done);
        asked.extend(flags.map(|(name, asked, _)| format!("{name} {asked}")));
        (!asked.is_empty()).then(|| {
            format!(
                "{} asks for {}, which {} of transformers 5 sets aside; ids are those of transformers",
                self.file.display(),
                asked.join(", "),
                class.name()
            )
        })
    }
}
