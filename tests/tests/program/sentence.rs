//! Folders of sentence-transformers through the program.

use crate::harness::{run, scratch};
use std::fs;
use std::path::{Path, PathBuf};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, target).unwrap();
        }
    }
}

#[test]
fn features_follow_the_folder_where_that_is_asked_for_and_say_so_where_not() {
    let dir = scratch();
    let model = dir.path().join("model");
    copy(&fixtures().join("oracle/bert"), &model);
    let case = fixtures().join("sentence-transformers/cls-normalize");
    copy(&case, &model);
    let about = fs::read_to_string(fixtures().join("sentence-transformers/texts.json")).unwrap();
    let about: serde_json::Value = serde_json::from_str(&about).unwrap();
    let texts = about["texts"].as_array().unwrap().iter();
    let texts: Vec<&str> = texts.map(|text| text.as_str().unwrap()).collect();
    // The last one is empty, which is no line of a text file.
    let (_, lines) = texts.split_last().unwrap();
    let input = dir.path().join("texts.txt");
    fs::write(&input, lines.join("\n") + "\n").unwrap();
    let output = dir.path().join("features.safetensors");
    let features = |pooling: &str| {
        let [model, input, output] = [&model, &input, &output].map(|path| path.to_str().unwrap());
        run(&[
            "features",
            "--model",
            model,
            "--input",
            input,
            "--output",
            output,
            "--pooling",
            pooling,
        ])
    };
    let ended = features("folder");
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let read = |file: &Path, name: &str| -> Vec<f32> {
        let bytes = fs::read(file).unwrap();
        let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let bytes = file.tensor(name).unwrap().data().to_vec();
        let float = |b: &[u8]| f32::from_le_bytes([b[0], b[1], b[2], b[3]]);
        bytes.chunks_exact(4).map(float).collect()
    };
    let found = read(&output, "features");
    let expected = read(&case.join("expected.safetensors"), "embeddings");
    assert_eq!(found.len(), lines.len() * 48);
    let close = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-5;
    assert!(found.iter().zip(&expected).all(close));

    let ended = features("mean");
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(
        ended
            .stderr
            .contains("note: modules.json asks for first token, Normalize"),
        "{}",
        ended.stderr
    );
    fs::write(model.join("modules.json"), "[]").unwrap();
    let ended = features("folder");
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains("names 0 modules"), "{}", ended.stderr);
    fs::remove_file(model.join("modules.json")).unwrap();
    let ended = features("folder");
    assert_eq!(ended.code, Some(2));
    assert!(
        ended
            .stderr
            .contains("has none; choose none, mean, first or last")
    );
}
