//! A template as token ids with gaps, and the texts that fill them.

use crate::pieces::Pieces;
use crate::template::{Part, Slot, Template};
use transformer::TokenizeError;

/// The token ids of a text, or of both of a pair.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts {
    /// The text, or the first of a pair.
    pub first: Vec<u32>,
    /// The second of a pair.
    pub second: Vec<u32>,
    /// How many tokens were cut off.
    pub lost: usize,
}

impl Texts {
    /// Tokens of both.
    pub fn total(&self) -> usize {
        self.first.len() + self.second.len()
    }

    /// Cuts to `length` tokens from the end, of the longer text first.
    pub fn cut(&mut self, length: usize) {
        let excess = self.total().saturating_sub(length);
        for _ in 0..excess {
            let longer = if self.second.len() > self.first.len() {
                &mut self.second
            } else {
                &mut self.first
            };
            longer.pop();
        }
        self.lost += excess;
    }

    /// What fills a text's gap; nothing for the other gaps.
    pub fn of(&self, slot: Slot) -> &[u32] {
        match slot {
            Slot::First => &self.first,
            Slot::Second => &self.second,
            Slot::Trigger | Slot::Label => &[],
        }
    }
}

/// A piece of a template as token ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenPart {
    /// Text as it stands.
    Literal(Vec<u32>),
    /// A placeholder.
    Gap {
        /// What it stands for.
        slot: Slot,
        /// Spaces before it.
        lead: String,
        /// Whether it is the first thing in the prompt.
        begins_prompt: bool,
    },
}

/// A template as token ids with gaps.
#[derive(Clone, Debug)]
pub struct TokenTemplate {
    /// What stands before the label.
    pub before_label: Vec<TokenPart>,
    /// What stands after the label.
    pub after_label: Vec<TokenPart>,
}

impl TokenTemplate {
    /// `begins_prompt`: whether only special tokens stand before the template.
    ///
    /// # Errors
    /// If the tokenizer refuses a literal.
    pub fn new(
        template: &Template,
        pieces: &Pieces,
        begins_prompt: bool,
    ) -> Result<Self, TokenizeError> {
        Ok(Self {
            before_label: token_parts(template.before_label(), pieces, begins_prompt)?,
            after_label: token_parts(template.after_label(), pieces, false)?,
        })
    }

    /// Tokenises what fills the gaps. Spaces around a text are not part of it.
    ///
    /// # Errors
    /// If the tokenizer refuses a text.
    pub fn texts(
        &self,
        pieces: &Pieces,
        first: &str,
        second: Option<&str>,
    ) -> Result<Texts, TokenizeError> {
        let mut texts = Texts::default();
        for part in self.before_label.iter().chain(&self.after_label) {
            let TokenPart::Gap {
                slot,
                lead,
                begins_prompt,
            } = part
            else {
                continue;
            };
            let (text, into) = match slot {
                Slot::First => (first, &mut texts.first),
                Slot::Second => (second.unwrap_or_default(), &mut texts.second),
                Slot::Label | Slot::Trigger => continue,
            };
            let text = text.trim();
            if text.is_empty() {
                continue;
            }
            let text = format!("{lead}{text}");
            *into = match begins_prompt {
                true => pieces.first(&text)?,
                false => pieces.following(&text)?,
            };
        }
        Ok(texts)
    }

    /// Literal tokens before the first gap: the same for every text.
    pub fn head(&self) -> &[u32] {
        match self.before_label.first() {
            Some(TokenPart::Literal(ids)) => ids,
            _ => &[],
        }
    }

    /// What stands between the head and the label, with the texts filled in.
    pub fn from_head_to_label(&self, texts: &Texts) -> Vec<u32> {
        let literal = matches!(self.before_label.first(), Some(TokenPart::Literal(_)));
        filled(&self.before_label[usize::from(literal)..], texts)
    }

    /// What stands after the label, with the texts filled in.
    pub fn after_label(&self, texts: &Texts) -> Vec<u32> {
        filled(&self.after_label, texts)
    }

    /// Literal tokens before the label.
    pub fn literals_before_label(&self) -> usize {
        literals(&self.before_label)
    }

    /// Literal tokens after the label.
    pub fn literals_after_label(&self) -> usize {
        literals(&self.after_label)
    }
}

fn token_parts(
    parts: &[Part],
    pieces: &Pieces,
    begins_prompt: bool,
) -> Result<Vec<TokenPart>, TokenizeError> {
    let token_part = |(index, part): (usize, &Part)| {
        let begins_prompt = begins_prompt && index == 0;
        Ok(match part {
            Part::Literal(text) if begins_prompt => TokenPart::Literal(pieces.first(text)?),
            Part::Literal(text) => TokenPart::Literal(pieces.following(text)?),
            Part::Slot { slot, lead } => TokenPart::Gap {
                slot: *slot,
                lead: lead.clone(),
                begins_prompt,
            },
        })
    };
    parts.iter().enumerate().map(token_part).collect()
}

fn filled(parts: &[TokenPart], texts: &Texts) -> Vec<u32> {
    let ids = |part: &TokenPart| match part {
        TokenPart::Literal(ids) => ids.clone(),
        TokenPart::Gap { slot, .. } => texts.of(*slot).to_vec(),
    };
    parts.iter().flat_map(ids).collect()
}

fn literals(parts: &[TokenPart]) -> usize {
    let count = |part: &TokenPart| match part {
        TokenPart::Literal(ids) => ids.len(),
        TokenPart::Gap { .. } => 0,
    };
    parts.iter().map(count).sum()
}
