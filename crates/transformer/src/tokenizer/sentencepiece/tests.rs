//! Tests: models made by hand, and every way to damage one.

use serde_json::{Value, json};
use tokenizers::ModelWrapper;

use super::model::{Algorithm, PieceKind, PieceModel};
use super::*;
use crate::tokenizer::reference::{Folder, fixture};

/// A message, field by field.
#[derive(Clone, Default)]
struct Made(Vec<u8>);

impl Made {
    fn number(mut self, field: u8, value: u64) -> Made {
        self.key(field, 0);
        self.varint(value);
        self
    }

    fn bytes(mut self, field: u8, bytes: &[u8]) -> Made {
        self.key(field, 2);
        self.varint(bytes.len() as u64);
        self.0.extend(bytes);
        self
    }

    fn score(mut self, field: u8, score: f32) -> Made {
        self.key(field, 5);
        self.0.extend(score.to_le_bytes());
        self
    }

    fn piece(self, text: &str, score: f32, kind: u64) -> Made {
        let piece = Made::default()
            .bytes(1, text.as_bytes())
            .score(2, score)
            .number(3, kind);
        self.bytes(1, &piece.0)
    }

    fn key(&mut self, field: u8, kind: u64) {
        self.varint(u64::from(field) << 3 | kind);
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

/// A small one, of Unigram.
fn small() -> Made {
    Made::default()
        .piece("<unk>", 0.0, 2)
        .piece("[CLS]", 0.0, 3)
        .piece("<ent>", 0.0, 4)
        .piece("▁a", -1.5, 1)
        .piece("<0x41>", -2.0, 6)
        .piece("never", -3.0, 5)
}

fn problem(made: &Made) -> String {
    PieceModel::parse(&made.0).unwrap_err()
}

#[test]
fn fields_that_are_not_there_have_the_defaults_of_the_message() {
    let model = PieceModel::parse(&small().0).unwrap();
    assert_eq!(model.algorithm, Algorithm::Unigram);
    assert_eq!((model.byte_fallback, model.spaces_behind), (false, false));
    let functions = [&model.unknown, &model.begin, &model.end];
    let functions = functions.map(|function| (function.id, &function.text[..]));
    assert_eq!(functions, [(0, "<unk>"), (1, "<s>"), (2, "</s>")]);
    assert!(model.normalizer.dummy_prefix && model.normalizer.removes_spaces);
    assert!(model.normalizer.charsmap.is_empty());
    let kinds: Vec<_> = model.pieces.iter().map(|piece| piece.kind).collect();
    use PieceKind::{Byte, Control, Normal, Unknown, Unused, UserDefined};
    assert_eq!(kinds, [Unknown, Control, UserDefined, Normal, Byte, Unused]);
    assert_eq!(
        (&model.pieces[3].text[..], model.pieces[3].score),
        ("▁a", -1.5)
    );
}

#[test]
fn fields_of_the_trainer_and_the_normaliser_are_read_and_others_skipped() {
    let trainer = Made::default()
        .bytes(2, b"a prefix")
        .number(3, 2)
        .number(24, 1)
        .number(35, 1)
        .number(40, 2)
        .number(41, u64::MAX)
        .bytes(47, b"[SEP]");
    let normalizer = Made::default()
        .bytes(1, b"nmt_nfkc")
        .bytes(2, &[4, 0, 0, 0])
        .number(3, 0)
        .number(4, 0);
    let made = small()
        .bytes(2, &trainer.0)
        .bytes(3, &normalizer.0)
        .bytes(4, b"tests");
    let model = PieceModel::parse(&made.0).unwrap();
    assert_eq!(model.algorithm, Algorithm::Bpe);
    assert!(model.byte_fallback && model.spaces_behind);
    assert_eq!((model.unknown.id, model.begin.id), (2, -1));
    assert_eq!(model.end.text, "[SEP]");
    let normalizer = &model.normalizer;
    assert_eq!(
        (&normalizer.name[..], &normalizer.charsmap[..]),
        ("nmt_nfkc", &[4, 0, 0, 0][..])
    );
    assert!(!normalizer.dummy_prefix && !normalizer.removes_spaces);
}

#[test]
fn what_no_model_can_say_is_refused_by_name() {
    let trainer = |trainer: Made| small().bytes(2, &trainer.0);
    let cases = [
        (
            Made::default(),
            "its unk_id is 0, expected the place of one of its 0 pieces",
        ),
        (small().number(1, 3), "piece 6: the piece is a number"),
        (small().piece("", 0.0, 1), "piece 6: it has no text"),
        (small().piece("x", f32::NAN, 1), "piece 6: its score is NaN"),
        (
            small().piece("x", 0.0, 7),
            "piece 6: its type is 7, expected 1 to 6",
        ),
        (
            small().piece(&"x".repeat(1_025), 0.0, 1),
            "piece 6: its text has 1025 bytes, expected at most 1024",
        ),
        (
            small().bytes(1, &Made::default().bytes(1, &[0xff]).0),
            "piece 6: its text is no text",
        ),
        (
            small().bytes(1, &Made::default().number(2, 1).0),
            "piece 6: its score is a number, expected 4 bytes",
        ),
        (
            trainer(Made::default().number(3, 4)),
            "its model_type is 4, expected 1 (Unigram) or 2 (BPE)",
        ),
        (trainer(Made::default().number(40, 6)), "its unk_id is 6"),
        (
            trainer(Made::default().number(40, 1 << 40)),
            "expected a number of 32 bits",
        ),
        (
            small().bytes(3, &Made::default().number(5, 0).0),
            "its escape_whitespaces is false",
        ),
    ];
    for (made, expected) in cases {
        let problem = problem(&made);
        assert!(problem.contains(expected), "{problem}: {expected}");
    }
}

/// The models of the fixture by name.
fn trained() -> Vec<(String, Vec<u8>)> {
    let text = std::fs::read_to_string(fixture("sentencepiece.json")).unwrap();
    let reference: Value = serde_json::from_str(&text).unwrap();
    let models = reference["models"].as_object().unwrap().iter();
    let models = models.map(|(name, model)| {
        let bytes = base64::decode(model.as_str().unwrap()).unwrap();
        (name.clone(), bytes)
    });
    models.collect()
}

#[test]
fn a_model_that_is_cut_off_or_changed_anywhere_is_an_error_or_another_model() {
    for (name, bytes) in trained() {
        let whole = PieceModel::parse(&bytes).unwrap();
        for end in 0..bytes.len() {
            if let Ok(part) = PieceModel::parse(&bytes[..end]) {
                assert!(part.pieces.len() <= whole.pieces.len(), "{name} to {end}");
            }
        }
        let mut changed = bytes.clone();
        for at in (0..bytes.len()).step_by(3) {
            for flip in [0x01, 0x80, 0xff] {
                changed[at] ^= flip;
                let _ = PieceModel::parse(&changed); // no panic, no wait, no loss of memory
                changed[at] ^= flip;
            }
        }
    }
}

#[test]
fn a_damaged_normaliser_is_refused_before_it_is_built() {
    let (_, bytes) = trained().swap_remove(0);
    let model = PieceModel::parse(&bytes).unwrap();
    assert!(model.normalizer.charsmap.len() > 100);
    // The size of the trie, in the first four bytes.
    let map = &model.normalizer.charsmap;
    let at = bytes
        .windows(map.len())
        .position(|part| part == map)
        .unwrap();
    let mut changed = bytes;
    changed[at + 3] = 0xff;
    let folder = Folder::new("xlm-roberta");
    folder.write("sentencepiece.bpe.model", &changed);
    let error = folder.read().unwrap_err().to_string();
    assert!(
        error.contains(
            "sentencepiece.bpe.model is not a tokenizer: precompiled_charsmap claims a trie of"
        ),
        "{error}"
    );
}

#[test]
fn every_part_of_a_model_that_decides_ids_changes_them() {
    let trainer = |fields: Made| fields.number(3, 1).0;
    let base = small().bytes(2, &trainer(Made::default()));
    let texts = ["a <ent> [CLS] never A", "<ent>a", "aa never"];
    let ids = |made: &Made| {
        let folder = Folder::new("albert");
        folder.write("spiece.model", &made.0);
        let settings = json!({"tokenizer_class": "AlbertTokenizer", "unk_token": "<unk>", "pad_token": "<unk>", "sep_token": "[CLS]"});
        folder.write("tokenizer_config.json", settings.to_string().as_bytes());
        let tokenizer = folder.read().unwrap();
        texts.map(|text| tokenizer.encode_plain(text).unwrap())
    };
    let before = ids(&base);
    let others = [
        ("a piece more", base.clone().piece("▁", -1.0, 1)),
        (
            "a word that is always one token",
            base.clone().piece("never", -3.0, 4),
        ),
        (
            "an order",
            Made::default()
                .piece("▁a", -1.5, 1)
                .bytes(2, &trainer(Made::default())),
        ),
    ];
    for (name, made) in others {
        let made = if name == "an order" {
            let mut whole = made;
            whole.0.extend(&small().0);
            whole
        } else {
            made
        };
        assert_ne!(ids(&made), before, "{name}");
    }
}

#[test]
fn scores_keep_their_last_bit() {
    let read = |score: f64| serde_json::from_str::<f64>(&json!(score).to_string()).unwrap();
    let scores = (1..2_000u16).map(|at| -f32::from(at) / 137.0);
    // Those that they would lose in the text of tokenizer.json.
    let hard = scores.filter(|score| read(f64::from(*score)) != f64::from(*score));
    let hard: Vec<f32> = hard.take(3).collect();
    assert_eq!(hard.len(), 3);
    let made = hard.iter().enumerate().fold(small(), |made, (at, score)| {
        made.piece(&format!("▁{at}"), *score, 1)
    });
    let folder = Folder::new("albert");
    folder.write("spiece.model", &made.0);
    let tokenizer = folder.read().unwrap();
    let ModelWrapper::Unigram(unigram) = tokenizer.inner.get_model() else {
        panic!("another model");
    };
    let found: Vec<f64> = unigram.iter().skip(6).map(|(_, score)| *score).collect();
    let expected: Vec<f64> = hard.into_iter().map(f64::from).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_model_of_another_algorithm_than_the_class_has_is_refused() {
    let models = trained();
    let model = |name: &str| &models.iter().find(|(one, _)| one == name).unwrap().1;
    for (model_type, class, file, name, expected) in [
        (
            "albert",
            "AlbertTokenizer",
            "spiece.model",
            "llama",
            "of Bpe, and AlbertTokenizer takes Unigram",
        ),
        (
            "llama",
            "LlamaTokenizer",
            "tokenizer.model",
            "albert",
            "of Unigram, and LlamaTokenizer takes Bpe",
        ),
    ] {
        let folder = Folder::new(model_type);
        folder.write(file, model(name));
        let settings = json!({"tokenizer_class": class}).to_string();
        folder.write("tokenizer_config.json", settings.as_bytes());
        let error = folder.read().unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn what_a_class_sets_aside_is_noted() {
    let models = trained();
    let model = |name: &str| &models.iter().find(|(one, _)| one == name).unwrap().1;
    let notes = |model_type: &str, file: &str, name: &str, settings: Value| {
        let folder = Folder::new(model_type);
        folder.write(file, model(name));
        folder.write("tokenizer_config.json", settings.to_string().as_bytes());
        folder.read().unwrap().warnings().join("; ")
    };
    let none = notes("albert", "spiece.model", "albert", json!({}));
    assert_eq!(none, "");
    let charsmap = notes("deberta-v2", "spm.model", "deberta", json!({}));
    assert!(
        charsmap.contains("asks for the normalisation \"user_defined\", which DebertaV2Tokenizer of transformers 5 sets aside"),
        "{charsmap}"
    );
    let llama = json!({"tokenizer_class": "LlamaTokenizer"});
    assert_eq!(
        notes("llama", "tokenizer.model", "llama", llama.clone()),
        ""
    );
    let prefix = notes("llama", "tokenizer.model", "gemma", llama);
    assert!(
        prefix.contains("asks for add_dummy_prefix false, which LlamaTokenizer"),
        "{prefix}"
    );
    let bytes = notes("albert", "spiece.model", "fallback", json!({}));
    assert!(bytes.contains("asks for byte_fallback true"), "{bytes}");
}

#[test]
fn a_model_that_no_class_of_the_folder_reads_is_named() {
    let (_, bytes) = trained().swap_remove(0);
    let folder = Folder::new("bert");
    folder.write("spiece.model", &bytes);
    let settings = json!({"tokenizer_class": "T5Tokenizer"}).to_string();
    folder.write("tokenizer_config.json", settings.as_bytes());
    let error = folder.read().unwrap_err().to_string();
    assert!(
        error.contains("spiece.model is there, and the tokenizer class of this model, TokenizersBackend, reads tokenizer.model: convert it"),
        "{error}"
    );
}
