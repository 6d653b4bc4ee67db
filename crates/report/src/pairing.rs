//! Which group of one run is which of another: by the digests of model and task. Where digests differ, the name as given decides, and it is
//! said that the files are not the same; a last folder's name decides nothing.

use crate::names::Identity;
use crate::run::{Group, title};

/// How a model or a task of one run is known to be one of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Same {
    Digest,
    /// The name as given, with another digest or none.
    Name,
}

/// Groups of two runs, matched.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Pairing {
    /// Places of a group in the first and in the second run.
    pub(crate) pairs: Vec<(usize, usize)>,
    /// What must be said of pairs that are not plainly the same.
    pub(crate) notes: Vec<String>,
}

/// Pairs each group with at most one: those with the same digests first, among these those of the same names.
pub(crate) fn pair(first: &[Group<'_>], second: &[Group<'_>]) -> Pairing {
    let mut candidates = Vec::new();
    for (i, a) in first.iter().enumerate() {
        for (j, b) in second.iter().enumerate() {
            // The points of a label curve pair with the same point only.
            let is_point = a.point.is_some() || b.point.is_some();
            if is_point && a.train_limit != b.train_limit {
                continue;
            }
            let (models, tasks) = (models(a, b), tasks(a, b));
            if let (Some(model), Some(task)) = (same(models), same(tasks)) {
                let same = [model, task];
                let by_name = same.iter().filter(|same| **same == Same::Name).count();
                let named_apart = [models, tasks].map(|(a, b)| !named_alike(a, b));
                let named_apart = named_apart.iter().filter(|apart| **apart).count();
                candidates.push((by_name, named_apart, i, j));
            }
        }
    }
    candidates.sort();
    let mut pairing = Pairing::default();
    for (_, _, i, j) in candidates {
        if pairing.pairs.iter().all(|(a, b)| *a != i && *b != j) {
            pairing.pairs.push((i, j));
        }
    }
    pairing.pairs.sort_unstable();
    for (i, j) in &pairing.pairs {
        for note in notes(&first[*i], &second[*j]) {
            if !pairing.notes.contains(&note) {
                pairing.notes.push(note);
            }
        }
    }
    pairing
}

type Two<'a> = (Identity<'a>, Identity<'a>);

fn models<'a>(a: &Group<'a>, b: &Group<'a>) -> Two<'a> {
    (a.model_identity(), b.model_identity())
}

fn tasks<'a>(a: &Group<'a>, b: &Group<'a>) -> Two<'a> {
    (a.task_identity(), b.task_identity())
}

fn same((a, b): Two<'_>) -> Option<Same> {
    if !a.digest.is_empty() && a.digest == b.digest {
        return Some(Same::Digest);
    }
    named_alike(a, b).then_some(Same::Name)
}

fn named_alike(a: Identity<'_>, b: Identity<'_>) -> bool {
    let rooted = |name: &str| name.starts_with('/');
    a.given == b.given || (a.parts() == b.parts() && rooted(a.given) == rooted(b.given))
}

fn notes(a: &Group<'_>, b: &Group<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    for (what, (one, other)) in [("model", models(a, b)), ("task", tasks(a, b))] {
        let differ = !one.digest.is_empty() && !other.digest.is_empty();
        match same((one, other)) {
            Some(Same::Name) if differ => notes.push(format!(
                "the {what} {} has other files in the second run (SHA-256 {}.. and {}..): they were changed, or another version of this program \
                 took the digest; its name is what matches the runs",
                one.given,
                one.short_digest(),
                other.short_digest()
            )),
            Some(Same::Name) => notes.push(format!(
                "the {what} {} has no digest on record in both runs; its name is what matches them",
                one.given
            )),
            Some(Same::Digest) if !named_alike(one, other) => notes.push(format!(
                "the {what} {} of the first run is {} of the second: the same files",
                one.given, other.given
            )),
            _ => {}
        }
    }
    notes
}

