//! The prompt around a text, in pieces: as text, as token ids, or as the messages of a chat. The pieces are those of `in-context`.

use prompt::{Demonstration, Part, Slot, Template};

/// A text, or a pair.
pub(crate) type TextPair<'a> = (&'a str, Option<&'a str>);

/// A piece of a prompt. Spaces before a text or a label word stand in its piece: most tokenizers join a space to the word that follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// What it says.
    pub(crate) text: String,
    /// Which text of the task it is; those are cut where they are too long.
    pub(crate) slot: Option<Slot>,
}

/// The pieces of one filled template up to its label, the label, and what follows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filled {
    pub(crate) before: Vec<Piece>,
    pub(crate) label: String,
    pub(crate) after: Vec<Piece>,
}

/// A prompt that ends where the label of its last text belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Composed {
    pub(crate) instruction: String,
    pub(crate) separator: String,
    pub(crate) shown: Vec<Filled>,
    /// The text that is asked about; its label is empty.
    pub(crate) query: Vec<Piece>,
    /// Spaces before a label.
    pub(crate) lead: String,
}

/// What is the same for all prompts.
#[derive(Clone, Debug)]
pub(crate) struct Composer {
    pub(crate) template: Template,
    pub(crate) instruction: String,
    pub(crate) separator: String,
    /// Label words, one a class.
    pub(crate) words: Vec<String>,
}

impl Composer {
    pub(crate) fn compose(&self, shown: &[&Demonstration], query: TextPair<'_>) -> Composed {
        let filled = |demonstration: &&Demonstration| {
            let texts = demonstration.texts();
            Filled {
                before: pieces(self.template.before_label(), texts),
                label: self.labelled(&self.words[demonstration.label]),
                after: pieces(self.template.after_label(), texts),
            }
        };
        Composed {
            instruction: self.instruction.clone(),
            separator: self.separator.clone(),
            shown: shown.iter().map(filled).collect(),
            query: pieces(self.template.before_label(), query),
            lead: self.template.label_lead().to_owned(),
        }
    }

    /// A label word with the spaces before it.
    pub(crate) fn labelled(&self, word: &str) -> String {
        format!("{}{}", self.template.label_lead(), word.trim())
    }
}

/// Spaces around a text are not part of it, and an empty text leaves nothing behind.
fn pieces(parts: &[Part], (first, second): TextPair<'_>) -> Vec<Piece> {
    let piece = |part: &Part| match part {
        Part::Literal(text) => Some(Piece {
            text: text.clone(),
            slot: None,
        }),
        Part::Slot { slot, lead } => {
            let text = match slot {
                Slot::First => first.trim(),
                Slot::Second => second.unwrap_or_default().trim(),
                Slot::Trigger | Slot::Label => "",
            };
            (!text.is_empty()).then(|| Piece {
                text: format!("{lead}{text}"),
                slot: Some(*slot),
            })
        }
    };
    parts.iter().filter_map(piece).collect()
}

fn joined(pieces: &[Piece]) -> String {
    pieces.iter().map(|piece| piece.text.as_str()).collect()
}

impl Composed {
    /// Up to where the label belongs, without the spaces before it.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        if !self.instruction.is_empty() {
            text += &self.instruction;
            text += &self.separator;
        }
        for shown in &self.shown {
            text += &joined(&shown.before);
            text += &shown.label;
            text += &joined(&shown.after);
            text += &self.separator;
        }
        text + &joined(&self.query)
    }

    /// What a user says and what the model answers, for every example shown, and what is asked at last.
    pub(crate) fn turns(&self) -> (Vec<(String, String)>, String) {
        let said = |pieces: &[Piece]| joined(pieces).trim().to_owned();
        let turns = self.shown.iter();
        let turns = turns.map(|shown| (said(&shown.before), shown.label.trim().to_owned()));
        (turns.collect(), said(&self.query))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn composer(template: &str, pairs: bool) -> Composer {
        Composer {
            template: Template::parse(template, pairs).unwrap(),
            instruction: "Say which.".to_owned(),
            separator: "\n\n".to_owned(),
            words: vec!["good".to_owned(), "bad".to_owned()],
        }
    }

    fn shown(text: &str, label: usize) -> Demonstration {
        Demonstration {
            row: 9,
            text: text.to_owned(),
            second: None,
            label,
        }
    }

    #[test]
    fn a_prompt_ends_before_its_label() {
        let composer = composer("Text: {text}\nLabel:  {label}.", false);
        let examples = [shown(" fine film ", 0), shown("dull", 1)];
        let composed = composer.compose(&examples.iter().collect::<Vec<_>>(), ("so so\n", None));
        assert_eq!(
            composed.text(),
            "Say which.\n\nText: fine film\nLabel:  good.\n\nText: dull\nLabel:  bad.\n\nText: so so\nLabel:"
        );
        assert_eq!(composer.labelled(" good "), "  good");
        let (turns, asked) = composed.turns();
        assert_eq!(
            turns[1],
            ("Text: dull\nLabel:".to_owned(), "bad".to_owned())
        );
        assert_eq!(asked, "Text: so so\nLabel:");
    }

    #[test]
    fn an_empty_text_leaves_no_space_behind() {
        let composer = composer("A: {a} B: {b} = {label}", true);
        let composed = composer.compose(&[], ("one", Some("  ")));
        assert_eq!(composed.text(), "Say which.\n\nA: one B: =");
    }
}
