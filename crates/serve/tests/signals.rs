//! The program itself: it says where it listens, and SIGTERM ends it with what is under way answered.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

fn start(options: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_serve"))
        .args(options)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Ends within a minute, or fails.
fn code(child: &mut Child) -> Option<i32> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        if started.elapsed() > Duration::from_secs(60) {
            child.kill().unwrap();
            panic!("it did not end");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_signal_ends_it_when_what_is_under_way_is_answered() {
    for signal in ["-TERM", "-INT"] {
        let mut child = start(&["--model", "novels-llama", "--port", "0"]);
        let mut said = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut said)
            .unwrap();
        let address = said.trim().strip_prefix("listening on http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        let body = r#"{"prompt": "It was", "max_tokens": 60, "temperature": 0}"#;
        let length = body.len();
        write!(
            stream,
            "POST /v1/completions HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        // Long enough to be taken; how far it is does not matter.
        std::thread::sleep(Duration::from_millis(300));
        let sent = Command::new("kill")
            .args([signal, &child.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{signal}: {answer}");
        assert!(answer.contains("\"finish_reason\""), "{signal}: {answer}");
        assert_eq!(code(&mut child), Some(0), "{signal}");
    }
}

#[test]
fn what_cannot_be_served_is_refused_with_the_reason() {
    for (options, reason) in [
        (&["--model", "tiny-bert"][..], "--adapter"),
        (&["--model", "no-such-model"], "no-such-model"),
        (
            &["--model", "novels-llama", "--adapter", "/nowhere"],
            "/nowhere",
        ),
        (
            &[
                "--model",
                "novels-llama",
                "--port",
                "1",
                "--host",
                "203.0.113.7",
            ],
            "cannot listen",
        ),
    ] {
        let mut child = start(options);
        assert_eq!(code(&mut child), Some(2), "{options:?}");
        let mut said = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut said)
            .unwrap();
        assert!(said.contains(reason), "{options:?}: {said}");
    }
}
