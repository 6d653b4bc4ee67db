//! From token ids to the first hidden states: words, positions, types, norm, projection.

use burn::module::Module;
use burn::nn::Embedding;
use burn::tensor::{Int, Tensor};

use crate::backbone::Pass;
use crate::batch::Batch;
use crate::dropout::{Depth, Place};
use crate::hooks::Embedded;
use crate::linear::Linear;
use crate::norm::Norm;
use crate::shape::{LearnedPositions, Shape};

/// The tables below the first block.
#[derive(Module, Debug)]
pub struct Embeddings {
    /// `[vocab, embedding]`.
    pub word: Embedding,
    /// `[rows, embedding]`, where positions are learned.
    pub position: Option<Embedding>,
    /// `[token_types, embedding]`, where there are types.
    pub token_type: Option<Embedding>,
    /// Of the sum, where [`Shape::embedding_norm`] has one.
    pub norm: Option<Norm>,
    /// `[embedding, hidden]`, of the normalised sum (ELECTRA, ALBERT).
    pub projection: Option<Linear>,
}

impl Embeddings {
    /// `[b, t]` ids to `[b, t', hidden]`; t' is longer than t where a hook lengthened the sequence.
    pub(crate) fn forward(&self, shape: &Shape, batch: &Batch, pass: &Pass) -> Embedded {
        let words = ops::embedding(self.word.weight.val(), batch.ids.clone()); // [b, t] -> [b, t, embedding]
        let words = match shape.embedding_scale {
            Some(scale) => words.mul_scalar(scale as f32),
            None => words,
        };
        let mut e = Embedded {
            x: words,
            mask: batch.mask.clone(),
            positions: count(&batch.mask),
            types: batch.types.clone(),
        };
        if pass.past.is_none() {
            e = pass.hooks.embed(e);
        }
        e.positions = count(&e.mask);
        e.positions = match pass.past {
            Some(past) => past.shift(e.positions),
            None => e.positions + pass.hooks.prefix_length() as i64,
        };
        if let Some(pad) = shape.padding_row()
            && pass.past.is_none()
            && e.x.dims()[1] == batch.ids.dims()[1]
        {
            e.positions = count_past_padding(batch, pad, pass.hooks.prefix_length());
        }
        e.types = e.types.map(|types| fill_front(types, e.x.dims()[1]));

        if let (Some(table), Some(learned)) = (&self.position, &shape.positions) {
            let vectors = position_vectors(table, learned, &e, pass);
            e.x = ops::add(e.x, vectors);
        }
        if let Some(table) = &self.token_type {
            // RoBERTa has one type only, whatever a tokenizer says of a pair.
            let types = e.types.as_ref().filter(|_| shape.token_types > 1);
            e.x = match types {
                Some(types) => ops::add(e.x, ops::embedding(table.weight.val(), types.clone())),
                None => e.x + table.weight.val().narrow(0, 0, 1).unsqueeze::<3>(), // [1, 1, embedding]
            };
        }
        if let Some(norm) = &self.norm {
            e.x = norm.apply(e.x);
        }
        let dropout = pass.dropout.as_ref().and_then(|plan| {
            let (depth, place) = (Depth::Embeddings, Place::Embeddings);
            plan.at(shape.architecture, depth, place)
        });
        if let Some(dropout) = dropout {
            e.x = ops::dropout(e.x, dropout);
        }
        if let Some(projection) = &self.projection {
            e.x = projection.apply(&e.x); // [b, t, embedding] -> [b, t, hidden]
        }
        e
    }
}

/// Place of each token in its text, from 0, counted over the mask `[b, t]`. What padding gets is never seen by a token.
fn count(mask: &Tensor<2>) -> Tensor<2, Int> {
    (mask.clone().cumsum(1).int() - 1).clamp_min(0)
}

/// Place of each token in a RoBERTa's text: counted over the tokens other than `pad`, which stand at -1, in the table's row `pad`.
/// `create_position_ids_from_input_ids` of transformers, which counts so even where a text spells the padding token, and only
/// where it sees ids: with prompts in front it counts all.
fn count_past_padding(batch: &Batch, pad: usize, prefix: usize) -> Tensor<2, Int> {
    let words = batch.ids.clone().not_equal_elem(pad as i64).int(); // [b, t], 1 or 0
    let seen = words.clone() * batch.mask.clone().int();
    (seen.cumsum(1) + prefix as i64) * words - 1
}

fn position_vectors(
    table: &Embedding,
    learned: &LearnedPositions,
    e: &Embedded,
    pass: &Pass,
) -> Tensor<3> {
    let LearnedPositions { rows, offset, .. } = *learned;
    let (length, prefix) = (e.x.dims()[1], pass.hooks.prefix_length());
    assert!(
        pass.past.is_some() || offset + prefix + length <= rows,
        "a batch of {length} tokens after a prefix of {prefix} does not fit {} learned positions",
        rows - offset
    );
    ops::embedding(table.weight.val(), e.positions.clone() + offset as i64)
}

/// Types of tokens that a hook put in front: 0.
fn fill_front(types: Tensor<2, Int>, length: usize) -> Tensor<2, Int> {
    let [b, have] = types.dims();
    if have == length {
        return types;
    }
    let front = Tensor::zeros([b, length - have], &types.device());
    Tensor::cat(vec![front, types], 1)
}
