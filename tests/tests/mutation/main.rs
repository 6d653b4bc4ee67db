//! Files of every kind that the program reads, changed at random and read: see `tests/src/mutation`.

mod references;

use std::process::{Command, Output};

/// Inputs in the ordinary check; the variable asks for others.
const INPUTS: &str = "6000";
const INPUTS_VARIABLE: &str = "ADAPTBENCH_MUTATION_INPUTS";

fn mutate(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tests"));
    let done = command.arg("mutate").args(arguments).output();
    done.expect("the program starts")
}

#[test]
fn no_changed_file_panics_hangs_takes_much_memory_or_gives_numbers_that_are_none() {
    let inputs = std::env::var(INPUTS_VARIABLE).unwrap_or_else(|_| INPUTS.to_owned());
    let done = mutate(&["--inputs", &inputs]);
    let said = String::from_utf8_lossy(&done.stdout);
    println!("{said}");
    assert!(
        done.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&done.stderr)
    );
}

#[test]
fn every_kind_of_fault_is_found_where_it_is_planted() {
    let planted = [
        ("panic", "panic at"),
        ("loop", "did not end"),
        ("memory", "takes more than 1024 MiB"),
        ("overflow", "ended the process: signal"),
        ("nan", "a number that is none came out"),
    ];
    for (reader, expected) in planted {
        let reader = format!("planted-{reader}");
        let done = mutate(&["--reader", &reader, "--inputs", "6", "--seconds", "1"]);
        let said = String::from_utf8_lossy(&done.stdout);
        let found = format!("FOUND {reader}: {expected}");
        let again = format!("cargo run -p tests -- mutate --reader {reader} --first 3 --keep DIR");
        assert_eq!(done.status.code(), Some(1), "{said}");
        assert!(said.contains(&found) && said.contains(&again), "{said}");
        assert!(
            said.contains("6 inputs: 0 refused, 5 accepted, 1 with findings")
                || said.contains("6 inputs: 5 refused, 0 accepted, 1 with findings"),
            "the other inputs are read before and after: {said}"
        );
    }
}
