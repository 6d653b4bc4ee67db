//! What a new model begins with beside random numbers: word embeddings that know which tokens stand near each other, positions of which close ones
//! are alike, and, in models that see both sides, attention to what stands near.

use crate::cooccurrence;
use crate::model::Model;
use crate::packing::Stream;
use burn::module::Param;
use burn::nn::Embedding;
use burn::tensor::{Device, Tensor, TensorData};
use transformer::{Backbone, LanguageHead, Shape};

/// The offsets at which the heads of the first block begin to look, in turn.
const OFFSETS: [f64; 6] = [-1.0, 1.0, -2.0, 2.0, -4.0, 4.0];
/// Product of the entries of query and key maps that look at an offset: scores of about 6 there, against about 0 far away.
const SHARPNESS: f64 = 3.0;

/// How much larger word embeddings from a teacher begin than other weights: positions beside them are to say little at first.
const TEACHER_SPREAD: f64 = 3.0;

/// Vectors of tokens, one row a token of the vocabulary, each of length √width; `None` where nothing is known.
pub(crate) type WordRows = Vec<Option<Vec<f32>>>;

/// With which word embeddings a model begins.
pub(crate) enum FirstWords {
    /// As all other weights.
    Random,
    /// From the corpus.
    Cooccurrence,
    /// From a teacher, in the directions of the student's states.
    Teacher(WordRows),
}

/// A fresh model.
pub(crate) fn fresh(
    shape: &Shape,
    seed: u64,
    stream: &Stream,
    words: FirstWords,
    device: &Device,
) -> Model {
    // Through the host, so that every device begins with the same numbers.
    let mut backbone = Backbone::random(shape, training::sub_seed(seed, "weights"), device);
    if let Some(table) = backbone.embeddings.position.take() {
        let weight = changed(table.weight, |values, width| {
            sinusoids(values, width, shape.initializer_range);
        });
        backbone.embeddings.position = Some(Embedding { weight });
        if !shape.causal && backbone.embeddings.projection.is_none() {
            look_near(&mut backbone, shape);
        }
    }
    let spread = shape.initializer_range;
    match words {
        FirstWords::Random => {}
        FirstWords::Cooccurrence => {
            let seed = training::sub_seed(seed, "embeddings");
            let host = device.clone().inner();
            let rows = cooccurrence::vectors(stream, shape.vocab, shape.embedding, seed, &host);
            write_words(&mut backbone, &rows, spread);
        }
        FirstWords::Teacher(rows) => {
            write_words(&mut backbone, &rows, TEACHER_SPREAD * spread);
            keep_directions(&mut backbone);
        }
    }
    let head = LanguageHead::random(&backbone, training::sub_seed(seed, "head"));
    Model::new(backbone, head)
}

/// Puts the rows that are known into the word embeddings.
fn write_words(backbone: &mut Backbone, rows: &WordRows, spread: f64) {
    let words = &mut backbone.embeddings.word;
    words.weight = changed(words.weight.clone(), |values, width| {
        known_rows(values, width, rows, spread);
    });
}

/// A map between narrow embeddings and the states begins as the identity on the directions that both have, and as random numbers on the others.
fn keep_directions(backbone: &mut Backbone) {
    if let Some(map) = &mut backbone.embeddings.projection {
        map.weight = changed(map.weight.clone(), |values, width| {
            let shared = (values.len() / width).min(width);
            for (row, values) in values.chunks_exact_mut(width).enumerate() {
                values[..shared].fill(0.0);
                if let Some(own) = values[..shared].get_mut(row) {
                    *own = 1.0;
                }
            }
        });
    }
}

/// The parameter with values changed on the host: `change(values, columns)`.
fn changed(
    parameter: Param<Tensor<2>>,
    change: impl FnOnce(&mut [f32], usize),
) -> Param<Tensor<2>> {
    parameter.map(|old| {
        let (dims, device) = (old.dims(), old.device());
        let mut values = ops::to_floats(old.inner());
        change(&mut values, dims[1]);
        Tensor::from_data(TensorData::new(values, dims), &device).set_require_grad(true)
    })
}

/// The rows of the table `[vocab, width]` that are known, scaled to the spread of the others.
fn known_rows(table: &mut [f32], width: usize, rows: &[Option<Vec<f32>>], spread: f64) {
    for (old, new) in table.chunks_exact_mut(width).zip(rows) {
        for (old, new) in old.iter_mut().zip(new.iter().flatten()) {
            *old = new * spread as f32;
        }
    }
}

/// The frequency of the waves in columns `2·pair` and `2·pair + 1`.
fn frequency(pair: usize, width: usize) -> f64 {
    10_000f64.powf(-((2 * pair) as f64) / width as f64)
}

/// Learned positions begin as sinusoids (Vaswani et al. 2017, §3.5; an option of DistilBERT), with the spread of the other weights: what stands close is
/// alike from the first step on. `[rows, width]`.
fn sinusoids(table: &mut [f32], width: usize, spread: f64) {
    for (row, values) in table.chunks_exact_mut(width).enumerate() {
        for (column, value) in values.iter_mut().enumerate() {
            let angle = row as f64 * frequency(column / 2, width);
            let wave = if column % 2 == 0 {
                angle.sin()
            } else {
                angle.cos()
            };
            *value = (wave * spread * std::f64::consts::SQRT_2) as f32; // A wave's root mean square is 1/√2.
        }
    }
}

