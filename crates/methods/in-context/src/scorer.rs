//! From examples to log-probabilities of the classes, for each member of the ensemble.

use crate::config::{InContext, NAME};
use crate::counts::Counts;
use crate::prompt::{Asked, MemberScores, TextPair};
use crate::ready_template::ReadyTemplate;
use crate::retrieval::Index;
use crate::similarity::{Vectors, embed, embedder};
use ::prompt::{Frame, Mode, Pieces, lone_word_tokens, refuse_indistinct, require_kind};
use adapt::{FitError, PredictError, Reading};
use task::Example;
use transformer::TokenizeError;

/// What is computed once before any query.
pub(crate) struct Scorer {
    index: Option<Index>,
    kind: Kind,
}

enum Kind {
    Prompts(Prompts),
    Similarity(Vectors),
}

/// Prompts as token ids, but for the queries.
struct Prompts {
    pieces: Pieces,
    frame: Frame,
    instruction: Vec<u32>,
    templates: Vec<ReadyTemplate>,
}

impl Scorer {
    /// # Errors
    /// A text that the tokenizer refuses, or label words that the model cannot tell apart.
    pub(crate) fn new(asked: &Asked) -> Result<Self, FitError> {
        let pool = asked.prompt.pool.iter().map(|shown| shown.texts());
        let pool: Vec<TextPair<'_>> = pool.collect();
        let index = match asked.config.retrieval {
            true => Some(Index::new(asked, &pool)?),
            false => None,
        };
        let kind = match asked.prompt.mode {
            Mode::Similarity => Kind::Similarity(vectors(asked, &pool)?),
            Mode::Prompt | Mode::Cloze => Kind::Prompts(Prompts::new(asked)?),
        };
        Ok(Self { index, kind })
    }

    /// Tokens of each label word; empty in similarity.
    pub(crate) fn label_tokens(&self) -> &[Vec<u32>] {
        match &self.kind {
            Kind::Prompts(prompts) => &prompts.templates[0].labels,
            Kind::Similarity(_) => &[],
        }
    }

    /// How much of the texts is read as queries; demonstrations make room for them.
    ///
    /// # Errors
    /// As [`Scorer::score`].
    pub(crate) fn reading(
        &self,
        asked: &Asked,
        examples: &[Example],
    ) -> Result<Reading, PredictError> {
        require_kind(examples, asked.prompt.pairs)?;
        let texts: Vec<TextPair<'_>> = examples
            .iter()
            .map(|example| (example.text.as_str(), example.second.as_deref()))
            .collect();
        match &self.kind {
            Kind::Prompts(prompts) => prompts.reading(asked, &texts),
            Kind::Similarity(_) => {
                let longest = asked.max_length();
                let encoded = asked.model.tokenizer.encode(&texts, longest)?;
                Ok(Reading::of(&encoded, longest))
            }
        }
    }

    /// # Errors
    /// A text that the tokenizer refuses, one text where a pair is expected, or a window without room for the template.
    pub(crate) fn score(
        &self,
        asked: &Asked,
        examples: &[Example],
        counts: &mut Counts,
    ) -> Result<MemberScores, PredictError> {
        require_kind(examples, asked.prompt.pairs)?;
        let texts: Vec<TextPair<'_>> = examples
            .iter()
            .map(|example| (example.text.as_str(), example.second.as_deref()))
            .collect();
        let retrieved = match &self.index {
            Some(index) => Some(index.nearest(asked, &texts)?),
            None => None,
        };
        counts.queries += examples.len();
        match &self.kind {
            Kind::Similarity(vectors) => vectors.score(asked, &texts, retrieved.as_deref()),
            Kind::Prompts(prompts) => prompts.score(asked, &texts, retrieved.as_deref(), counts),
        }
    }
}

impl Prompts {
    fn new(asked: &Asked) -> Result<Self, FitError> {
        let (config, tokenizer) = (&asked.config, &asked.model.tokenizer);
        let pieces = Pieces::new(tokenizer)?;
        let mut templates = Vec::new();
        for source in &asked.prompt.templates {
            templates.push(ReadyTemplate::new(source, asked, &pieces)?);
        }
        Ok(Self {
            frame: Frame::of(tokenizer)?,
            instruction: instruction(config, &pieces)?,
            templates,
            pieces,
        })
    }

    /// A text counts as cut where the templates in use leave least room for it.
    fn reading(&self, asked: &Asked, texts: &[TextPair<'_>]) -> Result<Reading, PredictError> {
        let pairs = asked.prompt.pairs;
        let used = |place: &usize| asked.prompt.members.iter().any(|m| m.template == *place);
        let mut cut = vec![false; texts.len()];
        let mut longest = asked.text_length(pairs);
        for place in (0..self.templates.len()).filter(used) {
            let template = &self.templates[place];
            let room = template
                .layout(asked, &self.frame, &self.instruction)
                .room()?;
            longest = longest.min(room);
            for (cut, &text) in cut.iter_mut().zip(texts) {
                let mut query = template.texts(text, asked, &self.pieces)?;
                query.cut(room);
                *cut |= query.lost > 0;
            }
        }
        Ok(Reading::UpTo {
            tokens: longest + asked.model.tokenizer.special_count(pairs),
            cut: cut.iter().filter(|cut| **cut).count(),
        })
    }

    fn score(
        &self,
        asked: &Asked,
        texts: &[TextPair<'_>],
        retrieved: Option<&[Vec<usize>]>,
        counts: &mut Counts,
    ) -> Result<MemberScores, PredictError> {
        let mut queries = Vec::new(); // by template
        for template in &self.templates {
            let tokenised = texts
                .iter()
                .map(|&text| template.texts(text, asked, &self.pieces));
            queries.push(tokenised.collect::<Result<Vec<_>, _>>()?);
        }
        let mut scores = Vec::new();
        for member in &asked.prompt.members {
            let template = &self.templates[member.template];
            let before: Vec<Vec<&[u32]>> = (0..texts.len())
                .map(|query| template.shown(member.shown(retrieved, query)))
                .collect();
            scores.push(template.score(
                asked,
                &self.frame,
                &self.instruction,
                &queries[member.template],
                &before,
                counts,
            )?);
        }
        Ok(scores)
    }
}

/// The instruction and the separator behind it; nothing without an instruction.
fn instruction(config: &InContext, pieces: &Pieces) -> Result<Vec<u32>, TokenizeError> {
    match config.instruction.as_str() {
        "" => Ok(Vec::new()),
        text => Ok([pieces.first(text)?, pieces.following(&config.separator)?].concat()),
    }
}

/// Vectors of label words and demonstrations.
fn vectors(asked: &Asked, pool: &[TextPair<'_>]) -> Result<Vectors, FitError> {
    let words = &asked.prompt.words;
    let tokens = lone_word_tokens(words, &asked.model.tokenizer)?;
    refuse_indistinct(NAME, &asked.model, &asked.classes, words, &tokens)?;
    let words: Vec<TextPair<'_>> = words.iter().map(|word| (word.as_str(), None)).collect();
    let embedder = embedder(asked)?;
    Ok(Vectors {
        words: embed(asked, &embedder, &words)?,
        pool: embed(asked, &embedder, pool)?,
        embedder,
    })
}
