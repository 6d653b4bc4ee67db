//! Small servers that answer as no Hub should.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use std::fs;
use std::path::Path;

use super::repo::RETRIES;
use super::*;
use crate::{is_unreachable, refusal};

/// Answers each request with what `answer` makes of its path and its headers; keeps these.
fn serve(
    answer: impl Fn(&str, &str) -> String + Send + 'static,
) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let request = lines.next().and_then(Result::ok).unwrap_or_default();
            let headers: Vec<String> = lines
                .map_while(Result::ok)
                .take_while(|line| !line.is_empty())
                .collect();
            let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
            let headers = headers.join("\n").to_lowercase();
            log.lock().unwrap().push(format!("{path}\n{headers}"));
            let _ = stream.write_all(answer(&path, &headers).as_bytes());
        }
    });
    (endpoint, asked)
}

fn response(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

/// The answer of a sound Hub for a file of these bytes.
fn file(etag: &str, commit: &str, headers: &str, bytes: &str) -> String {
    let from = headers
        .split("bytes=")
        .nth(1)
        .and_then(|range| range.split('-').next()?.parse().ok());
    let from: usize = from.unwrap_or(0);
    let to = if headers.contains("bytes=0-0") {
        1
    } else {
        bytes.len()
    };
    let range = format!("Content-Range: bytes {from}-{}/{}\r\n", to - 1, bytes.len());
    let headers = format!("{range}ETag: \"{etag}\"\r\nX-Repo-Commit: {commit}\r\n");
    response("206 Partial Content", &headers, &bytes[from..to])
}

fn repo(endpoint: &str, cache: &Path) -> ApiRepo {
    repo_with(endpoint, cache, Duration::from_secs(20))
}

fn repo_with(endpoint: &str, cache: &Path, timeout: Duration) -> ApiRepo {
    let token = Some("hf_secret".to_owned());
    let cache = Cache::new(cache.join("hub"));
    let api = Api::new(endpoint.to_owned(), cache, token, false, timeout).unwrap();
    api.repo(Repo::new("org/films".to_owned(), RepoType::Dataset))
}

/// Files below a directory, without those of locks.
fn files(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            found.extend(files(&entry.path()));
        } else if entry
            .path()
            .extension()
            .is_none_or(|ending| ending != "lock")
        {
            found.push(entry.path().display().to_string());
        }
    }
    found.sort();
    found
}

#[test]
fn a_file_lies_where_hugging_face_keeps_it_and_is_fetched_once() {
    let (endpoint, asked) = serve(|_, headers| file("e1", "c0ffee", headers, "hello"));
    let cache = tempfile::tempdir().unwrap();
    let repo = repo(&endpoint, cache.path());
    let path = repo.download("data/x.txt").unwrap();
    let base = cache.path().join("hub/datasets--org--films");
    assert_eq!(path, base.join("snapshots/c0ffee/data/x.txt"));
    assert_eq!(
        fs::read_link(&path).unwrap(),
        Path::new("../../../blobs/e1")
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), "hello");
    assert_eq!(
        fs::read_to_string(base.join("refs/main")).unwrap(),
        "c0ffee"
    );
    assert_eq!(asked.lock().unwrap().len(), 2);
    repo.download("data/x.txt").unwrap();
    assert_eq!(
        asked.lock().unwrap().len(),
        3,
        "its description is asked for again, it is not"
    );
}

#[test]
fn headers_and_names_that_lead_out_of_the_cache_write_nothing() {
    let outside = ["../../../../evil", "/tmp/evil", "..", "a/b"];
    for (etag, commit) in outside
        .map(|name| (name, "c0ffee"))
        .into_iter()
        .chain(outside.map(|name| ("e1", name)))
    {
        let answer = move |_: &str, headers: &str| file(etag, commit, headers, "hello");
        let (endpoint, _) = serve(answer);
        let cache = tempfile::tempdir().unwrap();
        let error = repo(&endpoint, &cache.path().join("a/b"))
            .download("x.txt")
            .unwrap_err();
        assert!(
            matches!(error, ApiError::Outside(_)),
            "{etag} {commit}: {error}"
        );
        assert_eq!(files(cache.path()), Vec::<String>::new());
    }
    let (endpoint, asked) = serve(|_, headers| file("e1", "c0ffee", headers, "hello"));
    let cache = tempfile::tempdir().unwrap();
    for name in ["../x", "/x", "a/../../x", ""] {
        assert!(matches!(
            repo(&endpoint, cache.path()).download(name),
            Err(ApiError::Outside(_))
        ));
    }
    assert!(asked.lock().unwrap().is_empty());
}

