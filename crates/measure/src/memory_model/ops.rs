//! The operations of the crates `ops` and `transformer`, as far as they take memory. Each function has the name of what it weighs, and keeps
//! for the backward pass what that keeps.

use super::tape::{Tape, Value, Var, Want};

/// With fewer rows, and from more than so many columns of the gradient on, `kernels::gemm` transposes no weight.
const ROWS_WORTH_TRANSPOSING: u64 = 64;
const PACKED_SERIALLY: u64 = 1024;

/// Inner rows that `gemm` packs at a time.
const PACKED_ROWS: u64 = 512;
/// Numbers that each of its workers packs at most: what fits into a part of the cache that it has to itself.
const PACKED_BY_WORKER: u64 = 230_000;

/// What `gemm` packs while it multiplies [rows, inner] with [inner, columns].
fn pack(tape: &Tape, [rows, inner, columns]: [u64; 3]) {
    let inner = inner.min(PACKED_ROWS);
    let by_worker = (rows * inner).min(PACKED_BY_WORKER);
    drop(tape.activation(inner * columns + tape.workers * by_worker));
}

/// What a linear map is, as buffers.
#[derive(Clone, Debug)]
pub(super) struct Map {
    pub(super) weight: Var,
    pub(super) bias: Option<Var>,
    pub(super) d_in: u64,
    pub(super) d_out: u64,
}

fn some_if(keep: bool, value: &Value) -> Option<Value> {
    keep.then(|| value.clone())
}

/// `dy · Wᵀ`, new or on top of what waits.
fn input_gradient(tape: &Tape, want: Want, [rows, d_in, d_out]: [u64; 3]) -> Option<Value> {
    let transposed = |want: &Want| {
        (want.is_wanted() && rows >= ROWS_WORTH_TRANSPOSING && d_in <= PACKED_SERIALLY)
            .then(|| tape.activation(d_in * d_out))
    };
    match want {
        Want::No => None,
        Want::New => {
            let dx = tape.activation(rows * d_in);
            let _transposed = transposed(&Want::New);
            pack(tape, [rows, d_out, d_in]);
            Some(dx)
        }
        Want::Add(earlier) => {
            let dx = tape.writable(tape.dense(earlier));
            let _transposed = transposed(&Want::New);
            pack(tape, [rows, d_out, d_in]);
            Some(dx)
        }
    }
}

/// `xᵀ · dy`.
fn weight_gradient(tape: &Tape, rows: u64, [d_in, d_out]: [u64; 2]) -> Value {
    let dw = tape.gradient(d_in * d_out);
    let _left = tape.activation(rows.min(PACKED_ROWS) * d_in); // packed whole, as it is transposed
    pack(tape, [d_in, rows, d_out]);
    dw
}

fn take<const N: usize>(wants: Vec<Want>) -> [Want; N] {
    wants
        .try_into()
        .unwrap_or_else(|_| unreachable!("one want an input"))
}

/// `ops::linear`.
pub(super) fn linear(tape: &Tape, x: Var, map: &Map) -> Var {
    let (d_in, d_out) = (map.d_in, map.d_out);
    let rows = x.numbers() / d_in;
    let inputs = [
        x.node,
        map.weight.node,
        map.bias.as_ref().and_then(|bias| bias.node),
    ];
    let x_value = tape.dense(x.value);
    let y = tape.activation(rows * d_out);
    pack(tape, [rows, d_in, d_out]);
    let is_kept = map.weight.is_tracked();
    let saved = is_kept.then(|| tape.keep(x.node, x_value));
    tape.fused(&inputs, y, move |tape, dy, wants| {
        let [want_x, want_weight, want_bias] = take(wants);
        let _dy = tape.dense(dy);
        let dx = input_gradient(tape, want_x, [rows, d_in, d_out]);
        let dw = want_weight.give(tape, || {
            let _x = saved.map(|saved| saved.value(tape));
            weight_gradient(tape, rows, [d_in, d_out])
        });
        let db = want_bias.give(tape, || tape.gradient(d_out));
        vec![dx, dw, db]
    })
}

