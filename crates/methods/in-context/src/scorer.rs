//! From examples to log-probabilities of the classes, for each member of the ensemble.

use crate::calibration::normalise;
use crate::config::{InContext, Mode};
use crate::counts::Counts;
use crate::model::Model;
use crate::prompt::{Member, Prompt};
use crate::ready_template::ReadyTemplate;
use crate::retrieval::Index;
use crate::similarity::{cosines, embed, prototypes};
use crate::tokens::{Frame, Pieces, Texts};
use adapt::{Budget, PredictError};
use task::Example;
use transformer::TokenizeError;

/// Log-probabilities, `[members][examples][classes]`.
pub(crate) type MemberScores = Vec<Vec<Vec<f64>>>;

/// What is computed once before any query.
pub(crate) struct Scorer {
    index: Option<Index>,
    kind: Kind,
}

enum Kind {
    Prompts {
        frame: Frame,
        instruction: Vec<u32>,
        templates: Vec<ReadyTemplate>,
    },
    Similarity {
        words: Vec<Vec<f32>>,
        pool: Vec<Vec<f32>>,
    },
}

/// Everything a scorer reads.
#[derive(Clone, Copy)]
pub(crate) struct Setup<'a> {
    pub(crate) model: &'a Model,
    pub(crate) config: &'a InContext,
    pub(crate) prompt: &'a Prompt,
    pub(crate) budget: &'a Budget,
}

impl Setup<'_> {
    fn max_length(&self) -> usize {
        self.budget
            .max_length
            .get()
            .min(self.model.shape.max_length)
    }

    /// Most padded tokens of one forward pass.
    pub(crate) fn batch_tokens(&self) -> usize {
        self.budget.eval_batch.get() * self.budget.max_length.get()
    }

    /// Most tokens of a text within a prompt: what other methods read of it.
    pub(crate) fn text_length(&self) -> usize {
        let special = self.model.tokenizer.special_count(self.prompt.pairs);
        self.max_length().saturating_sub(special).max(1)
    }

    fn embed(&self, texts: &[(&str, Option<&str>)]) -> Result<Vec<Vec<f32>>, TokenizeError> {
        embed(self.model, texts, self.max_length(), self.batch_tokens())
    }
}

impl Scorer {
    /// # Errors
    /// A text that the tokenizer refuses, or a label word without tokens.
    pub(crate) fn new(setup: Setup<'_>) -> Result<Self, PredictError> {
        let Setup {
            model,
            config,
            prompt,
            ..
        } = setup;
        let pool: Vec<_> = prompt
            .pool
            .iter()
            .map(|demonstration| demonstration.texts())
            .collect();
        let index = match config.retrieval {
            true => Some(Index::new(
                config.retriever,
                model,
                &pool,
                setup.max_length(),
                setup.batch_tokens(),
            )?),
            false => None,
        };
        let kind = if prompt.mode == Mode::Similarity {
            let words: Vec<_> = prompt
                .words
                .iter()
                .map(|word| (word.as_str(), None))
                .collect();
            Kind::Similarity {
                words: setup.embed(&words)?,
                pool: setup.embed(&pool)?,
            }
        } else {
            let pieces = Pieces::new(&model.tokenizer);
            let instruction = match config.instruction.is_empty() {
                true => Vec::new(),
                false => [
                    pieces.start(&config.instruction),
                    pieces.next(&config.separator),
                ]
                .concat(),
            };
            let templates = prompt
                .templates
                .iter()
                .map(|source| ReadyTemplate::new(source, setup, &pieces));
            Kind::Prompts {
                frame: Frame::of(&model.tokenizer)?,
                instruction,
                templates: templates.collect::<Result<_, _>>()?,
            }
        };
        Ok(Self { index, kind })
    }

    /// Tokens of each label word; empty in similarity.
    pub(crate) fn label_tokens(&self) -> &[Vec<u32>] {
        match &self.kind {
            Kind::Prompts { templates, .. } => &templates[0].compiled.labels,
            Kind::Similarity { .. } => &[],
        }
    }

