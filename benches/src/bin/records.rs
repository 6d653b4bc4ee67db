//! Writes a made-up run of many trials, to time what reads it: `adaptbench report`, `recommend`, `compare`, continuing.

use benches::records::{Size, write_run};
use clap::Parser;
use std::path::PathBuf;

/// A run with a trial for every combination.
#[derive(Parser)]
struct Arguments {
    /// Directory to write it into.
    #[arg(long)]
    out: PathBuf,
    /// Models.
    #[arg(long, default_value_t = Size::FULL.models)]
    models: usize,
    /// Tasks.
    #[arg(long, default_value_t = Size::FULL.tasks)]
    tasks: usize,
    /// Methods.
    #[arg(long, default_value_t = Size::FULL.methods)]
    methods: usize,
    /// Numbers of training examples.
    #[arg(long, default_value_t = Size::FULL.limits)]
    limits: usize,
    /// Seeds.
    #[arg(long, default_value_t = Size::FULL.seeds)]
    seeds: usize,
    /// Test examples of each task.
    #[arg(long, default_value_t = Size::FULL.rows)]
    rows: usize,
}

fn main() -> anyhow::Result<()> {
    let given = Arguments::parse();
    let size = Size {
        models: given.models,
        tasks: given.tasks,
        methods: given.methods,
        limits: given.limits,
        seeds: given.seeds,
        rows: given.rows,
    };
    write_run(&given.out, size)?;
    println!("{}: {} trials", given.out.display(), size.trials());
    Ok(())
}
