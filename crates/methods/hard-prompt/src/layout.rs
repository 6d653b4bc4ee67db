//! A template as token ids with gaps: what a prompt looks like to the model.

use crate::model::{Mode, Model};
use ::prompt::{Part, Slot, Template};
use adapt::PredictError;
use task::Example;

/// One prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) ids: Vec<u32>,
    /// Where the label words are scored: the mask, or the last token.
    pub(crate) place: usize,
    /// Where the trigger begins.
    pub(crate) trigger_at: usize,
}

/// The token ids of a text, or of both of a pair.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Texts {
    first: Vec<u32>,
    second: Vec<u32>,
}

impl Texts {
    /// Cuts to `length` tokens from the end, of the longer text first.
    fn cut(&mut self, length: usize) {
        for _ in length..self.first.len() + self.second.len() {
            match self.second.len() > self.first.len() {
                true => self.second.pop(),
                false => self.first.pop(),
            };
        }
    }
}

#[derive(Clone, Debug)]
enum Piece {
    Ids(Vec<u32>),
    First(String),
    Second(String),
    Trigger,
    Label,
}

/// A template made ready for a model.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pieces: Vec<Piece>,
    pairs: bool,
    /// Spaces before the label word.
    pub(crate) label_lead: String,
    /// Most tokens of the texts.
    room: usize,
    filler: u32,
    mask: Option<u32>,
    /// Tokens besides the texts, the frame included.
    fixed: usize,
    frame: usize,
}

impl Layout {
    /// `max_length`: most tokens of a text with its special ones, as for every method. `trigger`: how many trigger tokens.
    ///
    /// # Errors
    /// A template that this model cannot read, or that leaves no room for a text.
    pub(crate) fn new(
        source: &str,
        pairs: bool,
        trigger: usize,
        model: &Model,
        max_length: usize,
    ) -> Result<Self, PredictError> {
        let refuse = |reason: String| {
            PredictError::Other(format!("hard-prompt: template {source:?}: {reason}"))
        };
        let template = match trigger {
            0 => Template::parse(source, pairs),
            _ => Template::parse_with_trigger(source, pairs),
        }
        .map_err(refuse)?;
        if model.mode == Mode::Prompt {
            template.require_label_last().map_err(refuse)?;
        }
        let (before, after) = model.frame()?;
        let frame = before.len() + after.len();
        let mut pieces = vec![Piece::Ids(before)];
        for (index, part) in template.parts().iter().enumerate() {
            pieces.push(match part {
                Part::Literal(text) if index == 0 => Piece::Ids(model.tokenizer.encode_plain(text)),
                Part::Literal(text) => Piece::Ids(model.encode_behind(text)),
                Part::Slot { slot, lead } => match slot {
                    Slot::First => Piece::First(lead.clone()),
                    Slot::Second => Piece::Second(lead.clone()),
                    Slot::Trigger => Piece::Trigger, // token ids: spaces before it mean nothing
                    Slot::Label if model.mode == Mode::Prompt => break, // nothing behind it is read
                    Slot::Label => Piece::Label,
                },
            });
        }
        if model.mode != Mode::Prompt {
            pieces.push(Piece::Ids(after));
        }
        let mask = (model.mode == Mode::Cloze)
            .then(|| model.tokenizer.mask_id())
            .flatten();
        let literal = |piece: &Piece| match piece {
            Piece::Ids(ids) => ids.len(),
            Piece::Trigger => trigger,
            Piece::Label => usize::from(mask.is_some()),
            Piece::First(_) | Piece::Second(_) => 0,
        };
        let fixed: usize = pieces.iter().map(literal).sum();
        let window = model.shape.max_length;
        let special = model.tokenizer.special_count(pairs);
        let room = window
            .saturating_sub(fixed)
            .min(max_length.saturating_sub(special).max(1));
        if room == 0 {
            return Err(refuse(format!(
                "it takes {fixed} tokens and the model reads {window}; shorten it, or set fewer trigger_tokens"
            )));
        }
        let tokenizer = &model.tokenizer;
        Ok(Self {
            pieces,
            pairs,
            label_lead: template.label_lead().to_owned(),
            room,
            filler: tokenizer
                .bos_id()
                .or(tokenizer.eos_id())
                .unwrap_or(tokenizer.pad_id()),
            mask,
            fixed,
            frame,
        })
    }

    /// Tokens that every text gets in addition, besides the special ones it has anyway.
    pub(crate) fn extra_tokens(&self) -> usize {
        self.fixed.saturating_sub(self.frame)
    }

    /// # Errors
    /// One text where a pair is expected, or the other way round.
    pub(crate) fn texts(
        &self,
        model: &Model,
        examples: &[Example],
    ) -> Result<Vec<Texts>, PredictError> {
        let read = |example: &Example| {
            if example.second.is_some() != self.pairs {
                let (found, expected) = match self.pairs {
                    true => ("one text", "a pair"),
                    false => ("a pair", "one text"),
                };
                return Err(PredictError::Other(format!(
                    "row {} has {found}, and this prompt was made for {expected}",
                    example.row
                )));
            }
            let mut texts = Texts::default();
            for (index, piece) in self.pieces.iter().enumerate() {
                let (text, lead, into) = match piece {
                    Piece::First(lead) => (example.text.as_str(), lead, &mut texts.first),
                    Piece::Second(lead) => (
                        example.second.as_deref().unwrap_or_default(),
                        lead,
                        &mut texts.second,
                    ),
                    _ => continue,
                };
                let text = text.trim();
                *into = match (text.is_empty(), index) {
                    (true, _) => Vec::new(),
                    (false, 1) => model.tokenizer.encode_plain(&format!("{lead}{text}")), // the frame is piece 0
                    (false, _) => model.encode_behind(&format!("{lead}{text}")),
                };
            }
            texts.cut(self.room);
            Ok(texts)
        };
        examples.iter().map(read).collect()
    }

    /// The prompt of one text.
    pub(crate) fn row(&self, texts: &Texts, trigger: &[u32]) -> Row {
        let mut ids = Vec::new();
        let (mut place, mut trigger_at) = (None, 0);
        for piece in &self.pieces {
            match piece {
                Piece::Ids(literal) => ids.extend(literal),
                Piece::First(_) => ids.extend(&texts.first),
                Piece::Second(_) => ids.extend(&texts.second),
                Piece::Trigger => {
                    trigger_at = ids.len();
                    ids.extend(trigger);
                }
                Piece::Label => {
                    place = Some(ids.len());
                    ids.extend(self.mask);
                }
            }
        }
        if ids.is_empty() {
            ids.push(self.filler);
        }
        let last = ids.len() - 1;
        Row {
            place: place.unwrap_or(last).min(last),
            ids,
            trigger_at,
        }
    }
}
