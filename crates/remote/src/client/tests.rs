//! Servers as they are: busy, broken, slow, cut off, answering what is no answer.

use super::*;
use serde_json::json;
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Mutex;
use std::time::Instant;

const KEY: &str = "sk-0123456789abcdef";

/// What a server has heard: headers and body of each request.
type Heard = Arc<Mutex<Vec<String>>>;

/// Sends the bytes that `answer` makes of the number of the request and its body, whatever they are; `None`: nothing, and the connection stays.
fn serve(
    answer: impl Fn(usize, &str) -> Option<Vec<u8>> + Send + Sync + 'static,
) -> (String, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap());
    let heard = Heard::default();
    let (log, answer) = (heard.clone(), Arc::new(answer));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (log, answer) = (log.clone(), answer.clone());
            std::thread::spawn(move || reply(stream, &log, &*answer));
        }
    });
    (base, heard)
}

fn reply(mut stream: TcpStream, log: &Heard, answer: &dyn Fn(usize, &str) -> Option<Vec<u8>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let lower = line.to_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
        head += &line;
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let body = String::from_utf8(body).unwrap();
    let number = {
        let mut log = log.lock().unwrap();
        log.push(head + "\n" + &body);
        log.len() - 1
    };
    match answer(number, &body) {
        Some(bytes) => drop(stream.write_all(&bytes)),
        None => std::thread::sleep(Duration::from_secs(5)),
    }
}

fn http(status: &str, headers: &str, body: &str) -> Option<Vec<u8>> {
    let length = body.len();
    let text = format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    Some(text.into_bytes())
}

const JSON: &str = "Content-Type: application/json; charset=utf-8\r\n";

fn word(word: &str) -> Option<Vec<u8>> {
    let body = json!({"word": word, "usage": {"prompt_tokens": 10, "completion_tokens": 2}});
    http("200 OK", JSON, &body.to_string())
}

const PRICES: Prices = Prices {
    input: 1000.0,
    output: 5000.0,
};

fn client(base: &str, ledger: Ledger) -> Client {
    let limits = Limits {
        at_once: 4,
        timeout: Duration::from_secs(10),
        retries: 7,
        first_wait: Duration::from_millis(4),
    };
    let key = Key::new(KEY.to_owned()).unwrap();
    let server = Server::new(base).unwrap();
    Client::new(server, key, Some(PRICES), limits, Arc::new(ledger))
}

/// Long beside what a busy machine takes to answer at once.
const IMPATIENCE: Duration = Duration::from_millis(1500);

/// One that is not patient with a slow server.
fn impatient(base: &str) -> Client {
    let patient = client(base, Ledger::in_memory());
    let limits = Limits {
        timeout: IMPATIENCE,
        ..patient.limits
    };
    let key = Key::new(KEY.to_owned()).unwrap();
    Client::new(patient.server, key, Some(PRICES), limits, patient.ledger)
}

fn ask(client: &Client, text: &str) -> Result<Answered<String>, AskError> {
    let request = Request {
        path: "words",
        body: &json!({"text": text}),
        most_output: 3,
    };
    client.ask(request, |body| {
        let word = body.get("word").and_then(Value::as_str);
        word.map(str::to_owned)
            .ok_or_else(|| "it has no word".to_owned())
    })
}

