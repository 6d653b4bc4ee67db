//! The program, with methods that misbehave beside the real ones. Whole-program tests run this binary from outside. `mutate` is a command
//! of its own: see [`mutation`].

mod mocks;
mod mutation;

use adapt::Method;
use std::process::ExitCode;
use std::sync::LazyLock;

static ALL: LazyLock<Vec<&'static dyn Method>> =
    LazyLock::new(|| [mocks::MOCKS, runner::METHODS].concat());

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some("mutate") {
        return mutation::main(arguments);
    }
    runner::main_with(&ALL)
}
