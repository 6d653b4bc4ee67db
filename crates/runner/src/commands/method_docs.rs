//! What the documentation says of the methods, generated from them: the table of all methods in a README, and the settings in the README
//! of each method.

use crate::registry::Methods;
use crate::terminal::say;
use adapt::{Method, Scale, SearchRange};
use anyhow::{Context, ensure};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// The table of all methods stands between the marks `<!-- results:methods -->` and `<!-- /results:methods -->`.
pub(crate) const METHODS_TABLE: &str = "methods";

/// Rewrites the table of methods in a file.
///
/// # Errors
/// A file that cannot be read or written, or has no place for the table.
pub(crate) fn rewrite_methods_table(methods: Methods, file: &Path) -> anyhow::Result<()> {
    let before = read(file)?;
    let table = methods_table(methods);
    let after = report::replace_between(&before, METHODS_TABLE, &table).with_context(|| {
        format!(
            "{}: no line {}, which the table follows, and its closing one",
            file.display(),
            mark(METHODS_TABLE)
        )
    })?;
    write_changed(file, &before, &after)
}

/// Rewrites the settings in the READMEs of the methods' crates, which are the folders in `dir`.
///
/// # Errors
/// A file that cannot be read or written, or a method whose settings have no place in any of them.
pub(crate) fn rewrite_settings(methods: Methods, dir: &Path) -> anyhow::Result<()> {
    for readme in with_settings(methods, dir)? {
        write_changed(&readme.path, &readme.before, &readme.after)?;
    }
    Ok(())
}

/// The methods as a Markdown table.
fn methods_table(methods: Methods) -> String {
    let rows = methods.iter().map(|method| {
        let info = method.info();
        let (level, paper) = (info.level.as_str(), short(info.paper));
        format!(
            "| `{}` | {level} | {} | {paper} |\n",
            info.name, info.definition
        )
    });
    let head = "| method | acts on | what it does | paper |\n|---|---|---|---|\n";
    std::iter::once(head.to_owned()).chain(rows).collect()
}

/// Authors and year of each paper, with a link where it is on arXiv.
fn short(papers: &str) -> String {
    let one = |paper: &str| {
        let name = match year_end(paper) {
            Some(end) => &paper[..end],
            None => paper,
        };
        match paper.split("arXiv:").nth(1) {
            Some(id) => format!("[{name}](https://arxiv.org/abs/{})", id.trim()),
            None => name.to_owned(),
        }
    };
    let papers: Vec<String> = papers.split("; ").map(one).collect();
    papers.join("; ")
}

/// Where the first year ends that a comma or a bracket follows.
fn year_end(paper: &str) -> Option<usize> {
    let ends = paper.match_indices([',', '(']).map(|(place, _)| place);
    ends.map(|place| paper[..place].trim_end())
        .find(|before| {
            let year = before.rsplit(' ').next().unwrap_or_default();
            year.len() == 4 && year.bytes().all(|b| b.is_ascii_digit())
        })
        .map(str::len)
}

/// A README as it is and as it should be.
struct Readme {
    path: PathBuf,
    before: String,
    after: String,
}

/// Every README in the folders of `dir`, with the settings of the methods that say what theirs are.
fn with_settings(methods: Methods, dir: &Path) -> anyhow::Result<Vec<Readme>> {
    let folders = fs::read_dir(dir).with_context(|| format!("reading {}", dir.display()))?;
    let mut paths = folders
        .map(|folder| Ok(folder?.path().join("README.md")))
        .collect::<std::io::Result<Vec<PathBuf>>>()?;
    paths.retain(|path| path.is_file());
    paths.sort();
    let mut readmes = Vec::new();
    for path in paths {
        let before = read(&path)?;
        readmes.push(Readme {
            after: before.clone(),
            path,
            before,
        });
    }
    for method in methods
        .iter()
        .filter(|method| !method.settings().is_empty())
    {
        let name = format!("settings-{}", method.info().name);
        let text = settings_text(*method)?;
        let mut places = 0;
        for readme in &mut readmes {
            if let Some(after) = report::replace_between(&readme.after, &name, &text) {
                readme.after = after;
                places += 1;
            }
        }
        ensure!(
            places == 1,
            "{places} READMEs in {} have the line {} and its closing one, expected one: the README of the method's crate",
            dir.display(),
            mark(&name)
        );
    }
    Ok(readmes)
}

