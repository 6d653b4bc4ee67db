//! DeBERTa's distances: which vector belongs to two tokens, and an attention that meets these vectors. He et al. 2021,
//! <https://arxiv.org/abs/2006.03654>, eq. 4; with keys and queries shared by contents and distances and logarithmic buckets, He et al. 2021,
//! <https://arxiv.org/abs/2111.09543>, as `DisentangledSelfAttention` of `transformers` computes them.

use burn::tensor::Tensor;

use crate::attention::SelfAttention;
use crate::context::BlockContext;
use crate::distances::Distances;
use crate::dropout::Place;
use crate::hooks::{At, KeyValue, Proj};
use crate::linear::Linear;
use crate::shape::{ScoreBias, Shape};

/// The vectors of the distances that occur in a pass. Each layer projects them with its own maps.
#[derive(Debug)]
pub(crate) struct DistanceVectors {
    /// Normalised where the model does so, `[1, n, hidden]`.
    vectors: Tensor<3>,
    /// Which of the n belongs to query i and key j, at `j + t - 1 - i`.
    rows: Vec<u32>,
    /// Whether queries meet the vectors as keys.
    content_to_position: bool,
    /// Whether keys meet the vectors as queries.
    position_to_content: bool,
}

impl DistanceVectors {
    /// Of texts of `length` tokens; `None` where the model has no such vectors.
    ///
    /// # Panics
    /// For a causal model: no family has both.
    pub(crate) fn of(
        shape: &Shape,
        distances: Option<&Distances>,
        length: usize,
    ) -> Option<DistanceVectors> {
        let ScoreBias::Disentangled {
            span,
            buckets,
            farthest,
            content_to_position,
            position_to_content,
            norm: _,
        } = shape.score_bias
        else {
            return None;
        };
        assert!(
            !shape.causal,
            "attention with vectors of distances sees both ways; it cannot run from left to right"
        );
        let distances = distances.expect("a model with vectors of distances has their table");
        let rows = table_rows(length, span, buckets, farthest);
        // Rows follow distances, so that those that occur stand side by side.
        let first = rows.iter().copied().min().unwrap_or(0);
        let last = rows.iter().copied().max().unwrap_or(0);
        let table = distances.table.weight.val();
        let vectors = table.narrow(0, first, last + 1 - first); // [2 * span, hidden] -> [n, hidden]
        let vectors = match &distances.norm {
            Some(norm) => norm.apply(vectors),
            None => vectors,
        };
        Some(DistanceVectors {
            vectors: vectors.unsqueeze::<3>(),
            rows: rows.into_iter().map(|row| (row - first) as u32).collect(),
            content_to_position,
            position_to_content,
        })
    }

    /// `[b, t, heads * d]` queries over the keys that were seen -> `[b, t, heads * d]`. Keys that a hook put in front have no distance.
    pub(crate) fn attend(
        &self,
        attention: &SelfAttention,
        shape: &Shape,
        query: Tensor<3>,
        seen: &KeyValue,
        key_mask: Tensor<2>,
        context: &BlockContext,
    ) -> Tensor<3> {
        let vectors = match context.dropout(Place::Distances) {
            Some(dropout) => ops::dropout(self.vectors.clone(), dropout),
            None => self.vectors.clone(),
        };
        let project = |site, map: &Linear| {
            let layer = context.block;
            let hooks = context.pass.hooks;
            let projected = hooks.project_distances(At { layer, site }, &vectors, map);
            projected.squeeze_dim::<2>(0) // [1, n, hidden] -> [1, n, heads * d] -> [n, heads * d]
        };
        let spec = ops::Disentangled {
            heads: shape.heads,
            scale: shape.attention_scale(context.layer),
            position_keys: self
                .content_to_position
                .then(|| project(Proj::Key, &attention.key)),
            position_queries: self
                .position_to_content
                .then(|| project(Proj::Query, &attention.query)),
            rows: self.rows.clone(),
            always: context.always(&key_mask),
            key_mask: Some(key_mask),
            dropout: context.dropout(Place::Probabilities),
        };
        ops::disentangled_attention(query, seen.key.clone(), seen.value.clone(), spec)
    }
}

/// The table's row for query i and key j of `length` tokens, at `j + length - 1 - i`.
fn table_rows(length: usize, span: usize, buckets: Option<usize>, farthest: usize) -> Vec<usize> {
    let length = length as i64;
    (1 - length..length)
        .map(|ahead| {
            let distance = match buckets {
                Some(buckets) => bucket(-ahead, buckets, farthest),
                None => -ahead,
            };
            (distance + span as i64).clamp(0, 2 * span as i64 - 1) as usize
        })
        .collect()
}

/// The bucket of a query that stands `distance` tokens after its key: up to half of the buckets the distance itself, from there on growing
/// logarithmically up to `farthest`. In f32, as `make_log_bucket_position` of `transformers`: where a bucket ends the last digit decides.
fn bucket(distance: i64, buckets: usize, farthest: usize) -> i64 {
    let middle = buckets / 2;
    let steps = distance.unsigned_abs();
    if steps <= middle as u64 {
        return distance;
    }
    let widest = (((farthest - 1) as f64 / middle as f64) as f32).ln();
    let share = (steps as f32 / middle as f32).ln() / widest;
    let steps = (share * (middle - 1) as f32).ceil() as i64 + middle as i64;
    steps * distance.signum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first distance of each bucket but those that hold one distance each, with 32 buckets up to 127 tokens, in transformers 5.24.
    const FIRSTS: [i64; 16] = [
        17, 19, 22, 25, 28, 32, 37, 43, 49, 56, 64, 74, 84, 97, 111, 128,
    ];

    #[test]
    fn distances_fall_into_the_buckets_of_the_reference() {
        for distance in 0..=130 {
            let expected = if distance <= 16 {
                distance
            } else {
                let passed = FIRSTS.iter().filter(|first| **first <= distance).count();
                16 + passed as i64
            };
            assert_eq!(bucket(distance, 32, 128), expected, "{distance}");
            assert_eq!(bucket(-distance, 32, 128), -expected, "-{distance}");
        }
    }

    #[test]
    fn the_farthest_distance_of_deberta_v3_has_the_last_bucket() {
        // Of transformers 5.24, with 256 buckets up to 511 tokens.
        let expected = [
            (128, 128),
            (129, 129),
            (140, 137),
            (200, 169),
            (255, 192),
            (300, 207),
            (505, 254),
            (511, 255),
            (512, 256),
        ];
        for (distance, expected) in expected {
            assert_eq!(bucket(distance, 256, 512), expected, "{distance}");
        }
    }

    #[test]
    fn rows_stand_by_the_distance_from_key_to_query_and_end_with_the_table() {
        // Query 0 and key 4 first: the key is four tokens ahead of the query, and the table begins at three.
        assert_eq!(table_rows(5, 3, None, 3), [5, 5, 5, 4, 3, 2, 1, 0, 0]);
        assert_eq!(
            table_rows(7, 4, Some(4), 5),
            [7, 7, 7, 7, 6, 5, 4, 3, 2, 1, 1, 0, 0]
        );
        assert_eq!(table_rows(1, 3, None, 3), [3]);
    }
}
