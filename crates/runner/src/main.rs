//! The program `runner`: see the library of the same name.

fn main() -> std::process::ExitCode {
    runner::main_with(runner::METHODS)
}
