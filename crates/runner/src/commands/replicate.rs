//! `replicate`: a published finding measured again, here: a plan, and claims that its run agrees with or not.

use crate::cli::{ReplicateArgs, RunArgs};
use crate::commands::listing;
use crate::registry::{self, Methods};
use crate::run::parent;
use crate::terminal::{self, say};
use anyhow::{Context, anyhow};
use report::{Claim, Judged, Verdict, judge, judged_table, load_run};
use serde::Deserialize;
use serde_json::json;
use std::path::{Path, PathBuf};

/// What there is, by name. A publication's figures stand in its file and nowhere else.
const REPLICATIONS: [(&str, &str); 7] = [
    (
        "mteb-banking77",
        include_str!("../../replications/mteb-banking77.toml"),
    ),
    ("ladder", include_str!("../../replications/ladder.toml")),
    (
        "bitfit-labels",
        include_str!("../../replications/bitfit-labels.toml"),
    ),
    (
        "lora-learning-rate",
        include_str!("../../replications/lora-learning-rate.toml"),
    ),
    (
        "lora-variants",
        include_str!("../../replications/lora-variants.toml"),
    ),
    (
        "in-context-labels",
        include_str!("../../replications/in-context-labels.toml"),
    ),
    (
        "setfit-labels",
        include_str!("../../replications/setfit-labels.toml"),
    ),
];

/// A published finding.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Replication {
    /// The finding, as a sentence.
    title: String,
    /// Who found it, and on what.
    source: String,
    /// What is done otherwise here.
    note: Option<String>,
    /// What is run, as a plan file has it.
    plan: toml::Table,
    /// What is expected of it.
    claim: Vec<Claim>,
}

/// Lists the replications, or runs one and judges it. The run goes to `runs/NAME`, where the same command continues it.
///
/// # Errors
/// An unknown name; what `run` refuses; a run without what a claim is about.
pub(crate) fn replicate(methods: Methods, arguments: &ReplicateArgs) -> anyhow::Result<Replicated> {
    let Some(name) = &arguments.name else {
        list(arguments.json)?;
        return Ok(Replicated::Listed);
    };
    let replication = find(name)?;
    let out = match &arguments.out {
        Some(out) => out.clone(),
        None => Path::new("runs").join(name),
    };
    let run_code = parent::run(methods, &run_arguments(&replication, arguments, &out)?)?;
    if run_code != crate::FINISHED {
        return Ok(Replicated::Incomplete);
    }
    let run = load_run(&out)?;
    let judged = judge(&run, &replication.claim).map_err(|reason| anyhow!("{name}: {reason}"))?;
    let verdict = Verdict::of_all(&judged).context("a replication without a claim")?;
    let text = in_words(&replication, arguments, &judged, verdict);
    write(&out, "verdict.md", &text)?;
    let record = json!({"replication": name, "verdict": verdict, "claims": judged});
    write(
        &out,
        "verdict.json",
        &(serde_json::to_string_pretty(&record)? + "\n"),
    )?;
    print(&replication, &judged, verdict);
    Ok(Replicated::Judged(verdict))
}

/// How `replicate` ended.
pub(crate) enum Replicated {
    /// Nothing was run.
    Listed,
    /// Some trials failed, so that nothing is judged.
    Incomplete,
    /// What came out.
    Judged(Verdict),
}

fn find(name: &str) -> anyhow::Result<Replication> {
    let names = REPLICATIONS.map(|(name, _)| name);
    let found = REPLICATIONS.iter().find(|(known, _)| known == &name);
    let (_, text) = found.ok_or_else(|| registry::unknown("replication", name, &names))?;
    Ok(read(text))
}

fn read(text: &str) -> Replication {
    toml::from_str(text).expect("the replications are tested")
}

