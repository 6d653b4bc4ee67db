//! What real processes read as: one second is one second, 256 MiB are 256 MiB, and a killed process keeps its peak.
//!
//! The children are this test program itself, started again with `WORKLOAD` set.

use measure::{CountingAllocator, Phase, Recorder, watch};
use record::{Outcome, TrialRecord, TrialSpec};
use std::alloc::System;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

#[global_allocator]
static HEAP: CountingAllocator<System> = CountingAllocator::new(System);

const MIB: u64 = 1 << 20;

/// Not a test of its own: the workload of the child processes.
#[test]
fn workload() {
    match std::env::var("WORKLOAD").as_deref() {
        Ok("trial") => println!("RECORD {}", serde_json::to_string(&mock_trial()).unwrap()),
        Ok("hold-and-wait") => {
            let held = touched(256);
            println!("HOLDING");
            std::thread::sleep(Duration::from_secs(60));
            drop(held);
        }
        Ok("abort-refused") => {
            let layout = std::alloc::Layout::from_size_align(1 << 50, 16).unwrap();
            std::alloc::handle_alloc_error(layout);
        }
        _ => {}
    }
}

/// Loads with 600 MiB, trains for one second with 256 MiB, evaluates with 400 MiB.
fn mock_trial() -> TrialRecord {
    let mut recorder = Recorder::default();
    recorder.begin(Phase::Load);
    drop(touched(600));
    recorder.begin(Phase::Train);
    let held = touched(256);
    let half = Duration::from_millis(500)
        .saturating_sub(Duration::from_secs_f64(recorder.training_elapsed_s()));
    std::thread::sleep(half);
    recorder.begin(Phase::Validate);
    std::thread::sleep(Duration::from_millis(300));
    recorder.begin(Phase::Train);
    std::thread::sleep(Duration::from_millis(500));
    drop(held);
    recorder.begin(Phase::Evaluate);
    drop(touched(400));
    let spec = TrialSpec {
        method: "mock".into(),
        variant: String::new(),
        model: "none".into(),
        task: "none".into(),
        device: "none".into(),
        seed: 0,
        config: serde_json::Value::Null,
        budget: record::TrialBudget::default(),
        model_digest: String::new(),
        task_digest: String::new(),
    };
    let mut record = TrialRecord::unmeasured("mock".into(), spec, Outcome::Finished);
    recorder.finish().fill(&mut record);
    record
}

/// Memory that is really resident: every page written.
fn touched(mebibytes: u64) -> Vec<u8> {
    let mut memory = vec![0_u8; (mebibytes * MIB) as usize];
    for page in memory.chunks_mut(4096) {
        page[0] = 1;
    }
    std::hint::black_box(memory)
}

fn start(workload: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "workload", "--nocapture", "--test-threads=1"])
        .env("WORKLOAD", workload)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn read(pipe: Option<impl Read>) -> String {
    let mut text = String::new();
    pipe.unwrap().read_to_string(&mut text).unwrap();
    text
}

fn near(bytes: Option<u64>, expected: u64, slack: u64) -> bool {
    bytes.is_some_and(|bytes| bytes >= expected && bytes <= expected + slack)
}

#[cfg(target_os = "linux")]
#[test]
fn one_second_and_256_mib_of_training_read_as_such() {
    let mut child = start("trial");
    let ended = watch::watch(&mut child, Some(Duration::from_secs(50)), |_| {}).unwrap();
    assert_eq!(ended.outcome(&read(child.stderr.take())), Outcome::Finished);
    let stdout = read(child.stdout.take());
    let line = stdout
        .lines()
        .find_map(|line| line.split_once("RECORD "))
        .expect("the child prints its record")
        .1;
    let record: TrialRecord = serde_json::from_str(line).unwrap();
    println!(
        "train_s {:?}, train rss {:?}, train heap {:?}, eval rss {:?}, baseline {:?}",
        record.train_s,
        record.train_peak_rss_bytes,
        record.train_peak_heap_bytes,
        record.eval_peak_rss_bytes,
        record.baseline_rss_bytes
    );
    let train_s = record.train_s.unwrap();
    assert!(
        (1.0..1.25).contains(&train_s),
        "a second of training was measured as {train_s} s"
    );
    // The program itself holds a few MiB; the 600 MiB of loading and the 400 MiB of testing must not show.
    assert!(
        near(record.train_peak_rss_bytes, 256 * MIB, 12 * MIB),
        "{:?}",
        record.train_peak_rss_bytes
    );
    assert!(
        near(record.train_peak_heap_bytes, 256 * MIB, MIB),
        "{:?}",
        record.train_peak_heap_bytes
    );
    assert!(
        near(record.eval_peak_rss_bytes, 400 * MIB, 12 * MIB),
        "{:?}",
        record.eval_peak_rss_bytes
    );
    assert!(
        near(record.baseline_rss_bytes, 0, 12 * MIB),
        "{:?}",
        record.baseline_rss_bytes
    );
    // The parent polls, so of the 600 MiB of loading, soon given back, it may have seen less; the 400 MiB of testing stand until the end.
    assert!(
        near(ended.peak_rss_bytes, 400 * MIB, 212 * MIB),
        "the parent saw {:?}",
        ended.peak_rss_bytes
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_killed_child_still_has_its_peak() {
    let mut child = start("hold-and-wait");
    let pid = child.id().to_string();
    let mut killed = false;
    let ended = watch::watch(&mut child, Some(Duration::from_secs(50)), |sample| {
        if !killed && sample.memory.now_bytes.is_some_and(|now| now > 256 * MIB) {
            killed = Command::new("sh")
                .args(["-c", &format!("kill -9 {pid}")])
                .status()
                .unwrap()
                .success();
        }
    })
    .unwrap();
    assert!(killed, "the child never held its memory");
    assert_eq!(ended.outcome(""), Outcome::Crashed);
    assert!(
        near(ended.peak_rss_bytes, 256 * MIB, 12 * MIB),
        "{:?}",
        ended.peak_rss_bytes
    );
    assert!(ended.describe().contains("SIGKILL"), "{}", ended.describe());
}

#[cfg(unix)]
#[test]
fn a_child_is_stopped_at_its_time_limit() {
    let mut child = start("hold-and-wait");
    let ended = watch::watch(&mut child, Some(Duration::from_millis(700)), |_| {}).unwrap();
    assert_eq!(ended.outcome(""), Outcome::TimedOut);
    assert!(
        ended.elapsed >= Duration::from_millis(700) && ended.elapsed < Duration::from_secs(5),
        "{:?}",
        ended.elapsed
    );
}

#[cfg(unix)]
#[test]
fn a_refused_allocation_reads_as_out_of_memory() {
    let mut child = start("abort-refused");
    let ended = watch::watch(&mut child, Some(Duration::from_secs(50)), |_| {}).unwrap();
    let stderr = read(child.stderr.take());
    assert_eq!(ended.outcome(&stderr), Outcome::OutOfMemory, "{stderr}");
}
