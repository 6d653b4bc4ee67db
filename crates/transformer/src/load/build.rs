//! From named arrays to modules.

use std::collections::HashMap;

use burn::module::Param;
use burn::nn::Embedding;
use burn::tensor::{Device, Tensor, TensorData};

use super::heads;
use crate::attention::SelfAttention;
use crate::backbone::Backbone;
use crate::block::Block;
use crate::distances::Distances;
use crate::embedding::Embeddings;
use crate::feed_forward::FeedForward;
use crate::language_head::{LanguageHead, Pooler, Transform};
use crate::linear::Linear;
use crate::norm::Norm;
use crate::shape::Shape;
use ops::Activation;

/// Arrays by parameter path; each is taken once, so that no array outlives its way to the device.
pub(crate) struct Arrays<'a> {
    arrays: HashMap<String, TensorData>,
    device: &'a Device,
}

impl<'a> Arrays<'a> {
    pub(crate) fn new(arrays: HashMap<String, TensorData>, device: &'a Device) -> Self {
        Arrays { arrays, device }
    }

    /// The list of names and this file must agree; that they do is tested on all families.
    fn take<const D: usize>(&mut self, path: &str) -> Param<Tensor<D>> {
        self.take_if_there(path)
            .unwrap_or_else(|| panic!("no array for parameter \"{path}\""))
    }

    fn take_if_there<const D: usize>(&mut self, path: &str) -> Option<Param<Tensor<D>>> {
        let array = self.arrays.remove(path)?;
        Some(Param::from_data(array, self.device))
    }

    fn linear(&mut self, path: &str) -> Linear {
        Linear {
            weight: self.take(&format!("{path}.weight")),
            bias: self.take_if_there(&format!("{path}.bias")),
        }
    }

    fn linear_if_there(&mut self, path: &str) -> Option<Linear> {
        let there = self.arrays.contains_key(&format!("{path}.weight"));
        there.then(|| self.linear(path))
    }

    fn norm(&mut self, path: &str, shape: &Shape) -> Norm {
        Norm {
            weight: self.take(&format!("{path}.weight")),
            bias: self.take_if_there(&format!("{path}.bias")),
            epsilon: shape.norm_epsilon,
            kind: shape.norm,
        }
    }

    fn norm_if_there(&mut self, path: &str, shape: &Shape) -> Option<Norm> {
        let there = self.arrays.contains_key(&format!("{path}.weight"));
        there.then(|| self.norm(path, shape))
    }

    fn table_if_there(&mut self, path: &str) -> Option<Embedding> {
        let weight = self.take_if_there(&format!("{path}.weight"))?;
        Some(Embedding { weight })
    }

    pub(crate) fn backbone(mut self, shape: &Shape) -> Backbone {
        let embeddings = Embeddings {
            word: Embedding {
                weight: self.take("embeddings.word.weight"),
            },
            position: self.table_if_there("embeddings.position"),
            token_type: self.table_if_there("embeddings.token_type"),
            norm: self.norm_if_there("embeddings.norm", shape),
            projection: self.linear_if_there("embeddings.projection"),
        };
        let table = self.table_if_there("distances.table");
        let distances = table.map(|table| Distances {
            table,
            norm: self.norm_if_there("distances.norm", shape),
        });
        let blocks = (0..shape.blocks).map(|block| self.block(block, shape));
        let blocks = blocks.collect();
        let final_norm = self.norm_if_there("final_norm", shape);
        let left: Vec<_> = self.arrays.keys().collect();
        assert!(left.is_empty(), "arrays without a parameter: {left:?}");
        Backbone::assemble(shape.clone(), embeddings, distances, blocks, final_norm)
    }

    fn block(&mut self, number: usize, shape: &Shape) -> Block {
        let at = |part: &str| format!("blocks.{number}.{part}");
        Block {
            attention: SelfAttention {
                query: self.linear(&at("attention.query")),
                key: self.linear(&at("attention.key")),
                value: self.linear(&at("attention.value")),
                out: self.linear(&at("attention.out")),
                query_norm: self.norm_if_there(&at("attention.query_norm"), shape),
                key_norm: self.norm_if_there(&at("attention.key_norm"), shape),
                norm: self.norm_if_there(&at("attention.norm"), shape),
                output_norm: self.norm_if_there(&at("attention.output_norm"), shape),
            },
            feed_forward: FeedForward {
                gate: shape.gated.then(|| self.linear(&at("feed_forward.gate"))),
                up: self.linear(&at("feed_forward.up")),
                down: self.linear(&at("feed_forward.down")),
                norm: self.norm_if_there(&at("feed_forward.norm"), shape),
                output_norm: self.norm_if_there(&at("feed_forward.output_norm"), shape),
            },
        }
    }

    /// `words`: the decoder where the file has none of its own.
    pub(crate) fn language_head(mut self, shape: &Shape, words: &Embedding) -> LanguageHead {
        let dense = self.linear_if_there("transform.dense");
        let transform = dense.map(|dense| Transform {
            dense,
            norm: self.norm("transform.norm", shape),
            activation: heads::head_activation(shape),
        });
        let own = self.take_if_there("decoder");
        let tied = own.is_none();
        let decoder = own.unwrap_or_else(|| {
            // Shares its storage with the embedding until one of them changes.
            Param::from_tensor(words.weight.val().detach()).set_require_grad(false)
        });
        LanguageHead {
            transform,
            decoder,
            bias: self.take_if_there("bias"),
            tied,
            logit_cap: shape.logit_cap,
        }
    }

    pub(crate) fn pooler(mut self, activation: Activation) -> Pooler {
        Pooler {
            dense: self.linear("dense"),
            activation,
        }
    }
}
