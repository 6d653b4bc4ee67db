//! What a teacher makes of single words: word embeddings for a student to begin with (as in Tulkens & van Dongen 2024, *Model2Vec*).

use super::basis::{Bases, Basis};
use super::teacher::Teacher;
use crate::PretrainError;
use crate::vocabulary;
use tokenizers::Tokenizer;

/// One row of `width` numbers a token, each of length √width; `None` for tokens that are no text.
///
/// What all words have in common is taken out. The directions are those in which the student's states are to be, so that a student whose blocks add
/// little begins with the sum of its words.
pub(super) fn rows(
    teacher: &Teacher,
    bases: &Bases,
    tokenizer: &Tokenizer,
    vocab: usize,
    width: usize,
) -> Result<Vec<Option<Vec<f32>>>, PretrainError> {
    let texts: Vec<Option<String>> = (0..vocab as u32).map(|id| text(tokenizer, id)).collect();
    let mut vectors = teacher.vectors_of(&texts)?;
    centre(&mut vectors);
    let of_vectors = [&bases.vectors, &bases.states].into_iter().flatten();
    let mut same_space = of_vectors.filter(|basis| basis.reads(teacher.vector_width()));
    let own;
    let basis = match same_space.next() {
        Some(basis) => basis,
        None => {
            let known: Vec<f32> = vectors.iter().flatten().flatten().copied().collect();
            own = Basis::fit(known, teacher.vector_width(), width, teacher.device());
            &own
        }
    };
    Ok(vectors
        .into_iter()
        .map(|vector| in_frame(&vector?, basis, width))
        .collect())
}

/// A token as it stands in a text: word pieces without their mark, byte-level tokens as characters.
fn text(tokenizer: &Tokenizer, id: u32) -> Option<String> {
    let token = tokenizer.id_to_token(id)?;
    let special = tokenizer.get_added_vocabulary().is_special_token(&token)
        || vocabulary::BERT_TOKENS.contains(&token.as_str())
        || token == vocabulary::END_OF_TEXT;
    if special {
        return None;
    }
    let inner = token.strip_prefix("##").filter(|rest| !rest.is_empty());
    let text = match inner {
        Some(rest) => rest.to_owned(),
        None => tokenizer.decode(&[id], false).ok()?,
    };
    let text = text.trim();
    (!text.is_empty() && !text.contains('\u{fffd}')).then(|| text.to_owned())
}

/// Takes the mean of all rows out of each.
fn centre(vectors: &mut [Option<Vec<f32>>]) {
    let known = || vectors.iter().flatten();
    let count = known().count().max(1) as f32;
    let width = known().next().map_or(0, Vec::len);
    let mut mean = vec![0f32; width];
    for vector in known() {
        for (sum, value) in mean.iter_mut().zip(vector) {
            *sum += value / count;
        }
    }
    for vector in vectors.iter_mut().flatten() {
        for (value, mean) in vector.iter_mut().zip(&mean) {
            *value -= mean;
        }
    }
}

fn in_frame(vector: &[f32], basis: &Basis, width: usize) -> Option<Vec<f32>> {
    let mut row = basis.leading(vector, width);
    let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
    for value in &mut row {
        *value *= (width as f32).sqrt() / length;
    }
    (length > 1e-6).then_some(row)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Corpus, Document, Family};

    #[test]
    fn tokens_become_the_text_they_stand_for() {
        let document = Document {
            paragraphs: vec!["the naming of names — é".repeat(9)],
        };
        let corpus = Corpus {
            documents: vec![document],
            ..Corpus::default()
        };
        for family in [Family::Bert, Family::Llama] {
            let tokenizer = vocabulary::train(family, 300, &corpus).unwrap();
            let texts: Vec<Option<String>> = (0..tokenizer.get_vocab_size(true) as u32)
                .map(|id| text(&tokenizer, id))
                .collect();
            assert!(texts.iter().flatten().any(|text| text == "the"));
            assert!(
                texts
                    .iter()
                    .flatten()
                    .all(|text| !text.contains("##") && !text.contains([' ', 'Ġ']))
            );
            let special = if family == Family::Bert { 5 } else { 1 };
            let none = texts[..special].iter().all(Option::is_none);
            assert!(none, "{:?}", &texts[..special]);
        }
    }

    #[test]
    fn what_all_words_have_in_common_is_taken_out() {
        let mut vectors = vec![Some(vec![1.0, 5.0]), None, Some(vec![3.0, 5.0])];
        centre(&mut vectors);
        assert_eq!(vectors, [Some(vec![-1.0, 0.0]), None, Some(vec![1.0, 0.0])]);
    }
}
