//! What of a prompt fits the window. Demonstrations go first, from the front (the farthest from the query); the query's text is cut only
//! where it does not fit alone, from its end; template and label are never cut.

use crate::counts::Counts;
use ::prompt::{Frame, Texts, TokenTemplate};
use adapt::PredictError;

/// A query behind its demonstrations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tail {
    /// From the end of what is shared to the label.
    pub(crate) before: Vec<u32>,
    /// From the label to the end of the prompt; nothing in causal models.
    pub(crate) after: Vec<u32>,
}

/// Queries that stand behind the same tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    /// Special tokens, instruction, demonstrations, and the beginning of the template.
    pub(crate) prefix: Vec<u32>,
    /// The token after it, which begins every tail, so that even an empty text has a place to predict from.
    pub(crate) bridge: Option<u32>,
    /// Which queries.
    pub(crate) rows: Vec<usize>,
    /// What follows for each of them.
    pub(crate) tails: Vec<Tail>,
}

/// Lays prompts out for one template.
pub(crate) struct Layout<'a> {
    pub(crate) frame: &'a Frame,
    pub(crate) instruction: &'a [u32],
    pub(crate) template: &'a TokenTemplate,
    /// Token ids of each class's label word.
    pub(crate) labels: &'a [Vec<u32>],
    /// Longest prompt in tokens.
    pub(crate) window: usize,
    /// Whether what stands after the label is part of the prompt.
    pub(crate) causal: bool,
    /// Stands in an otherwise empty prompt.
    pub(crate) filler: u32,
}

impl Layout<'_> {
    /// Groups queries by the demonstrations that are left before them. `demonstrations[row]`: token ids of each, nearest last.
    ///
    /// # Errors
    /// If the window has no room for the template itself.
    pub(crate) fn groups(
        &self,
        queries: &[Texts],
        demonstrations: &[Vec<&[u32]>],
        counts: &mut Counts,
    ) -> Result<Vec<Group>, PredictError> {
        let mut groups: Vec<Group> = Vec::new();
        let mut by_prefix = std::collections::HashMap::new();
        for (row, (texts, before)) in queries.iter().zip(demonstrations).enumerate() {
            let mut texts = texts.clone();
            let kept = self.fit(&mut texts, before, counts)?;
            let mut prefix = self.prefix(&before[before.len() - kept..]);
            let bridge = prefix.pop();
            let group = *by_prefix
                .entry((prefix.clone(), bridge))
                .or_insert_with(|| {
                    groups.push(Group {
                        prefix,
                        bridge,
                        rows: Vec::new(),
                        tails: Vec::new(),
                    });
                    groups.len() - 1
                });
            let tail = self.tail(&texts, bridge);
            counts.prompt_tokens +=
                groups[group].prefix.len() + tail.before.len() + tail.after.len();
            counts.text_tokens += texts.total();
            groups[group].rows.push(row);
            groups[group].tails.push(tail);
        }
        Ok(groups)
    }

    /// The tail of a query that stands behind a group's prefix.
    pub(crate) fn behind(&self, group: &Group, mut texts: Texts) -> Tail {
        let room = self
            .window
            .saturating_sub(group.prefix.len() + 1 + self.fixed_behind_prefix());
        texts.cut(room);
        self.tail(&texts, group.bridge)
    }

    fn tail(&self, texts: &Texts, bridge: Option<u32>) -> Tail {
        let mut before: Vec<u32> = bridge.into_iter().collect();
        before.extend(self.template.from_head_to_label(texts));
        if before.is_empty() && self.causal {
            before.push(self.filler);
        }
        let after = match self.causal {
            true => Vec::new(),
            false => [self.template.after_label(texts), self.frame.after.clone()].concat(),
        };
        Tail { before, after }
    }

    fn prefix(&self, demonstrations: &[&[u32]]) -> Vec<u32> {
        [
            &self.frame.before,
            self.instruction,
            &demonstrations.concat(),
            self.template.head(),
        ]
        .concat()
    }

    /// Most tokens of a query's texts.
    ///
    /// # Errors
    /// If the window has no room for the template itself.
    pub(crate) fn room(&self) -> Result<usize, PredictError> {
        let fixed = self.frame.before.len()
            + self.instruction.len()
            + self.template.head().len()
            + self.fixed_behind_prefix();
        let room = self.window.checked_sub(fixed).filter(|&room| room > 0);
        room.ok_or_else(|| {
            PredictError::Other(format!(
                "the template, the instruction and the longest label word take {fixed} tokens and the window has {}; shorten them",
                self.window
            ))
        })
    }

    /// How many demonstrations are kept; cuts the texts where even none is too many.
    fn fit(
        &self,
        texts: &mut Texts,
        demonstrations: &[&[u32]],
        counts: &mut Counts,
    ) -> Result<usize, PredictError> {
        let room = self.room()?;
        texts.cut(room);
        let mut room = room - texts.total();
        let mut kept = 0;
        for demonstration in demonstrations.iter().rev() {
            let Some(left) = room.checked_sub(demonstration.len()) else {
                break;
            };
            room = left;
            kept += 1;
        }
        let dropped = demonstrations.len() - kept;
        counts.demonstrations_dropped += dropped;
        counts.prompts_with_dropped_demonstrations += usize::from(dropped > 0);
        counts.queries_cut += usize::from(texts.lost > 0);
        counts.query_tokens_cut += texts.lost;
        counts.prompts += 1;
        Ok(kept)
    }

    /// Tokens behind the prefix besides the texts: the rest of the template, the label, the frame's end; and the filler of an
    /// otherwise empty prompt.
    fn fixed_behind_prefix(&self) -> usize {
        let longest = self.labels.iter().map(Vec::len).max().unwrap_or(0);
        let of_template =
            self.template.literals_before_label() + self.template.literals_after_label();
        let literals = of_template - self.template.head().len();
        let filler =
            usize::from(self.frame.before.len() + self.instruction.len() + of_template == 0);
        match self.causal {
            true => literals + longest + filler,
            false => literals + longest + self.frame.after.len(),
        }
    }
}
