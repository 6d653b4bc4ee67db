//! The message `ModelProto` of a SentencePiece model (Kudo & Richardson 2018, <https://arxiv.org/abs/1808.06226>;
//! `sentencepiece_model.proto`), of it what decides ids.

use super::wire::{Message, Value};

/// Real ones have up to 262 144.
const PIECES: usize = 1 << 21;
/// Of one piece; those that are trained have up to 64.
const PIECE_BYTES: usize = 1_024;
/// Of what the normaliser is compiled to; NFKC with case folding has 0.3 MB.
const CHARSMAP_BYTES: usize = 16 << 20;

/// A SentencePiece model.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PieceModel {
    pub(super) pieces: Vec<Piece>,
    pub(super) algorithm: Algorithm,
    /// Unknown letters become pieces of their bytes.
    pub(super) byte_fallback: bool,
    /// Spaces belong to the word before them.
    pub(super) spaces_behind: bool,
    pub(super) unknown: Function,
    pub(super) begin: Function,
    pub(super) end: Function,
    pub(super) normalizer: Normalizer,
}

/// One piece of text; its place is its id.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Piece {
    pub(super) text: String,
    pub(super) score: f32,
    pub(super) kind: PieceKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PieceKind {
    Normal,
    /// Stands for what no piece spells.
    Unknown,
    /// Never in a text.
    Control,
    /// Always one token.
    UserDefined,
    Unused,
    /// One byte.
    Byte,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    /// Kudo 2018.
    Unigram,
    /// Sennrich et al. 2016.
    Bpe,
}

/// A piece with a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Function {
    /// Below 0 where the model has none.
    pub(super) id: i32,
    pub(super) text: String,
}

/// What happens to a text before it is cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Normalizer {
    /// `nmt_nfkc`, `identity`, ..
    pub(super) name: String,
    /// Replacements as a trie; empty where there are none.
    pub(super) charsmap: Vec<u8>,
    /// A space comes in front of every text.
    pub(super) dummy_prefix: bool,
    /// Runs of spaces become one, those around a text none.
    pub(super) removes_spaces: bool,
}

impl PieceModel {
    /// Reads the bytes of a file.
    pub(super) fn parse(bytes: &[u8]) -> Result<PieceModel, String> {
        let function = |id, text: &str| Function {
            id,
            text: text.to_owned(),
        };
        // The defaults of the message.
        let mut model = PieceModel {
            pieces: Vec::new(),
            algorithm: Algorithm::Unigram,
            byte_fallback: false,
            spaces_behind: false,
            unknown: function(0, "<unk>"),
            begin: function(1, "<s>"),
            end: function(2, "</s>"),
            normalizer: Normalizer {
                name: String::new(),
                charsmap: Vec::new(),
                dummy_prefix: true,
                removes_spaces: true,
            },
        };
        for field in Message::new(bytes) {
            match field? {
                (1, value) => {
                    if model.pieces.len() == PIECES {
                        return Err(format!("it has more than {PIECES} pieces"));
                    }
                    let at = model.pieces.len();
                    let piece = piece(value).map_err(|problem| format!("piece {at}: {problem}"))?;
                    model.pieces.push(piece);
                }
                (2, value) => model.trainer(value)?,
                (3, value) => model.normalizer(value)?,
                _ => {} // self-tests, and how ids become text
            }
        }
        let unknown = usize::try_from(model.unknown.id);
        if unknown.is_ok_and(|at| at < model.pieces.len()) {
            Ok(model)
        } else {
            Err(format!(
                "its unk_id is {}, expected the place of one of its {} pieces",
                model.unknown.id,
                model.pieces.len()
            ))
        }
    }

