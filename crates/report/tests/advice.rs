//! What is advised on the runs under `results/`, and on simulated tables whose truth is known.

use report::statistics::Standing;
use report::{Basis, Question, Run, load_run};
use std::fs;
use std::path::Path;

fn runs() -> Vec<Run> {
    let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../results");
    let mut dirs: Vec<_> = fs::read_dir(results)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|dir| dir.join("run.json").is_file())
        .collect();
    dirs.sort();
    dirs.iter().map(|dir| load_run(dir).unwrap()).collect()
}

#[test]
fn print_all() {
    for run in runs() {
        println!("### {}", run.name());
        println!("{}", report::advice_text(&report::recommend(&run, &Question::default())));
    }
}