fn list(as_json: bool) -> anyhow::Result<()> {
    let rows: Vec<_> = REPLICATIONS
        .iter()
        .map(|(name, text)| {
            let replication = read(text);
            let of_plan = |key: &str| replication.plan[key].clone();
            json!({
                "name": name, "finding": replication.title, "source": replication.source,
                "models": of_plan("models"), "tasks": of_plan("tasks"),
            })
        })
        .collect();
    if as_json {
        return listing::print_json(&rows);
    }
    listing::print_table(&rows, &["name", "finding"]);
    listing::print_words(
        "--model and --task name copies on the disk of what a replication fetches from the Hub, or others to try the finding on.",
    );
    Ok(())
}

/// The plan's run, with the user's copies of model and task.
fn run_arguments(
    replication: &Replication,
    arguments: &ReplicateArgs,
    out: &Path,
) -> anyhow::Result<RunArgs> {
    let plan = out.with_extension("plan.toml");
    if let Some(folder) = plan.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let text = toml::to_string(&replication.plan).context("the replication's plan")?;
    files::write(&plan, text.as_bytes())
        .with_context(|| format!("cannot write {}", plan.display()))?;
    Ok(RunArgs {
        plan: Some(plan),
        model: arguments.model.iter().cloned().collect(),
        task: arguments.task.iter().cloned().collect(),
        device: arguments.device.iter().cloned().collect(),
        out: Some(out.to_owned()),
        ..RunArgs::default()
    })
}

/// `verdict.md`.
fn in_words(
    replication: &Replication,
    arguments: &ReplicateArgs,
    judged: &[Judged],
    verdict: Verdict,
) -> String {
    let mut lines = vec![
        format!("# {}: {}", replication.title, verdict.as_str()),
        format!("Published: {}.", replication.source.trim_end_matches('.')),
    ];
    lines.extend(replication.note.clone());
    for (given, key) in [(&arguments.model, "models"), (&arguments.task, "tasks")] {
        let published = &replication.plan[key];
        lines.extend(
            given
                .as_ref()
                .map(|given| format!("The plan names the {key} {published}; given was {given}.")),
        );
    }
    lines.push(judged_table(judged));
    lines.join("\n\n")
}

fn print(replication: &Replication, judged: &[Judged], verdict: Verdict) {
    let width = terminal::width();
    say(terminal::wrapped(
        &format!("{}.", replication.title),
        width,
        "",
    ));
    say(terminal::wrapped(
        &format!("Published: {}", replication.source),
        width,
        "",
    ));
    if let Some(note) = &replication.note {
        say(terminal::wrapped(note, width, ""));
    }
    say("");
    let rows: Vec<Vec<String>> = judged
        .iter()
        .map(|one| {
            vec![
                one.claim.clone(),
                one.published.clone(),
                one.measured.clone(),
                one.verdict.as_str().to_owned(),
            ]
        })
        .collect();
    say(terminal::table(
        &["claim", "published", "measured", "verdict"],
        &rows,
        width,
    ));
    say(format!("Verdict: {}", verdict.as_str()));
}

fn write(out: &Path, name: &str, text: &str) -> anyhow::Result<()> {
    let path: PathBuf = out.join(name);
    files::write(&path, text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::METHODS;

    /// Each plan resolves, on a bundled model and task, and each claim is about a label that its run has.
    #[test]
    fn every_replication_has_a_plan_that_runs_and_claims_about_what_it_runs() {
        for (name, text) in REPLICATIONS {
            let replication = read(text);
            assert!(!replication.claim.is_empty(), "{name}");
            let dir = tempfile::tempdir().unwrap();
            let arguments = ReplicateArgs {
                model: Some("tiny-bert".to_owned()),
                task: Some("reviews".to_owned()),
                ..ReplicateArgs::default()
            };
            let arguments =
                run_arguments(&replication, &arguments, &dir.path().join("out")).unwrap();
            let plan = crate::plan::resolve(METHODS, &arguments)
                .unwrap_or_else(|error| panic!("{name}: {error:#}"));
            assert!(!plan.arms.is_empty(), "{name}");
        }
    }
}
