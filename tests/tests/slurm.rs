//! `run --on slurm` on a real Slurm: several nodes on this machine, started by scripts/slurm_on_one_machine.sh in a temporary folder. Where it is
//! not installed the test says so and passes; the check installs it first.

use record::{TrialRecord, store};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Exit status of the script where there is no Slurm.
const SKIPPED: i32 = 77;
/// Exit status of `status` while trials are to come.
const NOT_NOW: i32 = 75;
/// The node whose disk is full for one of the runs.
const FULL_NODE: &str = "n4";
/// The node of the job that runs to its limit; it is not to be killed.
const LONG_NODE: &str = "n3";
const LONG_OPTION: &str = "nodelist=n3";
/// The methods of that run.
const ON_FULL_DISK: &str = "mock-constant,majority";

/// A cluster that ends with this.
struct Cluster {
    dir: PathBuf,
}

impl Cluster {
    /// Four nodes, of which the last sees a full disk in place of `full`. `None` where Slurm is not installed.
    fn start(dir: &Path, full: &Path) -> Option<Self> {
        let cluster = Self {
            dir: dir.to_owned(),
        };
        let wrapper = dir.with_extension("sh");
        let text = format!(
            "mount -t tmpfs -o size=4k tmpfs {} || exit 1\nexec \"$@\"\n",
            full.display()
        );
        fs::write(&wrapper, text).unwrap();
        let mut start = cluster.script(&["start", dir.to_str().unwrap(), "4"]);
        if can_mount() {
            let words = format!("unshare --mount sh {}", wrapper.display());
            start
                .env("SLURM_WRAPPED_NODE", FULL_NODE)
                .env("SLURM_NODE_WRAPPER", words);
        }
        let log = fs::File::create(dir.with_extension("log")).unwrap();
        let status = start.stderr(log).status().unwrap();
        if status.code() == Some(SKIPPED) {
            return None;
        }
        assert!(status.success(), "the cluster does not start");
        Some(cluster)
    }

    fn script(&self, arguments: &[&str]) -> Command {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut script = Command::new(root.join("scripts/slurm_on_one_machine.sh"));
        // Daemons keep what they inherit open: none of it may be a pipe that somebody reads to its end.
        script
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        script
    }

    /// A command that speaks to this cluster.
    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdin(Stdio::null())
            .env("SLURM_CONF", self.dir.join("slurm.conf"))
            .env("XDG_CACHE_HOME", cache())
            .env("HF_HUB_OFFLINE", "1");
        command
    }

    fn program(&self, arguments: &[&str]) -> Command {
        self.command(env!("CARGO_BIN_EXE_tests"), arguments)
    }

    /// What `squeue` says of this run's tasks that wait or run: job, state and node.
    fn queue(&self, run: &Path) -> Vec<(String, String, String)> {
        let names: Vec<String> = fs::read_dir(run.join("jobs/arrays"))
            .map(|entries| {
                let names = entries.flatten().map(|entry| entry.path());
                let lists = names.filter(|path| path.extension().is_some_and(|e| e == "txt"));
                lists
                    .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
                    .collect()
            })
            .unwrap_or_default();
        let arguments = ["--noheader", "--array", "--format=%F_%K|%T|%N|%j"];
        let said = text(&self.command("squeue", &arguments).output().unwrap().stdout);
        let line = |line: &str| {
            let fields: Vec<&str> = line.split('|').collect();
            let ours = names.iter().any(|name| fields[3].ends_with(name.as_str()));
            ours.then(|| {
                (
                    fields[0].to_owned(),
                    fields[1].to_owned(),
                    fields[2].to_owned(),
                )
            })
        };
        said.lines().filter_map(line).collect()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.script(&["stop", self.dir.to_str().unwrap()]).status();
    }
}

fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache")
}