#[test]
fn an_answer_comes_through_everything_that_may_go_wrong_before_it() {
    let (base, heard) = serve(|number, _| match number {
        0 => http("429 Too Many Requests", "Retry-After: 0.25\r\n", "{}"),
        1 => http("500 Internal Server Error", "", "oh"),
        2 => http("200 OK", JSON, "{\"word\": \"unend"),
        3 => http(
            "200 OK",
            "Content-Type: text/html\r\n",
            "<html>login</html>",
        ),
        // Cut off within the answer that was announced.
        4 => word("yes").map(|bytes| bytes[..bytes.len() - 9].to_vec()),
        5 => None,
        6 => http("200 OK", JSON, "{\"choices\": []}"),
        _ => word("yes"),
    });
    let client = impatient(&base);
    let began = Instant::now();
    let answered = ask(&client, "t").unwrap();
    assert!(began.elapsed() >= Duration::from_millis(250) + IMPATIENCE);
    assert_eq!((answered.answer.as_str(), answered.failed), ("yes", 7));
    assert_eq!(answered.tokens.input, Some(10));
    assert_eq!(answered.usd, Some(0.02));
    assert!(
        answered.seconds < IMPATIENCE.as_secs_f64(),
        "waits are no part of a call: {answered:?}"
    );
    let heard = heard.lock().unwrap();
    assert_eq!(heard.len(), 8);
    let authorised = format!("authorization: bearer {KEY}");
    assert!(
        heard
            .iter()
            .all(|request| request.to_lowercase().contains(&authorised))
    );
}

#[test]
fn every_failure_is_told_by_name_and_none_shows_the_key() {
    type Reply = fn() -> Option<Vec<u8>>;
    let failures: [(Reply, &str); 7] = [
        (
            || {
                http(
                    "503 Service Unavailable",
                    JSON,
                    r#"{"error":{"message":"overloaded"}}"#,
                )
            },
            "answered 503: overloaded",
        ),
        (
            || http("429 Too Many Requests", "Retry-After: 4000\r\n", "{}"),
            "answered 429",
        ),
        (
            || http("200 OK", "Content-Type: text/html\r\n", "<html>"),
            "with text/html, expected application/json",
        ),
        (|| http("200 OK", JSON, "{\"wo"), "no JSON"),
        (
            || word("yes").map(|bytes| bytes[..bytes.len() - 9].to_vec()),
            "broke off its answer",
        ),
        (
            || http("200 OK", JSON, "{}"),
            "gave no answer: it has no word",
        ),
        (|| None, "timed out"),
    ];
    for (reply, named) in failures {
        let (base, _) = serve(move |_, _| reply());
        let mut client = match named {
            "timed out" => impatient(&base),
            _ => client(&base, Ledger::in_memory()),
        };
        client.limits.retries = 1;
        let error = ask(&client, "t").unwrap_err();
        let said = error.to_string();
        assert!(matches!(error, AskError::Unanswered { .. }), "{said}");
        assert!(
            said.contains(named) && !said.contains("0123456789"),
            "{said}"
        );
    }
}

