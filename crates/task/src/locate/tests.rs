//! Data sets fetched from a small local server laid out like the Hub: listing, resolve with byte ranges, large files redirected.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};

use hub::HubSettings;

use super::{LocateError, locate, locate_with};
use crate::{Task, load};

const CLASS_LABEL: &[u8] = include_bytes!("../../tests/fixtures/parquet/class_label.parquet");
const FLOAT_LABEL: &[u8] = include_bytes!("../../tests/fixtures/parquet/float_label.parquet");

type Files = BTreeMap<String, Vec<u8>>;
/// `org/name` or `org/name@revision`, and its files.
type DataSet<'a> = (&'a str, &'a [(&'a str, &'a [u8])]);

/// Data sets by `org/name@revision`, and the paths asked for.
struct Server {
    endpoint: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(data: &[DataSet<'_>]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let files = |files: &[(&str, &[u8])]| {
            files
                .iter()
                .map(|(n, b)| ((*n).to_owned(), b.to_vec()))
                .collect()
        };
        let data: BTreeMap<String, Files> = data
            .iter()
            .map(|(id, list)| ((*id).to_owned(), files(list)))
            .collect();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (base, log) = (endpoint.clone(), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let _ = answer(stream, &base, &data, &log);
            }
        });
        Self { endpoint, asked }
    }

    fn settings(&self, cache: &tempfile::TempDir) -> HubSettings {
        HubSettings {
            endpoint: self.endpoint.clone(),
            cache: cache.path().join("hub"),
            token: None,
            offline: false,
        }
    }

    /// Paths asked for since the last call.
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().expect("not poisoned"))
    }
}

