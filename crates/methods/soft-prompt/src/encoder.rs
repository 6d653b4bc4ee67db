//! P-tuning's networks from trained vectors to a prompt, as PEFT's `PromptEncoder` builds them. Liu et al. 2021, arXiv:2103.10385, §3.2.

use crate::config::Encoder;
use adapt::init::{self, InitRng};
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, activation};

/// One of P-tuning's two networks.
#[derive(Module, Debug)]
pub enum PromptEncoder {
    /// Three linear maps.
    Mlp(MlpEncoder),
    /// An LSTM and two linear maps.
    Lstm(LstmEncoder),
}

impl PromptEncoder {
    pub(crate) fn new(
        kind: Encoder,
        hidden: usize,
        width: usize,
        rng: &mut InitRng,
        device: &Device,
    ) -> Option<Self> {
        match kind {
            Encoder::None => None,
            Encoder::Mlp => Some(Self::Mlp(MlpEncoder::new(hidden, width, rng, device))),
            Encoder::Lstm => Some(Self::Lstm(LstmEncoder::new(hidden, width, rng, device))),
        }
    }

    /// `[p, h] -> [p, h]`
    pub fn forward(&self, vectors: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Mlp(mlp) => mlp.forward(vectors),
            Self::Lstm(lstm) => lstm.forward(vectors),
        }
    }
}

/// y = xW + b
#[derive(Module, Debug)]
pub struct Affine {
    /// `[d_in, d_out]`
    pub weight: Param<Tensor<2>>,
    /// `[d_out]`
    pub bias: Param<Tensor<1>>,
}

impl Affine {
    /// Starts as `torch.nn.Linear` does.
    fn new([d_in, d_out]: [usize; 2], rng: &mut InitRng, device: &Device) -> Self {
        let bound = 1.0 / (d_in as f64).sqrt();
        Self {
            weight: init::kaiming_uniform(rng, [d_in, d_out], device),
            bias: init::param(rng.uniform(d_out, bound), [d_out], device),
        }
    }

    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        x.matmul(self.weight.val()) + self.bias.val().unsqueeze() // [p,d_in] x [d_in,d_out] -> [p,d_out]
    }
}

/// Linear, ReLU, linear, ReLU, linear.
#[derive(Module, Debug)]
pub struct MlpEncoder {
    /// `[h, e]`
    pub first: Affine,
    /// `[e, e]`
    pub second: Affine,
    /// `[e, h]`
    pub third: Affine,
}

impl MlpEncoder {
    fn new(hidden: usize, width: usize, rng: &mut InitRng, device: &Device) -> Self {
        Self {
            first: Affine::new([hidden, width], rng, device),
            second: Affine::new([width, width], rng, device),
            third: Affine::new([width, hidden], rng, device),
        }
    }

    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let inner = activation::relu(self.first.forward(x));
        self.third
            .forward(activation::relu(self.second.forward(inner)))
    }
}

/// A two-layer bidirectional LSTM, then linear, ReLU, linear.
#[derive(Module, Debug)]
pub struct LstmEncoder {
    /// Each layer: forwards and backwards in time.
    pub layers: Vec<BothDirections>,
    /// `[2e, 2e]`
    pub first: Affine,
    /// `[2e, h]`
    pub second: Affine,
}

impl LstmEncoder {
    fn new(hidden: usize, width: usize, rng: &mut InitRng, device: &Device) -> Self {
        let layers = [hidden, 2 * width].map(|d_in| BothDirections {
            forwards: Cell::new(d_in, width, rng, device),
            backwards: Cell::new(d_in, width, rng, device),
        });
        Self {
            layers: layers.to_vec(),
            first: Affine::new([2 * width, 2 * width], rng, device),
            second: Affine::new([2 * width, hidden], rng, device),
        }
    }

    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let read = self.layers.iter().fold(x, |x, layer| layer.forward(x)); // [p,h] -> [p,2e]
        self.second
            .forward(activation::relu(self.first.forward(read)))
    }
}

/// One LSTM layer in both directions.
#[derive(Module, Debug)]
pub struct BothDirections {
    /// From the first vector to the last.
    pub forwards: Cell,
    /// From the last to the first.
    pub backwards: Cell,
}

impl BothDirections {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let ahead = self.forwards.run(x.clone(), false);
        Tensor::cat(vec![ahead, self.backwards.run(x, true)], 1) // [p,e] + [p,e] -> [p,2e]
    }
}

/// An LSTM cell (Hochreiter & Schmidhuber 1997) with PyTorch's gate order (input, forget, cell, output) and its two biases.
#[derive(Module, Debug)]
pub struct Cell {
    /// `[d_in, 4e]`
    pub input: Affine,
    /// `[e, 4e]`
    pub state: Affine,
}

impl Cell {
    fn new(d_in: usize, width: usize, rng: &mut InitRng, device: &Device) -> Self {
        // torch.nn.LSTM draws everything within 1/√e, whatever the input's width.
        let bound = 1.0 / (width as f64).sqrt();
        let mut affine = |rows: usize| Affine {
            weight: init::param(
                rng.uniform(rows * 4 * width, bound),
                [rows, 4 * width],
                device,
            ),
            bias: init::param(rng.uniform(4 * width, bound), [4 * width], device),
        };
        Self {
            input: affine(d_in),
            state: affine(width),
        }
    }

    /// `[p, d_in] -> [p, e]`, each row a step.
    fn run(&self, x: Tensor<2>, reversed: bool) -> Tensor<2> {
        let [steps, _] = x.dims();
        let width = self.state.weight.val().dims()[0];
        let gates_of_input = self.input.forward(x); // [p,4e]
        let mut h = Tensor::zeros([1, width], &gates_of_input.device());
        let mut c = h.clone();
        let mut outputs = vec![None; steps];
        for i in 0..steps {
            let row = if reversed { steps - 1 - i } else { i };
            let gates = gates_of_input.clone().narrow(0, row, 1) + self.state.forward(h); // [1,4e]
            let gate = |k: usize| gates.clone().slice([0..1, k * width..(k + 1) * width]);
            let (input, forget, output) = (
                activation::sigmoid(gate(0)),
                activation::sigmoid(gate(1)),
                activation::sigmoid(gate(3)),
            );
            c = forget * c + input * gate(2).tanh();
            h = output * c.clone().tanh();
            outputs[row] = Some(h.clone());
        }
        Tensor::cat(outputs.into_iter().flatten().collect(), 0) // p x [1,e] -> [p,e]
    }
}
