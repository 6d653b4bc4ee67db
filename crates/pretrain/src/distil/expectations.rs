//! A causal teacher, and what it expects in a packed text, kept on disk.

use super::Teaching;
use super::cache::{Answer, Asked, Heading, Outputs};
use super::logits::{BYTES, Expected, KEPT, kept, probability};
use super::teacher::refusal;
use crate::PretrainError;
use crate::packing::Packed;
use burn::tensor::Device;
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use tokenizers::Tokenizer;
use transformer::{Encoded, LanguageHead, Pass, Pretrained, Side, collate, load};

/// Tokens of one forward pass.
const TOKENS_A_PASS: usize = 2_048;
/// Places whose logits are formed at once.
const PLACES: usize = 256;

/// A causal model that is asked and not trained.
pub(crate) struct CausalTeacher {
    model: Pretrained,
    head: LanguageHead,
    device: Device,
    path: PathBuf,
    /// Tokens that it has in common with the student: the first ones of its vocabulary.
    shared: usize,
}

impl CausalTeacher {
    /// Reads the teacher of a student with this tokenizer.
    ///
    /// # Errors
    /// A model that cannot be read, that is not causal, that has no language head, or whose tokens are others than the student's.
    pub(crate) fn load(
        teaching: &Teaching,
        student: &Tokenizer,
        device: &Device,
    ) -> Result<CausalTeacher, PretrainError> {
        let device = device.clone().inner();
        let model = load(&teaching.teacher, &device)?;
        let refuse = refusal(&teaching.teacher);
        if !model.shape.causal {
            let name = model.shape.architecture.name();
            return Err(refuse(format!(
                "{name} is a masked model, and logits are those of next tokens; give a causal teacher"
            )));
        }
        let Some(head) = model.language_head.clone() else {
            return Err(refuse(
                "it holds no language head; give a checkpoint saved with it".to_owned(),
            ));
        };
        let shared = student.get_vocab_size(true);
        for id in 0..shared as u32 {
            let (own, other) = (student.id_to_token(id), model.tokenizer.token(id));
            if own != other {
                let shown =
                    |token: Option<String>| token.map_or("none".to_owned(), |t| format!("\"{t}\""));
                return Err(refuse(format!(
                    "its token {id} is {}, the student's {}; logits are compared token by token: begin --from a model with the teacher's tokenizer, or with a new model, which takes it",
                    shown(other),
                    shown(own)
                )));
            }
        }
        Ok(CausalTeacher {
            shared: shared.min(model.shape.vocab),
            model,
            head,
            device,
            path: teaching.teacher.clone(),
        })
    }

    /// The directory's name or the Hub id.
    pub(crate) fn name(&self) -> &str {
        &self.model.name
    }

    /// Its most probable next tokens at every place of rows of equal length, as bytes.
    fn expect(&self, rows: &[&[u32]]) -> Result<Vec<u8>, PretrainError> {
        let encoded: Vec<Encoded> = rows
            .iter()
            .map(|ids| Encoded {
                ids: ids.to_vec(),
                types: vec![0; ids.len()],
                truncated_tokens: 0,
            })
            .collect();
        let encoded: Vec<&Encoded> = encoded.iter().collect();
        let batch = collate(&encoded, 0, Side::Right, &self.device);
        let x = self.model.backbone.forward(&batch, &Pass::plain()).x;
        let [b, t, hidden] = x.dims();
        let x = x.reshape([b * t, hidden]);
        let mut bytes = Vec::with_capacity(b * t * KEPT * BYTES);
        for from in (0..b * t).step_by(PLACES) {
            let to = (from + PLACES).min(b * t);
            let logits = self.head.logits(x.clone().slice([from..to, 0..hidden]));
            let vocab = logits.dims()[1];
            let logits = ops::to_floats(logits);
            let places: Vec<Vec<u8>> = logits
                .par_chunks_exact(vocab)
                .map(|logits| kept(&logits[..self.shared]))
                .collect();
            bytes.extend(places.into_iter().flatten());
        }
        let finite = bytes
            .as_chunks::<BYTES>()
            .0
            .iter()
            .all(|&token| probability(token).1.is_finite());
        match finite {
            true => Ok(bytes),
            false => Err(refusal(&self.path)(
                "one of its probabilities is no number".to_owned(),
            )),
        }
    }
}

/// What a teacher expects in the pieces of a packed text.
pub(crate) struct Expectations {
    outputs: Outputs,
}

impl Expectations {
    /// Opens what is there of these pieces, or asks the teacher.
    ///
    /// # Errors
    /// A folder that cannot be written, another process that writes there, a teacher whose probabilities are no numbers.
    pub(crate) fn of(
        folder: &Path,
        teaching: &Teaching,
        teacher: &CausalTeacher,
        packed: &Packed,
        tell: &mut dyn FnMut(Asked),
    ) -> Result<Expectations, PretrainError> {
        let length = packed.length();
        let mut digest = Sha256::new();
        for piece in 0..packed.len() {
            packed
                .piece(piece, 0)
                .iter()
                .for_each(|id| digest.update(id.to_le_bytes()));
        }
        digest.update((length as u64).to_le_bytes());
        digest.update((teacher.shared as u64).to_le_bytes());
        let heading = Heading {
            version: 1,
            teacher: teaching.digest.clone(),
            texts: format!("{:x}", digest.finalize()),
            kind: format!("logits-{KEPT}"),
            text_bytes: 0,
            token_bytes: KEPT * BYTES,
        };
        let tokens = vec![length as u16; packed.len()];
        let mut ask = |range: std::ops::Range<usize>| {
            let rows: Vec<&[u32]> = range.map(|piece| packed.piece(piece, 0)).collect();
            let mut bytes = Vec::new();
            for rows in rows.chunks((TOKENS_A_PASS / length).max(1)) {
                bytes.extend(teacher.expect(rows)?);
            }
            Ok(Answer {
                bytes,
                tokens: rows.len() * length,
            })
        };
        Ok(Expectations {
            outputs: Outputs::of(folder, &heading, &tokens, &mut ask, tell)?,
        })
    }

    /// Adds what is expected at `places` of a piece, which stand at the beginning of row `row`.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub(crate) fn add(
        &self,
        expected: &mut Expected,
        piece: usize,
        places: std::ops::Range<usize>,
        row: usize,
    ) -> Result<(), PretrainError> {
        let bytes = self.outputs.read(piece)?;
        let of_place = KEPT * BYTES;
        expected
            .places
            .extend((0..places.len()).map(|at| (row, at)));
        let own = &bytes[places.start * of_place..places.end * of_place];
        for &token in own.as_chunks::<BYTES>().0 {
            let (id, share) = probability(token);
            expected.ids.push(id);
            expected.probabilities.push(share);
        }
        Ok(())
    }
}
