//! From examples to log-probabilities of the classes, for each member of the ensemble.

use crate::calibration::{calibrate, content_free_prior, normalise};
use crate::config::{InContext, Mode, Score};
use crate::counts::Counts;
use crate::layout::{Group, Layout, Tail};
use crate::model::Model;
use crate::prompt::{Member, Prompt};
use crate::retrieval::Index;
use crate::score_causal::{self, Scored};
use crate::score_cloze;
use crate::similarity::{cosines, embed, prototypes};
use crate::template::Template;
use crate::tokens::{Compiled, Frame, Pieces, Texts};
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
    Prompts { frame: Frame, instruction: Vec<u32>, templates: Vec<ReadyTemplate> },
    Similarity { words: Vec<Vec<f32>>, pool: Vec<Vec<f32>> },
}

/// A template with its demonstrations.
struct ReadyTemplate {
    compiled: Compiled,
    /// Token ids of every demonstration in the pool, separator included.
    demonstrations: Vec<Vec<u32>>,
    /// The content-free inputs.
    content_free: Vec<Texts>,
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
        self.budget.max_length.get().min(self.model.shape.max_length)
    }

    /// Most padded tokens of one forward pass.
    fn batch_tokens(&self) -> usize {
        self.budget.eval_batch.get() * self.budget.max_length.get()
    }

    /// Most tokens of a text within a prompt: what other methods read of it.
    fn text_length(&self) -> usize {
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
        let Setup { model, config, prompt, .. } = setup;
        let pool: Vec<_> = prompt.pool.iter().map(|demonstration| demonstration.texts()).collect();
        let index = match config.retrieval {
            true => Some(Index::new(config.retriever, model, &pool, setup.max_length(), setup.batch_tokens())?),
            false => None,
        };
        let kind = if prompt.mode == Mode::Similarity {
            let words: Vec<_> = prompt.words.iter().map(|word| (word.as_str(), None)).collect();
            Kind::Similarity { words: setup.embed(&words)?, pool: setup.embed(&pool)? }
        } else {
            let pieces = Pieces::new(&model.tokenizer);
            let instruction = match config.instruction.is_empty() {
                true => Vec::new(),
                false => [pieces.start(&config.instruction), pieces.next(&config.separator)].concat(),
            };
            let templates = prompt.templates.iter().map(|source| ReadyTemplate::new(source, setup, &pieces));
            Kind::Prompts { frame: Frame::of(&model.tokenizer)?, instruction, templates: templates.collect::<Result<_, _>>()? }
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
    pub(crate) fn score(&self, setup: Setup<'_>, examples: &[Example], counts: &mut Counts) -> Result<MemberScores, PredictError> {
        if let Some(row) = examples.iter().find(|example| example.second.is_some() != setup.prompt.pairs).map(|e| e.row) {
            let (found, expected) = if setup.prompt.pairs { ("one text", "a pair") } else { ("a pair", "one text") };
            return Err(PredictError::Other(format!("row {row} has {found}, and this prompt was made for {expected}")));
        }
        let texts: Vec<_> = examples.iter().map(|example| (example.text.as_str(), example.second.as_deref())).collect();
        let retrieved = match &self.index {
            Some(index) => Some(index.nearest(setup.model, &texts, setup.prompt.shots, setup.max_length(), setup.batch_tokens())?),
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
                Ok(members.map(|member| similarity(setup, &vectors, words, pool, retrieved.is_none(), |row| shown(member, row))).collect())
            }
            Kind::Prompts { frame, instruction, templates } => {
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
                    let before = |row| shown(member, row).into_iter().map(|i| template.demonstrations[i].as_slice()).collect();
                    let before: Vec<Vec<&[u32]>> = (0..examples.len()).map(before).collect();
                    template.score(setup, frame, instruction, &queries[member.template], &before, counts)
                };
                setup.prompt.members.iter().map(member).collect()
            }
        }
    }
}

