//! `serve`: see the crate's documentation.

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    match serve::run(serve::Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}
