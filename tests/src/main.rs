//! The program with methods that misbehave beside the real ones.
fn main() -> std::process::ExitCode { runner::main_with(runner::METHODS) }
