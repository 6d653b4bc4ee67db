//! A server with OpenAI's interface that answers by a script, on loopback.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A request as it came.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) path: String,
    /// The value of `Authorization`.
    pub(super) key: Option<String>,
    pub(super) body: Value,
}

impl Asked {
    /// The text that is asked about: the last thing that a user says, or the prompt.
    pub(super) fn text(&self) -> String {
        let said = self.body["messages"].as_array().and_then(|all| all.last());
        let said = said.map_or(&self.body["prompt"], |last| &last["content"]);
        said.as_str().unwrap_or_default().to_owned()
    }
}

/// What is sent for it.
pub(super) enum Reply {
    /// JSON with this status.
    Json(u16, Value),
    /// The same with a header line.
    With(u16, &'static str, Value),
    /// Bytes as they are.
    Raw(Vec<u8>),
}

/// A server and everything that it was asked.
pub(super) struct Server {
    pub(super) base: String,
    heard: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    /// Serves until the test ends. `script` knows the number of the request.
    pub(super) fn start(script: impl Fn(usize, &Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}/v1", listener.local_addr().unwrap());
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (log, script) = (heard.clone(), Arc::new(script));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (log, script) = (log.clone(), script.clone());
                std::thread::spawn(move || answer(stream, &log, &*script));
            }
        });
        Self { base, heard }
    }

    pub(super) fn heard(&self) -> Vec<Asked> {
        self.heard.lock().unwrap().clone()
    }
}

fn answer(mut stream: TcpStream, log: &Mutex<Vec<Asked>>, script: &dyn Fn(usize, &Asked) -> Reply) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut path, mut key, mut length) = (String::new(), None, 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        match line.split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.parse().unwrap();
            }
            Some((name, value)) if name.eq_ignore_ascii_case("authorization") => {
                key = Some(value.to_owned());
            }
            None => path = line.split(' ').nth(1).unwrap_or_default().to_owned(),
            Some(_) => {}
        }
    }
    let mut body = vec![0; length];
    if reader.read_exact(&mut body).is_err() {
        return;
    }
    let body = serde_json::from_slice(&body).expect("a request is JSON");
    let asked = Asked { path, key, body };
    let number = {
        let mut log = log.lock().unwrap();
        log.push(asked.clone());
        log.len() - 1
    };
    let bytes = match script(number, &asked) {
        Reply::Json(status, body) => http(status, "", &body),
        Reply::With(status, header, body) => http(status, header, &body),
        Reply::Raw(bytes) => bytes,
    };
    let _ = stream.write_all(&bytes);
}

fn http(status: u16, header: &str, body: &Value) -> Vec<u8> {
    let (body, end) = (
        body.to_string(),
        if header.is_empty() { "" } else { "\r\n" },
    );
    let length = body.len();
    format!(
        "HTTP/1.1 {status} S\r\nContent-Type: application/json\r\n{header}{end}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
    .into_bytes()
}

/// Tokens of every answer, as the server counts them.
pub(super) const TOKENS: (u64, u64) = (30, 2);

fn usage() -> Value {
    json!({"prompt_tokens": TOKENS.0, "completion_tokens": TOKENS.1})
}

/// A chat's answer; `likely`: with the probability of each word where it begins.
pub(super) fn chat(content: &str, likely: &[(&str, f64)]) -> Reply {
    let mut choice = json!({
        "index": 0, "finish_reason": "stop",
        "message": {"role": "assistant", "content": content, "refusal": null},
    });
    if let Some((first, p)) = likely.first() {
        let one = |(token, p): &(&str, f64)| json!({"token": token, "logprob": p.ln()});
        let listed: Vec<Value> = likely.iter().map(one).collect();
        choice["logprobs"] =
            json!({"content": [{"token": first, "logprob": p.ln(), "top_logprobs": listed}]});
    }
    Reply::Json(
        200,
        json!({"model": "scripted-1", "choices": [choice], "usage": usage()}),
    )
}

/// A refusal of a request, as OpenAI words it.
pub(super) fn refusal(status: u16, message: &str, param: &str, code: &str) -> Reply {
    let error =
        json!({"message": message, "param": param, "code": code, "type": "invalid_request_error"});
    Reply::Json(status, json!({"error": error}))
}

/// Prompts echoed with the log-probability of each token, which are their words with the space before them. `log`: of a word, by all before it.
pub(super) fn echo(asked: &Asked, log: impl Fn(&str, &str) -> f64) -> Reply {
    let prompts = asked.body["prompt"].as_array().expect("prompts").iter();
    let choice = |(index, prompt): (usize, &Value)| {
        let text = prompt.as_str().expect("a text").to_owned() + " more";
        let mut starts: Vec<usize> = text.match_indices(' ').map(|(at, _)| at).collect();
        starts.insert(0, 0);
        let ends = starts[1..].iter().copied().chain([text.len()]);
        let (mut tokens, mut logs, mut offsets) = (Vec::new(), Vec::new(), Vec::new());
        for (start, end) in starts.iter().zip(ends) {
            tokens.push(text[*start..end].to_owned());
            logs.push(log(&text[*start..end], &text[..*start]));
            offsets.push(text[..*start].chars().count());
        }
        json!({"index": index, "text": text, "logprobs": {"tokens": tokens, "token_logprobs": logs, "text_offset": offsets}})
    };
    let choices: Vec<Value> = prompts.enumerate().map(choice).collect();
    Reply::Json(
        200,
        json!({"model": "scripted-1", "choices": choices, "usage": usage()}),
    )
}

/// Takes its time.
pub(super) fn slowly(milliseconds: u64, reply: Reply) -> Reply {
    std::thread::sleep(Duration::from_millis(milliseconds));
    reply
}
