//! The program: command line, trial processes, registry of methods.
fn main() {}
