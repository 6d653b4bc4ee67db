//! What was compared and how far it was off, a line each, for `scripts/models_table.sh`.

use serde_json::Value;
use std::io::Write;
use std::path::PathBuf;

/// Names the folder for the lines.
const OUT: &str = "ADAPTBENCH_MODELS_OUT";

/// Prints a row, and adds it to the file `kind`.jsonl of the folder, where one is named.
pub(crate) fn report(kind: &str, of: &str, row: Value) {
    println!("{kind} of {of}: {row}");
    let Some(dir) = std::env::var_os(OUT).map(PathBuf::from) else {
        return;
    };
    let file = std::fs::File::options()
        .create(true)
        .append(true)
        .open(dir.join(format!("{kind}.jsonl")));
    writeln!(file.unwrap(), "{row}").unwrap();
}
