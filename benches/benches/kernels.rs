//! `cargo bench --profile dev --bench kernels`: the kernels at the sizes of a step of 16 x 128 tokens through MiniLM, forward and backward.
//!
//! Matrix products are given in operations a second ("Gelem/s" is GFLOP/s), f32 beside bfloat16 operands where the processor has them;
//! everything else in values of its first input.

use criterion::measurement::WallTime;
use criterion::{BatchSize, BenchmarkGroup, Criterion, Throughput, criterion_group};
use kernels::attention::{AttentionInputs, AttentionShape, attention, attention_backward};
use kernels::gemm::{Matrix, Precision, linear, linear_dw, linear_dx, set_precision};
use kernels::optimizer::{AdamWStep, adamw};
use kernels::rotary::{RotaryShape, Turn, rotary_in_place};
use kernels::{activation, embedding, loss, norm, softmax};
use std::hint::black_box;

const SEQUENCES: usize = 16;
const LENGTH: usize = 128;
const ROWS: usize = SEQUENCES * LENGTH;
const HIDDEN: usize = 384;
const INNER: usize = 1536;
const VOCABULARY: usize = 30_522;

/// Values between -1 and 1 without a pattern that a kernel could profit from (a multiplicative congruence).
fn values(count: usize) -> Vec<f32> {
    let mut state = 0x2545_f491u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    std::iter::repeat_with(next).take(count).collect()
}

/// Times `work`, which gives its result back so that it cannot be left out.
fn time<R>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    elements: usize,
    work: impl Fn() -> R,
) {
    group.throughput(Throughput::Elements(elements as u64));
    group.bench_function(name, |b| b.iter(&work));
}

fn products(c: &mut Criterion) {
    let mut group = c.benchmark_group("products");
    group.sample_size(10);
    for (precision, name) in [(Precision::F32, "f32"), (Precision::Bf16, "bf16")] {
        if set_precision(precision).is_err() {
            eprintln!("{name}: not on this processor");
            continue;
        }
        for (d_in, d_out) in [(HIDDEN, HIDDEN), (HIDDEN, INNER), (INNER, HIDDEN)] {
            let (x, w, dy) = (
                values(ROWS * d_in),
                values(d_in * d_out),
                values(ROWS * d_out),
            );
            let w = Matrix::new(&w, d_in, d_out);
            let flop = 2 * ROWS * d_in * d_out;
            let named = |what: &str| format!("{name} {what} {ROWS}x{d_in}x{d_out}");
            time(&mut group, &named("y"), flop, || linear(&x, w, None));
            time(&mut group, &named("dx"), flop, || linear_dx(&dy, w));
            time(&mut group, &named("dw"), flop, || {
                linear_dw(&x, &dy, d_in, d_out)
            });
        }
    }
    set_precision(Precision::F32).expect("every processor has f32");
    group.finish();
}

fn rows(c: &mut Criterion) {
    let mut group = c.benchmark_group("rows");
    group.sample_size(10);
    let (x, residual, dy) = (
        values(ROWS * HIDDEN),
        values(ROWS * HIDDEN),
        values(ROWS * HIDDEN),
    );
    let (gamma, beta) = (values(HIDDEN), values(HIDDEN));
    let layer = norm::layer_norm_saving(&x, Some(&residual), &gamma, Some(&beta), 1e-12);
    let rms = norm::rms_norm_saving(&x, &gamma, 1e-6);
    let n = x.len();
    time(&mut group, "add + layer norm", n, || {
        norm::layer_norm_saving(&x, Some(&residual), &gamma, Some(&beta), 1e-12)
    });
    time(&mut group, "add + layer norm, backward", n, || {
        let mut normal = layer.normal.clone();
        norm::layer_norm_backward(&dy, &mut normal, &layer.inverse_deviation, &gamma)
    });
    time(&mut group, "rms norm", n, || {
        norm::rms_norm_saving(&x, &gamma, 1e-6)
    });
    time(&mut group, "rms norm, backward", n, || {
        let mut normal = rms.normal.clone();
        norm::rms_norm_backward(&dy, &mut normal, &rms.inverse_deviation, &gamma)
    });
    let ids: Vec<u32> = (0..ROWS as u32)
        .map(|i| i * 7919 % VOCABULARY as u32)
        .collect();
    let table = values(VOCABULARY * HIDDEN);
    time(&mut group, "embedding", n, || {
        embedding::gather(&table, &ids, HIDDEN)
    });
    time(&mut group, "embedding, backward", n, || {
        embedding::scatter_add(&dy, &ids, VOCABULARY, HIDDEN)
    });
    let (cos, sin) = (values(LENGTH * 16), values(LENGTH * 16));
    let shape = RotaryShape {
        batch: SEQUENCES,
        length: LENGTH,
        heads: 12,
        head_dim: 32,
        pairs: 16,
    };
    in_place(&mut group, "rotary", &x, |x| {
        rotary_in_place(x, &cos, &sin, shape, Turn::Forward)
    });
    in_place(&mut group, "softmax", &x, |x| {
        softmax::softmax_in_place(x, LENGTH)
    });
    let logits = values(ROWS * 77);
    let targets: Vec<u32> = (0..ROWS as u32).map(|i| i % 77).collect();
    let found = loss::cross_entropy(&logits, &targets, 77);
    time(&mut group, "cross-entropy", logits.len(), || {
        loss::cross_entropy(&logits, &targets, 77)
    });
    time(&mut group, "cross-entropy, backward", logits.len(), || {
        loss::cross_entropy_dx(&logits, &targets, &found.log_sum_exp, 77, 1.0)
    });
    group.finish();
}

