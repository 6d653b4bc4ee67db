//! The program, with methods that misbehave beside the real ones. Whole-program tests run this binary from outside. `mutate` is a command
//! of its own: see [`mutation`]; so is `serve`.

mod mocks;
mod mutation;

use adapt::Method;
use clap::Parser;
use std::process::ExitCode;
use std::sync::LazyLock;

static ALL: LazyLock<Vec<&'static dyn Method>> =
    LazyLock::new(|| [mocks::MOCKS, runner::METHODS].concat());

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some("mutate") => mutation::main(arguments),
        Some("serve") => serve(),
        _ => runner::main_with(&ALL),
    }
}

/// As the program `serve`, in a process of its own.
fn serve() -> ExitCode {
    match serve::run(serve::Options::parse_from(std::env::args().skip(1))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}