/// Whether this user may give a process a disk of its own.
fn can_mount() -> bool {
    let tried = Command::new("unshare")
        .args(["--mount", "sh", "-c", "mount -t tmpfs tmpfs /mnt"])
        .stderr(Stdio::null())
        .status();
    tried.is_ok_and(|status| status.success())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn wait_until(what: &str, longest: u64, mut ready: impl FnMut() -> bool) {
    let started = Instant::now();
    while !ready() {
        assert!(
            started.elapsed() < Duration::from_secs(longest),
            "waited in vain until {what}"
        );
        thread::sleep(Duration::from_millis(200));
    }
}

/// The command that runs `methods` with so many seeds into `out`.
fn run<'a>(methods: &'a str, seeds: &'a str, out: &'a Path, options: &[&'a str]) -> Vec<&'a str> {
    let common = [
        "run",
        "--model",
        "tiny-bert",
        "--methods",
        methods,
        "--seeds",
        seeds,
        "--train-limit",
        "64",
        "--validation-limit",
        "32",
        "--test-limit",
        "48",
        "--epochs",
        "2",
        "--out",
    ];
    [&common[..], &[out.to_str().unwrap()], options].concat()
}

/// The records of a run, which must be whole, by the trials' ids.
fn records(out: &Path) -> BTreeMap<String, TrialRecord> {
    let trials = store::read_trials(out).unwrap();
    let records = trials.into_iter().map(|trial| trial.record);
    records
        .map(|record| (record.trial_id.clone(), record))
        .collect()
}

/// What a trial found, times and machines aside.
fn found(record: &TrialRecord) -> Value {
    let r = record;
    let curve: Vec<_> = r
        .curve
        .iter()
        .map(|p| (p.step, &p.split, &p.metric, p.value))
        .collect();
    let tune = r.details.get("tune").map(|tune| {
        let part = |name: &str| tune.get(name).cloned().unwrap_or_default();
        [part("best"), part("epochs"), part("searched_by")]
    });
    json!([
        r.spec,
        r.outcome,
        r.error,
        [r.n_train, r.n_validation, r.n_test, r.classes],
        [
            r.trainable_params,
            r.added_params,
            r.total_params,
            r.stored_bytes
        ],
        [
            r.test_accuracy,
            r.test_macro_f1,
            r.test_loss,
            r.validation_accuracy
        ],
        [r.train_flops, r.infer_flops_per_sample],
        r.predictions_digest,
        r.search_trials,
        r.search_edge,
        r.reading,
        r.notes,
        curve,
        tune
    ])
}

/// Everything that must hold of a run that has ended, whatever happened to it: all trials on record, nothing left of attempts, tables whole.
fn assert_whole(out: &Path, trials: usize) {
    let records = records(out);
    assert_eq!(records.len(), trials);
    let listed = fs::read_to_string(out.join("jobs/trials.tsv")).unwrap();
    let listed = listed
        .lines()
        .skip(1)
        .map(|line| line.split('\t').next().unwrap());
    let listed: BTreeSet<String> = listed.map(str::to_owned).collect();
    assert_eq!(records.into_keys().collect::<BTreeSet<_>>(), listed);
    let table = fs::read_to_string(out.join("trials.csv")).unwrap();
    let rows = csv::Reader::from_reader(table.as_bytes())
        .into_records()
        .count();
    assert_eq!(rows, trials, "a row twice or missing");
    let left = |name: &str| {
        let entries = fs::read_dir(out.join("jobs").join(name));
        entries.map_or(0, |entries| {
            entries
                .flatten()
                .filter(|e| !e.file_name().as_encoded_bytes().starts_with(b"."))
                .count()
        })
    };
    assert_eq!((left("claims"), left("attempts")), (0, 0));
}

fn ended(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), text(&output.stderr))
}

fn end(child: Child) -> (Option<i32>, String) {
    ended(&child.wait_with_output().unwrap())
}

fn start(mut command: Command) -> Child {
    command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn on_a_cluster_nothing_is_lost_and_nothing_is_run_twice() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let full = at("full-disk");
    // Written for an engine of one's own first, which the same run is then taken over from.
    let prepared = Command::new(env!("CARGO_BIN_EXE_tests"))
        .args(run(ON_FULL_DISK, "4", &full, &["--on", "other"]))
        .env("XDG_CACHE_HOME", cache())
        .output()
        .unwrap();
    assert!(prepared.status.success(), "{}", text(&prepared.stderr));
    let attempts = full.join("jobs/attempts");
    fs::create_dir_all(&attempts).unwrap();
    let Some(cluster) = Cluster::start(&at("cluster"), &attempts) else {
        println!("skipped: Slurm is not installed (scripts/slurm_on_one_machine.sh install)");
        return;
    };
    let cluster = &cluster;
    // A node is killed when the forty have ended, which are to be spread over all of them.
    let (done, forty_done) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(|| {
            forty_trials_are_those_of_one_process(cluster, &at("many"), &at("one"));
            drop(done);
        });
        scope.spawn(|| a_job_past_its_limit_is_a_record(cluster, &at("limit")));
        scope.spawn(|| two_submissions_at_once_run_each_trial_once(cluster, &at("twice")));
        scope.spawn(|| a_run_taken_out_of_slurm_is_continued(cluster, &at("cancelled")));
        scope.spawn(|| trials_leave_a_node_that_dies(cluster, &at("lost"), forty_done));
        if can_mount() {
            scope.spawn(|| trials_leave_a_node_whose_disk_is_full(cluster, &at("full-disk")));
        } else {
            println!("skipped: a node with a full disk (this user may not mount)");
        }
    });
}

