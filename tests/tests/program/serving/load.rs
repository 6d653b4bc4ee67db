//! Many clients at a time. A minute of them where `ADAPTBENCH_SLOW` is true, some seconds elsewhere.

use super::client::Client;
use super::{kept, scratch};
use crate::harness::program;
use serde_json::json;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const CLIENTS: usize = 200;

/// A server in a process of its own, whose memory is nobody else's; it ends with this.
struct Alone(Child);

impl Drop for Alone {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(arguments: &[&str]) -> (Alone, SocketAddr) {
    let child = program(arguments).stdout(Stdio::piped()).spawn();
    let mut server = Alone(child.unwrap());
    let mut said = String::new();
    let output = server.0.stdout.take().unwrap();
    BufReader::new(output).read_line(&mut said).unwrap();
    let address = said.trim().strip_prefix("listening on http://");
    (server, address.unwrap().parse().unwrap())
}

/// What one client saw: seconds of each answer, and what was wrong.
type Seen = (Vec<f64>, Vec<String>);

fn ask(address: SocketAddr, number: usize, until: Instant) -> Seen {
    let (mut took, mut wrong) = (Vec::new(), Vec::new());
    let mut client = Client::new(address).unwrap();
    let text = format!("question number {number} about my card");
    let mut first = None;
    while Instant::now() < until {
        let started = Instant::now();
        match client.post("/classify", &json!({"texts": [text]})) {
            Ok(answer) if answer.status == 200 => {
                took.push(started.elapsed().as_secs_f64());
                // The same question has the same answer, whatever the others ask meanwhile.
                if *first.get_or_insert_with(|| answer.body.clone()) != answer.body {
                    wrong.push(format!("another answer: {}", answer.body));
                }
            }
            Ok(answer) => wrong.push(format!("{}: {}", answer.status, answer.body)),
            Err(error) => {
                wrong.push(error.to_string());
                break;
            }
        }
    }
    (took, wrong)
}

fn metrics(address: SocketAddr) -> String {
    let mut client = Client::new(address).unwrap();
    client.get("/metrics").unwrap().body
}

fn resident(address: SocketAddr) -> f64 {
    let metrics = metrics(address);
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix("serve_resident_bytes "));
    line.expect("resident memory").parse().unwrap()
}

#[test]
fn two_hundred_clients_lose_nothing_and_memory_stays_flat() {
    let is_slow = std::env::var("ADAPTBENCH_SLOW").is_ok_and(|value| value == "true");
    let seconds = if is_slow { 60 } else { 4 };
    let dir = scratch();
    let adapter = kept("finetune-output", "tiny-bert", &dir.path().join("run"));
    let adapter = adapter.to_str().unwrap();
    let (_server, address) = start(&[
        "serve",
        "--model",
        "tiny-bert",
        "--adapter",
        adapter,
        "--port",
        "0",
    ]);
    let round = |length: Duration| -> Vec<Seen> {
        let until = Instant::now() + length;
        thread::scope(|scope| {
            let clients: Vec<_> = (0..CLIENTS)
                .map(|number| scope.spawn(move || ask(address, number, until)))
                .collect();
            clients
                .into_iter()
                .map(|client| client.join().unwrap())
                .collect()
        })
    };
    // What the first requests of each connection take for good is taken here.
    let first = round(Duration::from_secs(1));
    let before = resident(address);
    let seen = round(Duration::from_secs(seconds));
    let after = resident(address);
    let wrong: Vec<&String> = seen
        .iter()
        .chain(&first)
        .flat_map(|(_, wrong)| wrong)
        .collect();
    assert!(
        wrong.is_empty(),
        "{} lost, the first: {:?}",
        wrong.len(),
        wrong[0]
    );
    let mut took: Vec<f64> = seen
        .iter()
        .flat_map(|(took, _)| took.iter().copied())
        .collect();
    took.sort_by(f64::total_cmp);
    let quantile = |share: f64| 1e3 * took[((took.len() - 1) as f64 * share) as usize];
    println!(
        "{CLIENTS} clients, {seconds} s: {} answers ({:.0} a second), p50 {:.1} ms, p99 {:.1} ms, largest {:.1} ms; resident {:.1} -> {:.1} MiB",
        took.len(),
        took.len() as f64 / seconds as f64,
        quantile(0.5),
        quantile(0.99),
        quantile(1.0),
        before / 1048576.0,
        after / 1048576.0
    );
    assert!(took.len() >= CLIENTS, "{} answers", took.len());
    assert!(after - before < 8e6, "{before} -> {after} bytes");
    // Every answer that a client saw is one that the server counted, and no other.
    let metrics = metrics(address);
    let all = took.len() + first.iter().map(|(took, _)| took.len()).sum::<usize>();
    let line = format!("serve_requests_total{{route=\"/classify\",status=\"200\"}} {all}\n");
    assert!(metrics.contains(&line), "{line} is not in {metrics}");
}
