//! What models and tasks are called in tables, charts and file names: the shortest end of their path or id that no other one has. What they
//! *are* is their name as given and the digest of what was found there, never the last folder's name.

use crate::escape::one_line;
use crate::run::file_name;
use std::collections::{HashMap, HashSet};

/// A model or a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Identity<'a> {
    /// Directory, Hub id or bundled name, as given.
    pub(crate) given: &'a str,
    /// SHA-256 of its files; empty where none is on record.
    pub(crate) digest: &'a str,
}

impl<'a> Identity<'a> {
    /// The parts of its path. `x/`, `./x` and `x` have the same.
    pub(crate) fn parts(&self) -> Vec<&'a str> {
        let parts = self.given.split('/');
        parts.filter(|part| !matches!(*part, "" | ".")).collect()
    }

    /// The first digits of its digest, as people compare them.
    pub(crate) fn short_digest(&self) -> &'a str {
        self.digest.get(..8).unwrap_or(self.digest)
    }
}

/// The name of each of `all`, in order: the same identity has the same name, and no two others have.
pub(crate) fn shown(all: &[Identity<'_>]) -> Vec<String> {
    let mut seen = HashSet::new();
    let mut distinct: Vec<Identity<'_>> = Vec::new();
    distinct.extend(all.iter().filter(|identity| seen.insert(**identity)));
    let names: HashMap<Identity<'_>, String> = distinct
        .iter()
        .map(|identity| (*identity, one_line(&shown_among(identity, &distinct))))
        .collect();
    all.iter().map(|identity| names[identity].clone()).collect()
}

fn shown_among(identity: &Identity<'_>, all: &[Identity<'_>]) -> String {
    let others = || all.iter().filter(|other| *other != identity);
    let parts = identity.parts();
    let end = |length: usize| &parts[parts.len() - length..];
    let is_taken = |length: usize| others().any(|other| other.parts().ends_with(end(length)));
    if let Some(length) = (1..=parts.len()).find(|length| !is_taken(*length)) {
        return end(length).join("/");
    }
    // `x` beside `./x` or `y/x`; or one path whose files changed.
    if others().any(|other| other.given == identity.given) {
        return format!("{} ({})", identity.given, identity.short_digest());
    }
    identity.given.to_owned()
}

/// What the files of each group start with: `<model>--<task>`, of letters, digits, dots and dashes, never the same for two groups, not even
/// where a file system takes large letters for small ones.
pub(crate) fn slugs(groups: &[(String, String)]) -> Vec<String> {
    let mut used = HashSet::new();
    let slug = |(model, task): &(String, String)| {
        let first = format!("{}--{}", file_stem(model), file_stem(task));
        let numbered = (2..).map(|n| format!("{first}--{n}"));
        let mut slugs = std::iter::once(first.clone()).chain(numbered);
        let free = slugs.find(|slug| used.insert(slug.to_ascii_lowercase()));
        free.expect("numbers do not end")
    };
    groups.iter().map(slug).collect()
}

/// Room for two names, a chart's name and a temporary ending within the 255 bytes of a file name.
const LONGEST_STEM: usize = 80;

fn file_stem(name: &str) -> String {
    let plain: String = file_name(name).chars().take(LONGEST_STEM).collect();
    // Names that begin with a dot are hidden.
    match plain.trim_start_matches('.') {
        "" => "here".to_owned(),
        stem => stem.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(given: &[(&str, &str)]) -> Vec<String> {
        let all = given
            .iter()
            .map(|(given, digest)| Identity { given, digest });
        shown(&all.collect::<Vec<_>>())
    }

    #[test]
    fn the_shortest_end_that_no_other_has_is_the_name() {
        assert_eq!(
            names(&[("models/a/final", "1"), ("../data/sst2/", "2")]),
            ["final", "sst2"]
        );
        let finals = [
            ("a/final", "1"),
            ("b/final", "2"),
            ("c/final", "1"),
            ("other", "3"),
        ];
        assert_eq!(names(&finals), ["a/final", "b/final", "c/final", "other"]);
        assert_eq!(
            names(&[("x/a/final", "1"), ("y/a/final", "2")]),
            ["x/a/final", "y/a/final"]
        );
        assert_eq!(
            names(&[("org/bert", "1"), ("/home/me/bert", "1")]),
            ["org/bert", "me/bert"]
        );
    }

    #[test]
    fn one_spelling_inside_another_still_gives_two_names() {
        assert_eq!(names(&[("t", "1"), ("x/t", "2")]), ["t", "x/t"]);
        assert_eq!(
            names(&[("t", "1"), ("./t", "1"), ("t/", "1")]),
            ["t", "./t", "t/"]
        );
        assert_eq!(
            names(&[("t", "0123456789"), ("t", "abcdefghij")]),
            ["t (01234567)", "t (abcdefgh)"]
        );
        assert_eq!(names(&[("t", "1"), ("t", "1")]), ["t", "t"]);
        assert_eq!(names(&[(".", "1"), ("/", "2"), ("", "3")]), [".", "/", ""]);
        assert_eq!(names(&[("a\nb", "1")]), ["a b"]);
    }

    #[test]
    fn files_of_two_groups_never_have_the_same_name() {
        let long = "m".repeat(300);
        let groups = [
            ("a/final", "t"),
            ("a-final", "t"),
            ("A-Final", "t"),
            ("a", "b--t"),
            ("a--b", "t"),
            ("模型", "t"),
            ("数据", "t"),
            ("..", "."),
            (&long, &long),
        ];
        let groups = groups.map(|(model, task)| (model.to_owned(), task.to_owned()));
        let slugs = slugs(&groups);
        let mut folded: Vec<String> = slugs.iter().map(|slug| slug.to_lowercase()).collect();
        folded.sort();
        folded.dedup();
        assert_eq!(folded.len(), groups.len(), "{slugs:?}");
        assert!(
            slugs
                .iter()
                .all(|slug| !slug.starts_with('.') && slug.len() < 180),
            "{slugs:?}"
        );
        assert_eq!(slugs[0], "a-final--t");
    }
}
