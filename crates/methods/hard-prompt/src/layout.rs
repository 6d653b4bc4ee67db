//! How a prompt is laid out: special tokens, the template's literals, the text, the trigger, and the place where the label is scored.

use crate::config::NAME;
use ::prompt::{
    AskedModel, Frame, Mode, Pieces, Slot, Template, Texts, TokenPart, TokenTemplate, require_kind,
};
use adapt::PredictError;
use task::Example;

/// One prompt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) ids: Vec<u32>,
    /// Where the label words are scored: the mask, or the last token.
    pub(crate) place: usize,
    /// Where the trigger begins.
    pub(crate) trigger_at: usize,
}

/// A template made ready for a model.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pieces: Pieces,
    frame: Frame,
    template: TokenTemplate,
    mode: Mode,
    pairs: bool,
    /// Spaces before the label word.
    pub(crate) label_lead: String,
    /// Most tokens of the texts.
    room: usize,
    filler: u32,
    /// Stands for the label in clozes.
    mask: Option<u32>,
    /// Tokens besides the texts, the frame included.
    fixed: usize,
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
        model: &AskedModel,
        max_length: usize,
    ) -> Result<Self, PredictError> {
        let refuse =
            |reason: String| PredictError::Other(format!("{NAME}: template {source:?}: {reason}"));
        let mode = model.preferred_mode();
        let template = parse(source, pairs, trigger > 0, mode).map_err(refuse)?;
        let pieces = Pieces::new(&model.tokenizer)?;
        let mut layout = Self {
            frame: Frame::of(&model.tokenizer)?,
            template: TokenTemplate::new(&template, &pieces, true)?,
            pieces,
            mode,
            pairs,
            label_lead: template.label_lead().to_owned(),
            room: 0,
            filler: model.filler(),
            mask: model.tokenizer.mask_id().filter(|_| mode == Mode::Cloze),
            fixed: 0,
        };
        layout.fixed = layout.tokens_besides_texts(trigger);
        let window = model.shape.max_length;
        layout.room = window
            .saturating_sub(layout.fixed)
            .min(model.text_length(max_length, pairs));
        if layout.room == 0 {
            return Err(refuse(format!(
                "it takes {} tokens and the model reads {window}; shorten it, or set fewer trigger_tokens",
                layout.fixed
            )));
        }
        Ok(layout)
    }

    /// A causal model reads nothing behind the label.
    fn tokens_besides_texts(&self, trigger: usize) -> usize {
        let before = self.frame.before.len() + self.template.literals_before_label() + trigger;
        match self.mode {
            Mode::Prompt => before,
            Mode::Cloze | Mode::Similarity => {
                before
                    + usize::from(self.mask.is_some())
                    + self.template.literals_after_label()
                    + self.frame.after.len()
            }
        }
    }

    /// Tokens that every text gets in addition, besides the special ones it has anyway.
    pub(crate) fn extra_tokens(&self) -> usize {
        let frame = self.frame.before.len() + self.frame.after.len();
        self.fixed.saturating_sub(frame)
    }

    /// Most tokens that are read of a text, counted as for every method: with the special ones that it has outside a prompt.
    pub(crate) fn longest_text(&self, model: &AskedModel) -> usize {
        self.room + model.tokenizer.special_count(self.pairs)
    }

    /// # Errors
    /// A text that the tokenizer refuses, or one text where a pair is expected, or the other way round.
    pub(crate) fn texts(&self, examples: &[Example]) -> Result<Vec<Texts>, PredictError> {
        require_kind(examples, self.pairs)?;
        let mut all = Vec::with_capacity(examples.len());
        for Example { text, second, .. } in examples {
            let mut texts = self.template.texts(&self.pieces, text, second.as_deref())?;
            texts.cut(self.room);
            all.push(texts);
        }
        Ok(all)
    }

    /// The prompts of some texts.
    pub(crate) fn rows(&self, texts: &[Texts], trigger: &[u32]) -> Vec<Row> {
        texts.iter().map(|texts| self.row(texts, trigger)).collect()
    }

    /// The prompt of one text.
    pub(crate) fn row(&self, texts: &Texts, trigger: &[u32]) -> Row {
        let mut row = Row {
            ids: self.frame.before.clone(),
            ..Row::default()
        };
        row.extend(&self.template.before_label, texts, trigger);
        match self.mode {
            Mode::Prompt => {
                if row.ids.is_empty() {
                    row.ids.push(self.filler);
                }
                row.place = row.ids.len() - 1;
            }
            Mode::Cloze | Mode::Similarity => {
                row.place = row.ids.len();
                row.ids.extend(self.mask);
                row.extend(&self.template.after_label, texts, trigger);
                row.ids.extend(&self.frame.after);
                if row.ids.is_empty() {
                    row.ids.push(self.filler);
                }
                row.place = row.place.min(row.ids.len() - 1);
            }
        }
        row
    }
}

impl Row {
    fn extend(&mut self, parts: &[TokenPart], texts: &Texts, trigger: &[u32]) {
        for part in parts {
            match part {
                TokenPart::Literal(ids) => self.ids.extend(ids),
                // The trigger is token ids: spaces before it mean nothing.
                TokenPart::Gap {
                    slot: Slot::Trigger,
                    ..
                } => {
                    self.trigger_at = self.ids.len();
                    self.ids.extend(trigger);
                }
                TokenPart::Gap { slot, .. } => self.ids.extend(texts.of(*slot)),
            }
        }
    }
}

fn parse(source: &str, pairs: bool, with_trigger: bool, mode: Mode) -> Result<Template, String> {
    let template = match with_trigger {
        true => Template::parse_with_trigger(source, pairs)?,
        false => Template::parse(source, pairs)?,
    };
    if mode == Mode::Prompt {
        template.require_label_last()?;
    }
    Ok(template)
}
