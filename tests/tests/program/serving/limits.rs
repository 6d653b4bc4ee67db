//! What is refused, and with which status; and how it ends.

use super::client::Client;
use super::server::Server;
use serde_json::json;
use std::time::{Duration, Instant};

#[test]
fn what_cannot_be_answered_is_refused_with_its_status_and_the_field() {
    let server = Server::start(&["--model", "novels-llama", "--max-body", "4000"]);
    let mut client = server.client();
    let completions = "/v1/completions";
    for (body, status, param) in [
        (json!({"prompt": "x", "n": 2}), 400, "n"),
        (json!({"prompt": "x", "stream": true}), 400, "stream"),
        (
            json!({"prompt": "x", "response_format": {"type": "json_schema"}}),
            400,
            "response_format",
        ),
        (json!({"prompt": "x", "temperature": 3}), 400, "temperature"),
        (json!({"prompt": "x", "logprobs": 21}), 400, "logprobs"),
        (json!({"prompt": []}), 400, "prompt"),
        (json!({"prompt": [4_000_000]}), 400, "prompt"),
        (json!({"prompt": 7}), 400, "prompt"),
        (
            json!({"prompt": "x", "max_tokens": 1_000_000}),
            400,
            "prompt",
        ),
        (json!({"prompt": "x", "model": "gpt-9"}), 404, "model"),
    ] {
        let answer = client.post(completions, &body).unwrap();
        let error = &answer.json()["error"];
        assert_eq!(
            (answer.status, &error["param"]),
            (status, &json!(param)),
            "{body}: {error}"
        );
        assert!(
            error["message"].as_str().is_some_and(|m| !m.is_empty()),
            "{error}"
        );
    }
    let long = json!({"prompt": "word ".repeat(700)});
    let answer = client.post(completions, &long).unwrap();
    assert_eq!(
        answer.json()["error"]["code"],
        "context_length_exceeded",
        "{}",
        answer.body
    );
    let none = client.post("/classify", &json!({"texts": ["x"]})).unwrap();
    assert!(none.body.contains("--adapter"), "{}", none.body);
    // No chat template.
    let chat = json!({"messages": [{"role": "user", "content": "x"}]});
    let none = client.post("/v1/chat/completions", &chat).unwrap();
    assert!(
        none.status == 400 && none.body.contains("chat template"),
        "{}",
        none.body
    );

    let status = |answer: super::client::Answer| answer.status;
    assert_eq!(
        status(client.post_as(completions, "text/plain", "{}").unwrap()),
        415
    );
    assert_eq!(
        status(
            client
                .post_as(completions, "application/json", "{")
                .unwrap()
        ),
        400
    );
    assert_eq!(status(client.get(completions).unwrap()), 405);
    assert_eq!(status(client.get("/v2").unwrap()), 404);
    let mut other = server.client();
    let large = json!({"prompt": "x".repeat(5000)});
    assert_eq!(status(other.post(completions, &large).unwrap()), 413);
    let metrics = server.client().get("/metrics").unwrap().body;
    for line in [
        "serve_requests_total{route=\"/v1/completions\",status=\"413\"} 1\n",
        "serve_requests_total{route=\"other\",status=\"404\"} 1\n",
    ] {
        assert!(metrics.contains(line), "{line} is missing in {metrics}");
    }
}

#[test]
fn more_requests_than_are_taken_get_429_and_health_is_still_answered() {
    let server = Server::start(&["--model", "novels-llama", "--max-concurrent", "1"]);
    // A request whose body never comes holds the only place.
    let mut slow = server.client();
    slow.send("POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{").unwrap();
    let body = json!({"prompt": "x", "max_tokens": 1});
    let until = Instant::now() + Duration::from_secs(20);
    let busy = loop {
        let answer = server.client().post("/v1/completions", &body).unwrap();
        if answer.status != 200 {
            break answer;
        }
        assert!(
            Instant::now() < until,
            "the first request never took its place"
        );
    };
    assert_eq!((busy.status, busy.header("retry-after")), (429, Some("1")));
    assert_eq!(busy.json()["error"]["code"], "rate_limit_exceeded");
    assert_eq!(server.client().get("/health").unwrap().status, 200);
    drop(slow);
    let free = || {
        server
            .client()
            .post("/v1/completions", &body)
            .unwrap()
            .status
            == 200
    };
    while !free() {
        assert!(
            Instant::now() < until,
            "the place of a client that has gone stays taken"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_request_that_takes_too_long_is_given_up_and_the_next_one_is_answered() {
    let server = Server::start(&["--model", "novels-llama", "--timeout", "3"]);
    let mut slow = server.client();
    slow.send("POST /classify HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n").unwrap();
    let answer = slow.answer().unwrap();
    assert_eq!(
        (answer.status, answer.header("retry-after")),
        (503, Some("1"))
    );
    let body = json!({"prompt": "x", "max_tokens": 1});
    assert_eq!(
        server
            .client()
            .post("/v1/completions", &body)
            .unwrap()
            .status,
        200
    );
}

#[test]
fn what_is_under_way_is_answered_before_the_server_ends() {
    let mut server = Server::start(&["--model", "novels-llama"]);
    let mut client = server.client();
    let body = json!({"prompt": "It was", "max_tokens": 40, "temperature": 0}).to_string();
    let length = body.len();
    client
        .send(&format!(
            "POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        ))
        .unwrap();
    let under_way = |server: &Server| {
        let metrics = server.client().get("/metrics").unwrap().body;
        !metrics.contains("serve_requests_under_way 1\n") // its own
    };
    let until = Instant::now() + Duration::from_secs(3);
    while !under_way(&server) && Instant::now() < until {}
    server.stop();
    let answer = client.answer().unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    server.ended().unwrap();
    assert!(Client::new(server.address).is_err(), "it still listens");
}
