//! What a pretraining is made of, once its tokenizer is there, and what a teacher adds to it.

use crate::config::{Embeddings, Pretraining, Source};
use crate::corpus::Corpus;
use crate::distil::{self, About, Asked, Instructor, Student, Teach};
use crate::first_weights::{self, FirstWords};
use crate::model::Model;
use crate::objective::{Causal, Masked, Objective};
use crate::packing::Packed;
use crate::train::Progress;
use crate::{PretrainError, prepare};
use burn::tensor::Device;
use std::path::Path;
use tokenizers::Tokenizer;
use transformer::Shape;

/// What a pretraining is made of, once its tokenizer is there.
#[derive(Clone, Copy)]
pub(crate) struct Material<'a> {
    pub(crate) settings: &'a Pretraining,
    pub(crate) dir: &'a Path,
    pub(crate) shape: &'a Shape,
    pub(crate) tokenizer: &'a Tokenizer,
    pub(crate) corpus: &'a Corpus,
    pub(crate) held_out: &'a Corpus,
}

impl<'a> Material<'a> {
    /// The objective with a teacher's part in it, where there is a teacher. `packed`: corpus and held-out text.
    ///
    /// # Errors
    /// See [`distil::prepare`] and [`distil::grade`].
    pub(crate) fn taught(
        &self,
        objective: Objective<'a>,
        packed: [&Packed; 2],
        device: &Device,
        tell: &mut dyn FnMut(Progress),
    ) -> Result<(Objective<'a>, Option<Instructor>), PretrainError> {
        let Some(teaching) = &self.settings.teaching else {
            return Ok((objective, None));
        };
        tell(Progress::Preparing("reading the teacher"));
        let mut tell = |asked: Asked| {
            tell(Progress::Teacher {
                done: asked.done,
                all: asked.all,
                tokens_per_s: asked.tokens_per_s,
            });
        };
        match objective {
            Objective::Masked(masked) => {
                let student = self.student(masked);
                let texts = [self.corpus, self.held_out];
                let (lessons, instructor) =
                    distil::prepare(teaching, self.dir, texts, student, device, &mut tell)?;
                Ok((Objective::Taught(Box::new(lessons)), Some(instructor)))
            }
            Objective::Causal(causal) => {
                let (dir, tokenizer) = (self.dir, self.tokenizer);
                let (graded, instructor) =
                    distil::grade(teaching, dir, packed, tokenizer, device, &mut tell)?;
                let graded = Some(graded);
                let causal = Causal { graded, ..causal };
                Ok((Objective::Causal(causal), Some(instructor)))
            }
            Objective::Taught(_) => Ok((objective, None)),
        }
    }

    fn student(&self, masked: Masked) -> Student<'a> {
        Student {
            tokenizer: self.tokenizer,
            masked,
            hidden: self.shape.hidden,
            length: self.settings.length,
            budget: self.settings.batch * self.settings.length,
            seed: self.settings.seed,
        }
    }

    /// The teacher's losses on a device.
    pub(crate) fn teach(&self, instructor: Option<&Instructor>, device: &Device) -> Option<Teach> {
        let (teaching, instructor) = self.settings.teaching.as_ref().zip(instructor)?;
        Some(instructor.teach(teaching, device))
    }

    /// What the card says of the teacher.
    pub(crate) fn about(&self, instructor: Option<&Instructor>) -> Option<About> {
        let (teaching, instructor) = self.settings.teaching.as_ref().zip(instructor)?;
        Some(instructor.about(teaching))
    }

    /// Word embeddings of a new model.
    fn first_words(&self, instructor: Option<&Instructor>) -> Result<FirstWords, PretrainError> {
        Ok(match (self.settings.embeddings, instructor) {
            (Embeddings::Random, _) => FirstWords::Random,
            (Embeddings::Cooccurrence, _) => FirstWords::Cooccurrence,
            (Embeddings::Teacher, None) => return Err(distil::no_teacher()),
            (Embeddings::Teacher, Some(instructor)) => {
                let (vocab, width) = (self.shape.vocab, self.shape.embedding);
                let rows = instructor.word_rows(self.tokenizer, vocab, width)?;
                FirstWords::Teacher(rows)
            }
        })
    }

    /// The model of the first step.
    ///
    /// # Errors
    /// A model that cannot be read, a teacher that cannot read a token.
    pub(crate) fn first_model(
        &self,
        packed: &Packed,
        instructor: Option<&Instructor>,
        device: &Device,
    ) -> Result<Model, PretrainError> {
        match &self.settings.source {
            Source::New(_) => {
                let words = self.first_words(instructor)?;
                let (seed, stream) = (self.settings.seed, packed.stream());
                Ok(first_weights::fresh(
                    self.shape, seed, stream, words, device,
                ))
            }
            Source::From(model) => prepare::read_model(model, device),
        }
    }
}
