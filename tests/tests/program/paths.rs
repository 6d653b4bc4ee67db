//! Paths as people give them: with `~` and commas, through links, from elsewhere; and what a run keeps when its files are damaged.

use crate::harness::{bundled, ids, majority, records, run_in, scratch};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

fn task(dir: &Path) -> PathBuf {
    bundled("tasks", "reviews", dir)
}

#[test]
fn a_tilde_is_the_home_directory_in_options_and_plans() {
    let dir = scratch();
    let here = dir.path();
    task(&here.join("data/t"));
    let done = majority(here, &["--task=~/data/t", "--out=~/runs"]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert_eq!(ids(&here.join("runs")).len(), 1);
    assert!(!here.join("~").exists());
    let plan =
        "models = [\"tiny-bert\"]\ntasks = [\"~/data/t\"]\nmethods = [\"majority\"]\nseeds = 1\n";
    fs::write(here.join("plan.toml"), plan).unwrap();
    let done = run_in(here, &["run", "~/plan.toml", "--out", "~/planned"]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let done = run_in(here, &["report", "~/planned"]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let done = majority(here, &["--task", "reviews", "--out", "~nobody/runs"]);
    assert_eq!(done.code, Some(2));
    assert!(
        done.stderr.contains("another user's home"),
        "{}",
        done.stderr
    );
}

#[test]
fn a_run_is_continued_whatever_way_its_task_is_spelled() {
    let dir = scratch();
    let here = dir.path();
    let t = task(&here.join("t"));
    fs::create_dir(here.join("below")).unwrap();
    symlink("t", here.join("link")).unwrap();
    assert_eq!(
        majority(here, &["--task", "t/", "--out", "r"]).code,
        Some(0)
    );
    let first = ids(&here.join("r"));
    let absolute = t.to_str().unwrap();
    for spelling in ["t", "./t", "t//", "below/../t", "link", absolute] {
        let done = majority(here, &["--task", spelling, "--out", "r"]);
        let said = format!("{spelling}: {}", done.stderr);
        assert!(said.contains("1 of 1 trials are on record"), "{said}");
        // A run of its own has the same ids too, unless the place has another name.
        if !["link", absolute].contains(&spelling) {
            let out = format!("own-{}", spelling.replace('/', "-"));
            majority(here, &["--task", spelling, "--out", &out]);
            assert_eq!(ids(&here.join(out)), first, "{spelling}");
        }
    }
    let done = majority(&here.join("below"), &["--task", "../t", "--out", "../r"]);
    assert!(done.stderr.contains("1 of 1 trials"), "{}", done.stderr);
    assert_eq!(ids(&here.join("r")), first);
    // Other files under the recorded name are another task.
    fs::write(
        t.join("test.tsv"),
        "text\tlabel\ngood\tpositive\nbad\tnegative\n",
    )
    .unwrap();
    let done = majority(here, &["--task", "t", "--out", "r"]);
    assert!(done.stderr.contains("holds another run"), "{}", done.stderr);
}

#[test]
fn a_path_with_a_comma_is_one_path_and_other_commas_part_names() {
    let dir = scratch();
    let here = dir.path();
    task(&here.join("a,b"));
    bundled("models", "tiny-bert", &here.join("m,1"));
    let done = run_in(
        here,
        &[
            "run",
            "--methods",
            "majority",
            "--seeds",
            "1",
            "--model",
            "m,1,tiny-bert",
            "--task",
            "reviews,a,b",
            "--out",
            "r",
        ],
    );
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert_eq!(ids(&here.join("r")).len(), 4, "{:?}", ids(&here.join("r")));
}

#[test]
fn a_run_whose_run_json_is_broken_keeps_its_records() {
    let dir = scratch();
    let here = dir.path();
    let out = here.join("r");
    assert_eq!(
        majority(here, &["--task", "reviews", "--out", "r"]).code,
        Some(0)
    );
    let before = records(&out);
    fs::write(out.join("run.json"), "{\"schema\": 1, \"comm").unwrap();
    for arguments in [
        &["report", "r"][..],
        &["recommend", "r"],
        &["compare", "r", "r"],
    ] {
        let done = run_in(here, arguments);
        assert_eq!(done.code, Some(2), "{arguments:?}");
        let said = done.stderr;
        assert!(
            said.contains("run.json is broken") && said.contains("do not delete"),
            "{said}"
        );
    }
    // As it says: the broken file goes, the same command writes it anew.
    fs::remove_file(out.join("run.json")).unwrap();
    let other = run_in(
        here,
        &[
            "run",
            "--methods",
            "tf-idf",
            "--model",
            "tiny-bert",
            "--task",
            "reviews",
            "--seeds",
            "1",
            "--out",
            "r",
        ],
    );
    assert!(
        other.stderr.contains("are of other trials"),
        "{}",
        other.stderr
    );
    let done = majority(here, &["--task", "reviews", "--out", "r"]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert!(
        done.stderr.contains("1 of 1 trials are on record"),
        "{}",
        done.stderr
    );
    assert_eq!(records(&out), before);
    assert_eq!(run_in(here, &["report", "r"]).code, Some(0));
}

#[test]
fn control_characters_of_file_names_reach_no_terminal() {
    let dir = scratch();
    let here = dir.path();
    let name = "odd\u{1b}[31m";
    let t = task(&here.join(name));
    fs::write(t.join("labels.txt"), "").unwrap();
    let done = majority(here, &["--task", name, "--out", "r\u{7}"]);
    assert!(!done.stderr.is_empty());
    fs::remove_file(t.join("labels.txt")).unwrap();
    let ran = majority(here, &["--task", name, "--out", "r\u{7}"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let again = run_in(here, &["report", "r\u{7}"]);
    for text in [&done.stderr, &ran.stderr, &ran.stdout, &again.stdout] {
        assert!(!text.contains(['\u{1b}', '\u{7}']), "{text:?}");
    }
    assert!(ran.stdout.contains("r\\u{7}/report.html"), "{}", ran.stdout);
}
