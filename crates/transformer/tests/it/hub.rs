//! Models by Hub id, from a small HTTP server laid out like the Hub.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use hub::HubSettings;
use transformer::{load, locate_with};

use crate::fixtures::*;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// Serves `/<id>/resolve/<revision>/<file>` with the headers that Hub clients read; notes what was asked for.
struct Hub {
    endpoint: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Hub {
    fn serve(id: &str, dir: &Path) -> Hub {
        let mut files = BTreeMap::new();
        let mut folders = vec![dir.to_path_buf()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let name = path.strip_prefix(dir).unwrap().display();
                let content = std::fs::read(&path).unwrap();
                for revision in ["main", COMMIT] {
                    files.insert(format!("/{id}/resolve/{revision}/{name}"), content.clone());
                }
            }
        }
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let noted = requests.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                answer(stream.unwrap(), &files, &noted);
            }
        });
        Hub { endpoint, requests }
    }

    fn settings(&self, home: &Path) -> HubSettings {
        HubSettings {
            endpoint: self.endpoint.clone(),
            cache: home.join("hub"),
            offline: false,
            token: None,
        }
    }

    fn count(&self) -> usize {
        self.requests.lock().unwrap().len()
    }
}

fn answer(mut stream: TcpStream, files: &BTreeMap<String, Vec<u8>>, noted: &Mutex<Vec<String>>) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let Some(Ok(first)) = lines.next() else {
        return;
    };
    let path = first.split(' ').nth(1).unwrap().to_owned();
    let headers: Vec<_> = lines
        .map(|line| line.unwrap())
        .take_while(|line| !line.is_empty())
        .collect();
    let range = headers.iter().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        let value = value
            .strip_prefix("bytes=")
            .filter(|_| name.eq_ignore_ascii_case("range"))?;
        let (start, end) = value.split_once('-')?;
        Some((start.parse::<usize>().ok()?, end.parse::<usize>().ok()))
    });
    noted.lock().unwrap().push(path.clone());
    let Some(content) = files.get(&path) else {
        let reply = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        return stream.write_all(reply.as_bytes()).unwrap();
    };
    let (start, end) = range.unwrap_or((0, None));
    let end = end.map_or(content.len(), |end| content.len().min(end + 1));
    let part = &content[start..end];
    let name = path.splitn(6, '/').last().unwrap(); // behind /org/name/resolve/revision/
    let etag = name.replace('/', "-");
    let header = format!(
        "HTTP/1.1 206 Partial Content\r\nContent-Length: {}\r\nContent-Range: bytes {start}-{}/{}\r\nETag: \"{etag}\"\r\n\
         X-Repo-Commit: {COMMIT}\r\nAccept-Ranges: bytes\r\nConnection: close\r\n\r\n",
        part.len(),
        end - 1,
        content.len(),
    );
    stream.write_all(header.as_bytes()).unwrap();
    stream.write_all(part).unwrap();
}

#[test]
fn a_model_is_fetched_once_and_then_read_from_the_cache() {
    let home = scratch("hub-home");
    let hub = Hub::serve("org/tiny-bert", &oracle("bert"));
    let settings = hub.settings(&home);
    let dir = locate_with("org/tiny-bert", &settings).unwrap();
    assert_eq!(
        dir,
        home.join("hub/models--org--tiny-bert/snapshots")
            .join(COMMIT)
    );
    let model = load(&dir, &device()).unwrap();
    assert_eq!(model.name, "org/tiny-bert");
    assert_eq!(model.digest, pretrained("bert").digest);

    let asked = hub.count();
    let again = locate_with("org/tiny-bert", &settings).unwrap();
    assert_eq!(again, dir);
    let asked_again = hub.requests.lock().unwrap()[asked..].to_vec();
    // Only optional files that the model does not have are asked for again.
    assert!(
        asked_again.iter().all(|path| [
            "special_tokens_map.json",
            "added_tokens.json",
            "modules.json"
        ]
        .iter()
        .any(|name| path.ends_with(name))),
        "{asked_again:?}"
    );

    let offline = HubSettings {
        endpoint: "http://127.0.0.1:9".to_owned(),
        offline: true,
        ..settings
    };
    assert_eq!(locate_with("org/tiny-bert", &offline).unwrap(), dir);
}

#[test]
fn the_modules_of_a_sentence_transformers_model_are_fetched_with_it() {
    let dir = crate::sentence::folder("max-dense-normalize", "hub-sentence");
    let home = scratch("hub-sentence-home");
    let hub = Hub::serve("org/sentences", &dir);
    let found = locate_with("org/sentences", &hub.settings(&home)).unwrap();
    let said = load(&found, &device()).unwrap().sentence.describe();
    assert_eq!(
        said.unwrap(),
        "largest values, Dense 48 to 24 (Tanh), Normalize"
    );
}

#[test]
fn shards_named_in_an_index_are_fetched() {
    let dir = copy_of("llama", "hub-shards");
    let tensors = raw_tensors(&dir.join("model.safetensors"));
    std::fs::remove_file(dir.join("model.safetensors")).unwrap();
    let (first, second) = tensors.split_at(5);
    let mut map = serde_json::Map::new();
    for (name, part) in [("a.safetensors", first), ("b.safetensors", second)] {
        write_tensors(&dir.join(name), part);
        map.extend(
            part.iter()
                .map(|tensor| (tensor.0.clone(), serde_json::json!(name))),
        );
    }
    let index = serde_json::json!({"weight_map": map}).to_string();
    std::fs::write(dir.join("model.safetensors.index.json"), index).unwrap();

    let home = scratch("hub-shards-home");
    let hub = Hub::serve("org/sharded", &dir);
    let found = locate_with("org/sharded", &hub.settings(&home)).unwrap();
    assert!(load(&found, &device()).is_ok());
}

