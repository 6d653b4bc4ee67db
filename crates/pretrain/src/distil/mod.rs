//! Learning from another model beside the words of the text: distillation (Hinton, Vinyals & Dean 2015, arXiv:1503.02531) from the vectors of texts
//! and the states of their tokens.
//!
//! The teacher reads every excerpt of the corpus once ([`excerpts`]); what it says stays on disk ([`cache`]) and is compared with the student's states
//! in a frame of the student's width ([`basis`], [`lesson`]). Student and teacher need no common tokenizer ([`align`]). A causal student with the
//! teacher's tokenizer learns from what the teacher expects at every place of the text ([`logits`]).

mod align;
mod basis;
mod batches;
mod cache;
mod excerpts;
mod expectations;
mod lesson;
mod lessons;
mod logits;
mod making;
mod said;
mod teacher;
mod teaching;
mod words;

use crate::{Corpus, PretrainError};
use burn::tensor::Device;
use std::path::Path;
use tokenizers::Tokenizer;

use crate::objective::Masked;
use crate::packing::Packed;
pub(crate) use basis::Bases;
pub(crate) use cache::Asked;
use expectations::{CausalTeacher, Expectations};
pub(crate) use lesson::{Lesson, Taught, Teach};
pub(crate) use lessons::Lessons;
pub(crate) use logits::Expected;
use teacher::Teacher;
pub(crate) use teaching::no_teacher;
pub use teaching::{Signal, Teaching};

/// Excerpts of held-out text that the student is compared with the teacher on, at most.
const HELD_OUT: usize = 2_048;

/// A teacher whose outputs are on disk.
pub(crate) struct Instructor {
    name: String,
    bases: Bases,
    /// Of masked models: for their first words.
    teacher: Option<Teacher>,
    /// What was read, for the card.
    read: String,
}

/// What a causal teacher expects in the pieces of both texts.
pub(crate) struct Graded {
    pub(crate) corpus: Expectations,
    pub(crate) held_out: Expectations,
}

/// Has a causal teacher read the pieces of both texts unless its expectations are on disk.
///
/// # Errors
/// A teacher that cannot be used, or has other tokens than the student; a folder that cannot be written.
pub(crate) fn grade(
    teaching: &Teaching,
    dir: &Path,
    [corpus, held_out]: [&Packed; 2],
    student: &Tokenizer,
    device: &Device,
    tell: &mut dyn FnMut(Asked),
) -> Result<(Graded, Instructor), PretrainError> {
    let teacher = CausalTeacher::load(teaching, student, device)?;
    let folder = teaching.folder(dir);
    let mut of = |packed| Expectations::of(&folder, teaching, &teacher, packed, tell);
    let graded = Graded {
        held_out: of(held_out)?,
        corpus: of(corpus)?,
    };
    let instructor = Instructor {
        name: teacher.name().to_owned(),
        bases: Bases::default(),
        teacher: None,
        read: format!(
            "at every place of the running text, whose {} most probable tokens are kept",
            logits::KEPT
        ),
    };
    Ok((graded, instructor))
}

/// The student's side of the preparation.
#[derive(Clone, Copy)]
pub(crate) struct Student<'a> {
    pub(crate) tokenizer: &'a Tokenizer,
    pub(crate) masked: Masked,
    /// Width of its states.
    pub(crate) hidden: usize,
    /// Tokens of its sequences.
    pub(crate) length: usize,
    /// Tokens of its batches.
    pub(crate) budget: usize,
    pub(crate) seed: u64,
}

/// Reads the teacher, has it read the excerpts of both texts unless its outputs are on disk, and fits the frames.
///
/// # Errors
/// A teacher that cannot be used, texts that one of the tokenizers refuses, a folder that cannot be written.
pub(crate) fn prepare<'a>(
    teaching: &Teaching,
    dir: &Path,
    [corpus, held_out]: [&'a Corpus; 2],
    student: Student<'a>,
    device: &Device,
    tell: &mut dyn FnMut(Asked),
) -> Result<(Lessons<'a>, Instructor), PretrainError> {
    let teacher = Teacher::load(teaching, student.length, device)?;
    let texts = lessons::Texts::of(corpus, held_out, student.length);
    let tokens = teacher.lengths(&texts.all)?;
    let folder = teaching.folder(dir);
    let said = said::Sayings::of(
        &folder,
        teaching,
        &teacher,
        said::ToRead {
            texts: &texts.all,
            digest: &texts.digest,
            tokens: &tokens,
        },
        tell,
    )?;
    let host = device.clone().inner();
    let bases = Bases::of(dir, &said, texts.all.len(), student.hidden, &host)?;
    let lessons = Lessons::new(texts, said, teacher.reader(), student)?;
    let instructor = Instructor {
        name: teacher.name().to_owned(),
        read: format!(
            "on {} excerpts of the text in {} batches a pass, every other excerpt under masks; the student's width keeps {}",
            lessons.excerpts(),
            lessons.a_pass(),
            bases.describe()
        ),
        bases,
        teacher: Some(teacher),
    };
    Ok((lessons, instructor))
}

impl Instructor {
    /// The losses on a device.
    pub(crate) fn teach(&self, teaching: &Teaching, device: &Device) -> Teach {
        Teach::new(&self.bases, teaching, device)
    }

    /// What the card says of the teacher.
    pub(crate) fn about(&self, teaching: &Teaching) -> About {
        About {
            name: self.name.clone(),
            digest: teaching.digest.clone(),
            learnt: teaching.describe(),
            language: teaching.language,
            read: self.read.clone(),
        }
    }

    /// What the teacher makes of every token of the student's vocabulary alone, in the first `width` directions of the frame.
    ///
    /// # Errors
    /// A token that the teacher's tokenizer refuses.
    pub(crate) fn word_rows(
        &self,
        tokenizer: &Tokenizer,
        vocab: usize,
        width: usize,
    ) -> Result<Vec<Option<Vec<f32>>>, PretrainError> {
        match &self.teacher {
            Some(teacher) => words::rows(teacher, &self.bases, tokenizer, vocab, width),
            None => Err(no_teacher()),
        }
    }
}

/// What a card tells of a teacher.
#[derive(Clone, Debug)]
pub(crate) struct About {
    pub(crate) name: String,
    pub(crate) digest: String,
    /// Signals and their weights.
    pub(crate) learnt: String,
    /// Weight of the language model's loss.
    pub(crate) language: f64,
    /// On which texts.
    pub(crate) read: String,
}
