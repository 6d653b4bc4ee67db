//! A teacher's vectors and states of excerpts, kept as half-precision numbers.

use super::Teaching;
use super::cache::{Answer, Asked, Heading, Outputs};
use super::teacher::{Said, Teacher, refusal};
use crate::PretrainError;
use burn::tensor::f16;
use std::path::Path;

/// Bytes of a number.
const BYTES: usize = 2;

/// What the teacher is to read.
#[derive(Clone, Copy)]
pub(super) struct ToRead<'a> {
    pub(super) texts: &'a [&'a str],
    /// Of all texts.
    pub(super) digest: &'a str,
    /// How many tokens it reads of each.
    pub(super) tokens: &'a [u16],
}

/// What it said of each.
pub(super) struct Sayings {
    outputs: Outputs,
    /// Numbers of a text's vector; 0: not kept.
    vector: usize,
    /// Numbers of a token's state; 0: not kept.
    state: usize,
}

impl Sayings {
    /// Opens what is there of these texts, or asks the teacher.
    ///
    /// # Errors
    /// A folder that cannot be written, another process that writes there, an output that half precision cannot hold.
    pub(super) fn of(
        folder: &Path,
        teaching: &Teaching,
        teacher: &Teacher,
        read: ToRead<'_>,
        tell: &mut dyn FnMut(Asked),
    ) -> Result<Sayings, PretrainError> {
        let width = |wanted: bool, width: usize| if wanted { width } else { 0 };
        let vector = width(teaching.vectors().is_some(), teacher.vector_width());
        let state = width(teaching.states().is_some(), teacher.state_width());
        let heading = Heading {
            version: 1,
            teacher: teaching.digest.clone(),
            texts: read.digest.to_owned(),
            kind: teaching.signal_names().join("-"),
            text_bytes: BYTES * vector,
            token_bytes: BYTES * state,
        };
        let mut ask = |range: std::ops::Range<usize>| {
            let encoded = teacher.encode_all(&read.texts[range])?;
            let said = teacher.say(&encoded, vector > 0, state > 0);
            Ok(Answer {
                bytes: halves(&said).map_err(refusal(&teaching.teacher))?,
                tokens: encoded.iter().map(|text| text.encoded.ids.len()).sum(),
            })
        };
        Ok(Sayings {
            outputs: Outputs::of(folder, &heading, read.tokens, &mut ask, tell)?,
            vector,
            state,
        })
    }

    /// Numbers of a text's vector; 0 where none are kept.
    pub(super) fn vector_width(&self) -> usize {
        self.vector
    }

    /// Numbers of a token's state; 0 where none are kept.
    pub(super) fn state_width(&self) -> usize {
        self.state
    }

    /// What the teacher said of one text.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub(super) fn said(&self, text: usize) -> Result<Said, PretrainError> {
        let bytes = self.outputs.read(text)?;
        let numbers = bytes.as_chunks::<BYTES>().0.iter();
        let mut vector: Vec<f32> = numbers
            .map(|&bytes| f16::from_le_bytes(bytes).to_f32())
            .collect();
        let states = vector.split_off(self.vector);
        Ok(Said { vector, states })
    }
}

/// Vectors and states as half-precision numbers; what these cannot hold is an error in words.
fn halves(said: &[Said]) -> Result<Vec<u8>, String> {
    let values = said
        .iter()
        .flat_map(|said| said.vector.iter().chain(&said.states));
    let mut bytes = Vec::new();
    for &value in values {
        let half = f16::from_f32(value);
        if !half.is_finite() {
            return Err(format!(
                "one of its outputs is {value}, expected a number between -65504 and 65504, as the outputs on disk can hold"
            ));
        }
        bytes.extend(half.to_le_bytes());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_half_precision_cannot_hold_is_refused_by_its_value() {
        let said = |value| Said {
            vector: vec![0.5],
            states: vec![1.0, value],
        };
        let bytes = halves(&[said(-2.0)]).unwrap();
        assert_eq!(bytes, [0, 0x38, 0, 0x3c, 0, 0xc0]);
        let error = halves(&[said(1e5)]).unwrap_err();
        assert!(error.contains("100000"), "{error}");
        assert!(halves(&[said(f32::NAN)]).is_err());
    }
}