#[test]
fn an_index_that_leads_out_of_the_snapshot_is_refused_by_name() {
    for (number, outside) in ["../../../../outside.safetensors", "/outside.safetensors"]
        .into_iter()
        .enumerate()
    {
        let dir = copy_of("llama", &format!("hub-outside-{number}"));
        std::fs::remove_file(dir.join("model.safetensors")).unwrap();
        let index = serde_json::json!({"weight_map": {"norm.weight": outside}}).to_string();
        std::fs::write(dir.join("model.safetensors.index.json"), index).unwrap();
        let home = scratch(&format!("hub-outside-home-{number}"));
        let hub = Hub::serve("org/outside", &dir);
        let error = locate_with("org/outside", &hub.settings(&home)).unwrap_err();
        let said = error.to_string();
        assert!(
            said.contains(&format!("the name \"{outside}\" leads out of its folder")),
            "{said}"
        );
        let asked = hub.requests.lock().unwrap();
        assert!(
            asked
                .iter()
                .all(|path| !path.contains("outside.safetensors")),
            "{asked:?}"
        );
    }
}

#[test]
fn what_cannot_be_had_is_said_with_the_next_step() {
    let home = scratch("hub-refusals");
    let hub = Hub::serve("org/tiny-bert", &oracle("bert"));
    let settings = hub.settings(&home);
    let refusal = |model: &str, settings: &HubSettings| {
        let error = locate_with(model, settings).unwrap_err().to_string();
        error
            .replace(&home.display().to_string(), "HOME")
            .replace(&settings.endpoint, "HUB")
    };
    assert_eq!(
        refusal("org/absent", &settings),
        "HUB has no config.json for \"org/absent\" (HTTP 404); check the name, and HF_TOKEN if the model is private or gated"
    );
    let offline = HubSettings {
        offline: true,
        ..settings.clone()
    };
    assert_eq!(
        refusal("org/tiny-bert", &offline),
        "HF_HUB_OFFLINE is set and config.json of \"org/tiny-bert\" is not in the cache HOME/hub; run once without \
         HF_HUB_OFFLINE, or give a directory"
    );
    assert_eq!(
        refusal("./nowhere", &settings),
        "there is no directory \"./nowhere\", and it is not a Hub id either; those look like org/name"
    );
    std::fs::create_dir_all(home.join("empty")).unwrap();
    assert_eq!(
        refusal(&home.join("empty").display().to_string(), &settings),
        "the directory HOME/empty holds no config.json; give a model directory in Hugging Face layout"
    );
    let unreachable = HubSettings {
        endpoint: "http://127.0.0.1:9".to_owned(),
        ..settings
    };
    let error = refusal("org/tiny-bert", &unreachable);
    assert!(
        error.starts_with("cannot fetch config.json of \"org/tiny-bert\" from HUB: "),
        "{error}"
    );
    assert!(error.ends_with("or give a directory"), "{error}");

    let dir = copy_of("bert", "hub-no-weights");
    std::fs::remove_file(dir.join("model.safetensors")).unwrap();
    let hub = Hub::serve("org/pickled", &dir);
    assert_eq!(
        refusal("org/pickled", &hub.settings(&home)),
        "HUB has neither model.safetensors nor model.safetensors.index.json for \"org/pickled\"; look for a revision in \
         safetensors format, or convert its pytorch_model.bin, if it has one, and give that directory: python -c \"from transformers \
         import BertModel as M, AutoTokenizer as T; s, t = 'org/pickled', 'pickled-safetensors'; \
         M.from_pretrained(s).save_pretrained(t); T.from_pretrained(s).save_pretrained(t)\""
    );
}

#[test]
fn a_directory_with_a_configuration_comes_before_the_hub() {
    let settings = HubSettings {
        endpoint: "http://127.0.0.1:9".to_owned(),
        cache: PathBuf::from("/nonexistent"),
        offline: false,
        token: None,
    };
    let dir = oracle("gpt2");
    assert_eq!(
        locate_with(&dir.display().to_string(), &settings).unwrap(),
        dir
    );
}

const ASKED: &str = "ADAPTBENCH_TEST_LOCATE";

/// Runs only as a child of the next test, with other variables in its environment.
#[test]
fn locate_in_the_environment_of_a_child() {
    if let Ok(model) = std::env::var(ASKED) {
        match transformer::locate(&model) {
            Ok(dir) => println!("FOUND {}", dir.display()),
            Err(error) => println!("REFUSED {error}"),
        }
    }
}

#[test]
fn the_variables_of_the_hub_are_honoured() {
    let home = scratch("hub-variables");
    let hub = Hub::serve("org/tiny-bert", &oracle("bert"));
    let child = |offline: &str, endpoint: &str| {
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "--nocapture",
                "hub::locate_in_the_environment_of_a_child",
            ])
            .env(ASKED, "org/tiny-bert")
            .env("HF_ENDPOINT", endpoint)
            .env("HF_HOME", &home)
            .env("HF_HUB_OFFLINE", offline)
            .output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    let refused = child("1", &hub.endpoint);
    assert!(
        refused.contains("REFUSED HF_HUB_OFFLINE is set"),
        "{refused}"
    );
    assert_eq!(hub.count(), 0);
    let found = format!(
        "FOUND {}",
        home.join("hub/models--org--tiny-bert/snapshots")
            .join(COMMIT)
            .display()
    );
    assert!(child("0", &hub.endpoint).contains(&found));
    assert!(hub.count() > 0);
    assert!(child("TRUE", "http://127.0.0.1:9").contains(&found));
}
