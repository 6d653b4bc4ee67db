//! The program `pretrain`: a tokenizer and a small transformer from plain text, with progress and a way to go on after a kill.

mod cli;
mod display;

use clap::Parser;
use cli::{Cli, PrecisionArg};
use display::Display;
use kernels::workers::with_awake_workers;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;
use transformer::Precision;

/// The system's allocator gives pages back between steps and faults them in again.
#[global_allocator]
static HEAP: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Bad usage or input.
const BAD_INPUT: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match with_awake_workers(|| run(&cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", files::printable(&error.to_string()));
            ExitCode::from(BAD_INPUT)
        }
    }
}

/// Trains until the tokens are seen, and prints where the model is.
fn run(arguments: &Cli) -> anyhow::Result<()> {
    let settings = cli::settings(arguments)?;
    settings.check()?;
    let device = ops::open_device(&arguments.device)?;
    let precision = match arguments.precision {
        PrecisionArg::F16 => Precision::F16,
        PrecisionArg::F32 => Precision::F32,
    };
    let checkpoint_every = Duration::from_secs_f64(arguments.checkpoint_every.max(0.0));
    let mut display = Display::new(&settings);
    let finished = pretrain::pretrain(
        &settings,
        &arguments.out,
        precision,
        &device,
        &command(),
        checkpoint_every,
        &mut |progress| display.show(progress),
    )?;
    display.close();
    let out = arguments.out.display().to_string();
    let out = files::printable(&out);
    println!(
        "{out}: held-out loss {:.4} after {}",
        finished.measured.loss,
        humantime::format_duration(Duration::from_secs(finished.elapsed_s as u64))
    );
    println!("try it: cargo run -p runner -- run --model {out} --task reviews --quick");
    Ok(())
}

/// The command line as cargo takes it, each file with its last two parts: where they lay on this machine is nobody's business.
fn command() -> String {
    let short = |argument: String| match Path::new(&argument).components().count() > 2 {
        true => {
            let parts: Vec<_> = Path::new(&argument).components().rev().take(2).collect();
            parts
                .iter()
                .rev()
                .map(|part| part.as_os_str().to_string_lossy())
                .collect::<Vec<_>>()
                .join("/")
        }
        false => argument,
    };
    let arguments: Vec<String> = std::env::args().skip(1).map(short).collect();
    format!("cargo run -p pretrain -- {}", arguments.join(" "))
}
