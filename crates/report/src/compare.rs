//! Two runs, arm by arm: did a change of the program, the machine or the settings change accuracy, time or memory?
//!
//! First what differs besides the numbers (`changes`), then accuracies, paired by seed and test example where a row number means the same example
//! in both (`rows`), with the variance between seeds moderated over the arms of a group; p-values carry Holm's correction over all arms that both
//! runs have. Times and memory are ratios with an interval, against a threshold of noise (`ratio`). `gate` makes a verdict for a build of it.

mod arms;
mod changes;
mod gate;
mod ratio;
mod rows;
mod text;

pub use changes::{Changed, Changes, Machines};
pub use gate::{Gate, gate};
pub use ratio::{Change, Ratio};
pub use text::{comparison_table, gate_text};

use crate::costs;
use crate::escape::one_line;
use crate::machines;
use crate::pairing::{self, Pairing};
use crate::run::{Arm, Group, Run};
use crate::statistics::{self, Answers, CONFIDENCE, Difference, Estimate, InBoth, InRun};
use crate::summary::accuracy;
use arms::ArmPair;
use ratio::BySeed;
use record::TrialRecord;
use rows::Rows;

/// Changes of time and memory below which nothing is called faster, slower, more or less; as shares.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Noise {
    /// Of times.
    pub time: f64,
    /// Of memory.
    pub memory: f64,
}

impl Default for Noise {
    fn default() -> Self {
        Self {
            time: 0.05,
            memory: 0.02,
        }
    }
}

/// One arm in two runs; everything is second against first.
#[derive(Clone, Debug, PartialEq)]
pub struct ArmComparison {
    /// Model and task.
    pub title: String,
    /// Name of the arm.
    pub label: String,
    /// Accuracies of the first and the second.
    pub accuracies: (Option<Estimate>, Option<Estimate>),
    /// Accuracy of the second minus that of the first; `None` where either has none.
    pub accuracy: Option<Difference>,
    /// Its p-value, corrected over all arms.
    pub p_holm: Option<f64>,
    /// Whether both gave the same answer to every example under every seed.
    pub same_answers: bool,
    /// Training time.
    pub adapt_s: Option<Ratio>,
    /// Peak resident memory of training.
    pub train_peak_rss_bytes: Option<Ratio>,
    /// Trials that did not finish, in the first and in the second.
    pub failed: (usize, usize),
    /// Trials that trained beside a busy neighbour, likewise. Their times are left out where there are others.
    pub disturbed: [usize; 2],
}

/// An arm that one of the runs has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Only {
    /// Model and task.
    pub title: String,
    /// Name of the arm.
    pub label: String,
}

/// Two runs compared.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunComparison {
    /// Directory and start of both.
    pub runs: [String; 2],
    /// What differs besides the numbers.
    pub changes: Changes,
    /// Arms that both have.
    pub arms: Vec<ArmComparison>,
    /// Arms that only the first has.
    pub only_first: Vec<Only>,
    /// Arms that only the second has.
    pub only_second: Vec<Only>,
    /// What must be known of models and tasks that are not plainly the same in both, and of arms that share no seeds.
    pub notes: Vec<String>,
    /// Why answers are not paired row by row though both are at hand, by group or arm.
    pub not_paired: Vec<String>,
    /// Why groups of the same name are not compared at all.
    pub refused: Vec<String>,
}

impl Only {
    fn of(title: &str, arm: &Arm<'_>) -> Self {
        Self {
            title: title.to_owned(),
            label: arm.label.clone(),
        }
    }
}

impl ArmComparison {
    /// Whether the accuracies differ beyond chance, all arms considered.
    pub fn differs(&self) -> bool {
        self.p_holm.is_some_and(|p| p < 1.0 - CONFIDENCE)
    }
}

