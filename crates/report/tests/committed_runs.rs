//! The runs under `results/`: every table there, and every table of results in the documentation, is what the archived records give.

use record::store::Form;
use report::{Run, load_run};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
}

fn runs() -> Vec<Run> {
    let is_run = |dir: &PathBuf| dir.join("run.json").is_file();
    let dirs = entries(&root().join("results"));
    let runs: Vec<Run> = dirs
        .iter()
        .filter(|dir| is_run(dir))
        .map(|dir| load_run(dir).unwrap())
        .collect();
    assert!(runs.len() >= 9, "{}", runs.len());
    runs
}

fn names(dir: &Path) -> Vec<String> {
    let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
    entries(dir).iter().map(name).collect()
}

#[test]
fn committed_tables_and_readmes_are_what_the_archives_give() {
    let runs = runs();
    for run in &runs {
        assert_eq!(run.form, Form::Compact, "{}", run.dir.display());
        let again = tempfile::tempdir().unwrap();
        report::write(run, again.path()).unwrap();
        let every = ["trials.csv", "summary.csv", "differences.csv", "summary.md"];
        // Of runs with a label curve.
        let curves = ["crossings.csv", "label_curves.csv"];
        let curves = curves
            .into_iter()
            .filter(|name| again.path().join(name).exists());
        let tables: Vec<&str> = every.into_iter().chain(curves).collect();
        for table in &tables {
            let [committed, derived] =
                [&run.dir, again.path()].map(|dir| fs::read_to_string(dir.join(table)).unwrap());
            assert!(
                committed == derived,
                "{}: run `cargo run -p runner -- report results/*`",
                run.dir.join(table).display()
            );
        }
        assert_eq!(
            names(&run.dir.join("plots")),
            names(&again.path().join("plots")),
            "charts of {}",
            run.dir.display()
        );
        let mut expected = ["plots", "records.tar.zst", "run.json"].to_vec();
        expected.extend(tables);
        expected.sort_unstable();
        assert_eq!(names(&run.dir), expected, "{}", run.dir.display());
    }

    let all: Vec<&Run> = runs.iter().collect();
    let mut tables = 0;
    for page in pages() {
        let copy = tempfile::NamedTempFile::new().unwrap();
        let text = fs::read_to_string(&page).unwrap();
        fs::write(copy.path(), &text).unwrap();
        tables += report::update_readme(copy.path(), &all).unwrap();
        assert!(
            fs::read_to_string(copy.path()).unwrap() == text,
            "the tables of {0} are not those of its runs: cargo run -p runner -- report results/* --readme {0}",
            page.display()
        );
    }
    assert!(tables > 0, "no page shows results");
}

/// Markdown at the root and under `docs`.
fn pages() -> Vec<PathBuf> {
    let mut folders = vec![root().join("docs")];
    let mut files = entries(&root());
    while let Some(folder) = folders.pop().filter(|folder| folder.is_dir()) {
        for path in entries(&folder) {
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.retain(|path| path.extension().is_some_and(|ending| ending == "md"));
    files
}

#[test]
fn results_stay_small() {
    fn count(dir: &Path) -> (usize, u64) {
        entries(dir).iter().fold((0, 0), |(files, bytes), path| {
            let (more, size) = if path.is_dir() {
                count(path)
            } else {
                (1, path.metadata().unwrap().len())
            };
            (files + more, bytes + size)
        })
    }
    let (files, bytes) = count(&root().join("results"));
    assert!(
        files <= 115 && bytes <= 10 * 1024 * 1024,
        "{files} files, {bytes} bytes; commit runs in the compact form: cargo run -p runner -- report RUN --compact results"
    );
}
