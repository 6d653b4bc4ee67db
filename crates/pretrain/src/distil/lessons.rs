//! Batches of excerpts with what the teacher said of them, a function of the seed and the step.

use super::HELD_OUT;
use super::Student;
use super::align::align;
use super::batches::{ByLength, within};
use super::excerpts::Excerpts;
use super::lesson::{Lesson, Words};
use super::said::Sayings;
use super::teacher::{Reader, Said};
use crate::objective::{Rows, Target};
use crate::packing::random;
use crate::{Corpus, PretrainError};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use std::ops::Range;
use std::sync::Mutex;

/// Texts of both parts, those that are only measured on first.
pub(super) struct Texts<'a> {
    pub(super) all: Vec<&'a str>,
    /// How many of them are held out.
    held_out: usize,
    pub(super) digest: String,
}

impl<'a> Texts<'a> {
    pub(super) fn of(corpus: &'a Corpus, held_out: &'a Corpus, length: usize) -> Texts<'a> {
        let held_out = Excerpts::of(held_out, length).thinned(HELD_OUT);
        let corpus = Excerpts::of(corpus, length);
        Texts {
            all: [held_out.texts(), corpus.texts()].concat(),
            held_out: held_out.texts().len(),
            digest: held_out.digest() + &corpus.digest(),
        }
    }
}

/// What a student is taught.
pub(crate) struct Lessons<'a> {
    texts: Vec<&'a str>,
    held_out: usize,
    /// Tokens that the student reads of each text, its special ones included; 0: none.
    lengths: Vec<usize>,
    /// The texts that are trained on and of which the student reads something.
    usable: Vec<u32>,
    order: Mutex<ByLength>,
    said: Sayings,
    reader: Reader,
    student: Student<'a>,
}

/// A text as the student reads it.
struct Read {
    ids: Vec<u32>,
    spans: Vec<Option<Range<usize>>>,
}