/// Compares `second` with `first`. Groups match by the digests of model and task, else by their names as given, with a note; arms by method,
/// variant and device.
pub fn compare(first: &Run, second: &Run, noise: &Noise) -> RunComparison {
    let (groups_1, groups_2) = (first.groups(), second.groups());
    let pairing = pairing::pair(&groups_1, &groups_2);
    let (titles_1, titles_2) = pairing::titles(&groups_1, &groups_2, &pairing);
    let mut found = RunComparison {
        runs: [first, second].map(|run| {
            let name = format!("{}, started {}", run.dir.display(), run.info.started_at);
            one_line(&name)
        }),
        notes: pairing.notes.iter().map(|note| one_line(note)).collect(),
        ..RunComparison::default()
    };
    unmatched(
        &mut found,
        &pairing,
        (&groups_1, &titles_1),
        (&groups_2, &titles_2),
    );
    let mut groups = Vec::new();
    let mut pairs = Vec::new();
    for (i, j) in &pairing.pairs {
        let (a, b, title) = (&groups_1[*i], &groups_2[*j], &titles_1[*i]);
        let rows = rows::of_groups(a, b);
        if let Rows::OtherClasses(how) = &rows {
            found.refused.push(one_line(&format!("{title}: {how}")));
            continue;
        }
        groups.push((a, b));
        let matched = arms::pair(title, a, b);
        let only = |arm: &Arm<'_>| Only::of(title, arm);
        found
            .only_first
            .extend(matched.only_first.into_iter().map(only));
        found
            .only_second
            .extend(matched.only_second.into_iter().map(only));
        pairs.push((matched.pairs, rows));
    }
    let all: Vec<ArmPair<'_>> = pairs.iter().flat_map(|(arms, _)| arms.clone()).collect();
    found.changes = changes::between(first, second, &groups, &all);
    let noise = (found.changes.machines == Machines::Same).then_some(noise);
    let own = [first, second].map(|run| machines::own(&run.info));
    for (arms, rows) in &pairs {
        compare_group(&mut found, arms, rows, (noise, &own));
    }
    adjust(&mut found.arms);
    found
}

type Titled<'a> = (&'a [Group<'a>], &'a [String]);

/// Arms of groups that only one of the runs has.
fn unmatched(found: &mut RunComparison, pairing: &Pairing, first: Titled<'_>, second: Titled<'_>) {
    let only = |(groups, titles): Titled<'_>, is_paired: &dyn Fn(usize) -> bool| {
        let mut only = Vec::new();
        for (at, group) in groups.iter().enumerate().filter(|(at, _)| !is_paired(*at)) {
            only.extend(group.arms.iter().map(|arm| Only::of(&titles[at], arm)));
        }
        only
    };
    found.only_first = only(first, &|at| pairing.pairs.iter().any(|(i, _)| *i == at));
    found.only_second = only(second, &|at| pairing.pairs.iter().any(|(_, j)| *j == at));
}

/// What times and memory are judged by: the threshold of noise, where machines are the same, and the machines that began the runs.
type Judged<'a> = (Option<&'a Noise>, &'a [Option<String>; 2]);

/// The arms of two groups that are one.
fn compare_group(found: &mut RunComparison, arms: &[ArmPair<'_>], rows: &Rows, judged: Judged<'_>) {
    if let (Rows::Other(why), Some(arm)) = (rows, arms.first()) {
        let reason = format!("{}: {why}", arm.title);
        found.not_paired.push(one_line(&reason));
    }
    let answers: Vec<[Answers; 2]> = arms
        .iter()
        .map(|arm| [arm.first.answers(), arm.second.answers()])
        .collect();
    let estimates: Vec<[Option<Estimate>; 2]> = arms
        .iter()
        .zip(&answers)
        .map(|(arm, [a, b])| [accuracy(arm.first, a), accuracy(arm.second, b)])
        .collect();
    let mut same_rows = Vec::new();
    let (mut rows_differ, mut evidence_lacks) = (Vec::new(), Vec::new());
    for (arm, answers) in arms.iter().zip(&answers) {
        let (same, why) = pairable(arm, answers, rows);
        same_rows.push(same);
        match why {
            Some(Why::Rows(why)) => add(&mut rows_differ, why, &arm.label),
            Some(Why::Evidence(why)) => add(&mut evidence_lacks, why, &arm.label),
            None => {}
        }
    }
    let title = arms.first().map_or("", |arm| &arm.title);
    found.not_paired.extend(said(title, rows_differ));
    found.notes.extend(said(title, evidence_lacks));
    let comparable: Vec<usize> = (0..arms.len())
        .filter(|at| estimates[*at].iter().all(Option::is_some))
        .collect();
    let in_both: Vec<InBoth<'_>> = comparable
        .iter()
        .filter_map(|at| {
            let in_run = |run: usize| {
                Some(InRun {
                    answers: &answers[*at][run],
                    estimate: estimates[*at][run].as_ref()?,
                })
            };
            Some(InBoth {
                first: in_run(0)?,
                second: in_run(1)?,
                same_rows: same_rows[*at],
            })
        })
        .collect();
    let mut differences = vec![None; arms.len()];
    for (at, difference) in comparable.iter().zip(statistics::differences(&in_both)) {
        differences[*at] = Some(difference);
    }
    for (at, arm) in arms.iter().enumerate() {
        found.arms.push(ArmComparison {
            accuracies: (estimates[at][0], estimates[at][1]),
            accuracy: differences[at],
            same_answers: same_rows[at] && rows::same_answers(arm.first, arm.second),
            ..costs_of(arm, judged)
        });
    }
}

/// Reasons with the arms that each holds for.
type Reasons<'a> = Vec<(String, Vec<&'a str>)>;