#[test]
fn what_another_attempt_would_not_change_is_not_tried_again_and_no_redirect_gets_the_key() {
    let quoted =
        format!(r#"{{"error":{{"message":"Incorrect key: {KEY}","code":"invalid_api_key"}}}}"#);
    let (base, heard) = serve(move |_, _| http("401 Unauthorized", JSON, &quoted));
    let said = ask(&client(&base, Ledger::in_memory()), "t")
        .unwrap_err()
        .to_string();
    assert!(
        said.contains("401: Incorrect key: [key]; set OPENAI_API_KEY"),
        "{said}"
    );
    assert_eq!(heard.lock().unwrap().len(), 1);
    let (other, never) = serve(|_, _| word("yes"));
    let location = format!("Location: {other}/words\r\n");
    let (base, _) = serve(move |_, _| http("302 Found", &location, ""));
    let said = ask(&client(&base, Ledger::in_memory()), "t")
        .unwrap_err()
        .to_string();
    assert!(said.contains("give that as base URL"), "{said}");
    assert!(never.lock().unwrap().is_empty());
    let debug = format!("{:?}", client(&base, Ledger::in_memory()));
    assert!(!debug.contains("0123456789"), "{debug}");
}

#[test]
fn an_answer_is_paid_for_once_by_all_who_share_a_ledger() {
    let dir = tempfile::tempdir().unwrap();
    let (base, heard) = serve(|_, body| word(&body.len().to_string()));
    let first = client(&base, Ledger::open(dir.path()).unwrap());
    let texts = ["a", "bb", "a", "www", "bb", "a", "a"];
    let at_once = std::num::NonZeroUsize::new(4).unwrap();
    let answers = crate::ask_all(texts.len(), at_once, |place| ask(&first, texts[place])).unwrap();
    assert_eq!(heard.lock().unwrap().len(), 3);
    let fresh = answers.iter().filter(|answer| !answer.is_kept).count();
    assert_eq!(fresh, 3);
    let second = client(&base, Ledger::open(dir.path()).unwrap());
    let again = ask(&second, "www").unwrap();
    assert!(again.is_kept && again.answer == answers[3].answer && again.usd == Some(0.02));
    assert_eq!(heard.lock().unwrap().len(), 3);
    // A text that no digest can hold by chance.
    let kept = std::fs::read_to_string(dir.path().join("answers.jsonl")).unwrap();
    assert!(
        !kept.contains("0123456789") && !kept.contains("www"),
        "{kept}"
    );
}

#[test]
fn no_call_is_sent_that_could_exceed_the_limit() {
    let dir = tempfile::tempdir().unwrap();
    let (base, heard) = serve(|_, _| word("yes"));
    let ledger = Ledger::open(dir.path()).unwrap();
    // A call may cost (12 + 256) x 1000 / 1e6 + 3 x 5000 / 1e6 = 0.283 dollars and costs 0.02.
    ledger.limit(0.35).unwrap();
    let client = client(&base, ledger);
    let mut answered = 0;
    let stopped = loop {
        match ask(&client, &answered.to_string()) {
            Ok(_) => answered += 1,
            Err(error) => break error,
        }
    };
    assert!(
        matches!(stopped, AskError::OverCost { limit_usd, .. } if limit_usd == 0.35),
        "{stopped}"
    );
    assert_eq!((answered, heard.lock().unwrap().len()), (4, 4));
    client.ledger().limit(0.4).unwrap();
    ask(&client, "more").unwrap();
}

#[test]
fn a_call_that_may_have_been_charged_counts_as_spent_and_one_that_was_refused_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let (base, _) = serve(|number, _| match number {
        0 => http("500 Internal Server Error", "", ""),
        1 => http("200 OK", JSON, "{\"wo"),
        _ => word("yes"),
    });
    let ledger = Ledger::open(dir.path()).unwrap();
    ledger.limit(0.58).unwrap();
    let client = client(&base, ledger);
    ask(&client, "t").unwrap();
    let error = ask(&client, "u").unwrap_err();
    let AskError::OverCost { spent_usd, .. } = error else {
        panic!("{error}")
    };
    // The answer that was none at its most, and the other.
    assert!((spent_usd - (0.283 + 0.02)).abs() < 0.002, "{spent_usd}");
}

#[test]
fn a_busy_server_holds_all_calls() {
    let busy: Mutex<HashMap<usize, Instant>> = Mutex::default();
    let times = Arc::new(busy);
    let seen = times.clone();
    let (base, _) = serve(move |number, _| {
        seen.lock().unwrap().insert(number, Instant::now());
        if number == 0 {
            http("429 Too Many Requests", "Retry-After: 0.3\r\n", "{}")
        } else {
            word("yes")
        }
    });
    let client = client(&base, Ledger::in_memory());
    std::thread::scope(|scope| {
        let first = scope.spawn(|| ask(&client, "a").unwrap());
        while times.lock().unwrap().is_empty() {
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(100));
        ask(&client, "b").unwrap();
        first.join().unwrap();
    });
    let times = times.lock().unwrap();
    let later = times.iter().filter(|(number, _)| **number > 0);
    assert!(
        later.clone().count() == 2
            && later
                .into_iter()
                .all(|(_, at)| *at - times[&0] >= Duration::from_millis(280))
    );
}