    /// `TrainerSpec`.
    fn trainer(&mut self, value: Value<'_>) -> Result<(), String> {
        for field in Message::new(bytes("trainer_spec", value)?) {
            match field? {
                (3, value) => {
                    self.algorithm = match number("model_type", value)? {
                        1 => Algorithm::Unigram,
                        2 => Algorithm::Bpe,
                        other => {
                            return Err(format!(
                                "its model_type is {other}, expected 1 (Unigram) or 2 (BPE)"
                            ));
                        }
                    };
                }
                (24, value) => {
                    self.spaces_behind = number("treat_whitespace_as_suffix", value)? != 0;
                }
                (35, value) => self.byte_fallback = number("byte_fallback", value)? != 0,
                (40, value) => self.unknown.id = id("unk_id", value)?,
                (41, value) => self.begin.id = id("bos_id", value)?,
                (42, value) => self.end.id = id("eos_id", value)?,
                (45, value) => self.unknown.text = text("unk_piece", value)?,
                (46, value) => self.begin.text = text("bos_piece", value)?,
                (47, value) => self.end.text = text("eos_piece", value)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// `NormalizerSpec`.
    fn normalizer(&mut self, value: Value<'_>) -> Result<(), String> {
        let normalizer = &mut self.normalizer;
        for field in Message::new(bytes("normalizer_spec", value)?) {
            match field? {
                (1, value) => normalizer.name = text("normalizer_spec.name", value)?,
                (2, value) => {
                    let map = bytes("precompiled_charsmap", value)?;
                    if map.len() > CHARSMAP_BYTES {
                        return Err(format!(
                            "its precompiled_charsmap has {} bytes, expected at most {CHARSMAP_BYTES}",
                            map.len()
                        ));
                    }
                    normalizer.charsmap = map.to_vec();
                }
                (3, value) => normalizer.dummy_prefix = number("add_dummy_prefix", value)? != 0,
                (4, value) => {
                    normalizer.removes_spaces = number("remove_extra_whitespaces", value)? != 0;
                }
                (5, value) if number("escape_whitespaces", value)? == 0 => {
                    return Err(
                        "its escape_whitespaces is false, expected pieces with ▁ for a space"
                            .to_owned(),
                    );
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn piece(value: Value<'_>) -> Result<Piece, String> {
    let mut piece = Piece {
        text: String::new(),
        score: 0.0,
        kind: PieceKind::Normal,
    };
    for field in Message::new(bytes("the piece", value)?) {
        match field? {
            (1, value) => piece.text = text("its text", value)?,
            (2, Value::Four(score)) => piece.score = f32::from_le_bytes(score),
            (2, other) => return Err(format!("its score is {}, expected 4 bytes", other.kind())),
            (3, value) => {
                piece.kind = match number("its type", value)? {
                    1 => PieceKind::Normal,
                    2 => PieceKind::Unknown,
                    3 => PieceKind::Control,
                    4 => PieceKind::UserDefined,
                    5 => PieceKind::Unused,
                    6 => PieceKind::Byte,
                    other => return Err(format!("its type is {other}, expected 1 to 6")),
                };
            }
            _ => {}
        }
    }
    if piece.text.is_empty() {
        return Err("it has no text".to_owned());
    }
    if !piece.score.is_finite() {
        return Err(format!("its score is {}", piece.score));
    }
    Ok(piece)
}

fn number(name: &str, value: Value<'_>) -> Result<u64, String> {
    match value {
        Value::Number(number) => Ok(number),
        other => Err(format!("{name} is {}, expected a number", other.kind())),
    }
}

/// An `int32`, whose negative numbers are written in 64 bits.
fn id(name: &str, value: Value<'_>) -> Result<i32, String> {
    let number = number(name, value)? as i64;
    i32::try_from(number).map_err(|_| format!("{name} is {number}, expected a number of 32 bits"))
}

fn bytes<'a>(name: &str, value: Value<'a>) -> Result<&'a [u8], String> {
    match value {
        Value::Bytes(bytes) => Ok(bytes),
        other => Err(format!("{name} is {}, expected bytes", other.kind())),
    }
}

fn text(name: &str, value: Value<'_>) -> Result<String, String> {
    let bytes = bytes(name, value)?;
    if bytes.len() > PIECE_BYTES {
        return Err(format!(
            "{name} has {} bytes, expected at most {PIECE_BYTES}",
            bytes.len()
        ));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| format!("{name} is no text: {error}"))?;
    Ok(text.to_owned())
}
