//! A template ready to be asked with: its demonstrations and content-free inputs as token ids.

use crate::calibration::{calibrate, content_free_prior};
use crate::config::{NAME, Score};
use crate::counts::Counts;
use crate::layout::{Group, Layout, Tail};
use crate::prompt::{Asked, TextPair};
use crate::score_causal::{self, Scored};
use crate::score_cloze;
use ::prompt::{
    Demonstration, Frame, Mode, Pieces, Template, Texts, TokenTemplate, label_tokens,
    refuse_indistinct,
};
use adapt::{FitError, PredictError};
use task::log_softmax;
use transformer::TokenizeError;

/// A template with its demonstrations.
pub(crate) struct ReadyTemplate {
    template: TokenTemplate,
    /// Token ids of each class's label word, with the spaces before it.
    pub(crate) labels: Vec<Vec<u32>>,
    /// Token ids of every demonstration in the pool, separator included.
    demonstrations: Vec<Vec<u32>>,
    /// The content-free inputs.
    content_free: Vec<Texts>,
}

impl ReadyTemplate {
    /// # Errors
    /// A text that the tokenizer refuses, or label words that the model cannot tell apart.
    pub(crate) fn new(source: &str, asked: &Asked, pieces: &Pieces) -> Result<Self, FitError> {
        let (config, prompt) = (&asked.config, &asked.prompt);
        let template = Template::parse(source, prompt.pairs).map_err(PredictError::Other)?;
        let labels = label_tokens(&prompt.words, template.label_lead(), pieces)?;
        refuse_indistinct(NAME, &asked.model, &asked.classes, &prompt.words, &labels)?;
        let begins_prompt = prompt.shots == 0 && config.instruction.is_empty();
        let mut ready = Self {
            template: TokenTemplate::new(&template, pieces, begins_prompt)?,
            labels,
            demonstrations: Vec::new(),
            content_free: Vec::new(),
        };
        let separator = pieces.following(&config.separator)?;
        for demonstration in &prompt.pool {
            let ids = ready.demonstration(demonstration, asked, pieces)?;
            ready.demonstrations.push([ids, separator.clone()].concat());
        }
        if config.calibrate {
            for text in &config.content_free {
                let second = prompt.pairs.then_some(text.as_str());
                let texts = ready.template.texts(pieces, text, second)?;
                ready.content_free.push(texts);
            }
        }
        Ok(ready)
    }

    /// The template filled in, label included.
    fn demonstration(
        &self,
        shown: &Demonstration,
        asked: &Asked,
        pieces: &Pieces,
    ) -> Result<Vec<u32>, TokenizeError> {
        let texts = self.texts(shown.texts(), asked, pieces)?;
        Ok([
            self.template.head(),
            &self.template.from_head_to_label(&texts),
            &self.labels[shown.label],
            &self.template.after_label(&texts),
        ]
        .concat())
    }

    /// A text, or both of a pair, cut to the general limit.
    ///
    /// # Errors
    /// A text that the tokenizer refuses.
    pub(crate) fn texts(
        &self,
        (first, second): TextPair<'_>,
        asked: &Asked,
        pieces: &Pieces,
    ) -> Result<Texts, TokenizeError> {
        let mut texts = self.template.texts(pieces, first, second)?;
        texts.cut(asked.text_length(asked.prompt.pairs));
        Ok(texts)
    }

    /// How prompts of this template are laid out.
    pub(crate) fn layout<'a>(
        &'a self,
        asked: &Asked,
        frame: &'a Frame,
        instruction: &'a [u32],
    ) -> Layout<'a> {
        Layout {
            frame,
            instruction,
            template: &self.template,
            labels: &self.labels,
            window: asked.prompt.window,
            causal: asked.prompt.mode == Mode::Prompt,
            filler: asked.model.filler(),
        }
    }

    /// Token ids of demonstrations, by their places in the pool.
    pub(crate) fn shown(&self, places: &[usize]) -> Vec<&[u32]> {
        let ids = |&place: &usize| self.demonstrations[place].as_slice();
        places.iter().map(ids).collect()
    }

    /// Log-probabilities of the classes, `[queries][classes]`.
    ///
    /// # Errors
    /// A window without room for the template.
    pub(crate) fn score(
        &self,
        asked: &Asked,
        frame: &Frame,
        instruction: &[u32],
        queries: &[Texts],
        demonstrations: &[Vec<&[u32]>],
        counts: &mut Counts,
    ) -> Result<Vec<Vec<f64>>, PredictError> {
        let layout = self.layout(asked, frame, instruction);
        let groups = layout.groups(queries, demonstrations, counts)?;
        let free: Vec<Vec<Tail>> = groups
            .iter()
            .map(|group| self.content_free_behind(group, &layout))
            .collect();
        let scored = self.score_groups(asked, &groups, free);
        let score = asked.config.score;
        Ok(collect(
            &groups,
            &scored,
            &self.labels,
            score,
            queries.len(),
        ))
    }

    fn content_free_behind(&self, group: &Group, layout: &Layout<'_>) -> Vec<Tail> {
        let inputs = self.content_free.iter();
        inputs
            .map(|texts| layout.behind(group, texts.clone()))
            .collect()
    }

    fn score_groups(&self, asked: &Asked, groups: &[Group], free: Vec<Vec<Tail>>) -> Vec<Scored> {
        let (model, labels, budget) = (&asked.model, &self.labels, asked.batch_tokens());
        let causal = asked.prompt.mode == Mode::Prompt;
        match model.tokenizer.mask_id().filter(|_| !causal) {
            Some(mask) => {
                let fill = asked.config.fill;
                score_cloze::score(model, groups, &free, labels, fill, mask, budget)
            }
            None => {
                let before = |tails: Vec<Tail>| tails.into_iter().map(|tail| tail.before);
                let free: Vec<Vec<Vec<u32>>> = free
                    .into_iter()
                    .map(|tails| before(tails).collect())
                    .collect();
                score_causal::score(model, groups, &free, labels, budget)
            }
        }
    }
}

/// Label scores of all groups to class log-probabilities in the order of the queries.
fn collect(
    groups: &[Group],
    scored: &[Scored],
    words: &[Vec<u32>],
    score: Score,
    queries: usize,
) -> Vec<Vec<f64>> {
    let per_word = |sums: &Vec<f64>| -> Vec<f64> {
        let divided = |(sum, word): (&f64, &Vec<u32>)| match score {
            Score::Sum => *sum,
            Score::Mean => sum / word.len() as f64,
        };
        sums.iter().zip(words).map(divided).collect()
    };
    let mut logs = vec![Vec::new(); queries];
    for (group, scored) in groups.iter().zip(scored) {
        let free: Vec<Vec<f64>> = scored.content_free.iter().map(per_word).collect();
        for (&row, sums) in group.rows.iter().zip(&scored.queries) {
            logs[row] = match free.is_empty() {
                true => log_softmax(&per_word(sums)),
                false => calibrate(&per_word(sums), &content_free_prior(&free)),
            };
        }
    }
    logs
}