/// The first block's heads begin by looking at what stands a few places before or behind, which a masked model must find before it can predict
/// anything, and finds late from learned positions. Keys are the fastest waves of a token's position, queries the same turned by the offset; what
/// else a head sees of a token is noise to this product. That first weights may carry such structure: Trockman & Kolter 2023 (arXiv:2305.09828).
fn look_near(backbone: &mut Backbone, shape: &Shape) {
    let head_width = shape.head_dim;
    let size = SHARPNESS.sqrt();
    let attention = &mut backbone.blocks[0].attention;
    let write = |parameter: Param<Tensor<2>>, offset: &dyn Fn(usize) -> f64| {
        changed(parameter, |values, columns| {
            values.fill(0.0);
            for head in 0..shape.heads {
                for pair in 0..head_width / 2 {
                    let turn = frequency(pair, shape.hidden) * offset(head);
                    let (sine, cosine) = (2 * pair, 2 * pair + 1);
                    let mut set = |row: usize, column: usize, value: f64| {
                        values[row * columns + head * head_width + column] = (size * value) as f32;
                    };
                    // sin(a + t) = sin a cos t + cos a sin t; cos(a + t) = cos a cos t - sin a sin t.
                    set(sine, sine, turn.cos());
                    set(cosine, sine, turn.sin());
                    set(cosine, cosine, turn.cos());
                    set(sine, cosine, -turn.sin());
                }
            }
        })
    };
    attention.query.weight = write(attention.query.weight.clone(), &|head| {
        OFFSETS[head % OFFSETS.len()]
    });
    attention.key.weight = write(attention.key.weight.clone(), &|_| 0.0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use transformer::load_shape;

    #[test]
    fn heads_of_the_first_block_begin_by_looking_at_their_offset() {
        let dir = tempfile::tempdir().unwrap();
        let config = serde_json::json!({
            "architectures": ["BertForMaskedLM"], "model_type": "bert", "vocab_size": 50, "hidden_size": 96, "num_hidden_layers": 1,
            "num_attention_heads": 3, "intermediate_size": 40, "hidden_act": "gelu", "max_position_embeddings": 40, "type_vocab_size": 2,
            "initializer_range": 0.05, "layer_norm_eps": 1e-12, "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1,
        });
        std::fs::write(dir.path().join("config.json"), config.to_string()).unwrap();
        let shape = load_shape(dir.path()).unwrap();
        let mut backbone = Backbone::random(&shape, 3, &Device::flex().autodiff());
        look_near(&mut backbone, &shape);
        let mut positions = vec![0.0; 40 * 96];
        sinusoids(&mut positions, 96, 1.0);
        let positions =
            Tensor::<2>::from_data(TensorData::new(positions, [40, 96]), &Device::flex());
        let attention = &backbone.blocks[0].attention;
        let map = |weight: &Param<Tensor<2>>| {
            ops::to_floats(positions.clone().matmul(weight.val().inner()))
        };
        let (query, key) = (map(&attention.query.weight), map(&attention.key.weight));
        for (head, offset) in [-1i64, 1, -2].into_iter().enumerate() {
            for from in [5usize, 20, 30] {
                let score = |to: usize| -> f32 {
                    let row =
                        |values: &[f32], row: usize| values[row * 96 + head * 32..][..32].to_vec();
                    let (q, k) = (row(&query, from), row(&key, to));
                    q.iter().zip(k).map(|(q, k)| q * k).sum()
                };
                let best = (0..40)
                    .max_by(|&a, &b| score(a).total_cmp(&score(b)))
                    .unwrap();
                assert_eq!(best as i64, from as i64 + offset, "head {head} at {from}");
            }
        }
    }

    #[test]
    fn narrow_embeddings_keep_their_directions_in_the_states() {
        let dir = tempfile::tempdir().unwrap();
        let config = serde_json::json!({
            "architectures": ["ElectraForMaskedLM"], "model_type": "electra", "vocab_size": 50, "hidden_size": 24, "embedding_size": 10,
            "num_hidden_layers": 1, "num_attention_heads": 3, "intermediate_size": 40, "hidden_act": "gelu", "max_position_embeddings": 40,
            "type_vocab_size": 2, "initializer_range": 0.05, "layer_norm_eps": 1e-12, "hidden_dropout_prob": 0.1,
            "attention_probs_dropout_prob": 0.1,
        });
        std::fs::write(dir.path().join("config.json"), config.to_string()).unwrap();
        let shape = load_shape(dir.path()).unwrap();
        let mut rows: WordRows = vec![None; 50];
        rows[7] = Some((0..10).map(|n| n as f32 / 5.0).collect());
        let stream = Stream::from_documents(Vec::new());
        let words = FirstWords::Teacher(rows);
        let model = fresh(&shape, 3, &stream, words, &Device::flex().autodiff());
        let table = ops::to_floats(model.backbone.embeddings.word.weight.val().inner());
        let expected: Vec<f32> = (0..10).map(|n| n as f32 / 5.0 * 0.15).collect();
        let close = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(close(&table[70..80], &expected), "{:?}", &table[70..80]);
        assert!(table[80..90].iter().any(|&x| x != 0.0), "unknown: random");
        let map = model.backbone.embeddings.projection.unwrap().weight;
        let map = ops::to_floats(map.val().inner());
        for (row, values) in map.chunks_exact(24).enumerate() {
            let mut unit = [0.0; 10];
            unit[row] = 1.0;
            assert_eq!(values[..10], unit);
            assert!(values[10..].iter().any(|&x| x != 0.0));
        }
    }
}