fn answer(
    stream: TcpStream,
    base: &str,
    data: &BTreeMap<String, Files>,
    log: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    let path = request
        .split(' ')
        .nth(1)
        .unwrap_or_default()
        .replace("%2F", "/");
    let mut range = None;
    for line in lines {
        let line = line?;
        if line.is_empty() {
            break;
        }
        if let Some(bytes) = line.to_lowercase().strip_prefix("range: bytes=") {
            let (from, to) = bytes.split_once('-').unwrap_or((bytes, ""));
            range = Some((from.parse::<usize>().unwrap_or(0), to.parse::<usize>().ok()));
        }
    }
    log.lock().expect("not poisoned").push(path.clone());
    let mut out = stream;
    for (id, files) in data {
        let (dataset, revision) = id.split_once('@').unwrap_or((id, "main"));
        let commit = format!("c0ffee{}", revision.len());
        if path == format!("/api/datasets/{dataset}/revision/{revision}") {
            let siblings: Vec<String> = files
                .keys()
                .map(|name| format!("{{\"rfilename\": \"{name}\"}}"))
                .collect();
            let body = format!(
                "{{\"sha\": \"{commit}\", \"siblings\": [{}]}}",
                siblings.join(", ")
            );
            return write!(
                out,
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
        }
        let resolve = format!("/datasets/{dataset}/resolve/{revision}/");
        let cdn = format!("/cdn/{dataset}/{revision}/");
        if let Some(name) = path.strip_prefix(&resolve)
            && files.get(name).is_some_and(|bytes| !bytes.is_empty())
            && name.ends_with(".parquet")
        {
            let etag = name.replace('/', "-");
            return write!(
                out,
                "HTTP/1.1 302 Found\r\nLocation: {base}{cdn}{name}\r\nX-Linked-Etag: \"{etag}\"\r\nX-Repo-Commit: {commit}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
        }
        let name = path.strip_prefix(&resolve).or(path.strip_prefix(&cdn));
        if let Some(bytes) = name
            .and_then(|name| files.get(name))
            .filter(|bytes| !bytes.is_empty())
        {
            let (from, to) = range.unwrap_or((0, None));
            let part = &bytes[from..to.map_or(bytes.len(), |to| (to + 1).min(bytes.len()))];
            write!(
                out,
                "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {from}-{}/{}\r\nETag: \"{}\"\r\nX-Repo-Commit: {commit}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                from + part.len() - 1,
                bytes.len(),
                path.replace('/', "-"),
                part.len()
            )?;
            return out.write_all(part);
        }
    }
    write!(
        out,
        "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )
}

fn loaded(task: &str, hub: &HubSettings) -> Task {
    let dir = locate_with(task, hub).unwrap_or_else(|error| panic!("{error}"));
    load(&dir).unwrap_or_else(|error| panic!("{error}"))
}

const CARD: &[u8] = b"---\nlicense: mit\ndataset_info:\n  features:\n  - name: text\n    dtype: string\n  - name: label\n    dtype:\n      class_label:\n        names:\n          '1': good\n          '0': bad\nsize: 3\n---\n# Films\n";

const FILMS: &[(&str, &[u8])] = &[
    (".gitattributes", b"*"),
    ("README.md", CARD),
    ("data/test-00000-of-00001.parquet", FLOAT_LABEL),
    ("data/train-00000-of-00002.parquet", FLOAT_LABEL),
    ("data/train-00001-of-00002.parquet", FLOAT_LABEL),
    ("data/unsupervised-00000-of-00001.parquet", b""),
    ("data/validation-00000-of-00001.parquet", FLOAT_LABEL),
];

#[test]
fn a_data_set_is_fetched_once_with_the_names_of_its_card() {
    let server = Server::start(&[("org/films", FILMS)]);
    let cache = tempfile::tempdir().expect("a directory");
    let hub = server.settings(&cache);
    let task = loaded("org/films", &hub);
    assert_eq!(
        (task.name.as_str(), task.classes.join(" ").as_str()),
        ("org/films", "bad good")
    );
    assert_eq!(
        (task.train.len(), task.validation.len(), task.test.len()),
        (14, 7, 7)
    );
    assert_eq!(task.test.labels(), [1, 0, 0, 1, 1, 0, 1]);
    assert!(
        server.asked().iter().any(|path| path.starts_with("/cdn/")),
        "large files are redirected"
    );

    assert_eq!(loaded("org/films", &hub).digest, task.digest);
    assert_eq!(
        server.asked(),
        ["/api/datasets/org/films/revision/main"],
        "nothing is fetched twice"
    );

    let offline = HubSettings {
        offline: true,
        ..server.settings(&cache)
    };
    assert_eq!(loaded("org/films", &offline).digest, task.digest);
    assert!(server.asked().is_empty(), "offline asks nobody");
    let unreachable = HubSettings {
        endpoint: "http://127.0.0.1:9".to_owned(),
        ..server.settings(&cache)
    };
    assert_eq!(loaded("org/films", &unreachable).digest, task.digest);
}

#[test]
fn the_hubs_conversion_serves_where_a_data_set_has_no_parquet_files() {
    let converted: &[(&str, &[u8])] = &[
        ("default/train/0000.parquet", CLASS_LABEL),
        ("default/train/0001.parquet", CLASS_LABEL),
        ("default/test/0000.parquet", CLASS_LABEL),
        ("default/validation/0000.parquet", CLASS_LABEL),
    ];
    let own: &[(&str, &[u8])] = &[("train.json", b"[]")];
    let server = Server::start(&[
        ("org/raw", own),
        ("org/raw@refs/convert/parquet", converted),
        ("org/json", own),
    ]);
    let cache = tempfile::tempdir().expect("a directory");
    let task = loaded("org/raw", &server.settings(&cache));
    assert_eq!(
        (
            task.name.as_str(),
            task.classes.join(" ").as_str(),
            task.train.len()
        ),
        ("org/raw", "neg pos mixed", 14)
    );
    let offline = HubSettings {
        offline: true,
        ..server.settings(&cache)
    };
    assert_eq!(loaded("org/raw", &offline).digest, task.digest);

    let error = locate_with("org/json", &server.settings(&cache)).expect_err("no Parquet");
    assert!(
        matches!(error, LocateError::NoParquet { .. })
            && error.to_string().contains("`train.json`"),
        "{error}"
    );
}

#[test]
fn one_of_several_subsets_must_be_named() {
    let infos = br#"{"films": {"features": {"label": {"names": ["down", "up"], "_type": "ClassLabel"}}}, "books": {"features": {}}}"#;
    let files: &[(&str, &[u8])] = &[
        ("dataset_infos.json", infos),
        ("books/train-00000-of-00001.parquet", CLASS_LABEL),
        ("books/test-00000-of-00001.parquet", CLASS_LABEL),
        ("films/train.parquet", FLOAT_LABEL),
        ("films/validation.parquet", FLOAT_LABEL),
        ("films/test.parquet", FLOAT_LABEL),
    ];
    let server = Server::start(&[("org/many", files)]);
    let cache = tempfile::tempdir().expect("a directory");
    let hub = server.settings(&cache);
    for id in ["org/many", "org/many:plays"] {
        let error = locate_with(id, &hub).expect_err("no subset");
        assert!(matches!(error, LocateError::Subset { .. }), "{error}");
        assert!(
            error.to_string().contains("`books`, `films`")
                && error.to_string().contains("org/many:books"),
            "{error}"
        );
    }
    let task = loaded("org/many:films", &hub);
    assert_eq!(
        (task.name.as_str(), task.classes.join(" ").as_str()),
        ("org/many:films", "down up")
    );
}

#[test]
fn a_download_that_broke_off_is_not_mistaken_for_the_whole() {
    let mut files = FILMS.to_vec();
    files[3].1 = b""; // the first training shard answers 404
    let server = Server::start(&[("org/films", &files)]);
    let cache = tempfile::tempdir().expect("a directory");
    assert!(locate_with("org/films", &server.settings(&cache)).is_err());
    assert!(
        server
            .asked()
            .iter()
            .any(|path| path.contains("/cdn/") && path.contains("test")),
        "others did arrive"
    );
    let offline = HubSettings {
        offline: true,
        ..server.settings(&cache)
    };
    let dir = locate_with("org/films", &offline);
    assert!(
        dir.is_err() || load(&dir.expect("a directory")).is_err(),
        "a shard is missing"
    );
}

#[test]
fn train_is_fetched_last_so_that_a_cache_with_train_has_all() {
    let mut files = FILMS.to_vec();
    files[2].1 = b""; // the test split answers 404
    let server = Server::start(&[("org/films", &files)]);
    let cache = tempfile::tempdir().expect("a directory");
    assert!(locate_with("org/films", &server.settings(&cache)).is_err());
    assert!(server.asked().iter().all(|path| !path.contains("train")));
    let offline = HubSettings {
        offline: true,
        ..server.settings(&cache)
    };
    assert!(matches!(
        locate_with("org/films", &offline),
        Err(LocateError::Offline { .. })
    ));
}

#[test]
fn what_cannot_be_found_says_what_to_do() {
    let server = Server::start(&[("org/films", FILMS)]);
    let cache = tempfile::tempdir().expect("a directory");
    let hub = server.settings(&cache);
    let say = |task: &str, hub: &HubSettings| locate_with(task, hub).expect_err(task).to_string();
    assert!(
        say("org/filmz", &hub).contains("HTTP 404"),
        "{}",
        say("org/filmz", &hub)
    );
    server.asked();
    for path in [
        "films",
        "./org/films",
        "/no/such",
        "a/b/c",
        "org/films:",
        "../x",
    ] {
        assert!(
            say(path, &hub).contains("no such directory"),
            "{path}: {}",
            say(path, &hub)
        );
    }
    assert!(
        server.asked().is_empty(),
        "a path or a bare name is never asked for at the Hub"
    );
    let file = cache.path().join("train.tsv");
    std::fs::write(&file, "text\tlabel\n").expect("written");
    let message = say(&file.display().to_string(), &hub);
    assert!(
        message.contains("found a file")
            && message.contains(&format!("give `{}`", cache.path().display())),
        "{message}"
    );
    let offline = HubSettings {
        offline: true,
        ..server.settings(&cache)
    };
    assert!(
        say("org/films", &offline).contains("HF_HUB_OFFLINE"),
        "{}",
        say("org/films", &offline)
    );
    let unreachable = HubSettings {
        endpoint: "http://127.0.0.1:9".to_owned(),
        ..server.settings(&cache)
    };
    let message = say("org/films", &unreachable);
    assert!(
        message.contains("127.0.0.1:9") && message.contains("check the network"),
        "{message}"
    );
    assert_eq!(
        locate_with(&cache.path().display().to_string(), &hub).ok(),
        Some(PathBuf::from(cache.path()))
    );
}

#[test]
fn a_listing_that_leads_out_of_its_folder_is_refused_by_name() {
    for outside in [
        "../../../train.parquet",
        "/outside/train.parquet",
        "data/../../train.parquet",
    ] {
        let server = Server::start(&[("org/films", &[FILMS, &[(outside, FLOAT_LABEL)]].concat())]);
        let cache = tempfile::tempdir().expect("a directory");
        let error = locate_with("org/films:..", &server.settings(&cache)).expect_err(outside);
        assert!(
            matches!(error, LocateError::OutsideName { .. })
                && error.to_string().contains(&format!("\"{outside}\"")),
            "{error}"
        );
        let asked = server.asked();
        assert_eq!(
            asked,
            ["/api/datasets/org/films/revision/main"],
            "{asked:?}"
        );
    }
}

/// Environment variables belong to the process, so this test runs itself again with them set.
#[test]
fn endpoint_home_and_offline_are_read_from_the_environment() {
    const CHILD: &str = "ADAPTBENCH_TEST_LOCATE";
    if let Ok(id) = std::env::var(CHILD) {
        match locate(&id) {
            Ok(dir) => println!("located {}", dir.display()),
            Err(error) => println!("refused: {error}"),
        }
        return;
    }
    let server = Server::start(&[("org/films", FILMS)]);
    let cache = tempfile::tempdir().expect("a directory");
    let child = |offline: &str| {
        let output = Command::new(std::env::current_exe().expect("this test"))
            .args([
                "--exact",
                "locate::tests::endpoint_home_and_offline_are_read_from_the_environment",
                "--nocapture",
            ])
            .envs([
                (CHILD, "org/films"),
                ("HF_ENDPOINT", &format!("{}/", server.endpoint)),
                ("HF_HUB_OFFLINE", offline),
            ])
            .env("HF_HOME", cache.path())
            .output();
        String::from_utf8(output.expect("a child").stdout).expect("UTF-8")
    };
    assert!(
        child("true")
            .contains("refused: task `org/films`: no such directory, HF_HUB_OFFLINE is set"),
        "{}",
        child("1")
    );
    assert!(server.asked().is_empty());
    let at = cache
        .path()
        .join("hub/datasets--org--films/snapshots/c0ffee4/data");
    assert!(
        child("0").contains(&format!("located {}", at.display())),
        "{}",
        child("0")
    );
    assert!(!server.asked().is_empty());
    assert!(
        child("1").contains(&format!("located {}", at.display())),
        "{}",
        child("1")
    );
    assert!(server.asked().is_empty());
}
