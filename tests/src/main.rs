//! The program, with methods that misbehave beside the real ones. Whole-program tests run this binary from outside.

mod mocks;

use adapt::Method;
use std::process::ExitCode;
use std::sync::LazyLock;

static ALL: LazyLock<Vec<&'static dyn Method>> =
    LazyLock::new(|| [mocks::MOCKS, runner::METHODS].concat());

fn main() -> ExitCode {
    runner::main_with(&ALL)
}