/// `ops::linear_low_rank`, with `a` [d_in, r] and `b` [r, d_out] trained.
pub(super) fn linear_low_rank(tape: &Tape, x: Var, map: &Map, a: &Var, b: &Var, rank: u64) -> Var {
    let (d_in, d_out) = (map.d_in, map.d_out);
    let rows = x.numbers() / d_in;
    let bias = map.bias.as_ref().and_then(|bias| bias.node);
    let inputs = [x.node, map.weight.node, bias, a.node, b.node];
    let x_value = tape.dense(x.value);
    let y = tape.activation(rows * d_out);
    let inner = tape.activation(rows * rank);
    let saved = tape.keep(x.node, x_value);
    tape.fused(&inputs, y, move |tape, dy, wants| {
        let [want_x, want_weight, want_bias, want_a, want_b] = take(wants);
        let _dy = tape.dense(dy);
        let d_inner = tape.activation(rows * rank);
        let dx = input_gradient(tape, want_x, [rows, d_in, d_out]);
        let x_value = saved.value(tape);
        let dw = want_weight.give(tape, || tape.gradient(d_in * d_out));
        let da = want_a.give(tape, || tape.gradient(d_in * rank));
        let db = want_b.give(tape, || tape.gradient(rank * d_out));
        drop(inner);
        let d_bias = want_bias.give(tape, || tape.gradient(d_out));
        drop((x_value, d_inner));
        vec![dx, dw, d_bias, da, db]
    })
}

/// `ops::layer_norm`, `add_layer_norm` and `rms_norm`: `width` numbers a row, `gains` are the norm's parameters.
pub(super) fn norm(tape: &Tape, x: Var, residual: Option<Var>, gains: &[Var], width: u64) -> Var {
    let numbers = x.numbers();
    let mut inputs = vec![x.node, residual.as_ref().and_then(|r| r.node)];
    inputs.extend(gains.iter().map(|gain| gain.node));
    let x_value = tape.dense(x.value);
    let residual = residual.map(|residual| tape.dense(residual.value));
    if inputs.iter().all(Option::is_none) {
        let y = match residual {
            Some(residual) => tape.binary(x_value, &residual),
            None => tape.writable(x_value),
        };
        return Var {
            value: y,
            node: None,
        };
    }
    let y = tape.activation(numbers);
    let (normal, deviations) = (tape.activation(numbers), tape.activation(numbers / width));
    drop((x_value, residual));
    let gains = gains.len();
    tape.sourced(&inputs, y, move |tape, dy, wants| {
        let _dy = tape.dense(dy);
        let dx = tape.writable(normal);
        let mut wants = wants.into_iter();
        let mut next = || wants.next().expect("one want an input");
        let (want_x, want_residual) = (next(), next());
        let of_gains: Vec<Option<Value>> = (0..gains)
            .map(|_| next().give(tape, || tape.gradient(width)))
            .collect();
        let mut all = vec![
            want_x.give(tape, || dx.clone()),
            want_residual.give(tape, || dx),
        ];
        all.extend(of_gains);
        drop(deviations);
        all
    })
}

/// `ops::activate`.
pub(super) fn activate(tape: &Tape, x: Var) -> Var {
    if !x.is_tracked() {
        let value = tape.writable(tape.dense(x.value));
        return Var { value, node: None };
    }
    let numbers = x.numbers();
    let saved = tape.dense(x.value);
    let y = tape.activation(numbers);
    tape.sourced(&[x.node], y, move |tape, dy, wants| {
        let [want] = take(wants);
        let dx = want.give(tape, || tape.writable(tape.dense(dy)));
        drop(saved);
        vec![dx]
    })
}

