//! Rows of a table by number.

use crate::device::compiles_kernels;
use crate::flex::{self, dense, values};
use crate::linear::last;
use crate::tape::{Saved, Tape, Want};
use burn::backend::flex::FlexTensor;
use burn::tensor::{Int, Tensor};
use kernels::embedding as kernel;

/// Rows `ids` [b, t] of `weight` [rows, h] -> [b, t, h].
///
/// # Panics
/// When an id is not a row of the table.
pub fn embedding(weight: Tensor<2>, ids: Tensor<2, Int>) -> Tensor<3> {
    let [batch, length] = ids.dims();
    let Some(tape) = Tape::of(&[&weight]) else {
        if !compiles_kernels(&weight.device()) {
            return burn::tensor::module::embedding(weight, ids);
        }
        // burn-cubecl 0.22.1 adds the gradients of `embedding` up in one thread a column, those of `gather` with one a value.
        let width = weight.dims()[1];
        let ids = ids.reshape([batch * length, 1]).repeat_dim(1, width); // [b,t] -> [b·t,h]
        return weight.gather(0, ids).reshape([batch, length, width]);
    };
    let (weight, edge) = tape.take(weight);
    let (weight, ids) = (dense(weight), flex::indices(ids));
    let n = last(&weight);
    let y = flex::tensor(
        kernel::gather(values(&weight), &ids, n),
        &[batch, length, n],
    );
    let rows = flex::dims(&weight)[0];
    tape.finish([edge], y, || Picked { ids, rows })
}

#[derive(Clone, Debug)]
struct Picked {
    ids: Vec<u32>,
    rows: usize,
}

impl Saved<1> for Picked {
    fn backward(self, grad: FlexTensor, [want]: [Want; 1]) -> [Option<FlexTensor>; 1] {
        let dy = dense(grad);
        let n = last(&dy);
        let table = || kernel::scatter_add(values(&dy), &self.ids, self.rows, n);
        [want.give(|| flex::tensor(table(), &[self.rows, n]))]
    }
}