/// Titles of the groups of both runs: a pair has one, and no two others have the same.
pub(crate) fn titles<'a>(
    first: &[Group<'a>],
    second: &[Group<'a>],
    pairing: &Pairing,
) -> (Vec<String>, Vec<String>) {
    let partner = |j: usize| pairing.pairs.iter().find(|(_, b)| *b == j).map(|(i, _)| *i);
    let own: Vec<&Group<'a>> = second
        .iter()
        .enumerate()
        .filter(|(j, _)| partner(*j).is_none())
        .map(|(_, group)| group)
        .collect();
    let names = |of: fn(&Group<'a>) -> Identity<'a>| {
        let [firsts, seconds] = [first, second].map(|run| run.iter().map(of).collect::<Vec<_>>());
        let owns = own.iter().map(|group| as_in(of(group), &firsts, &seconds));
        crate::names::shown(&firsts.iter().copied().chain(owns).collect::<Vec<_>>())
    };
    let names = names(Group::model_identity)
        .into_iter()
        .zip(names(Group::task_identity));
    let points = first
        .iter()
        .chain(own.iter().copied())
        .map(|group| group.point);
    let named = names.zip(points);
    let mut titles = named.map(|((model, task), point)| title(&model, &task, point));
    let of_first: Vec<String> = titles.by_ref().take(first.len()).collect();
    let of_second = (0..second.len()).map(|j| match partner(j) {
        Some(i) => of_first[i].clone(),
        None => titles.next().expect("a title for every group"),
    });
    let of_second = of_second.collect();
    (of_first, of_second)
}

/// What the first run calls a model or task of the second, if both have the same files and the second has them under one name.
fn as_in<'a>(
    identity: Identity<'a>,
    first: &[Identity<'a>],
    second: &[Identity<'a>],
) -> Identity<'a> {
    let alike = |other: &&Identity<'a>| same((identity, **other)) == Some(Same::Digest);
    let several = second.iter().filter(alike).any(|other| *other != identity);
    let known = first.iter().find(alike).copied();
    known.filter(|_| !several).unwrap_or(identity)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group<'a>(
        model: &'a str,
        model_digest: &'a str,
        task: &'a str,
        task_digest: &'a str,
    ) -> Group<'a> {
        Group {
            model,
            task,
            model_digest,
            task_digest,
            train_limit: None,
            point: None,
            model_name: String::new(),
            task_name: String::new(),
            slug: String::new(),
            arms: Vec::new(),
        }
    }

    #[test]
    fn a_run_is_paired_with_itself_however_its_folders_are_called() {
        let run =
            ["a/final", "b/final", "c/final"].map(|model| group(model, &model[..1], "t", "t"));
        let paired = pair(&run, &run);
        assert_eq!(paired.pairs, [(0, 0), (1, 1), (2, 2)]);
        assert!(paired.notes.is_empty());
        let copies = ["a/final", "b/final"].map(|model| group(model, "same", "t", "t"));
        let reversed = [copies[1].clone(), copies[0].clone()];
        assert_eq!(pair(&copies, &reversed).pairs, [(0, 1), (1, 0)]);
    }

    #[test]
    fn digests_decide_and_not_the_last_folders_name() {
        let first = [group("a/final", "1", "x/data", "t")];
        let moved = [
            group("b/final", "2", "x/data", "t"),
            group("old/model", "1", "data", "t"),
        ];
        let paired = pair(&first, &moved);
        assert_eq!(paired.pairs, [(0, 1)]);
        assert!(
            paired
                .notes
                .iter()
                .all(|note| note.contains("the same files")),
            "{:?}",
            paired.notes
        );
        assert_eq!(paired.notes.len(), 2);
        assert_eq!(pair(&first, &moved[..1]), Pairing::default());
        let other_task = [group("a/final", "1", "y/data", "u")];
        assert_eq!(pair(&first, &other_task), Pairing::default());
        let (of_first, of_second) = titles(&first, &moved, &paired);
        assert_eq!(
            (&of_first[..], &of_second[..]),
            (
                &["a/final on data".to_owned()][..],
                &["b/final on data".to_owned(), "a/final on data".to_owned()][..]
            )
        );
    }

    #[test]
    fn the_same_name_with_another_digest_pairs_with_a_word() {
        let first = [group("org/bert", "11111111aa", "sst2", "t")];
        let paired = pair(&first, &[group("org/bert", "22222222bb", "./sst2/", "t")]);
        assert_eq!(paired.pairs, [(0, 0)]);
        assert!(
            paired.notes[0].contains("11111111.. and 22222222.."),
            "{:?}",
            paired.notes
        );
        let old = pair(&first, &[group("org/bert", "", "sst2", "t")]);
        assert!(
            old.pairs == [(0, 0)] && old.notes[0].contains("no digest"),
            "{:?}",
            old.notes
        );
        // Its own files come first, whatever another spelling of them is called.
        let both = [
            group("org/bert", "3", "sst2", "t"),
            group("copy", "11111111aa", "sst2", "t"),
        ];
        assert_eq!(pair(&first, &both).pairs, [(0, 1)]);
    }
}
