//! Names of models and tasks as they are given, on the command line and in a plan: which of them are paths, and how those are spelled.
//!
//! A name goes into the id of every trial, so one place has one spelling: `./t`, `t/`, `t//` and `x/../t` are `t`. How a run spelled its
//! names when it began is kept when it is continued: see `run/spelling.rs`.

use crate::sources::bundled;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// The names in `given`, each place once. A comma parts names, unless what it stands in is there as a path.
///
/// # Errors
/// A `~` that cannot be expanded.
pub(crate) fn list(given: &[String]) -> anyhow::Result<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    for text in given {
        for name in parts(text, |path| Path::new(path).exists())? {
            let name = spelled(&name);
            if !names.iter().any(|other| is_same(other, &name)) {
                names.push(name);
            }
        }
    }
    Ok(names)
}

/// One name, `~` expanded.
///
/// # Errors
/// A `~` that cannot be expanded.
pub(crate) fn expanded(name: &str) -> anyhow::Result<String> {
    let path = files::expand_home(Path::new(name))?;
    Ok(path.to_str().map_or_else(|| name.to_owned(), str::to_owned))
}

/// Whether two names mean the same: the same text, or paths to the same place.
pub(crate) fn is_same(one: &str, other: &str) -> bool {
    let place = |name: &str| {
        (!is_bundled(name))
            .then(|| fs::canonicalize(name).ok())
            .flatten()
    };
    one == other || place(one).is_some_and(|found| Some(found) == place(other))
}

/// The text parted at its commas, the longest path that is there first.
fn parts(text: &str, is_there: impl Fn(&str) -> bool) -> anyhow::Result<Vec<String>> {
    let all: Vec<&str> = text.split(',').collect();
    let mut parts = Vec::new();
    let mut at = 0;
    while at < all.len() {
        let mut name = expanded(all[at])?;
        let mut next = at + 1;
        for end in (at + 2..=all.len()).rev() {
            let longer = expanded(&all[at..end].join(","))?;
            if is_there(&longer) {
                (name, next) = (longer, end);
                break;
            }
        }
        parts.push(name);
        at = next;
    }
    Ok(parts)
}

/// The one spelling of a path that is there; any other name as it is.
fn spelled(name: &str) -> String {
    if is_bundled(name) || !Path::new(name).exists() {
        return name.to_owned();
    }
    let plain = without_detours(Path::new(name))
        .into_os_string()
        .into_string();
    let plain = plain.ok().filter(|plain| !plain.is_empty());
    let plain = plain.unwrap_or_else(|| ".".to_owned());
    // The bare name would mean the bundled one.
    if is_bundled(&plain) {
        format!("./{plain}")
    } else {
        plain
    }
}

/// The path without `.`, doubled slashes, and those `..` that can be left out although there are links.
fn without_detours(path: &Path) -> PathBuf {
    let mut kept = PathBuf::new();
    let mut direct = PathBuf::new();
    for part in path.components().filter(|part| *part != Component::CurDir) {
        kept.push(part);
        let is_name = matches!(direct.components().next_back(), Some(Component::Normal(_)));
        match part {
            Component::ParentDir if is_name => {
                direct.pop();
            }
            part => direct.push(part),
        }
    }
    // Nothing left is the directory itself.
    let place = |path: &Path| fs::canonicalize(Path::new(".").join(path)).ok();
    if place(&direct) == place(path) {
        direct
    } else {
        kept
    }
}

fn is_bundled(name: &str) -> bool {
    let mut all = bundled::models().chain(bundled::tasks());
    all.any(|bundle| bundle.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comma_parts_names_unless_a_path_holds_it() {
        let there = ["a,b", "d/x, y", "e,f,g"];
        let split = |text: &str| parts(text, |path| there.contains(&path)).unwrap();
        assert_eq!(split("a,b"), ["a,b"]);
        assert_eq!(split("a,b,c"), ["a,b", "c"]);
        assert_eq!(split("c,a,b"), ["c", "a,b"]);
        assert_eq!(split("b,a"), ["b", "a"]);
        assert_eq!(split("d/x, y,e,f,g"), ["d/x, y", "e,f,g"]);
        assert_eq!(split("org/name"), ["org/name"]);
    }

    #[test]
    fn one_place_has_one_spelling_and_stands_once() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().to_str().unwrap();
        for name in ["t", "x,y", "far/away"] {
            fs::create_dir_all(dir.path().join(name)).unwrap();
        }
        std::os::unix::fs::symlink("far/away", dir.path().join("link")).unwrap();
        let of = |text: String| list(&[text]).unwrap();
        for detour in ["t", "t/", "./t", ".//t/.", "x,y/../t"] {
            assert_eq!(
                of(format!("{root}/{detour}")),
                [format!("{root}/t")],
                "{detour}"
            );
        }
        // Up from where the link leads, which is not where it stands.
        assert_eq!(
            of(format!("{root}/link/../away")),
            [format!("{root}/link/../away")]
        );
        assert_eq!(of(format!("{root}/x,y/")), [format!("{root}/x,y")]);
        let all = format!("{root}/link,{root}/far/away,{root}/t,{root}/t/,org/a,org/a");
        assert_eq!(
            of(all),
            [
                format!("{root}/link"),
                format!("{root}/t"),
                "org/a".to_owned()
            ]
        );
    }

    #[test]
    fn a_path_with_a_bundled_name_stays_a_path() {
        let here = std::env::current_dir().unwrap();
        let below = here.join("src");
        assert!(below.is_dir());
        assert_eq!(spelled("./src/"), "src");
        let bundled = bundled::models().next().unwrap().name;
        assert_eq!(spelled(bundled), bundled);
        // Nothing is there, so the name is left as it is.
        assert_eq!(spelled("./no-such-place/"), "./no-such-place/");
    }
}