fn forty_trials_are_those_of_one_process(cluster: &Cluster, many: &Path, one: &Path) {
    let methods = "majority,tf-idf,feature-based,mock-slow";
    let tuned = ["--tune", "2"];
    let on_slurm = [&tuned[..], &["--on", "slurm", "--max-parallel", "8"]].concat();
    let cluster_run = start(cluster.program(&run(methods, "10", many, &on_slurm)));
    let alone = start(cluster.program(&run(methods, "10", one, &tuned)));
    let (code, said) = end(alone);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = end(cluster_run);
    assert_eq!(code, Some(0), "{said}");
    assert_whole(many, 40);
    let (ours, theirs) = (records(many), records(one));
    let mut nodes = BTreeSet::new();
    for (id, record) in &ours {
        assert_eq!(found(record), found(&theirs[id]), "{id}");
        let machine = record.machine.as_ref().unwrap();
        assert_eq!(machine.engine.as_deref(), Some("slurm"));
        assert!(
            machine.job.as_ref().is_some_and(|job| job.contains('_')),
            "{machine:?}"
        );
        nodes.insert(machine.node.clone());
        let table =
            |out: &Path| fs::read(store::trial_dir(out, id).join("predictions.csv")).unwrap();
        assert!(table(many) == table(one), "{id}");
    }
    // How many of the four is Slurm's choice: the other runs keep some of them busy, and one dies.
    assert!(nodes.len() > 1, "{nodes:?}");
    let status = cluster
        .program(&["status", many.to_str().unwrap()])
        .output()
        .unwrap();
    assert_eq!(ended(&status).0, Some(0));
    assert!(text(&status.stdout).contains("40 trials: 40 finished, 0 to come"));
}

fn a_job_past_its_limit_is_a_record(cluster: &Cluster, out: &Path) {
    let limits = ["--slurm-option", "time=1", "--slurm-option", LONG_OPTION];
    let options = [&["--on", "slurm"][..], &limits].concat();
    let run = run("mock-endless,mock-constant", "1", out, &options);
    let (code, said) = ended(&cluster.program(&run).output().unwrap());
    assert_eq!(code, Some(1), "{said}");
    assert_whole(out, 2);
    let records = records(out);
    let record = records
        .values()
        .find(|r| r.spec.method == "mock-endless")
        .unwrap();
    assert_eq!(
        record.outcome,
        record::Outcome::TimedOut,
        "{:?}",
        record.error
    );
    let error = record.error.as_ref().unwrap();
    assert!(
        error.contains("TIMEOUT") && error.contains("00:01:00"),
        "{error}"
    );
    assert!(record.attempts.is_empty(), "{:?}", record.attempts);
    let machine = record.machine.as_ref().unwrap();
    assert!(
        machine.node.is_some() && machine.host.is_some(),
        "{machine:?}"
    );
    let log = store::trial_dir(out, &record.trial_id).join("log.txt");
    assert!(fs::read_to_string(log).unwrap().contains("phase: train"));
}

fn two_submissions_at_once_run_each_trial_once(cluster: &Cluster, out: &Path) {
    let run = run("mock-slow,mock-constant", "6", out, &["--on", "slurm"]);
    let both = [(); 2].map(|()| start(cluster.program(&run)));
    for (code, said) in both.map(end) {
        assert_eq!(code, Some(0), "{said}");
    }
    assert_whole(out, 12);
    // Of all jobs, however many there were for a trial, one has run it.
    let logs = fs::read_dir(out.join("jobs/logs")).unwrap().flatten();
    let logs: String = logs
        .map(|log| fs::read_to_string(log.path()).unwrap())
        .collect();
    for id in records(out).into_keys() {
        assert_eq!(
            logs.matches(&format!("{id}: finished")).count(),
            1,
            "{id}: {logs}"
        );
    }
}

