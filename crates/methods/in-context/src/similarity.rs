//! Zero-shot by similarity: the class whose words lie nearest to the text. One normalised vector a text, the mean of its states or what
//! the modules of a sentence-transformers folder make of them; logit_c = scale · cos(text, prototype_c).

use crate::config::NAME;
use crate::prompt::{Asked, MemberScores, TextPair};
use crate::word_scores::batches_by_tokens;
use ::prompt::AskedModel;
use adapt::{FitError, PredictError, to_floats};
use burn::tensor::{Tensor, TensorData};
use task::log_softmax;
use transformer::{Embedder, Pass, Pooling, Side, TokenizeError, collate};

/// Unit vectors of what texts are compared with.
pub(crate) struct Vectors {
    pub(crate) embedder: Embedder,
    /// One a class.
    pub(crate) words: Vec<Vec<f32>>,
    /// One a demonstration.
    pub(crate) pool: Vec<Vec<f32>>,
}

impl Vectors {
    /// # Errors
    /// A text that the tokenizer refuses.
    pub(crate) fn score(
        &self,
        asked: &Asked,
        texts: &[TextPair<'_>],
        retrieved: Option<&[Vec<usize>]>,
    ) -> Result<MemberScores, PredictError> {
        let vectors = embed(asked, &self.embedder, texts)?;
        let log_probabilities = |cosines: &Vec<f32>| {
            let scaled = cosines
                .iter()
                .map(|&cosine| asked.config.scale * f64::from(cosine));
            log_softmax(&scaled.collect::<Vec<_>>())
        };
        let mut scores = Vec::new();
        for member in &asked.prompt.members {
            let prototypes = |query| self.prototypes(asked, member.shown(retrieved, query));
            let cosines = match retrieved {
                // All queries have the same demonstrations, so one set of prototypes serves all.
                None => cosines(&vectors, &prototypes(0), &asked.model),
                Some(_) => {
                    let queries = vectors.iter().enumerate();
                    queries
                        .map(|(query, vector)| dots(vector, &prototypes(query)))
                        .collect()
                }
            };
            scores.push(cosines.iter().map(log_probabilities).collect());
        }
        Ok(scores)
    }

    fn prototypes(&self, asked: &Asked, shown: &[usize]) -> Vec<Vec<f32>> {
        let labelled = |&place: &usize| {
            let label = asked.prompt.pool[place].label;
            (label, self.pool[place].as_slice())
        };
        let demonstrations: Vec<(usize, &[f32])> = shown.iter().map(labelled).collect();
        prototypes(&self.words, &demonstrations)
    }
}

fn dots(vector: &[f32], others: &[Vec<f32>]) -> Vec<f32> {
    let dot = |other: &Vec<f32>| other.iter().zip(vector).map(|(a, b)| a * b).sum::<f32>();
    others.iter().map(dot).collect()
}

/// How texts become vectors: as the model's folder says, else the mean of their states.
///
/// # Errors
/// A sentence-transformers folder with a module that is not followed.
pub(crate) fn embedder(asked: &Asked) -> Result<Embedder, FitError> {
    let model = &asked.model;
    let (length, mean) = (asked.max_length(), Pooling::Mean);
    Embedder::new(
        &model.sentence,
        &model.tokenizer,
        &model.shape,
        length,
        None,
        mean,
    )
    .map_err(|error| FitError::NotApplicable(format!("{NAME}: {error}")))
}

/// Unit vectors, one a text: `[texts][width]`.
///
/// # Errors
/// A text that the tokenizer refuses.
pub(crate) fn embed(
    asked: &Asked,
    embedder: &Embedder,
    texts: &[TextPair<'_>],
) -> Result<Vec<Vec<f32>>, TokenizeError> {
    let model = &asked.model;
    let encoded = embedder.encode(texts)?;
    let lengths: Vec<usize> = encoded.iter().map(|text| text.ids.len()).collect();
    let mut vectors = vec![Vec::new(); texts.len()];
    for rows in batches_by_tokens(&lengths, asked.batch_tokens()) {
        let part: Vec<_> = rows.iter().map(|&row| &encoded[row]).collect();
        let batch = collate(&part, embedder.pad_id(), Side::Right, &model.device);
        let states = model.backbone.forward(&batch, &Pass::plain());
        let pooled = to_floats(embedder.embed(&states)); // [b, t, hidden] -> [b, width]
        for (vector, &row) in pooled.chunks_exact(embedder.width()).zip(&rows) {
            vectors[row] = unit(vector.to_vec());
        }
    }
    Ok(vectors)
}

/// One vector a class: the mean of its words' unit vector and those of its demonstrations (`(class, vector)`), as a unit vector again.
/// Snell et al. 2017, with the class's words as one more example.
pub(crate) fn prototypes(words: &[Vec<f32>], demonstrations: &[(usize, &[f32])]) -> Vec<Vec<f32>> {
    let mut sums = words.to_vec();
    for (class, vector) in demonstrations {
        sums[*class]
            .iter_mut()
            .zip(*vector)
            .for_each(|(sum, value)| *sum += value);
    }
    sums.into_iter().map(unit).collect()
}

/// Cosines of unit vectors, `[a][b]`.
pub(crate) fn cosines(a: &[Vec<f32>], b: &[Vec<f32>], model: &AskedModel) -> Vec<Vec<f32>> {
    const ROWS: usize = 512; // bounds the matrix of cosines
    if a.is_empty() || b.is_empty() {
        return vec![Vec::new(); a.len()];
    }
    let tensor = |rows: &[Vec<f32>]| {
        let shape = [rows.len(), rows[0].len()];
        Tensor::<2>::from_data(TensorData::new(rows.concat(), shape), &model.device)
    };
    let right = tensor(b).transpose(); // [hidden, b]
    let part = |rows: &[Vec<f32>]| to_floats(tensor(rows).matmul(right.clone())); // [rows, hidden] x [hidden, b]
    a.chunks(ROWS)
        .flat_map(|rows| {
            part(rows)
                .chunks_exact(b.len())
                .map(<[f32]>::to_vec)
                .collect::<Vec<_>>()
        })
        .collect()
}

fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector
        .iter()
        .map(|v| f64::from(*v).powi(2))
        .sum::<f64>()
        .sqrt();
    if length > 0.0 {
        vector
            .iter_mut()
            .for_each(|v| *v = (f64::from(*v) / length) as f32);
    }
    vector
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prototype_is_the_mean_of_words_and_demonstrations() {
        let words = [vec![1.0, 0.0], vec![0.0, 1.0]];
        let with = prototypes(&words, &[(0, &[0.0, 1.0]), (0, &[0.0, 1.0])]);
        assert!(
            (with[0][0] - 1.0 / 5f32.sqrt()).abs() < 1e-6
                && (with[0][1] - 2.0 / 5f32.sqrt()).abs() < 1e-6
        );
        assert_eq!(with[1], words[1]);
    }
}
