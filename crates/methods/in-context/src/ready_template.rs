//! A template ready to be asked with: its demonstrations and content-free inputs as token ids.

use crate::calibration::{calibrate, content_free_prior, normalise};
use crate::config::{Mode, Score};
use crate::counts::Counts;
use crate::layout::{Group, Layout, Tail};
use crate::score_causal::{self, Scored};
use crate::score_cloze;
use crate::scorer::Setup;
use crate::tokens::{Compiled, Frame, Pieces, Texts};
use ::prompt::Template;
use adapt::PredictError;

/// A template with its demonstrations.
pub(crate) struct ReadyTemplate {
    pub(crate) compiled: Compiled,
    /// Token ids of every demonstration in the pool, separator included.
    pub(crate) demonstrations: Vec<Vec<u32>>,
    /// The content-free inputs.
    content_free: Vec<Texts>,
}

impl ReadyTemplate {
    pub(crate) fn new(
        source: &str,
        setup: Setup<'_>,
        pieces: &Pieces<'_>,
    ) -> Result<Self, PredictError> {
        let Setup { config, prompt, .. } = setup;
        let template = Template::parse(source, prompt.pairs).map_err(PredictError::Other)?;
        let starts = prompt.shots == 0 && config.instruction.is_empty();
        let compiled = Compiled::new(&template, &prompt.words, pieces, starts);
        if let Some(class) = compiled.labels.iter().position(Vec::is_empty) {
            let word = &prompt.words[class];
            return Err(PredictError::Other(format!(
                "the tokenizer makes nothing of the label word \"{word}\"; give another (in-context.label_words)"
            )));
        }
        let separator = pieces.next(&config.separator);
        let demonstration = |demonstration: &crate::prompt::Demonstration| {
            let (text, second) = demonstration.texts();
            let mut texts = compiled.texts(pieces, text, second);
            texts.cut(setup.text_length());
            [
                compiled.demonstration(&texts, demonstration.label),
                separator.clone(),
            ]
            .concat()
        };
        let demonstrations = prompt.pool.iter().map(demonstration).collect();
        let inputs: &[String] = if config.calibrate {
            &config.content_free
        } else {
            &[]
        };
        let second = |text: &String| prompt.pairs.then(|| text.clone());
        let content_free = inputs
            .iter()
            .map(|text| compiled.texts(pieces, text, second(text).as_deref()))
            .collect();
        Ok(Self {
            compiled,
            demonstrations,
            content_free,
        })
    }

    /// Log-probabilities of the classes, `[queries][classes]`.
    pub(crate) fn score(
        &self,
        setup: Setup<'_>,
        frame: &Frame,
        instruction: &[u32],
        queries: &[Texts],
        demonstrations: &[Vec<&[u32]>],
        counts: &mut Counts,
    ) -> Result<Vec<Vec<f64>>, PredictError> {
        let Setup {
            model,
            config,
            prompt,
            ..
        } = setup;
        let tokenizer = &model.tokenizer;
        let layout = Layout {
            frame,
            instruction,
            template: &self.compiled,
            window: prompt.window,
            causal: prompt.mode == Mode::Prompt,
            filler: tokenizer
                .bos_id()
                .or(tokenizer.eos_id())
                .unwrap_or(tokenizer.pad_id()),
        };
        let groups = layout.groups(queries, demonstrations, counts)?;
        let free: Vec<Vec<Tail>> = groups
            .iter()
            .map(|group| {
                self.content_free
                    .iter()
                    .map(|texts| layout.behind(group, texts.clone()))
                    .collect()
            })
            .collect();
        let words = &self.compiled.labels;
        let scored = match tokenizer.mask_id().filter(|_| !layout.causal) {
            Some(mask) => score_cloze::score(
                model,
                &groups,
                &free,
                words,
                config.fill,
                mask,
                setup.batch_tokens(),
            ),
            None => {
                let free: Vec<Vec<Vec<u32>>> = free
                    .into_iter()
                    .map(|tails| tails.into_iter().map(|tail| tail.before).collect())
                    .collect();
                score_causal::score(model, &groups, &free, words, setup.batch_tokens())
            }
        };
        Ok(collect(
            &groups,
            &scored,
            words,
            config.score,
            queries.len(),
        ))
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
                true => normalise(&per_word(sums)),
                false => calibrate(&per_word(sums), &content_free_prior(&free)),
            };
        }
    }
    logs
}
