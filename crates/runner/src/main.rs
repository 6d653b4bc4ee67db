//! The program `adaptbench`, with the methods of this workspace: see the library `runner`.

fn main() -> std::process::ExitCode {
    runner::main_with(runner::METHODS)
}