#[test]
fn a_hub_that_stays_silent_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let cache = tempfile::tempdir().unwrap();
    let (begun, timeout) = (Instant::now(), Duration::from_millis(300));
    let error = repo_with(&endpoint, cache.path(), timeout)
        .info()
        .unwrap_err();
    assert!(is_unreachable(&error), "{error}");
    drop(listener);
    // Silent in the middle of the answer.
    let (endpoint, _) = serve(|_, _| {
        std::thread::sleep(Duration::from_secs(2));
        String::new()
    });
    let error = repo_with(&endpoint, cache.path(), timeout)
        .download("x.txt")
        .unwrap_err();
    assert!(is_unreachable(&error), "{error}");
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn a_file_is_whole_or_not_there() {
    let cut = |_: &str, headers: &str| match headers.contains("bytes=0-0") {
        true => file("e1", "c0ffee", headers, "hello world"),
        false => response("200 OK", "", "hello"),
    };
    let (endpoint, asked) = serve(cut);
    let cache = tempfile::tempdir().unwrap();
    let error = repo(&endpoint, cache.path()).download("x.txt").unwrap_err();
    assert!(
        error.to_string().contains("sent 5 bytes, expected 11"),
        "{error}"
    );
    assert_eq!(asked.lock().unwrap().len(), 2 + RETRIES);
    let blob = cache.path().join("hub/datasets--org--films/blobs/e1");
    assert!(!blob.exists());
    // What is there of it is kept, and the rest is fetched.
    let (endpoint, asked) = serve(|_, headers| file("e1", "c0ffee", headers, "hello world"));
    let path = repo(&endpoint, cache.path()).download("x.txt").unwrap();
    assert_eq!(fs::read_to_string(path).unwrap(), "hello world");
    assert!(asked.lock().unwrap()[1].contains("bytes=5-"), "{asked:?}");
}

#[test]
fn the_token_goes_to_the_hub_and_to_nobody_that_it_names() {
    let (cdn, asked_cdn) = serve(|_, headers| file("e1", "c0ffee", headers, "hello"));
    let redirect = move |path: &str, _: &str| {
        let headers =
            format!("Location: {cdn}{path}\r\nX-Linked-ETag: \"e1\"\r\nX-Repo-Commit: c0ffee\r\n");
        response("302 Found", &headers, "")
    };
    let (endpoint, asked) = serve(redirect);
    // Another name of the same machine is another host.
    let endpoint = endpoint.replace("127.0.0.1", "localhost");
    let cache = tempfile::tempdir().unwrap();
    repo(&endpoint, cache.path()).download("x.txt").unwrap();
    assert!(
        asked
            .lock()
            .unwrap()
            .iter()
            .all(|request| request.contains("bearer hf_secret"))
    );
    let asked_cdn = asked_cdn.lock().unwrap();
    assert!(
        asked_cdn.len() == 2
            && asked_cdn
                .iter()
                .all(|request| !request.contains("hf_secret")),
        "{asked_cdn:?}"
    );
}

#[test]
fn answers_that_make_no_sense_are_named() {
    for (answer, words) in [
        (response("200 OK", "", "<html>"), "without the header etag"),
        (
            response("200 OK", "ETag: e\r\n", ""),
            "without the header x-repo-commit",
        ),
        (
            response(
                "200 OK",
                "ETag: e\r\nX-Repo-Commit: c\r\nContent-Range: bytes 0-0/many\r\n",
                "",
            ),
            "the length of the file",
        ),
        (
            response(
                "302 Found",
                "ETag: e\r\nX-Repo-Commit: c\r\nLocation: nowhere\r\n",
                "",
            ),
            "Bad URL",
        ),
    ] {
        let (endpoint, _) = serve(move |_, _| answer.clone());
        let cache = tempfile::tempdir().unwrap();
        let error = repo(&endpoint, cache.path()).download("x.txt").unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
    let (endpoint, _) = serve(|_, _| response("200 OK", "", "[1]"));
    let cache = tempfile::tempdir().unwrap();
    let error = repo(&endpoint, cache.path()).info().unwrap_err();
    assert!(error.to_string().contains("no listing"), "{error}");
    let (endpoint, _) = serve(|_, _| response("404 Not Found", "", ""));
    let error = repo(&endpoint, cache.path()).download("x.txt").unwrap_err();
    assert_eq!(refusal(&error), Some(404));
}
