//! Help, listings, and words that were not meant.

use crate::harness::{majority, program, run, run_in, run_methods, scratch};
use std::fs;

#[test]
fn help_lists_every_method() {
    for arguments in [&["--help"][..], &["run", "--help"], &["methods"]] {
        let help = run(arguments);
        assert_eq!(help.code, Some(0));
        for method in runner::METHODS {
            assert!(
                help.stdout.contains(method.info().name),
                "{arguments:?} does not name {}",
                method.info().name
            );
        }
    }
}

#[test]
fn hidden_commands_are_hidden() {
    let help = run(&["--help"]).stdout;
    assert!(
        !help.contains("\n  child")
            && !help.contains("\n  probe")
            && !help.contains("\n  estimate"),
        "{help}"
    );
}

#[test]
fn listings_are_json_when_asked() {
    for (list, name) in [
        ("methods", "mock-constant"),
        ("models", "tiny-bert"),
        ("tasks", "support-intents"),
        ("devices", "flex"),
    ] {
        let listed = run(&[list, "--json"]);
        let rows: Vec<serde_json::Value> = serde_json::from_str(&listed.stdout)
            .unwrap_or_else(|e| panic!("{list}: {e}: {}", listed.stdout));
        assert!(
            rows.iter().any(|row| row["name"] == name),
            "{list}: {rows:?}"
        );
    }
    let devices: Vec<serde_json::Value> =
        serde_json::from_str(&run(&["devices", "--json"]).stdout).unwrap();
    assert_eq!(devices[0]["works"], true, "{devices:?}");
}

#[test]
fn a_listing_whose_reader_has_read_enough_ends_quietly() {
    for list in ["methods", "models", "tasks"] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader); // as `| head -1` does, only earlier
        let ended = program(&[list]).stdout(writer).output().expect("it starts");
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(
            (ended.status.code(), said.as_ref()),
            (Some(0), ""),
            "{list}"
        );
    }
}

#[test]
fn a_slip_is_refused_with_the_nearest_name_before_anything_is_written() {
    let dir = scratch();
    let plan = dir.path().join("plan.toml");
    fs::write(&plan, "epoch = 3\n").unwrap();
    let plan = plan.to_str().unwrap();
    let out = dir.path().join("out");
    for (options, expected) in [
        (
            &["--methods", "mock-constnat"][..],
            "did you mean \"mock-constant\"?",
        ),
        (
            &[
                "--methods",
                "mock-constant",
                "--set",
                "mock-constant.favorite=1",
            ],
            "did you mean \"favourite\"?",
        ),
        (
            &[
                "--methods",
                "mock-constant",
                "--set",
                "mock-constnat.favourite=1",
            ],
            "did you mean \"mock-constant\"?",
        ),
        (
            &["--methods", "mock-constant", "--set", "budget.epoch=1"],
            "did you mean \"epochs\"?",
        ),
        (
            &["--methods", "mock-constant", "--task", "support-intent"],
            "did you mean \"support-intents\"?",
        ),
        (
            &["--methods", "mock-constant", "--model", "tiny-brt"],
            "did you mean \"tiny-bert\"?",
        ),
        (
            &["--methods", "mock-constant", "--device", "cudda"],
            "did you mean \"cuda\"?",
        ),
        (&["--methods", "mock-constant", "--epoch", "3"], "--epochs"),
        (&["--methods", "mock-constant", "--epochs", "0"], "0"),
        (&["--methods", "mock-constant", "--time-limit", "-1"], "-1"),
        (
            &["--methods", "mock-constant", plan],
            "did you mean \"epochs\"?",
        ),
        (
            &["--methods", "mock-constant", "no-such-plan.toml"],
            "no-such-plan.toml",
        ),
    ] {
        let arguments = [&["run", "--out", out.to_str().unwrap()], options].concat();
        let ended = run(&arguments);
        assert_eq!(ended.code, Some(2), "{options:?}: {}", ended.stderr);
        assert!(
            ended.stderr.contains(expected),
            "{options:?}: {}",
            ended.stderr
        );
        assert!(!out.exists(), "{options:?} left something");
    }
    let ended = run(&["featurs"]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("'features'"), "{}", ended.stderr);
}