fn elements(c: &mut Criterion) {
    let mut group = c.benchmark_group("elements");
    group.sample_size(10);
    let (x, dy) = (values(ROWS * INNER), values(ROWS * INNER));
    for (function, name) in [
        (activation::Activation::GeluErf, "gelu (erf)"),
        (activation::Activation::GeluTanh, "gelu (tanh)"),
        (activation::Activation::Silu, "silu"),
    ] {
        time(&mut group, name, x.len(), || {
            activation::activate(&x, function)
        });
        time(&mut group, &format!("{name}, backward"), x.len(), || {
            activation::activate_dx(&x, &dy, function)
        });
    }
    for (function, name) in [
        (activation::Activation::GeluErf, "gelu-gated product"),
        (activation::Activation::Silu, "silu-gated product"),
    ] {
        time(&mut group, name, x.len(), || {
            activation::gated(&x, &dy, function)
        });
        time(&mut group, &format!("{name}, backward"), x.len(), || {
            let (mut gate, mut up) = (x.clone(), dy.clone());
            activation::gated_dx_in_place(&mut gate, &mut up, &dy, function);
            (gate, up)
        });
    }
    let n = 1 << 22;
    let gradient = values(n);
    let step = AdamWStep {
        learning_rate: 1e-4,
        beta_1: 0.9,
        beta_2: 0.999,
        epsilon: 1e-8,
        weight_decay: 0.01,
        time: 3,
    };
    group.throughput(Throughput::Elements(n as u64));
    group.bench_function("AdamW", |b| {
        let (mut weights, mut first, mut second) = (values(n), vec![0.0; n], vec![0.0; n]);
        b.iter(|| {
            adamw(
                &mut weights,
                black_box(&gradient),
                &mut first,
                &mut second,
                &step,
            )
        });
    });
    group.finish();
}

fn attentions(c: &mut Criterion) {
    let mut group = c.benchmark_group("attention");
    group.sample_size(10);
    let shape = AttentionShape {
        batch: SEQUENCES,
        heads: 12,
        kv_heads: 12,
        head_dim: 32,
        queries: LENGTH,
        keys: LENGTH,
        scale: 1.0 / 32f32.sqrt(),
        causal: false,
        reach: None,
        always: 0,
        score_cap: None,
        dropout: None,
    };
    let causal = AttentionShape {
        causal: true,
        ..shape
    };
    let capped = AttentionShape {
        score_cap: Some(50.0),
        ..shape
    };
    let long = AttentionShape {
        batch: 1,
        queries: ROWS,
        keys: ROWS,
        ..shape
    };
    let window = AttentionShape {
        reach: Some(64),
        ..long
    };
    for (name, shape, biased) in [
        ("padded", shape, false),
        ("causal", causal, false),
        ("bias by distance", shape, true),
        ("capped scores", capped, false),
        ("one long text", long, false),
        ("one long text, window of 64", window, false),
    ] {
        time_attention(&mut group, name, &shape, biased);
    }
    group.finish();
}

fn time_attention(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    shape: &AttentionShape,
    biased: bool,
) {
    let [q, k, v, dy] = [0; 4].map(|_| values(ROWS * HIDDEN));
    let (mask, bias) = (
        vec![1.0; ROWS],
        values(shape.heads * (shape.keys + shape.queries - 1)),
    );
    let inputs = AttentionInputs {
        q: &q,
        k: &k,
        v: &v,
        key_mask: Some(&mask),
        bias: biased.then_some(bias.as_slice()),
    };
    let saved = attention(inputs, shape);
    time(group, name, q.len(), || attention(inputs, shape));
    time(group, &format!("{name}, backward"), q.len(), || {
        attention_backward(inputs, &saved.statistics, &dy, shape, biased)
    });
}

/// As [`time`], for a kernel that changes its input: each call gets a copy, which is not timed.
fn in_place(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    x: &[f32],
    work: impl Fn(&mut [f32]),
) {
    group.throughput(Throughput::Elements(x.len() as u64));
    group.bench_function(name, |b| {
        b.iter_batched_ref(|| x.to_vec(), |x| work(x), BatchSize::LargeInput);
    });
}

criterion_group!(benches, products, rows, elements, attentions);

/// As `criterion_main!`, on a worker of a pool that is kept awake: so the program runs a trial.
fn main() {
    kernels::workers::with_awake_workers(benches);
    Criterion::default().configure_from_args().final_summary();
}