impl<'a> Lessons<'a> {
    /// Counts the tokens of all texts.
    ///
    /// # Errors
    /// A text that the student's tokenizer refuses, a corpus without a text for it.
    pub(super) fn new(
        texts: Texts<'a>,
        said: Sayings,
        reader: Reader,
        student: Student<'a>,
    ) -> Result<Lessons<'a>, PretrainError> {
        let count = |text: &&str| -> Result<usize, PretrainError> {
            let encoding = student.tokenizer.encode_fast(*text, false);
            let count = encoding.map_err(PretrainError::Tokenizer)?.len();
            Ok(match count.min(student.length - 2) {
                0 => 0,
                own => own + 2,
            })
        };
        let lengths: Result<Vec<usize>, _> = texts.all.par_iter().map(count).collect();
        let lengths = lengths?;
        let usable: Vec<u32> = (texts.held_out..lengths.len())
            .filter(|&text| lengths[text] > 0)
            .map(|text| text as u32)
            .collect();
        let own: Vec<usize> = usable.iter().map(|&text| lengths[text as usize]).collect();
        let found: usize = own.iter().sum();
        if found < student.budget {
            return Err(PretrainError::TooSmall {
                what: "the corpus, cut into excerpts,",
                found,
                needed: student.budget,
            });
        }
        Ok(Lessons {
            held_out: texts.held_out,
            texts: texts.all,
            lengths,
            usable,
            order: Mutex::new(ByLength::new(own, student.budget, student.seed)),
            said,
            reader,
            student,
        })
    }

    /// Excerpts that are trained on.
    pub(crate) fn excerpts(&self) -> usize {
        self.usable.len()
    }

    /// Batches of one pass over them.
    pub(crate) fn a_pass(&self) -> usize {
        self.order.lock().expect("no panic").a_pass()
    }

    /// The batch of a step.
    ///
    /// # Errors
    /// Outputs that cannot be read.
    pub(crate) fn rows(&self, step: u64, mask_share: f64) -> Result<Rows, PretrainError> {
        let batch: Vec<u32> = {
            let mut order = self.order.lock().expect("no panic");
            let places = order.batch(step);
            places.iter().map(|&at| self.usable[at as usize]).collect()
        };
        let mut draws = random(self.student.seed, "targets", step);
        self.batch(&batch, mask_share, &mut draws)
    }

    /// Batches of what is held out.
    ///
    /// # Errors
    /// Outputs that cannot be read.
    pub(crate) fn held_out(&self, mask_share: f64) -> Result<Vec<Rows>, PretrainError> {
        let mut order: Vec<u32> = (0..self.held_out as u32)
            .filter(|&text| self.lengths[text as usize] > 0)
            .collect();
        order.sort_by_key(|&text| self.lengths[text as usize]);
        let lengths: Vec<usize> = order
            .iter()
            .map(|&text| self.lengths[text as usize])
            .collect();
        let mut draws = random(self.student.seed, "held out", 0);
        let batches = within(&lengths, self.student.budget).into_iter();
        batches
            .map(|places| self.batch(&order[places], mask_share, &mut draws))
            .collect()
    }

    /// Every other text is shown with masks: those without are what the student will read later, those with teach it the language and what the
    /// teacher makes of a word that it does not see (Baevski et al. 2022, *data2vec*, arXiv:2202.03555).
    fn batch(
        &self,
        texts: &[u32],
        mask_share: f64,
        draws: &mut ChaCha8Rng,
    ) -> Result<Rows, PretrainError> {
        let mut rows = Rows::default();
        let mut lesson = Lesson::default();
        let mut pieces = Vec::new();
        for (row, &text) in texts.iter().enumerate() {
            let (read, said) = (self.read(text)?, self.said.said(text as usize)?);
            if !said.states.is_empty() {
                pieces.push(self.pieces(text, &read, &said)?);
            }
            lesson.vectors.extend(said.vector);
            let mut ids = read.ids;
            if row % 2 == 0 && mask_share > 0.0 {
                let own = 1..ids.len() - 1;
                let vocabulary = self.student.masked.vocabulary;
                let targets = crate::masking::mask(&mut ids, own, mask_share, vocabulary, draws);
                let targets = targets.into_iter();
                rows.targets
                    .extend(targets.map(|(at, id)| Target { row, at, id }));
            }
            rows.inputs.push(ids);
        }
        if !pieces.is_empty() {
            let longest = rows.inputs.iter().map(Vec::len).max().unwrap_or(0);
            lesson.words = Some(Words::of(&pieces, longest, self.said.state_width()));
        }
        rows.lesson = Some(lesson);
        Ok(rows)
    }

    /// `[CLS] text [SEP]`, with the bytes that each token stands for.
    fn read(&self, text: u32) -> Result<Read, PretrainError> {
        let text = self.texts[text as usize];
        let encoding = self.student.tokenizer.encode(text, false);
        let mut encoding = encoding.map_err(PretrainError::Tokenizer)?;
        let side = tokenizers::TruncationDirection::Right;
        encoding.truncate(self.student.length - 2, 0, side);
        let spans = encoding.get_offsets().iter();
        let spans = spans.map(|&(from, to)| (from < to).then_some(from..to));
        let mut all = vec![None];
        all.extend(spans);
        all.push(None);
        Ok(Read {
            ids: self.student.masked.framed(encoding.get_ids()),
            spans: all,
        })
    }

    /// The pieces of a text that both read: the student's tokens, and the mean of the teacher's states.
    fn pieces(&self, text: u32, read: &Read, said: &Said) -> Result<Vec<Piece>, PretrainError> {
        let text = self.texts[text as usize];
        let teacher = self.reader.encode(text)?;
        let width = self.said.state_width();
        let shared = align(text, &read.spans, &teacher.spans);
        let pieces = shared.into_iter().map(|shared| {
            let share = 1.0 / shared.teacher.len() as f32;
            let mut state = vec![0f32; width];
            for token in shared.teacher {
                let own = &said.states[token * width..(token + 1) * width];
                for (sum, value) in state.iter_mut().zip(own) {
                    *sum += share * value;
                }
            }
            Piece {
                student: shared.student,
                state,
            }
        });
        Ok(pieces.collect())
    }
}

/// What both read of a text, in the student's tokens and the teacher's state.
pub(super) struct Piece {
    pub(super) student: Range<usize>,
    pub(super) state: Vec<f32>,
}

impl Words {
    /// The pieces of each row of a batch whose longest row has `length` tokens.
    pub(super) fn of(rows: &[Vec<Piece>], length: usize, width: usize) -> Words {
        let most = rows.iter().map(Vec::len).max().unwrap_or(0).max(1);
        let mut words = Words {
            shares: vec![0.0; rows.len() * most * length],
            states: vec![0.0; rows.len() * most * width],
            counted: vec![0.0; rows.len() * most],
            most,
        };
        for (row, pieces) in rows.iter().enumerate() {
            for (number, piece) in pieces.iter().enumerate() {
                let at = row * most + number;
                let share = 1.0 / piece.student.len() as f32;
                words.shares[at * length..][piece.student.clone()].fill(share);
                words.states[at * width..][..width].copy_from_slice(&piece.state);
                words.counted[at] = 1.0;
            }
        }
        words
    }
}