    /// # Errors
    /// A text that the tokenizer refuses, one text where a pair is expected, or a window without room for the template.
    pub(crate) fn score(
        &self,
        setup: Setup<'_>,
        examples: &[Example],
        counts: &mut Counts,
    ) -> Result<MemberScores, PredictError> {
        if let Some(row) = examples
            .iter()
            .find(|example| example.second.is_some() != setup.prompt.pairs)
            .map(|e| e.row)
        {
            let (found, expected) = if setup.prompt.pairs {
                ("one text", "a pair")
            } else {
                ("a pair", "one text")
            };
            return Err(PredictError::Other(format!(
                "row {row} has {found}, and this prompt was made for {expected}"
            )));
        }
        let texts: Vec<_> = examples
            .iter()
            .map(|example| (example.text.as_str(), example.second.as_deref()))
            .collect();
        let retrieved = match &self.index {
            Some(index) => Some(index.nearest(
                setup.model,
                &texts,
                setup.prompt.shots,
                setup.max_length(),
                setup.batch_tokens(),
            )?),
            None => None,
        };
        counts.queries += examples.len();
        let shown = |member: &Member, row: usize| match &retrieved {
            Some(retrieved) => retrieved[row].clone(),
            None => member.demonstrations.clone(),
        };
        match &self.kind {
            Kind::Similarity { words, pool } => {
                let vectors = setup.embed(&texts)?;
                let members = setup.prompt.members.iter();
                Ok(members
                    .map(|member| {
                        similarity(setup, &vectors, words, pool, retrieved.is_none(), |row| {
                            shown(member, row)
                        })
                    })
                    .collect())
            }
            Kind::Prompts {
                frame,
                instruction,
                templates,
            } => {
                let pieces = Pieces::new(&setup.model.tokenizer);
                let tokenise = |template: &ReadyTemplate| -> Vec<Texts> {
                    let cut = |(text, second): &(&str, Option<&str>)| {
                        let mut texts = template.compiled.texts(&pieces, text, *second);
                        texts.cut(setup.text_length());
                        texts
                    };
                    texts.iter().map(cut).collect()
                };
                let queries: Vec<Vec<Texts>> = templates.iter().map(tokenise).collect();
                let member = |member: &Member| {
                    let template = &templates[member.template];
                    let before = |row| {
                        shown(member, row)
                            .into_iter()
                            .map(|i| template.demonstrations[i].as_slice())
                            .collect()
                    };
                    let before: Vec<Vec<&[u32]>> = (0..examples.len()).map(before).collect();
                    template.score(
                        setup,
                        frame,
                        instruction,
                        &queries[member.template],
                        &before,
                        counts,
                    )
                };
                setup.prompt.members.iter().map(member).collect()
            }
        }
    }
}

/// `shared`: all queries have the same demonstrations, so one set of prototypes serves all.
fn similarity(
    setup: Setup<'_>,
    vectors: &[Vec<f32>],
    words: &[Vec<f32>],
    pool: &[Vec<f32>],
    shared: bool,
    shown: impl Fn(usize) -> Vec<usize>,
) -> Vec<Vec<f64>> {
    let prototypes_of = |row: usize| {
        let shown = shown(row);
        let demonstrations: Vec<(usize, &[f32])> = shown
            .iter()
            .map(|&i| (setup.prompt.pool[i].label, pool[i].as_slice()))
            .collect();
        prototypes(words, &demonstrations)
    };
    let logs = |cosines: &Vec<f32>| {
        normalise(
            &cosines
                .iter()
                .map(|&cosine| setup.config.scale * f64::from(cosine))
                .collect::<Vec<_>>(),
        )
    };
    if shared && !vectors.is_empty() {
        return cosines(vectors, &prototypes_of(0), setup.model)
            .iter()
            .map(logs)
            .collect();
    }
    let own = |(row, vector): (usize, &Vec<f32>)| {
        let dot = |prototype: &Vec<f32>| {
            prototype
                .iter()
                .zip(vector)
                .map(|(a, b)| a * b)
                .sum::<f32>()
        };
        logs(&prototypes_of(row).iter().map(dot).collect())
    };
    vectors.iter().enumerate().map(own).collect()
}