/// A table of the settings, and what `--tune` searches.
fn settings_text(method: &dyn Method) -> anyhow::Result<String> {
    let resolved = method.plan(Value::Null)?.resolved();
    let rows = method.settings().iter().map(|setting| {
        let default = default_text(&resolved[setting.name]);
        let range = setting.range.map(|range| format!(" Takes {range}."));
        let about = setting.about.trim().replace('|', "\\|") + &range.unwrap_or_default();
        format!("| `{}` | {default} | {about} |\n", setting.name)
    });
    let table: String = rows.collect();
    let searched: Vec<String> = method.search_ranges().iter().map(range_text).collect();
    let searched = if searched.is_empty() {
        "`--tune` searches nothing.".to_owned()
    } else {
        format!("Searched with `--tune`: {}.", searched.join("; "))
    };
    let head = "| setting | default | what it is, and where its default is from |\n|---|---|---|\n";
    Ok(format!("{head}{table}\n{searched}"))
}

fn default_text(value: &Value) -> String {
    match value {
        Value::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(number) => number_text(number),
            None => number.to_string(),
        },
        Value::Bool(flag) => flag.to_string(),
        other => format!("`{}`", other.to_string().replace(',', ", ")),
    }
}

fn range_text(range: &SearchRange) -> String {
    let scale = match range.scale {
        Scale::Linear => "evenly",
        Scale::Log => "evenly in the logarithm",
    };
    let (low, high) = (number_text(range.low), number_text(range.high));
    format!("`{}` from {low} to {high}, {scale}", range.setting)
}

/// At most two digits of numbers below a tenth, as 1.7e-3; larger ones as they are.
fn number_text(number: f64) -> String {
    if number == 0.0 || number.abs() >= 0.1 {
        return number.to_string();
    }
    format!("{number:.1e}").replace(".0e", "e")
}

fn mark(name: &str) -> String {
    format!("<!-- results:{name} -->")
}

fn read(file: &Path) -> anyhow::Result<String> {
    files::read_text(file, files::SETTINGS_BYTES)
        .with_context(|| format!("reading {}", file.display()))
}

fn write_changed(file: &Path, before: &str, after: &str) -> anyhow::Result<()> {
    if before == after {
        say(format!("{}: as it was", file.display()));
        return Ok(());
    }
    say(format!(
        "{}:\n{}",
        file.display(),
        differing_lines(before, after)
    ));
    files::write(file, after.as_bytes()).with_context(|| format!("writing {}", file.display()))
}