fn a_run_taken_out_of_slurm_is_continued(cluster: &Cluster, out: &Path) {
    // Pending until it is too late.
    let held = ["--on", "slurm", "--slurm-option", "begin=now+3600"];
    let waiting = start(cluster.program(&run("mock-constant", "5", out, &held)));
    wait_until("five tasks wait", 60, || cluster.queue(out).len() == 5);
    let status = cluster
        .program(&["status", out.to_str().unwrap()])
        .output()
        .unwrap();
    assert_eq!(ended(&status).0, Some(NOT_NOW));
    assert!(
        text(&status.stdout).contains("in Slurm, PENDING: 5"),
        "{}",
        text(&status.stdout)
    );
    let array = cluster.queue(out)[0]
        .0
        .split('_')
        .next()
        .unwrap()
        .to_owned();
    assert!(
        cluster
            .command("scancel", &[&array])
            .status()
            .unwrap()
            .success()
    );
    let (code, said) = end(waiting);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("5 trials were taken out of Slurm"), "{said}");
    assert!(records(out).is_empty());
    // Detached, and taken in by the same command.
    let detached = run("mock-constant", "5", out, &["--on", "slurm", "--detach"]);
    let (code, said) = ended(&cluster.program(&detached).output().unwrap());
    assert_eq!(code, Some(0), "{said}");
    wait_until("five trials have ended", 90, || {
        let status = cluster.program(&["status", out.to_str().unwrap()]).output();
        status.unwrap().status.success()
    });
    let again = run("mock-constant", "5", out, &["--on", "slurm"]);
    let (code, said) = ended(&cluster.program(&again).output().unwrap());
    assert_eq!(code, Some(0), "{said}");
    assert_whole(out, 5);
}

fn trials_leave_a_node_that_dies(cluster: &Cluster, out: &Path, go: mpsc::Receiver<()>) {
    let gate = out.with_extension("gate");
    let mut command = cluster.program(&run(
        "mock-gated",
        "3",
        out,
        &["--on", "slurm", "--slurm-option", "exclude=n4"],
    ));
    command.env("ADAPTBENCH_TEST_GATE", &gate);
    let waiting = start(command);
    let running = || {
        let queue = cluster.queue(out).into_iter();
        queue
            .filter(|(_, state, _)| state == "RUNNING")
            .collect::<Vec<_>>()
    };
    wait_until("three trials run", 90, || running().len() == 3);
    wait_until("all have been claimed", 30, || {
        fs::read_dir(out.join("jobs/claims")).is_ok_and(|claims| claims.count() >= 3)
    });
    let (job, _, node) = running()
        .into_iter()
        .find(|(.., node)| node != LONG_NODE)
        .unwrap();
    // The sender is gone when it is time.
    let _ = go.recv();
    let killed = cluster
        .script(&["kill", cluster.dir.to_str().unwrap(), &node])
        .status();
    assert!(killed.is_ok_and(|status: ExitStatus| status.success()));
    wait_until("the trial runs on another node", 90, || {
        running()
            .iter()
            .any(|(again, _, now)| *again == job && *now != node)
    });
    fs::write(&gate, "").unwrap();
    let (code, said) = end(waiting);
    assert_eq!(code, Some(0), "{said}");
    assert_whole(out, 3);
    let records = records(out);
    let on_record = |record: &&TrialRecord| {
        let machine = record.machine.as_ref().unwrap();
        machine.job.as_ref() == Some(&job)
    };
    let record = records.values().find(on_record).unwrap();
    assert_eq!(record.attempts.len(), 1, "{:?}", record.attempts);
    assert_eq!(record.attempts[0].node.as_ref(), Some(&node));
    assert_ne!(record.machine.as_ref().unwrap().node.as_ref(), Some(&node));
}

fn trials_leave_a_node_whose_disk_is_full(cluster: &Cluster, out: &Path) {
    let run = run(ON_FULL_DISK, "4", out, &["--on", "slurm"]);
    let (code, said) = ended(&cluster.program(&run).output().unwrap());
    assert_eq!(code, Some(0), "{said}");
    assert_whole(out, 8);
    let records = records(out);
    for record in records.values() {
        let machine = record.machine.as_ref().unwrap();
        assert_ne!(machine.node.as_deref(), Some(FULL_NODE));
    }
    let attempts = records.values().flat_map(|record| &record.attempts);
    let on_full: Vec<_> = attempts
        .filter(|attempt| attempt.node.as_deref() == Some(FULL_NODE))
        .collect();
    assert!(
        !on_full.is_empty(),
        "no trial came to {FULL_NODE}, which is filled first: {said}"
    );
    assert!(
        on_full
            .iter()
            .all(|attempt| attempt.ended.contains("could not be written")),
        "{on_full:?}"
    );
}
