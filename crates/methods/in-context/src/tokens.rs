//! Prompts are put together from token ids, not from text: the same piece has the same ids wherever it stands, so that what is shared
//! between prompts is shared exactly.

use ::prompt::{Part, Slot, Template};
use transformer::{TokenizeError, Tokenizer};

/// Token ids that the checkpoint puts around every text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// `[CLS]`, `<s>`, or nothing.
    pub(crate) before: Vec<u32>,
    /// `[SEP]`, `</s>`, or nothing.
    pub(crate) after: Vec<u32>,
}

impl Frame {
    /// Read off an encoded probe.
    ///
    /// # Errors
    /// If the tokenizer refuses the probe.
    pub(crate) fn of(tokenizer: &Tokenizer) -> Result<Frame, TokenizeError> {
        let probe = "a";
        let plain = tokenizer.encode_plain(probe);
        let whole = tokenizer
            .encode(&[(probe, None)], usize::MAX)?
            .swap_remove(0)
            .ids;
        let at = whole
            .windows(plain.len().max(1))
            .position(|window| window == plain)
            .unwrap_or(0);
        let after = whole.get(at + plain.len()..).unwrap_or_default();
        Ok(Frame {
            before: whole[..at].to_vec(),
            after: after.to_vec(),
        })
    }
}

/// Tokenises pieces of a prompt.
pub(crate) struct Pieces<'a> {
    tokenizer: &'a Tokenizer,
    newline: Vec<u32>,
}

impl<'a> Pieces<'a> {
    pub(crate) fn new(tokenizer: &'a Tokenizer) -> Self {
        Self {
            tokenizer,
            newline: tokenizer.encode_plain("\n"),
        }
    }

    /// A piece at the very beginning.
    pub(crate) fn start(&self, text: &str) -> Vec<u32> {
        self.tokenizer.encode_plain(text)
    }

    /// A piece that follows something. Some tokenizers put a word boundary before whatever they are given, which is wrong in the middle
    /// of a text: the piece is encoded behind a line break, and the line break's ids are taken off again, where they stay apart.
    pub(crate) fn next(&self, text: &str) -> Vec<u32> {
        if text.is_empty() {
            return Vec::new();
        }
        let behind = self.tokenizer.encode_plain(&format!("\n{text}"));
        match behind.strip_prefix(self.newline.as_slice()) {
            Some(ids) if !self.newline.is_empty() => ids.to_vec(),
            _ => self.tokenizer.encode_plain(text),
        }
    }
}

/// A template as token ids with gaps.
#[derive(Clone, Debug)]
pub(crate) struct Compiled {
    before_label: Vec<CompiledPart>,
    after_label: Vec<CompiledPart>,
    /// Token ids of each label word, with the spaces before it.
    pub(crate) labels: Vec<Vec<u32>>,
}

#[derive(Clone, Debug)]
enum CompiledPart {
    Literal(Vec<u32>),
    Gap {
        slot: Slot,
        lead: String,
        starts: bool,
    },
}

/// The token ids of a text, or of both of a pair.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Texts {
    pub(crate) first: Vec<u32>,
    pub(crate) second: Vec<u32>,
    /// How many tokens were cut off.
    pub(crate) lost: usize,
}

impl Texts {
    pub(crate) fn len(&self) -> usize {
        self.first.len() + self.second.len()
    }

    /// Cuts to `length` tokens from the end, of the longer text first.
    pub(crate) fn cut(&mut self, length: usize) {
        let excess = self.len().saturating_sub(length);
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
}

impl Compiled {
    /// `starts`: whether the template stands at the very beginning of a prompt.
    pub(crate) fn new(
        template: &Template,
        words: &[String],
        pieces: &Pieces<'_>,
        starts: bool,
    ) -> Self {
        let compile = |parts: &[Part], starts: bool| -> Vec<CompiledPart> {
            let part = |(index, part): (usize, &Part)| match part {
                Part::Literal(text) if starts && index == 0 => {
                    CompiledPart::Literal(pieces.start(text))
                }
                Part::Literal(text) => CompiledPart::Literal(pieces.next(text)),
                Part::Slot { slot, lead } => CompiledPart::Gap {
                    slot: *slot,
                    lead: lead.clone(),
                    starts: starts && index == 0,
                },
            };
            parts.iter().enumerate().map(part).collect()
        };
        Self {
            before_label: compile(template.before_label(), starts),
            after_label: compile(template.after_label(), false),
            labels: words
                .iter()
                .map(|word| pieces.next(&format!("{}{}", template.label_lead(), word.trim())))
                .collect(),
        }
    }

    /// Tokenises what fills the gaps. Spaces around a text are not part of it.
    pub(crate) fn texts(&self, pieces: &Pieces<'_>, text: &str, second: Option<&str>) -> Texts {
        let mut texts = Texts::default();
        for part in self.before_label.iter().chain(&self.after_label) {
            let CompiledPart::Gap { slot, lead, starts } = part else {
                continue;
            };
            let (given, into) = match slot {
                Slot::First => (text, &mut texts.first),
                Slot::Second => (second.unwrap_or_default(), &mut texts.second),
                Slot::Label | Slot::Trigger => continue,
            };
            let given = given.trim();
            let led = format!("{}{given}", if given.is_empty() { "" } else { lead });
            *into = if *starts {
                pieces.start(&led)
            } else {
                pieces.next(&led)
            };
        }
        texts
    }

    /// Literal tokens before the first gap: the same for every query.
    pub(crate) fn head(&self) -> &[u32] {
        match self.before_label.first() {
            Some(CompiledPart::Literal(ids)) => ids,
            _ => &[],
        }
    }

    /// What stands between the head and the label.
    pub(crate) fn before_label(&self, texts: &Texts) -> Vec<u32> {
        let skip = usize::from(matches!(
            self.before_label.first(),
            Some(CompiledPart::Literal(_))
        ));
        render(&self.before_label[skip..], texts)
    }

    /// What stands behind the label.
    pub(crate) fn after_label(&self, texts: &Texts) -> Vec<u32> {
        render(&self.after_label, texts)
    }

    /// Tokens of the template itself, without texts and label.
    pub(crate) fn literal_tokens(&self) -> usize {
        let count = |part: &CompiledPart| match part {
            CompiledPart::Literal(ids) => ids.len(),
            CompiledPart::Gap { .. } => 0,
        };
        self.before_label
            .iter()
            .chain(&self.after_label)
            .map(count)
            .sum()
    }

    /// A whole demonstration.
    pub(crate) fn demonstration(&self, texts: &Texts, label: usize) -> Vec<u32> {
        let parts = [
            self.head(),
            &self.before_label(texts),
            &self.labels[label],
            &self.after_label(texts),
        ];
        parts.concat()
    }
}

fn render(parts: &[CompiledPart], texts: &Texts) -> Vec<u32> {
    let ids = |part: &CompiledPart| match part {
        CompiledPart::Literal(ids) => ids.clone(),
        CompiledPart::Gap {
            slot: Slot::Second, ..
        } => texts.second.clone(),
        CompiledPart::Gap { .. } => texts.first.clone(),
    };
    parts.iter().flat_map(ids).collect()
}