/// `ops::gated`.
pub(super) fn gated(tape: &Tape, gate: Var, up: Var) -> Var {
    let numbers = gate.numbers();
    let inputs = [gate.node, up.node];
    let (gate, up) = (tape.dense(gate.value), tape.dense(up.value));
    if inputs.iter().all(Option::is_none) {
        let value = tape.writable(gate);
        return Var { value, node: None };
    }
    let y = tape.activation(numbers);
    tape.sourced(&inputs, y, move |tape, dy, wants| {
        let [want_gate, want_up] = take(wants);
        let _dy = tape.dense(dy);
        let (d_gate, d_up) = (tape.writable(gate), tape.writable(up));
        vec![want_gate.give(tape, || d_gate), want_up.give(tape, || d_up)]
    })
}

/// `ops::attention`: two numbers a row and head are kept of the probabilities. `more`: biases or vectors of distances. `scratch` numbers
/// are held by all workers together.
pub(super) fn attention(
    tape: &Tape,
    [q, k, v]: [Var; 3],
    more: Vec<Var>,
    statistics: u64,
    [scratch, scratch_backward]: [u64; 2],
) -> Var {
    let (queries, keys) = (q.numbers(), k.numbers());
    let mut inputs = vec![q.node, k.node, v.node];
    inputs.extend(more.iter().map(|var| var.node));
    let sizes: Vec<u64> = more.iter().map(Var::numbers).collect();
    let saved = [q.value, k.value, v.value].map(|value| tape.dense(value));
    let more: Vec<Value> = more.into_iter().map(|var| var.value).collect();
    let y = tape.activation(queries);
    let statistics = tape.activation(2 * statistics);
    drop(tape.activation(scratch));
    tape.fused(&inputs, y, move |tape, dy, wants| {
        let _dy = tape.dense(dy);
        let sizes = [queries, keys, keys].into_iter().chain(sizes);
        let gradients: Vec<Value> = sizes.map(|numbers| tape.activation(numbers)).collect();
        drop(tape.activation(scratch_backward));
        let all = wants.into_iter().zip(gradients);
        let all = all.map(|(want, gradient)| want.give(tape, || gradient));
        let all = all.collect();
        drop((saved, more, statistics));
        all
    })
}

/// What changes its input in place, and its gradient as well: `ops::dropout` and `ops::rotary`.
pub(super) fn in_place(tape: &Tape, x: Var) -> Var {
    let y = tape.writable(tape.dense(x.value));
    tape.fused(&[x.node], y, |tape, dy, wants| {
        let [want] = take(wants);
        let dx = tape.writable(tape.dense(dy));
        vec![want.give(tape, || dx)]
    })
}

/// `ops::add`.
pub(super) fn add(tape: &Tape, x: Var, y: Var) -> Var {
    let inputs = [x.node, y.node];
    let (x, y) = (tape.dense(x.value), tape.dense(y.value));
    let sum = tape.binary(x, &y);
    drop(y);
    tape.fused(&inputs, sum, |tape, grad, wants| {
        let [want_x, want_y] = take(wants);
        vec![
            want_x.give(tape, || grad.clone()),
            want_y.give(tape, || grad),
        ]
    })
}

/// `ops::embedding`: rows of a table of `table` numbers.
pub(super) fn embedding(tape: &Tape, table: &Var, tokens: u64, width: u64) -> Var {
    let numbers = table.numbers();
    let ids = tape.activation(tokens);
    let y = tape.activation(tokens * width);
    tape.fused(&[table.node], y, move |tape, dy, wants| {
        let [want] = take(wants);
        let _dy = tape.dense(dy);
        let table = want.give(tape, || tape.gradient(numbers));
        drop(ids);
        vec![table]
    })
}

