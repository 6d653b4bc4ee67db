//! Times the plain matrix products of a training step's shapes and prints one JSON line: the most a step could reach on this machine, to state
//! which share of it one does reach.
//!
//! Every linear map of a block with its three products (output, gradients of input and weight), weighted by how often a step computes them; the
//! sizes and rates of each are told too. `forward` rates are of the outputs alone.

use anyhow::ensure;
use clap::Parser;
use kernels::gemm::{Matrix, Threads, matmul_into};
use kernels::workers::with_awake_workers;
use serde_json::json;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Instant;
use transformer::Proj;

/// What to time.
#[derive(Parser)]
struct Arguments {
    /// Folder in Hugging Face layout.
    #[arg(long)]
    model: PathBuf,
    /// Texts per step.
    #[arg(long, default_value = "16")]
    batch: NonZeroUsize,
    /// Tokens per text.
    #[arg(long, default_value = "128")]
    seq: NonZeroUsize,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    with_awake_workers(|| time(&arguments))
}

fn time(arguments: &Arguments) -> anyhow::Result<()> {
    let shape = transformer::load_shape(&arguments.model)?;
    let rows = arguments.batch.get() * arguments.seq.get();
    let (mut operations, mut seconds, mut of_outputs, mut best) = (0.0, 0.0, 0.0, 0f64);
    let mut maps = Vec::new();
    for site in Proj::ALL {
        if site == Proj::Gate && !shape.gated {
            continue;
        }
        let [d_in, d_out] = shape.map_widths(site);
        let flop = 2.0 * (rows * d_in * d_out) as f64;
        let times = products(rows, d_in, d_out);
        ensure!(
            times.iter().all(|t| *t > 0.0),
            "the clock does not resolve a product of {flop} operations"
        );
        let rates = times.map(|seconds| flop / seconds / 1e9);
        maps.push(json!({ "rows": rows, "inputs": d_in, "outputs": d_out, "gflop_per_s": rates }));
        best = rates.into_iter().fold(best, f64::max);
        operations += flop;
        of_outputs += times[0];
        seconds += times.iter().sum::<f64>();
    }
    println!(
        "{}",
        json!({
            "mode": "sgemm", "batch": arguments.batch, "seq": arguments.seq, "gflop_per_s": 3.0 * operations / seconds / 1e9,
            "forward_gflop_per_s": operations / of_outputs / 1e9, "best_gflop_per_s": best, "maps": maps,
        })
    );
    Ok(())
}

/// Median seconds of `x·w`, `dy·wᵀ` and `xᵀ·dy`.
fn products(rows: usize, d_in: usize, d_out: usize) -> [f64; 3] {
    let values = |n: usize| -> Vec<f32> { (0..n).map(|i| (i % 97) as f32 * 0.02 - 1.0).collect() };
    let (x, w, dy) = (
        values(rows * d_in),
        values(d_in * d_out),
        values(rows * d_out),
    );
    let (x, w, dy) = (
        Matrix::new(&x, rows, d_in),
        Matrix::new(&w, d_in, d_out),
        Matrix::new(&dy, rows, d_out),
    );
    [(x, w), (dy, w.t()), (x.t(), dy)].map(|(a, b)| {
        let mut c = vec![0.0; a.rows() * b.columns()];
        let mut seconds: Vec<f64> = (0..18)
            .map(|_| {
                let start = Instant::now();
                matmul_into(&mut c, a, b, 1.0, Threads::All);
                start.elapsed().as_secs_f64()
            })
            .skip(3)
            .collect();
        seconds.sort_by(f64::total_cmp);
        seconds[seconds.len() / 2]
    })
}
