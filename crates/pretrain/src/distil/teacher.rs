//! The model that is learnt from: what it makes of a batch of texts, and of single words.

use super::Teaching;
use crate::PretrainError;
use burn::tensor::Device;
use rayon::prelude::*;
use std::path::{Path, PathBuf};
use transformer::{
    Embedded, Embedder, Encoded, Pass, Pooling, Pretrained, Side, Spanned, collate, load,
};

/// Tokens of one forward pass, padding included.
const TOKENS_A_PASS: usize = 2_048;

/// A pretrained model that is asked and not trained.
pub(crate) struct Teacher {
    model: Pretrained,
    reader: Reader,
    device: Device,
}

/// How a teacher reads a text.
#[derive(Clone)]
pub(crate) struct Reader {
    embedder: Embedder,
    path: PathBuf,
}

/// What a teacher says of one text.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Said {
    /// The text's vector, empty where it was not asked for.
    pub(crate) vector: Vec<f32>,
    /// `[t, width]`, the state of every token, special ones included; empty where it was not asked for.
    pub(crate) states: Vec<f32>,
}

impl Teacher {
    /// Reads the teacher. Its texts become vectors as its folder says, else by the mean of its states.
    ///
    /// # Errors
    /// A model that cannot be read, a folder whose way of making vectors is not followed, signals that the teacher cannot give together.
    pub(crate) fn load(
        teaching: &Teaching,
        longest: usize,
        device: &Device,
    ) -> Result<Teacher, PretrainError> {
        let device = device.clone().inner();
        let model = load(&teaching.teacher, &device)?;
        let refuse = refusal(&teaching.teacher);
        let embedder = Embedder::new(
            &model.sentence,
            &model.tokenizer,
            &model.shape,
            longest,
            None,
            Pooling::Mean,
        )
        .map_err(|error| refuse(error.to_string()))?;
        if teaching.vectors().is_some()
            && teaching.states().is_some()
            && !embedder.is_mean_of_states()
        {
            return Err(refuse("its vectors are not the mean of its states, and the mean of the student's states cannot follow both; give one of --teacher-signal vectors and states".to_owned()));
        }
        Ok(Teacher {
            model,
            reader: Reader {
                embedder,
                path: teaching.teacher.clone(),
            },
            device,
        })
    }

    /// Values of a text's vector.
    pub(crate) fn vector_width(&self) -> usize {
        self.reader.embedder.width()
    }

    /// Values of a token's state.
    pub(crate) fn state_width(&self) -> usize {
        self.model.shape.hidden
    }

    /// The directory's name or the Hub id.
    pub(crate) fn name(&self) -> &str {
        &self.model.name
    }

    /// Where its weights are.
    pub(crate) fn device(&self) -> &Device {
        &self.device
    }

    /// How it reads, without its weights.
    pub(crate) fn reader(&self) -> Reader {
        self.reader.clone()
    }

    /// How many tokens it reads of each text.
    ///
    /// # Errors
    /// A text that its tokenizer refuses.
    pub(crate) fn lengths(&self, texts: &[&str]) -> Result<Vec<u16>, PretrainError> {
        let length = |text: &&str| {
            let count = self.reader.encode(text)?.encoded.ids.len();
            u16::try_from(count).map_err(|_| {
                let reason = format!(
                    "it reads {count} tokens of one excerpt, expected at most {}",
                    u16::MAX
                );
                refusal(&self.reader.path)(reason)
            })
        };
        texts.par_iter().map(length).collect()
    }

    /// Token ids of texts, on all threads.
    ///
    /// # Errors
    /// A text that its tokenizer refuses.
    pub(crate) fn encode_all(&self, texts: &[&str]) -> Result<Vec<Spanned>, PretrainError> {
        texts
            .par_iter()
            .map(|text| self.reader.encode(text))
            .collect()
    }

    /// What it says of these texts, in their order; they are read in batches of about equal lengths.
    pub(crate) fn say(&self, texts: &[Spanned], vectors: bool, states: bool) -> Vec<Said> {
        let mut order: Vec<usize> = (0..texts.len()).collect();
        order.sort_by_key(|&at| texts[at].encoded.ids.len());
        let mut said = vec![Said::default(); texts.len()];
        let lengths: Vec<usize> = order
            .iter()
            .map(|&at| texts[at].encoded.ids.len())
            .collect();
        for batch in super::batches::within(&lengths, TOKENS_A_PASS) {
            let places = &order[batch];
            let encoded: Vec<&Encoded> = places.iter().map(|&at| &texts[at].encoded).collect();
            let embedded = self.pass(&encoded);
            let mut put = |values: Vec<f32>, vector: bool| {
                let size = values.len() / places.len();
                for (&at, own) in places.iter().zip(values.chunks_exact(size)) {
                    match vector {
                        true => said[at].vector = own.to_vec(),
                        // Padding stands behind the text.
                        false => {
                            let kept = texts[at].encoded.ids.len() * self.state_width();
                            said[at].states = own[..kept].to_vec();
                        }
                    }
                }
            };
            if vectors {
                put(ops::to_floats(self.reader.embedder.embed(&embedded)), true);
            }
            if states {
                put(ops::to_floats(embedded.x), false);
            }
        }
        said
    }

    /// Final states, `[b, t, width]`, padding behind the texts.
    fn pass(&self, encoded: &[&Encoded]) -> Embedded {
        let pad = self.reader.embedder.pad_id();
        let batch = collate(encoded, pad, Side::Right, &self.device);
        self.model.backbone.forward(&batch, &Pass::plain())
    }

    /// The vector of each text alone, `None` where there is none to read.
    ///
    /// # Errors
    /// A text that its tokenizer refuses.
    pub(crate) fn vectors_of(
        &self,
        texts: &[Option<String>],
    ) -> Result<Vec<Option<Vec<f32>>>, PretrainError> {
        let known: Vec<&str> = texts.iter().flatten().map(String::as_str).collect();
        let mut said = Vec::with_capacity(known.len());
        for part in known.chunks(1_024) {
            let encoded = self.encode_all(part)?;
            said.extend(self.say(&encoded, true, false));
        }
        let mut said = said.into_iter();
        let one = |text: &Option<String>| {
            text.as_ref()
                .map(|_| said.next().expect("one a text").vector)
        };
        Ok(texts.iter().map(one).collect())
    }
}

impl Reader {
    /// Token ids as the teacher reads a text, and the bytes that each stands for.
    ///
    /// # Errors
    /// A text that its tokenizer refuses.
    pub(crate) fn encode(&self, text: &str) -> Result<Spanned, PretrainError> {
        let found = self.embedder.encode_with_spans(text);
        found.map_err(|error| refusal(&self.path)(error.to_string()))
    }
}

/// An error that names the teacher.
pub(crate) fn refusal(teacher: &Path) -> impl Fn(String) -> PretrainError {
    let path = teacher.to_path_buf();
    move |reason| PretrainError::Teacher {
        path: path.clone(),
        reason,
    }
}