/// `x + y` of burn's, with `y` of the same size or a vector that is spread out.
pub(super) fn add_plain(tape: &Tape, x: Var, y: Var) -> Var {
    let inputs = [x.node, y.node];
    let vector = (y.numbers() < x.numbers()).then(|| y.numbers());
    let sum = tape.binary(x.value, &y.value);
    drop(y.value);
    tape.plain(&inputs, sum, move |tape, grad, wants| {
        let [want_x, want_y] = take(wants);
        let dx = want_x.give(tape, || grad.clone());
        let dy = want_y.give(tape, || match vector {
            Some(numbers) => tape.gradient(numbers),
            None => grad,
        });
        vec![dx, dy]
    })
}

/// `x · vector` of burn's, the vector spread over the rows.
pub(super) fn mul_vector(tape: &Tape, x: Var, vector: &Var) -> Var {
    let (numbers, width) = (x.numbers(), vector.numbers());
    let inputs = [x.node, vector.node];
    let saved = some_if(vector.is_tracked(), &x.value);
    let y = tape.binary(x.value, &vector.value);
    tape.plain(&inputs, y, move |tape, grad, wants| {
        let [want_x, want_vector] = take(wants);
        let both = want_x.is_wanted() && want_vector.is_wanted();
        let kept = both.then(|| grad.clone());
        let (dx, rest) = match want_x.is_wanted() {
            true => (Some(tape.writable(tape.dense(grad))), kept),
            false => (None, Some(grad)),
        };
        let d_vector = want_vector.is_wanted().then(|| {
            let grad = rest.expect("kept for this");
            drop(match &saved {
                Some(x) => tape.binary(grad, x),
                None => tape.writable(grad),
            });
            tape.gradient(width)
        });
        drop(saved);
        debug_assert!(dx.as_ref().is_none_or(|dx| dx.numbers == numbers));
        vec![dx, d_vector]
    })
}

/// `x · number` of burn's.
pub(super) fn mul_number(tape: &Tape, x: Var) -> Var {
    let y = tape.writable(x.value);
    tape.plain(&[x.node], y, |tape, grad, wants| {
        let [want] = take(wants);
        vec![want.give(tape, || tape.writable(grad))]
    })
}

/// `front` [p, ..] for every one of `copies` texts, followed by `x`: `Tensor::cat` of an expanded tensor and another.
pub(super) fn in_front(tape: &Tape, front: &Var, copies: u64, x: Var) -> Var {
    let (of_front, of_x) = (front.numbers(), x.numbers());
    // Expanding is a step of its own and runs with the shallowest of all: until then it holds on to the whole gradient.
    let expanded = tape.plain(
        &[front.node],
        front.value.clone(),
        move |tape, grad, wants| {
            let [want] = take(wants);
            let sum = want.give(tape, || tape.gradient(of_front));
            drop(grad);
            vec![sum]
        },
    );
    let inputs = [expanded.node, x.node];
    let y = tape.activation(copies * of_front + of_x);
    drop((expanded, x.value));
    tape.plain(&inputs, y, move |tape, grad, wants| {
        let [want_front, want_x] = take(wants);
        vec![
            want_front.give(tape, || grad.part_of(copies * of_front)),
            want_x.give(tape, || grad.part_of(of_x)),
        ]
    })
}

/// The mean over tokens: the product with the mask is summed up, and spread out again in the backward pass.
pub(super) fn mean_tokens(tape: &Tape, x: &Var, pooled: u64) -> Var {
    let numbers = x.numbers();
    let product = tape.activation(numbers);
    let y = tape.activation(pooled);
    drop(product);
    tape.plain(&[x.node], y, move |tape, _, wants| {
        let [want] = take(wants);
        vec![want.give(tape, || tape.activation(numbers))]
    })
}

/// One token of each text.
pub(super) fn one_token(tape: &Tape, x: &Var, pooled: u64) -> Var {
    let numbers = x.numbers();
    let y = tape.activation(pooled);
    tape.plain(&[x.node], y, move |tape, _, wants| {
        let [want] = take(wants);
        vec![want.give(tape, || tape.activation(numbers))]
    })
}
