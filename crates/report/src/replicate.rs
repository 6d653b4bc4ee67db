//! A published finding against a run: claims with their tolerance, and for each what was measured and whether it agrees.

use crate::run::{Arm, Group, Run};
use crate::search::Search;
use crate::standing::points;
use crate::statistics::{self, Answers, Interval, Paired};
use serde::{Deserialize, Serialize};

/// What a publication says, in a form that a run can agree with or not. Accuracies and differences are in points.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Claim {
    /// The mean accuracy of one way of adapting.
    Accuracy {
        /// Its label.
        of: String,
        /// Training examples; `None`: the run's only number.
        #[serde(default)]
        n_train: Option<u64>,
        /// The published mean.
        published: f64,
        /// How far from it still agrees.
        within: f64,
    },
    /// One way is more accurate than another.
    Ahead {
        /// The better one's label.
        first: String,
        /// The other's.
        second: String,
        /// Training examples; `None`: the run's only number.
        #[serde(default)]
        n_train: Option<u64>,
        /// By more than this.
        #[serde(default)]
        by: f64,
    },
    /// No two of these ways lie further apart than this.
    Close {
        /// Their labels.
        of: Vec<String>,
        /// Training examples; `None`: the run's only number.
        #[serde(default)]
        n_train: Option<u64>,
        /// The largest distance.
        within: f64,
    },
    /// The learning rate that a search chose for one way, as a multiple of another's.
    RateRatio {
        /// The one's label.
        first: String,
        /// The other's.
        second: String,
        /// Training examples; `None`: the run's only number.
        #[serde(default)]
        n_train: Option<u64>,
        /// The published multiple.
        published: f64,
        /// By which factor it may be off.
        within_factor: f64,
    },
}

/// Whether what was measured agrees with what is claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It does.
    Replicated,
    /// The measurement leaves room for both.
    Open,
    /// It does not.
    Refuted,
}

impl Verdict {
    /// The word in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Replicated => "replicated",
            Self::Open => "open",
            Self::Refuted => "refuted",
        }
    }

    /// Of all claims of a finding: the worst of theirs.
    pub fn of_all(judged: &[Judged]) -> Option<Self> {
        judged.iter().map(|judged| judged.verdict).max()
    }
}

/// A claim beside what was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Judged {
    /// The claim as a phrase.
    pub claim: String,
    /// What the publication has, with what still agrees.
    pub published: String,
    /// What the run has, with its interval.
    pub measured: String,
    /// Whether they agree.
    pub verdict: Verdict,
}

/// The claims against `run`.
///
/// # Errors
/// A claim about something that the run does not have, by name.
pub fn judge(run: &Run, claims: &[Claim]) -> Result<Vec<Judged>, String> {
    let groups = run.groups();
    claims
        .iter()
        .map(|claim| judge_one(&groups, claim))
        .collect()
}

fn judge_one(groups: &[Group<'_>], claim: &Claim) -> Result<Judged, String> {
    match claim {
        Claim::Accuracy {
            of,
            n_train,
            published,
            within,
        } => accuracy(group(groups, *n_train)?, of, *published, *within),
        Claim::Ahead {
            first,
            second,
            n_train,
            by,
        } => ahead(group(groups, *n_train)?, first, second, *by),
        Claim::Close {
            of,
            n_train,
            within,
        } => close(group(groups, *n_train)?, of, *within),
        Claim::RateRatio {
            first,
            second,
            n_train,
            published,
            within_factor,
        } => rate_ratio(
            group(groups, *n_train)?,
            [first, second],
            *published,
            *within_factor,
        ),
    }
}

fn group<'a, 'run>(
    groups: &'a [Group<'run>],
    n_train: Option<u64>,
) -> Result<&'a Group<'run>, String> {
    let fits = |group: &&Group<'_>| match n_train {
        Some(n) => group.train_limit == usize::try_from(n).ok(),
        None => true,
    };
    let mut found = groups.iter().filter(fits);
    match (found.next(), found.next()) {
        (Some(group), None) => Ok(group),
        (None, _) => Err(format!(
            "the run has nothing with {} training examples",
            n_train.map_or("any number of".to_owned(), |n| n.to_string())
        )),
        (Some(_), Some(_)) => {
            Err("the run has several models, tasks or numbers of training examples".to_owned())
        }
    }
}

fn place(group: &Group<'_>, label: &str) -> Result<usize, String> {
    let found = group.arms.iter().position(|arm| arm.label == label);
    found.ok_or_else(|| {
        let labels: Vec<&str> = group.arms.iter().map(|arm| arm.label.as_str()).collect();
        format!("the run has no {label}; it has {}", labels.join(", "))
    })
}

