//! Scores of a language model over its vocabulary, some rows at a time: the logits of all places together, `[rows, vocabulary]`, would be the
//! largest tensor of a step many times over, and nobody reads more of them than a loss or a few words.

use crate::activation::soft_cap;
use crate::flex::{self, dense, indices, matrix, values};
use crate::linear::{last, linear};
use crate::loss::cross_entropy;
use crate::tape::{Saved, Tape, Want, any_tracked};
use burn::backend::Flex;
use burn::backend::flex::FlexTensor;
use burn::tensor::{Int, Tensor, TensorData, activation};
use kernels::activation::{soft_cap_dx_in_place, soft_cap_in_place};
use kernels::gemm::{self, Matrix, Threads};
use kernels::loss as kernel;
use kernels::optimizer::scale_in_place;

/// The output layer of a language model: logits are `cap(h · tableᵀ + bias)`.
#[derive(Clone, Debug)]
pub struct Decoder {
    /// A row a word, [vocabulary, h].
    pub table: Tensor<2>,
    /// `[vocabulary]`.
    pub bias: Option<Tensor<1>>,
    /// Logits z become `cap · tanh(z / cap)`.
    pub cap: Option<f64>,
}

/// Logits that stand in memory at once: 64 MiB, of which fewer rows would make the products slow.
const NUMBERS: usize = 1 << 24;

/// Rows whose logits are computed together.
fn block_rows(vocabulary: usize) -> usize {
    (NUMBERS / vocabulary.max(1)).max(128)
}

impl Decoder {
    /// All logits: [.., h] -> [.., vocabulary].
    pub fn logits<const D: usize>(self, hidden: Tensor<D>) -> Tensor<D> {
        let logits = linear(hidden, self.table.transpose(), self.bias);
        match self.cap {
            Some(cap) => soft_cap(logits, cap),
            None => logits,
        }
    }

    /// The mean over rows of `-log softmax(logits)[target]`, in nats: [rows, h], `[rows]` -> `[1]`. Gradients are computed at once with the
    /// loss, block by block, and wait for the backward pass.
    ///
    /// # Panics
    /// When there are no rows, or a target is no word.
    pub fn loss(self, hidden: Tensor<2>, targets: Tensor<1, Int>) -> Tensor<1> {
        self.loss_by_blocks(hidden, targets, None)
    }

    pub(crate) fn loss_by_blocks(
        self,
        hidden: Tensor<2>,
        targets: Tensor<1, Int>,
        rows: Option<usize>,
    ) -> Tensor<1> {
        let Some(tape) = Tape::of(&[&hidden, &self.table, &self.bias]) else {
            return cross_entropy(self.logits(hidden), targets);
        };
        let ((hidden, hidden_edge), (table, table_edge)) =
            (tape.take(hidden), tape.take(self.table));
        let (bias, bias_edge) = tape.take_option(self.bias);
        let parts = Parts {
            hidden: dense(hidden),
            table: dense(table),
            bias: bias.map(dense),
            cap: self.cap.map(|cap| cap as f32),
        };
        let edges = [hidden_edge, table_edge, bias_edge];
        let wanted = edges.each_ref().map(|edge| edge.tracked);
        let rows = rows.unwrap_or_else(|| block_rows(parts.vocabulary()));
        let (loss, gradients) = parts.loss(&indices(targets), rows, wanted);
        debug_assert!(any_tracked(&edges) || gradients.0.iter().all(Option::is_none));
        tape.finish(edges, flex::tensor(vec![loss], &[1]), || gradients)
    }

    /// ln p of `words` in each row: [rows, h] -> [rows, words]. A constant: it has no gradient.
    ///
    /// # Panics
    /// When a word is not in the vocabulary.
    pub fn log_probabilities(self, hidden: Tensor<2>, words: &[u32]) -> Tensor<2> {
        let rows = block_rows(self.table.dims()[0]);
        self.log_probabilities_by_blocks(hidden, words, rows)
    }

    pub(crate) fn log_probabilities_by_blocks(
        self,
        hidden: Tensor<2>,
        words: &[u32],
        step: usize,
    ) -> Tensor<2> {
        let [rows, _] = hidden.dims();
        let hidden = hidden.without_autodiff();
        let decoder = Decoder {
            table: self.table.without_autodiff(),
            bias: self.bias.map(Tensor::without_autodiff),
            ..self
        };
        let mut found = Vec::with_capacity(rows * words.len());
        for first in (0..rows).step_by(step) {
            let part = hidden.clone().narrow(0, first, step.min(rows - first));
            found.extend(words_of(decoder.clone().logits(part), words));
        }
        Tensor::from_data(
            TensorData::new(found, [rows, words.len()]),
            &hidden.device(),
        )
    }
}

