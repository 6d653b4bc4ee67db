//! What the attention knows of the distance of two tokens, beside positions: a table for all layers.

use burn::module::Module;
use burn::nn::Embedding;
use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::norm::Norm;

/// The table of distances of [`ScoreBias`](crate::ScoreBias).
#[derive(Module, Debug)]
pub struct Distances {
    /// `[buckets, heads]`, one number a head, or `[2 * span, hidden]`, vectors (DeBERTa).
    pub table: Embedding,
    /// Of the vectors, in most DeBERTas.
    pub norm: Option<Norm>,
}

impl Distances {
    /// A learned number for each head and distance (Raffel et al. 2020, §2.1), `[heads, keys + queries - 1]`: key j and query i find
    /// theirs at `j + queries - 1 - i`. The queries' own tokens are the last of the keys.
    pub(crate) fn score_bias(&self, keys: usize, queries: usize, buckets: Buckets) -> Tensor<2> {
        let table = self.table.weight.val();
        let nearest = 1 - keys as i64; // The first key seen from the last query.
        let distances = nearest..queries as i64;
        let rows: Vec<i64> = distances
            .map(|distance| buckets.of(distance) as i64)
            .collect();
        let count = rows.len();
        let rows = indices(rows, &table.device());
        let [_, heads] = table.dims();
        let numbers = ops::embedding(table, rows).reshape([count, heads]); // [1, n, heads] -> [n, heads]
        numbers.transpose() // [heads, n]
    }
}

/// T5's buckets of distances: of each direction, half hold one distance each and half grow logarithmically.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Buckets {
    /// Of both directions together.
    pub(crate) count: usize,
    /// From here on all distances share the last bucket of their direction.
    pub(crate) farthest: usize,
}

impl Buckets {
    /// The bucket of a key that stands `distance` tokens after its query. In f32, as `MPNetEncoder.relative_position_bucket` of
    /// `transformers` computes it: at powers of two the last digit decides.
    fn of(self, distance: i64) -> usize {
        let one_way = self.count / 2;
        let exact = one_way / 2;
        let start = if distance > 0 { one_way } else { 0 };
        let steps = distance.unsigned_abs() as usize;
        if steps < exact {
            return start + steps;
        }
        let widest = (self.farthest as f64 / exact as f64).ln() as f32;
        let share = (steps as f32 / exact as f32).ln() / widest;
        let bucket = exact + (share * (one_way - exact) as f32) as usize;
        start + bucket.min(one_way - 1)
    }
}

fn indices(rows: Vec<i64>, device: &Device) -> Tensor<2, Int> {
    let dims = [1, rows.len()];
    Tensor::from_data(TensorData::new(rows, dims), device)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::module::Param;

    /// Buckets of transformers 5.24 for distances of 0 to -130 tokens: the first distance of each.
    const FIRSTS: [usize; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 23, 32, 46, 64, 91];

    #[test]
    fn distances_fall_into_the_buckets_of_the_reference() {
        let buckets = Buckets {
            count: 32,
            farthest: 128,
        };
        for distance in 0..=130usize {
            let expected = FIRSTS.iter().rposition(|&first| first <= distance).unwrap();
            assert_eq!(buckets.of(-(distance as i64)), expected, "-{distance}");
            if distance > 0 {
                assert_eq!(buckets.of(distance as i64), 16 + expected, "{distance}");
            }
        }
    }

    #[test]
    fn a_key_and_a_query_find_the_number_of_their_distance() {
        let device = Device::flex();
        let values: Vec<f32> = (0..64).map(|at| at as f32).collect(); // Row r holds 2r and 2r + 1.
        let table = Tensor::from_data(TensorData::new(values, [32, 2]), &device);
        let distances = Distances {
            table: Embedding {
                weight: Param::from_tensor(table),
            },
            norm: None,
        };
        let buckets = Buckets {
            count: 32,
            farthest: 128,
        };
        let (keys, queries) = (5, 3); // Queries stand at keys 2, 3, 4.
        let bias = distances.score_bias(keys, queries, buckets);
        assert_eq!(bias.dims(), [2, 7]);
        let bias = ops::to_floats(bias);
        for query in 0..queries {
            for key in 0..keys {
                let distance = key as i64 - (query + keys - queries) as i64;
                let expected = 2 * buckets.of(distance);
                let column = key + queries - 1 - query;
                assert_eq!(bias[column], expected as f32, "{query} {key}");
                assert_eq!(bias[7 + column], (expected + 1) as f32, "{query} {key}");
            }
        }
    }
}