fn accuracy(group: &Group<'_>, label: &str, published: f64, within: f64) -> Result<Judged, String> {
    let arm = &group.arms[place(group, label)?];
    let estimate = statistics::estimate(&arm.answers())
        .ok_or_else(|| format!("no trial of {label} has finished with predictions"))?;
    let [mean, low, high] =
        [estimate.mean, estimate.interval.low, estimate.interval.high].map(|share| 100.0 * share);
    let verdict = if (mean - published).abs() <= within {
        Verdict::Replicated
    } else if high >= published - within && low <= published + within {
        Verdict::Open
    } else {
        Verdict::Refuted
    };
    Ok(Judged {
        claim: format!("accuracy of {label}{}", at(group)),
        published: format!("{published} %, within {within} points"),
        measured: format!("{mean:.2} % [{low:.2}, {high:.2}]"),
        verdict,
    })
}

fn ahead(group: &Group<'_>, first: &str, second: &str, by: f64) -> Result<Judged, String> {
    let pair = pair(group, place(group, first)?, place(group, second)?)?;
    let interval = pair.interval();
    let verdict = if interval.low > by / 100.0 {
        Verdict::Replicated
    } else if interval.high < by / 100.0 {
        Verdict::Refuted
    } else {
        Verdict::Open
    };
    Ok(Judged {
        claim: format!("{first} is ahead of {second}{}", at(group)),
        published: format!("by more than {by} points"),
        measured: in_points(pair.mean, interval),
        verdict,
    })
}

fn close(group: &Group<'_>, labels: &[String], within: f64) -> Result<Judged, String> {
    let places: Result<Vec<usize>, String> =
        labels.iter().map(|label| place(group, label)).collect();
    let places = places?;
    let mut widest: Option<Paired> = None;
    let (mut all_within, mut some_beyond) = (true, false);
    for (number, &a) in places.iter().enumerate() {
        for &b in &places[number + 1..] {
            let pair = pair(group, a, b)?;
            let interval = pair.interval();
            let nearest = interval.low.max(-interval.high).max(0.0);
            let farthest = interval.high.max(-interval.low);
            all_within &= 100.0 * farthest <= within;
            some_beyond |= 100.0 * nearest > within;
            if widest.is_none_or(|widest| pair.mean.abs() > widest.mean.abs()) {
                widest = Some(pair);
            }
        }
    }
    let widest = widest.ok_or("a distance takes two ways of adapting")?;
    Ok(Judged {
        claim: format!("{} lie close together{}", labels.join(", "), at(group)),
        published: format!("within {within} points"),
        measured: format!("widest: {}", in_points(widest.mean, widest.interval())),
        verdict: if some_beyond {
            Verdict::Refuted
        } else if all_within {
            Verdict::Replicated
        } else {
            Verdict::Open
        },
    })
}

fn rate_ratio(
    group: &Group<'_>,
    labels: [&str; 2],
    published: f64,
    within_factor: f64,
) -> Result<Judged, String> {
    let mut rates = [0.0; 2];
    let mut is_at_edge = false;
    for (rate, label) in rates.iter_mut().zip(labels) {
        let arm = &group.arms[place(group, label)?];
        let searches = Search::all(arm);
        let search = searches
            .first()
            .ok_or_else(|| format!("no trial of {label} has searched; run it with --tune"))?;
        *rate = search
            .chosen()
            .rate()
            .ok_or_else(|| format!("the search of {label} has no learning rate"))?;
        is_at_edge |= !search.at_edge.is_empty();
    }
    let ratio = rates[0] / rates[1];
    let agrees = (ratio / published).ln().abs() <= within_factor.ln() + 1e-9;
    let verdict = match (agrees, is_at_edge) {
        (true, false) => Verdict::Replicated,
        (_, true) => Verdict::Open,
        (false, false) => Verdict::Refuted,
    };
    let edge = if is_at_edge {
        ", at an edge of what was tried"
    } else {
        ""
    };
    Ok(Judged {
        claim: format!(
            "best learning rate of {} against {}{}",
            labels[0],
            labels[1],
            at(group)
        ),
        published: format!("{published} times, within a factor of {within_factor}"),
        measured: format!(
            "{ratio:.2} times ({:.1e} and {:.1e}){edge}",
            rates[0], rates[1]
        ),
        verdict,
    })
}

fn pair(group: &Group<'_>, a: usize, b: usize) -> Result<Paired, String> {
    let answers: Vec<Answers> = group.arms.iter().map(Arm::answers).collect();
    let pairs = statistics::pairs(&answers);
    pairs[a][b].ok_or_else(|| {
        format!(
            "{} and {} share no predictions to compare",
            group.arms[a].label, group.arms[b].label
        )
    })
}

/// `, 32 labels` where the run has several numbers of them.
fn at(group: &Group<'_>) -> String {
    group
        .point
        .map_or(String::new(), |n| format!(", {n} labels"))
}

fn in_points(mean: f64, interval: Interval) -> String {
    let [mean, low, high] = [mean, interval.low, interval.high].map(points);
    format!("{mean} points [{low}, {high}]")
}