/// ln p of `words` in each row of logits.
fn words_of(logits: Tensor<2>, words: &[u32]) -> Vec<f32> {
    let vocabulary = logits.dims()[1];
    if Tape::of(&[&logits]).is_none() {
        let ids: Vec<i64> = words.iter().map(|&word| i64::from(word)).collect();
        let ids = Tensor::<1, Int>::from_data(TensorData::from(ids.as_slice()), &logits.device());
        return crate::to_floats(activation::log_softmax(logits, 1).select(1, ids));
    }
    let logits = logits.try_into_primitive::<Flex>();
    let logits = dense(logits.expect("the tensor's device was checked above"));
    let logits = values(&logits);
    let sums = kernel::log_sum_exp(logits, vocabulary);
    let rows = logits.chunks_exact(vocabulary).zip(sums);
    rows.flat_map(|(row, sum)| words.iter().map(move |&word| row[word as usize] - sum))
        .collect()
}

/// The values of a decoder and of what it reads.
struct Parts {
    hidden: FlexTensor,
    table: FlexTensor,
    bias: Option<FlexTensor>,
    cap: Option<f32>,
}

impl Parts {
    fn vocabulary(&self) -> usize {
        flex::dims(&self.table)[0]
    }

    /// The mean loss, and its gradients with respect to what is wanted of hidden, table and bias.
    fn loss(&self, targets: &[u32], step: usize, wanted: [bool; 3]) -> (f32, Gradients) {
        let (h, vocabulary, rows) = (last(&self.hidden), self.vocabulary(), targets.len());
        assert_eq!(flex::dims(&self.hidden), [rows, h], "one target a row");
        let mut gradients = wanted.iter().zip([rows * h, vocabulary * h, vocabulary]);
        let mut next = || {
            let (wanted, len) = gradients.next().expect("three inputs");
            wanted.then(|| vec![0.0; len])
        };
        let (mut d_hidden, mut d_table, mut d_bias) = (next(), next(), next());
        let table = matrix(&self.table);
        let mut total = 0.0;
        for first in (0..rows).step_by(step) {
            let of = first..(first + step).min(rows);
            let hidden = &values(&self.hidden)[of.start * h..of.end * h];
            let targets = &targets[of.clone()];
            let mut logits = gemm::linear(hidden, table.t(), self.bias.as_ref().map(values)); // [r, h] x [h, v] -> [r, v]
            if let Some(cap) = self.cap {
                soft_cap_in_place(&mut logits, cap);
            }
            let sums = kernel::log_sum_exp(&logits, vocabulary);
            total += kernel::total(&logits, targets, &sums, vocabulary);
            if !wanted.contains(&true) {
                continue;
            }
            let capped = self.cap.map(|cap| (cap, logits.clone()));
            let scale = 1.0 / rows as f32;
            kernel::cross_entropy_dx_in_place(&mut logits, targets, &sums, vocabulary, scale);
            if let Some((cap, capped)) = capped {
                soft_cap_dx_in_place(&capped, &mut logits, cap);
            }
            let d_logits = Matrix::new(&logits, of.len(), vocabulary);
            if let Some(d_hidden) = &mut d_hidden {
                let part = &mut d_hidden[of.start * h..of.end * h];
                gemm::matmul_into(part, d_logits, table, 1.0, Threads::All); // [r, v] x [v, h]
            }
            if let Some(d_table) = &mut d_table {
                let hidden = Matrix::new(hidden, of.len(), h);
                let add = if first == 0 {
                    gemm::matmul_into
                } else {
                    gemm::matmul_add
                };
                add(d_table, d_logits.t(), hidden, 1.0, Threads::All); // [v, r] x [r, h]
            }
            if let Some(d_bias) = &mut d_bias {
                let sum = gemm::column_sum(&logits, vocabulary);
                d_bias
                    .iter_mut()
                    .zip(sum)
                    .for_each(|(total, sum)| *total += sum);
            }
        }
        let tensor = |values: Option<Vec<f32>>, sizes: &[usize]| {
            values.map(|values| flex::tensor(values, sizes))
        };
        let gradients = Gradients([
            tensor(d_hidden, &[rows, h]),
            tensor(d_table, &[vocabulary, h]),
            tensor(d_bias, &[vocabulary]),
        ]);
        ((total / rows as f64) as f32, gradients)
    }
}

/// Gradients of hidden, table and bias that are wanted.
#[derive(Clone, Debug)]
struct Gradients([Option<FlexTensor>; 3]);

impl Saved<3> for Gradients {
    fn backward(self, grad: FlexTensor, wanted: [Want; 3]) -> [Option<FlexTensor>; 3] {
        let d_loss = values(&dense(grad))[0];
        let mut gradients = self.0.into_iter();
        wanted.map(|want| {
            let mut gradient = gradients.next().expect("one for each input")?;
            if d_loss != 1.0 {
                scale_in_place(flex::values_mut(&mut gradient), d_loss);
            }
            want.give(|| gradient)
        })
    }
}
