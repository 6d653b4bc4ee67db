//! Keys and values in front of every layer's own, held directly or computed by a small network. Li & Liang 2021, §4.

use adapt::init::{self, InitRng};
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use transformer::{Hooks, KeyValue, Shape};

/// The keys and values of one layer.
#[derive(Module, Debug)]
pub struct Prefix {
    /// `[1, p, h_kv]`
    pub key: Param<Tensor<3>>,
    /// `[1, p, h_kv]`
    pub value: Param<Tensor<3>>,
}

/// The prefixes of all layers.
#[derive(Module, Debug)]
pub struct PrefixAdaptation {
    /// By layer; empty where a network computes them.
    pub layers: Vec<Prefix>,
    /// The network, if there is one.
    pub network: Option<Reparametrisation>,
    tokens: usize,
}

impl PrefixAdaptation {
    pub(crate) fn new(
        layers: Vec<Prefix>,
        network: Option<Reparametrisation>,
        tokens: usize,
    ) -> Self {
        Self {
            layers,
            network,
            tokens,
        }
    }
}

impl PrefixAdaptation {
    fn key_value(&self, layer: usize) -> KeyValue {
        match &self.network {
            Some(network) => network.layer(layer),
            None => KeyValue {
                key: self.layers[layer].key.val(),
                value: self.layers[layer].value.val(),
            },
        }
    }

    /// Of every layer, computed where a network computes them.
    pub(crate) fn key_values(&self) -> Vec<KeyValue> {
        let layers = match &self.network {
            Some(network) => network.layers(),
            None => self.layers.len(),
        };
        (0..layers).map(|layer| self.key_value(layer)).collect()
    }
}

impl Hooks for PrefixAdaptation {
    fn prefix(&self, layer: usize) -> Option<KeyValue> {
        Some(self.key_value(layer))
    }

    fn prefix_length(&self) -> usize {
        self.tokens
    }
}

/// All layers' keys and values from p vectors: linear, tanh, linear. Li & Liang 2021, §4.3, as PEFT's `PrefixEncoder`.
#[derive(Module, Debug)]
pub struct Reparametrisation {
    /// P′, `[p, h]`
    pub vectors: Param<Tensor<2>>,
    /// `[h, e]`
    pub inner: Param<Tensor<2>>,
    /// `[e]`
    pub inner_bias: Param<Tensor<1>>,
    /// [e, 2·L·h_kv]: layer by layer, keys before values
    pub outer: Param<Tensor<2>>,
    /// `[2·L·h_kv]`
    pub outer_bias: Param<Tensor<1>>,
    width: usize,
}

impl Reparametrisation {
    pub(crate) fn new(
        shape: &Shape,
        tokens: usize,
        inner: usize,
        rng: &mut InitRng,
        device: &Device,
    ) -> Self {
        let (hidden, width) = (shape.hidden, shape.key_value_width());
        let all = 2 * shape.layers * width;
        Self {
            vectors: init::normal(rng, [tokens, hidden], 1.0, device), // torch.nn.Embedding's start
            inner: init::kaiming_uniform(rng, [hidden, inner], device),
            inner_bias: init::constant(0.0, [inner], device),
            outer: init::kaiming_uniform(rng, [inner, all], device),
            outer_bias: init::constant(0.0, [all], device),
            width,
        }
    }

    fn layers(&self) -> usize {
        self.outer_bias.val().dims()[0] / (2 * self.width)
    }

    /// Only this layer's columns of the outer map are multiplied.
    fn layer(&self, layer: usize) -> KeyValue {
        let inner = (self.vectors.val().matmul(self.inner.val())
            + self.inner_bias.val().unsqueeze())
        .tanh(); // [p,h] -> [p,e]
        let part = |i: usize| {
            let columns = (2 * layer + i) * self.width..(2 * layer + i + 1) * self.width;
            let weight = self
                .outer
                .val()
                .slice([0..inner.dims()[1], columns.clone()]); // [e,h_kv]
            (inner.clone().matmul(weight) + self.outer_bias.val().slice([columns]).unsqueeze())
                .unsqueeze::<3>() // [1,p,h_kv]
        };
        KeyValue {
            key: part(0),
            value: part(1),
        }
    }
}