/// The claims as Markdown: a row each.
pub fn judged_table(judged: &[Judged]) -> String {
    let row =
        |cells: [&str; 4]| format!("| {} |\n", cells.map(crate::escape::markdown).join(" | "));
    let mut text = row(["claim", "published", "measured", "verdict"]) + "|---|---|---|---|\n";
    for one in judged {
        text += &row([
            &one.claim,
            &one.published,
            &one.measured,
            one.verdict.as_str(),
        ]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::{Outcome, Prediction, Predictions, RunInfo, Trial, TrialRecord, TrialSpec};

    const ROWS: u64 = 400;

    /// Three seeds of a way of adapting that has these shares of the rows right, the first ones.
    fn trials(method: &str, shares: [f64; 3]) -> Vec<Trial> {
        let of_seed = |(seed, share): (usize, f64)| {
            let spec = TrialSpec {
                method: method.to_owned(),
                seed: seed as u64,
                ..TrialSpec::default()
            };
            let id = format!("{method}-{seed}");
            let right = (share * ROWS as f64).round() as u64;
            let row = |row: u64| Prediction {
                row,
                label: "a".to_owned(),
                predicted: if row < right { "a" } else { "b" }.to_owned(),
                log_probabilities: vec![-0.7, -0.7],
            };
            let rows: Vec<Prediction> = (0..ROWS).map(row).collect();
            let classes = vec!["a".to_owned(), "b".to_owned()];
            Trial {
                record: TrialRecord::unmeasured(id, spec, Outcome::Finished),
                predictions: Some(Predictions::of(classes, &rows).unwrap()),
            }
        };
        shares.into_iter().enumerate().map(of_seed).collect()
    }

    fn run(arms: &[(&str, [f64; 3])]) -> Run {
        Run {
            dir: "run".into(),
            form: record::store::Form::Folder,
            info: RunInfo::default(),
            trials: arms
                .iter()
                .flat_map(|(method, shares)| trials(method, *shares))
                .collect(),
        }
    }

    fn verdicts(run: &Run, claims: &str) -> Vec<Verdict> {
        #[derive(Deserialize)]
        struct File {
            claim: Vec<Claim>,
        }
        let file: File = serde_json::from_str(claims).unwrap();
        let judged = judge(run, &file.claim).unwrap();
        judged.iter().map(|judged| judged.verdict).collect()
    }

    #[test]
    fn a_mean_within_the_tolerance_agrees_and_one_whose_interval_is_beyond_it_does_not() {
        let run = run(&[("lora", [0.80, 0.81, 0.82])]);
        let of = |published: f64, within: f64| {
            let claims = format!(
                r#"{{"claim": [{{"kind": "accuracy", "of": "lora", "published": {published}, "within": {within}}}]}}"#
            );
            verdicts(&run, &claims)[0]
        };
        assert_eq!(of(81.5, 0.6), Verdict::Replicated);
        assert_eq!(of(83.0, 0.6), Verdict::Open, "the interval reaches it");
        assert_eq!(of(95.0, 0.6), Verdict::Refuted);
    }

    #[test]
    fn an_order_holds_when_the_interval_of_the_difference_excludes_the_other() {
        let run = run(&[
            ("lora", [0.90, 0.91, 0.90]),
            ("bitfit", [0.70, 0.71, 0.70]),
            ("ia3", [0.695, 0.72, 0.70]),
        ]);
        let ahead = |first: &str, second: &str, by: f64| {
            let claims = format!(
                r#"{{"claim": [{{"kind": "ahead", "first": "{first}", "second": "{second}", "by": {by}}}]}}"#
            );
            verdicts(&run, &claims)[0]
        };
        assert_eq!(ahead("lora", "bitfit", 0.0), Verdict::Replicated);
        assert_eq!(ahead("bitfit", "lora", 0.0), Verdict::Refuted);
        assert_eq!(ahead("ia3", "bitfit", 0.0), Verdict::Open);
        assert_eq!(ahead("lora", "bitfit", 30.0), Verdict::Refuted);
        let close = |of: &str, within: f64| {
            let claims =
                format!(r#"{{"claim": [{{"kind": "close", "of": {of}, "within": {within}}}]}}"#);
            verdicts(&run, &claims)[0]
        };
        assert_eq!(close(r#"["ia3", "bitfit"]"#, 9.0), Verdict::Replicated);
        assert_eq!(close(r#"["ia3", "bitfit"]"#, 0.1), Verdict::Open);
        assert_eq!(close(r#"["ia3", "bitfit", "lora"]"#, 9.0), Verdict::Refuted);
    }

    #[test]
    fn the_worst_verdict_is_that_of_the_finding_and_what_is_missing_is_named() {
        let judged = |verdict| Judged {
            claim: String::new(),
            published: String::new(),
            measured: String::new(),
            verdict,
        };
        let all = [Verdict::Replicated, Verdict::Refuted, Verdict::Open].map(judged);
        assert_eq!(Verdict::of_all(&all), Some(Verdict::Refuted));
        assert_eq!(Verdict::of_all(&[]), None);

        let run = run(&[("lora", [0.9; 3])]);
        let claim = Claim::Ahead {
            first: "lora".to_owned(),
            second: "bitfit".to_owned(),
            n_train: None,
            by: 0.0,
        };
        let error = judge(&run, &[claim]).unwrap_err();
        assert_eq!(error, "the run has no bitfit; it has lora");
    }
}