fn add<'a>(reasons: &mut Reasons<'a>, why: String, label: &'a str) {
    match reasons.iter_mut().find(|(known, _)| *known == why) {
        Some((_, labels)) => labels.push(label),
        None => reasons.push((why, vec![label])),
    }
}

fn said(title: &str, reasons: Reasons<'_>) -> impl Iterator<Item = String> {
    let line = move |(why, labels): (String, Vec<&str>)| {
        one_line(&format!("{title}: {}: {why}", labels.join(", ")))
    };
    reasons.into_iter().map(line)
}

/// Why answers are not paired.
enum Why {
    /// A row is not the same example in both.
    Rows(String),
    /// There is nothing to pair.
    Evidence(String),
}

fn pairable(arm: &ArmPair<'_>, [a, b]: &[Answers; 2], rows: &Rows) -> (bool, Option<Why>) {
    if *rows != Rows::Same {
        return (false, None); // said once for the group
    }
    if let Rows::Other(why) = rows::of_arms(arm.first, arm.second) {
        return (false, Some(Why::Rows(why)));
    }
    let lost = |arm: &Arm<'_>, answers: &Answers| answers.seeds().len() < arm.finished().count();
    if lost(arm.first, a) || lost(arm.second, b) {
        let why = "predictions of some trials are not at hand, so that the accuracies are compared unpaired";
        return (false, Some(Why::Evidence(why.to_owned())));
    }
    let shared = a.seeds().iter().filter(|seed| b.seeds().contains(seed));
    let shared = shared.count();
    let most = a.seeds().len().max(b.seeds().len());
    let why = match shared {
        _ if most == 0 => return (true, None), // nothing finished
        0 => {
            "the runs share no seed, so that the accuracies are compared unpaired, which is blunter"
                .to_owned()
        }
        n if n < most => format!(
            "{n} of {} and {} seeds are the same numbers in both; only these are paired",
            a.seeds().len(),
            b.seeds().len()
        ),
        _ => return (true, None),
    };
    (shared > 0, Some(Why::Evidence(why)))
}

fn costs_of(arm: &ArmPair<'_>, (noise, own): Judged<'_>) -> ArmComparison {
    let arms = [arm.first, arm.second];
    let [own_1, own_2] = [&own[0], &own[1]].map(|own| own.as_deref());
    // Times of unlike machines say nothing of the runs: those of the kind that both used most are compared, where there is one.
    let common = machines::common((arm.first, own_1), (arm.second, own_2));
    let on_it = |run: usize, r: &TrialRecord| {
        let kind = machines::kind(r, own[run].as_deref());
        common.as_ref().is_none_or(|common| kind == *common)
    };
    let noise = noise.filter(|_| common.is_some());
    let times = |counts: &dyn Fn(&TrialRecord) -> bool| {
        [0, 1].map(|run: usize| {
            by_seed(arms[run], |r| {
                costs::adapt_s(r).filter(|_| on_it(run, r) && counts(r))
            })
        })
    };
    // A time beside a busy neighbour is another machine's. Where there is no other, it is shown, and nothing is said of it.
    let [first, second] = times(&|r| !is_disturbed(r));
    let adapt_s = Ratio::of(&first, &second, noise.map(|noise| noise.time)).or_else(|| {
        let [first, second] = times(&|_| true);
        Ratio::of(&first, &second, None)
    });
    let bytes = |r: &TrialRecord| r.train_peak_rss_bytes.map(|bytes| bytes as f64);
    ArmComparison {
        title: arm.title.clone(),
        label: arm.label.clone(),
        accuracies: (None, None),
        accuracy: None,
        p_holm: None,
        same_answers: false,
        adapt_s,
        train_peak_rss_bytes: Ratio::of(
            &by_seed(arm.first, bytes),
            &by_seed(arm.second, bytes),
            noise.map(|noise| noise.memory),
        ),
        disturbed: arms.map(|arm| arm.finished().filter(|t| is_disturbed(&t.record)).count()),
        failed: (arm.first.failed().count(), arm.second.failed().count()),
    }
}

fn is_disturbed(record: &TrialRecord) -> bool {
    record.disturbed == Some(true)
}

fn by_seed(arm: &Arm<'_>, of: impl Fn(&TrialRecord) -> Option<f64>) -> BySeed {
    arm.finished()
        .filter_map(|trial| Some((trial.record.spec.seed, of(&trial.record)?)))
        .collect()
}

/// Holm's correction over all arms.
fn adjust(arms: &mut [ArmComparison]) {
    let compared = || arms.iter().filter_map(|arm| Some(arm.accuracy?.p_value));
    let mut adjusted = statistics::holm(&compared().collect::<Vec<f64>>()).into_iter();
    for arm in arms.iter_mut().filter(|arm| arm.accuracy.is_some()) {
        arm.p_holm = adjusted.next();
    }
}