#[test]
fn a_device_that_is_not_compiled_in_names_its_feature() {
    let dir = scratch();
    let ended = run_methods(
        "mock-constant",
        &dir.path().join("out"),
        &["--device", "cuda"],
    );
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("--features cuda"), "{}", ended.stderr);
}

#[test]
fn a_plan_with_variants_runs_each_with_its_own_settings() {
    let dir = scratch();
    let (plan, out) = (dir.path().join("plan.toml"), dir.path().join("out"));
    fs::write(
        &plan,
        "methods = [\"mock-constant\"]\nseeds = [7]\n[settings.mock-constant]\nstrength = 1.5\n\
         [[variant]]\nmethod = \"mock-constant\"\nname = \"third\"\n[variant.settings]\nfavourite = 2\n",
    )
    .unwrap();
    let ended = run(&[
        "run",
        plan.to_str().unwrap(),
        "--model",
        "tiny-bert",
        "--out",
        out.to_str().unwrap(),
    ]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let mut found: Vec<(String, serde_json::Value, u64)> = crate::harness::records(&out)
        .values()
        .map(|text| {
            serde_json::from_str::<record::TrialRecord>(text)
                .unwrap()
                .spec
        })
        .map(|spec| (spec.variant, spec.config, spec.seed))
        .collect();
    found.sort_by_key(|(variant, ..)| variant.clone());
    let config = |favourite: u64| serde_json::json!({"favourite": favourite, "strength": 1.5});
    assert_eq!(
        found,
        [
            (String::new(), config(0), 7),
            ("third".to_owned(), config(2), 7)
        ]
    );
}

#[test]
fn numbers_beyond_any_use_are_refused_by_name_on_the_command_line_and_in_plans() {
    let dir = scratch();
    let here = dir.path();
    for (options, name) in [
        (&["--time-limit", "1e308"][..], "time limit"),
        (&["--time-limit", "inf"], "time limit"),
        (&["--epochs", "100000000000"], "epochs"),
        (&["--batch", "18446744073709551615"], "batch"),
        (&["--max-length", "18446744073709551615"], "max_length"),
        (&["--tune", "1000000000000000000"], "tune"),
        (&["--train-limit", "18446744073709551615"], "train_limit"),
        (&["--set", "budget.epochs=100000000000"], "epochs"),
        (
            &["--epochs", "99999999999999999999"],
            "no number is that large",
        ),
    ] {
        let done = majority(
            here,
            &[&["--task", "reviews", "--out", "r"], options].concat(),
        );
        assert_eq!(done.code, Some(2), "{options:?}: {}", done.stderr);
        assert!(done.stderr.contains(name), "{options:?}: {}", done.stderr);
    }
    for (line, name) in [
        (
            "seeds = 9223372036854775807",
            "seeds is 9223372036854775807",
        ),
        ("epochs = 100000000000", "epochs is 100000000000"),
        ("time_limit = 1e308", "time limit"),
        ("tune = 1000000000", "tune"),
    ] {
        fs::write(here.join("plan.toml"), format!("# plan\n{line}\n")).unwrap();
        let done = run_in(here, &["run", "plan.toml", "--out", "r"]);
        assert_eq!(done.code, Some(2), "{line}: {}", done.stderr);
        assert!(done.stderr.contains(name), "{line}: {}", done.stderr);
        assert!(done.stderr.contains("plan.toml, line 2"), "{}", done.stderr);
    }
    assert!(!here.join("r").exists());
}

#[test]
fn listings_are_as_wide_as_they_are_shown() {
    for list in ["methods", "models", "tasks", "devices"] {
        for width in ["60", "100"] {
            let done = program(&[list]).env("COLUMNS", width).output().unwrap();
            let text = String::from_utf8(done.stdout).unwrap();
            let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
            assert!(
                widest <= width.parse().unwrap(),
                "{list} at {width}: {widest}"
            );
        }
    }
    for method in runner::METHODS {
        assert!(run(&["methods"]).stdout.contains(method.info().name));
    }
}