/// The lines of which one text lacks what the other has.
fn differing_lines(before: &str, after: &str) -> String {
    let only = |sign: &str, text: &str, other: &str| -> String {
        let lacks = |line: &&str| !other.lines().any(|there| there == *line);
        text.lines()
            .filter(lacks)
            .map(|line| format!("{sign} {line}\n"))
            .collect()
    };
    only("-", before, after) + &only("+", after, before)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::METHODS;
    use std::num::NonZeroUsize;

    const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

    #[test]
    fn the_readme_lists_the_methods_that_there_are() {
        // The table may stand in the book as well.
        let files = ["README.md", "docs/src/methods.md"].map(|file| Path::new(ROOT).join(file));
        let mut tables = 0;
        for file in files.iter().filter(|file| file.is_file()) {
            let before = read(file).unwrap();
            let Some(after) =
                report::replace_between(&before, METHODS_TABLE, &methods_table(METHODS))
            else {
                continue;
            };
            tables += 1;
            assert!(
                before == after,
                "the methods in {} are not those of METHODS; cargo run -p runner -- methods --readme FILE rewrites these lines:\n{}",
                file.display(),
                differing_lines(&before, &after)
            );
        }
        assert!(tables > 0, "no file has the line {}", mark(METHODS_TABLE));
    }

    #[test]
    fn the_readme_of_every_method_says_its_settings_as_they_are() {
        let dir = Path::new(ROOT).join("crates/methods");
        for readme in with_settings(METHODS, &dir).unwrap() {
            assert!(
                readme.before == readme.after,
                "{} is behind its method; cargo run -p runner -- methods --readmes rewrites these lines:\n{}",
                readme.path.display(),
                differing_lines(&readme.before, &readme.after)
            );
        }
        let trained = METHODS.iter().filter(|method| {
            let plan = method.plan(Value::Null).unwrap();
            plan.as_trainable().is_some()
        });
        for method in trained {
            assert!(
                !method.settings().is_empty(),
                "{} does not say what its settings are",
                method.info().name
            );
        }
    }

    #[test]
    fn every_number_among_the_settings_of_a_method_has_a_range() {
        fn has_number(value: &Value) -> bool {
            match value {
                Value::Number(_) => true,
                Value::Array(values) => values.iter().any(has_number),
                _ => false,
            }
        }
        for method in METHODS {
            let (info, settings) = (method.info(), method.plan(Value::Null).unwrap().resolved());
            for (name, default) in settings.as_object().unwrap() {
                if !has_number(default) || name.ends_with("seed") {
                    continue;
                }
                let given = |value| Value::Object([(name.clone(), value)].into_iter().collect());
                for wrong in [Value::from(-1e300), Value::from(u64::MAX)] {
                    let refused = method.plan(given(wrong.clone())).err();
                    let message = refused.map(|error| error.to_string()).unwrap_or_default();
                    let expected = format!("{}: {name} is {wrong}, expected a", info.name);
                    assert!(
                        message.starts_with(&expected),
                        "{}.{name} = {wrong}: {message}",
                        info.name
                    );
                }
            }
        }
    }

    adapt::settings! {
        /// Settings of a method that there is not.
        pub struct Example {
            /// Peak learning rate;
            /// of A | B.
            learning_rate: f64 = 5e-3 => adapt::Range::LEARNING_RATE,
            /// Places.
            targets: Vec<String> = vec!["key".to_owned(), "value".to_owned()],
            /// Width.
            width: NonZeroUsize = NonZeroUsize::MIN,
        }
    }

    #[test]
    fn a_default_stands_as_one_would_write_it() {
        let resolved = serde_json::to_value(Example::default()).unwrap();
        assert_eq!(default_text(&resolved["learning_rate"]), "5e-3");
        assert_eq!(default_text(&resolved["targets"]), "`[\"key\", \"value\"]`");
        assert_eq!(default_text(&resolved["width"]), "1");
        assert_eq!(default_text(&serde_json::json!(16.0)), "16");
        assert_eq!(number_text(5e-3 / 3.0), "1.7e-3");
        let about: Vec<&str> = <Example as adapt::Described>::SETTINGS
            .iter()
            .map(|s| s.about)
            .collect();
        assert_eq!(
            about,
            [" Peak learning rate; of A | B.", " Places.", " Width."]
        );
    }

    #[test]
    fn a_paper_is_short_by_authors_and_year() {
        let long = "Liu et al. 2021, P-tuning v2, arXiv:2110.07602; Cover & Hart 1967, Pattern; Dudani 1976 (votes)";
        let expected =
            "[Liu et al. 2021](https://arxiv.org/abs/2110.07602); Cover & Hart 1967; Dudani 1976";
        assert_eq!(short(long), expected);
        assert_eq!(
            short("Peters, Ruder & Smith 2019, To Tune"),
            "Peters, Ruder & Smith 2019"
        );
        assert_eq!(short("the rule ZeroR"), "the rule ZeroR");
    }

    #[test]
    fn only_lines_that_differ_are_shown() {
        assert_eq!(differing_lines("a\nb\nc\n", "a\nx\nc\n"), "- b\n+ x\n");
    }
}