impl ReadyTemplate {
    fn new(source: &str, setup: Setup<'_>, pieces: &Pieces<'_>) -> Result<Self, PredictError> {
        let Setup { config, prompt, .. } = setup;
        let template = Template::parse(source, prompt.pairs).map_err(PredictError::Other)?;
        let starts = prompt.shots == 0 && config.instruction.is_empty();
        let compiled = Compiled::new(&template, &prompt.words, pieces, starts);
        if let Some(class) = compiled.labels.iter().position(Vec::is_empty) {
            let word = &prompt.words[class];
            return Err(PredictError::Other(format!("the tokenizer makes nothing of the label word \"{word}\"; give another (in-context.label_words)")));
        }
        let separator = pieces.next(&config.separator);
        let demonstration = |demonstration: &crate::prompt::Demonstration| {
            let (text, second) = demonstration.texts();
            let mut texts = compiled.texts(pieces, text, second);
            texts.cut(setup.text_length());
            [compiled.demonstration(&texts, demonstration.label), separator.clone()].concat()
        };
        let demonstrations = prompt.pool.iter().map(demonstration).collect();
        let inputs: &[String] = if config.calibrate { &config.content_free } else { &[] };
        let second = |text: &String| prompt.pairs.then(|| text.clone());
        let content_free = inputs.iter().map(|text| compiled.texts(pieces, text, second(text).as_deref())).collect();
        Ok(Self { compiled, demonstrations, content_free })
    }

    /// Log-probabilities of the classes, `[queries][classes]`.
    fn score(
        &self,
        setup: Setup<'_>,
        frame: &Frame,
        instruction: &[u32],
        queries: &[Texts],
        demonstrations: &[Vec<&[u32]>],
        counts: &mut Counts,
    ) -> Result<Vec<Vec<f64>>, PredictError> {
        let Setup { model, config, prompt, .. } = setup;
        let tokenizer = &model.tokenizer;
        let layout = Layout {
            frame,
            instruction,
            template: &self.compiled,
            window: prompt.window,
            causal: prompt.mode == Mode::Prompt,
            filler: tokenizer.bos_id().or(tokenizer.eos_id()).unwrap_or(tokenizer.pad_id()),
        };
        let groups = layout.groups(queries, demonstrations, counts)?;
        let free: Vec<Vec<Tail>> =
            groups.iter().map(|group| self.content_free.iter().map(|texts| layout.behind(group, texts.clone())).collect()).collect();
        let words = &self.compiled.labels;
        let scored = match tokenizer.mask_id().filter(|_| !layout.causal) {
            Some(mask) => score_cloze::score(model, &groups, &free, words, config.fill, mask, setup.batch_tokens()),
            None => {
                let free: Vec<Vec<Vec<u32>>> = free.into_iter().map(|tails| tails.into_iter().map(|tail| tail.before).collect()).collect();
                score_causal::score(model, &groups, &free, words, setup.batch_tokens())
            }
        };
        Ok(collect(&groups, &scored, words, config.score, queries.len()))
    }
}

/// Label scores of all groups to class log-probabilities in the order of the queries.
fn collect(groups: &[Group], scored: &[Scored], words: &[Vec<u32>], score: Score, queries: usize) -> Vec<Vec<f64>> {
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
        let demonstrations: Vec<(usize, &[f32])> = shown.iter().map(|&i| (setup.prompt.pool[i].label, pool[i].as_slice())).collect();
        prototypes(words, &demonstrations)
    };
    let logs = |cosines: &Vec<f32>| normalise(&cosines.iter().map(|&cosine| setup.config.scale * f64::from(cosine)).collect::<Vec<_>>());
    if shared && !vectors.is_empty() {
        return cosines(vectors, &prototypes_of(0), setup.model).iter().map(logs).collect();
    }
    let own = |(row, vector): (usize, &Vec<f32>)| {
        let dot = |prototype: &Vec<f32>| prototype.iter().zip(vector).map(|(a, b)| a * b).sum::<f32>();
        logs(&prototypes_of(row).iter().map(dot).collect())
    };
    vectors.iter().enumerate().map(own).collect()
}
