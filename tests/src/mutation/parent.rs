//! Starts workers, watches them, and adds up what they say.

use super::readers::Reader;
use super::tally::{Finding, Tally};
use super::worker::MARK;
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// What an input may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Seconds of the processor; three times as many may pass, as the machine may be busy otherwise.
    pub(crate) seconds: f64,
    /// Bytes of the heap.
    pub(crate) bytes: u64,
}

/// Address space of a worker in KiB: large enough that the count of the heap speaks first, small enough to spare the machine.
const ADDRESS_SPACE_KIB: u64 = 12 << 20;

/// Inputs a worker reads before a fresh one takes over.
const CHUNK: u64 = 200;

/// Numbers of inputs of a reader that are still to be read.
#[derive(Clone, Copy)]
struct Job {
    reader: &'static Reader,
    first: u64,
    count: u64,
}

/// Reads `count` inputs of each reader from number `first` on, with as many workers as there are processors.
///
/// # Errors
/// A worker that cannot be started.
pub(crate) fn run(
    wanted: &[(&'static Reader, u64)],
    first: u64,
    corpus: &Path,
    bounds: Bounds,
) -> anyhow::Result<Tally> {
    let mut jobs = VecDeque::new();
    let longest = wanted.iter().map(|(_, count)| *count).max().unwrap_or(0);
    for from in (0..longest).step_by(CHUNK as usize) {
        for (reader, count) in wanted {
            if from < *count {
                let count = CHUNK.min(count - from);
                jobs.push_back(Job {
                    reader,
                    first: first + from,
                    count,
                });
            }
        }
    }
    let jobs = Mutex::new(jobs);
    let tally = Mutex::new(Tally::new(wanted.iter().map(|(reader, _)| reader.name)));
    let workers = std::thread::available_parallelism()?.get();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers)
            .map(|_| {
                scope.spawn(|| -> anyhow::Result<()> {
                    loop {
                        let job = jobs.lock().expect("not poisoned").pop_front();
                        let Some(job) = job else { return Ok(()) };
                        work(job, corpus, bounds, &tally)?;
                    }
                })
            })
            .collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().expect("a worker's thread"))
    })?;
    Ok(tally.into_inner()?)
}

/// Does a job, with another worker from the next input on where one dies.
fn work(mut job: Job, corpus: &Path, bounds: Bounds, tally: &Mutex<Tally>) -> anyhow::Result<()> {
    while job.count > 0 {
        let mut child = start(job, corpus)?;
        let (lines, errors) = (lines_of(&mut child), tail_of(&mut child));
        let unfinished = watch(&mut child, &lines, job, bounds, tally);
        let status = child.wait()?;
        let errors = errors.join().unwrap_or_default();
        let Some(Unfinished {
            seed,
            special,
            killed_after,
        }) = unfinished
        else {
            anyhow::ensure!(
                status.success(),
                "a worker of {} ended with {status}: {errors}",
                job.reader.name
            );
            return Ok(());
        };
        let what = match killed_after {
            Some(seconds) => Finding::hang(seconds),
            None => Finding::death(&status.to_string(), &errors),
        };
        let what = what.where_stands(&special);
        tally
            .lock()
            .expect("not poisoned")
            .found(job.reader.name, seed, what);
        job.count -= seed + 1 - job.first;
        job.first = seed + 1;
    }
    Ok(())
}

fn start(job: Job, corpus: &Path) -> anyhow::Result<Child> {
    let script = format!("ulimit -v {ADDRESS_SPACE_KIB}; ulimit -c 0; exec \"$0\" \"$@\"");
    Ok(Command::new("sh")
        .args(["-c", &script])
        .arg(std::env::current_exe()?)
        .args(["mutate", "--worker"])
        .arg(corpus)
        .args(["--reader", job.reader.name])
        .args([
            "--first",
            &job.first.to_string(),
            "--inputs",
            &job.count.to_string(),
        ])
        .env("HF_HUB_OFFLINE", "1")
        .env("XDG_CACHE_HOME", corpus.join("cache"))
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?)
}

/// The lines that the worker means for this process.
fn lines_of(child: &mut Child) -> Receiver<String> {
    let (send, receive) = channel();
    let out = BufReader::new(child.stdout.take().expect("piped"));
    std::thread::spawn(move || {
        for line in out.split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line);
            if let Some(line) = line.strip_prefix(MARK)
                && send.send(line.trim().to_owned()).is_err()
            {
                return;
            }
        }
    });
    receive
}

/// The last of what the worker writes to its standard error.
fn tail_of(child: &mut Child) -> std::thread::JoinHandle<String> {
    const KEPT: usize = 600;
    let mut errors = child.stderr.take().expect("piped");
    std::thread::spawn(move || {
        let (mut tail, mut buffer) = (Vec::new(), [0; 4096]);
        while let Ok(read @ 1..) = errors.read(&mut buffer) {
            tail.extend(&buffer[..read]);
            let surplus = tail.len().saturating_sub(KEPT);
            tail.drain(..surplus);
        }
        String::from_utf8_lossy(&tail).into_owned()
    })
}

/// An input that a worker began and did not end with.
struct Unfinished {
    seed: u64,
    /// What stands there instead of a file, or nothing.
    special: String,
    killed_after: Option<f64>,
}

/// Follows a worker to its end, or to the input that takes too long.
fn watch(
    child: &mut Child,
    lines: &Receiver<String>,
    job: Job,
    bounds: Bounds,
    tally: &Mutex<Tally>,
) -> Option<Unfinished> {
    let mut begun: Option<(Unfinished, Instant, f64)> = None;
    loop {
        match lines.recv_timeout(Duration::from_millis(50)) {
            Ok(line) => match (line.split_once(' '), &begun) {
                (Some(("begins", rest)), _) => {
                    let (seed, special) = rest.split_once(' ').unwrap_or((rest, ""));
                    let used = processor_seconds(child.id()).unwrap_or(0.0);
                    let unfinished = Unfinished {
                        seed: seed.parse().unwrap_or(job.first),
                        special: special.to_owned(),
                        killed_after: None,
                    };
                    begun = Some((unfinished, Instant::now(), used));
                }
                (Some(("ended", rest)), Some((input, ..))) => {
                    let mut tally = tally.lock().expect("not poisoned");
                    tally.ended(job.reader.name, rest, &input.special, bounds);
                    begun = None;
                }
                _ => {}
            },
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return begun.map(|(input, ..)| input),
        }
        if let Some((_, since, before)) = &begun {
            let used = processor_seconds(child.id()).map_or(0.0, |now| now - before);
            let passed = since.elapsed().as_secs_f64();
            if used > bounds.seconds || passed > 3.0 * bounds.seconds {
                let _ = child.kill();
                return begun.map(|(input, ..)| Unfinished {
                    killed_after: Some(passed),
                    ..input
                });
            }
        }
    }
}

/// User and system time of a process, proc_pid_stat(5).
fn processor_seconds(pid: u32) -> Option<f64> {
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields
        .split_whitespace()
        .skip(11)
        .map(|field| field.parse::<f64>().ok());
    Some((fields.next()?? + fields.next()??) / TICKS_PER_SECOND)
}
