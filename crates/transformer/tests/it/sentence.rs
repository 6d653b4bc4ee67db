//! Folders of sentence-transformers against `SentenceTransformer(folder).encode`, and what of them is refused.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use transformer::{
    Embedder, Encoded, Pass, Pooling, Pretrained, SentenceFolder, Side, collate, load,
    sentence_files,
};

use crate::fixtures::*;

fn fixtures() -> (PathBuf, Value) {
    let dir = fixture("sentence-transformers");
    let text = std::fs::read_to_string(dir.join("texts.json")).unwrap();
    (dir, serde_json::from_str(&text).unwrap())
}

/// The checkpoint of a case with the case's files over it.
pub(crate) fn folder(case: &str, test: &str) -> PathBuf {
    let (fixtures, about) = fixtures();
    let checkpoint = about["cases"][case]["checkpoint"].as_str().unwrap();
    let dir = copy_of(checkpoint, test);
    copy_into(&fixtures.join(case), &dir);
    dir
}

fn copy_into(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy_into(&path, &target);
        } else {
            std::fs::copy(&path, target).unwrap();
        }
    }
}

fn write(dir: &Path, name: &str, value: Value) {
    let file = dir.join(name);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, value.to_string()).unwrap();
}

fn embedder(model: &Pretrained, max_length: usize, given: Option<Pooling>) -> Embedder {
    let Pretrained {
        sentence,
        tokenizer,
        shape,
        ..
    } = model;
    Embedder::new(sentence, tokenizer, shape, max_length, given, Pooling::Mean).unwrap()
}

/// `[texts * width]`; the texts run as one batch, padded on this side.
fn embed(model: &Pretrained, embedder: &Embedder, texts: &[&str], side: Side) -> Vec<f32> {
    let texts: Vec<_> = texts.iter().map(|text| (*text, None)).collect();
    let encoded = embedder.encode(&texts).unwrap();
    let encoded: Vec<&Encoded> = encoded.iter().collect();
    let batch = collate(&encoded, embedder.pad_id(), side, &device());
    values(embedder.embed(&model.backbone.forward(&batch, &Pass::plain())))
}

fn refusal(dir: &Path) -> String {
    let model = load(dir, &device()).unwrap();
    match model.sentence {
        SentenceFolder::Refused(error) => {
            let refused = Embedder::new(
                &SentenceFolder::Refused(error.clone()),
                &model.tokenizer,
                &model.shape,
                32,
                None,
                Pooling::Mean,
            );
            assert_eq!(refused.err(), Some(error.clone()));
            error.to_string()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_folder_gives_the_vectors_that_sentence_transformers_gives() {
    let (fixtures, about) = fixtures();
    let texts: Vec<&str> = about["texts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| t.as_str().unwrap())
        .collect();
    let cases = about["cases"].as_object().unwrap();
    assert!(cases.len() >= 6);
    for (case, of_case) in cases {
        let model = load(&folder(case, &format!("sentence-{case}")), &device()).unwrap();
        let length = of_case["max_length"].as_u64().unwrap() as usize;
        let embedder = embedder(&model, length, None);
        assert_eq!(embedder.plain_pooling(), None, "{case}");
        let (dims, expected) =
            &tensors(&fixtures.join(case).join("expected.safetensors"))["embeddings"];
        assert_eq!(dims, &[texts.len(), embedder.width()], "{case}");
        for side in [Side::Right, Side::Left] {
            let found = embed(&model, &embedder, &texts, side);
            assert_close(&found, expected, 1e-5, case);
        }
    }
}

#[test]
fn the_longest_text_of_the_folder_is_known() {
    let dir = folder("cls-normalize", "sentence-length");
    assert_eq!(
        load(&dir, &device()).unwrap().sentence.max_length(),
        Some(12)
    );
    // Today's version keeps it with the tokenizer.
    let dir = folder("max-dense-normalize", "sentence-length-new");
    assert_eq!(load(&dir, &device()).unwrap().sentence.max_length(), None);
    write(
        &dir,
        "tokenizer_config.json",
        json!({"model_max_length": 24}),
    );
    assert_eq!(
        load(&dir, &device()).unwrap().sentence.max_length(),
        Some(24)
    );
}

#[test]
fn a_given_pooling_sets_the_folder_aside() {
    let texts = ["a gripping film", "x"];
    for (case, checkpoint) in [
        ("prompt-excluded-dense", "bert"),
        ("two-modes-layer-norm", "roberta"),
    ] {
        let model = load(&folder(case, &format!("sentence-aside-{case}")), &device()).unwrap();
        let plain = pretrained(checkpoint);
        for pooling in [Pooling::Max, Pooling::First] {
            let [found, expected] = [&model, &plain].map(|model| {
                embed(
                    model,
                    &embedder(model, 32, Some(pooling)),
                    &texts,
                    Side::Right,
                )
            });
            assert_eq!(found, expected);
        }
    }
}

#[test]
fn what_a_folder_asks_for_is_said_in_words() {
    let said = |case: &str| {
        let dir = folder(case, &format!("sentence-words-{case}"));
        load(&dir, &device()).unwrap().sentence.describe().unwrap()
    };
    assert_eq!(said("cls-normalize"), "first token, Normalize");
    assert_eq!(
        said("prompt-excluded-dense"),
        "first token and mean, Dense 96 to 10 (Identity), prompt \"where the film is : \" (not pooled)"
    );
    assert_eq!(
        said("two-modes-layer-norm"),
        "mean by the root of the length and mean weighted by position, LayerNorm, lower case"
    );
    assert_eq!(pretrained("bert").sentence.describe(), None);
}

#[test]
fn prompts_of_which_none_is_the_default_are_not_used_and_said() {
    let dir = folder("cls-normalize", "sentence-idle-prompts");
    let plain = load(&dir, &device()).unwrap();
    write(
        &dir,
        "config_sentence_transformers.json",
        json!({"prompts": {"query": "query: ", "passage": ""}, "default_prompt_name": null}),
    );
    let model = load(&dir, &device()).unwrap();
    assert!(
        model
            .sentence
            .describe()
            .unwrap()
            .contains("its prompts (query)")
    );
    let [found, expected] = [&model, &plain]
        .map(|model| embed(model, &embedder(model, 12, None), &["a film"], Side::Right));
    assert_eq!(found, expected);
}

#[test]
fn modules_and_settings_that_are_not_followed_are_refused_by_name() {
    let dir = folder("cls-normalize", "sentence-refused");
    let modules = |kind: &str, path: &str| {
        let kinds = [
            "sentence_transformers.models.Transformer",
            "sentence_transformers.models.Pooling",
            kind,
        ];
        let paths = ["", "1_Pooling", path];
        let module = |(kind, path): (&str, &str)| json!({"type": kind, "path": path});
        Value::Array(kinds.into_iter().zip(paths).map(module).collect())
    };
    let flags = |flags: Value| {
        json!({"word_embedding_dimension": 48})
            .as_object()
            .unwrap()
            .clone()
            .into_iter()
            .chain(flags.as_object().unwrap().clone())
            .collect::<Value>()
    };
    let good_modules = modules("sentence_transformers.models.Normalize", "2_Normalize");
    let good_pooling = flags(json!({"pooling_mode_cls_token": true}));
    let good_settings = json!({"max_seq_length": 12});
    let (m, p, s, c) = (
        "modules.json",
        "1_Pooling/config.json",
        "sentence_bert_config.json",
        "config_sentence_transformers.json",
    );
    let cases: [(&str, Value, &str); 22] = [
        (
            m,
            modules("sentence_transformers.models.LSTM", "2_LSTM"),
            "names the module \"LSTM\" in \"2_LSTM\", which is not implemented",
        ),
        (
            m,
            modules("sentence_transformers.models.WeightedLayerPooling", "2"),
            "\"WeightedLayerPooling\"",
        ),
        (
            m,
            modules("my_code.Head", "2_Head"),
            "\"my_code.Head\", expected a module of sentence_transformers",
        ),
        (
            m,
            modules("sentence_transformers.models.Dense", "../2_Dense"),
            "leads out of its folder",
        ),
        (
            m,
            modules("sentence_transformers.models.Dense", "/2_Dense"),
            "leads out of its folder",
        ),
        (
            m,
            modules("sentence_transformers.models.Dense", "2_Dense"),
            "2_Dense/config.json",
        ),
        (m, json!([]), "names 0 modules"),
        (m, json!({"0": "Transformer"}), "expected a list of modules"),
        (
            m,
            json!(vec![
                json!({"type": "sentence_transformers.models.Normalize", "path": ""});
                17
            ]),
            "names 17 modules, expected at most 16",
        ),
        (
            m,
            json!([{"type": "sentence_transformers.models.CLIPModel", "path": ""}, {"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"}]),
            "\"CLIPModel\"",
        ),
        (
            m,
            json!([{"type": "sentence_transformers.models.Transformer", "path": "0_Transformer"}, {"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"}]),
            "has the Transformer in \"0_Transformer\"",
        ),
        (
            p,
            json!({"word_embedding_dimension": 32}),
            "\"word_embedding_dimension\" is 32",
        ),
        (
            p,
            json!({"embedding_dimension": 48, "pooling_mode": "median"}),
            "\"pooling_mode\" is \"median\", expected one or several of cls, max, mean",
        ),
        (
            p,
            json!({"embedding_dimension": 48, "pooling_mode": []}),
            "\"pooling_mode\" is []",
        ),
        (
            p,
            flags(json!({"pooling_mode_attention": true})),
            "\"pooling_mode_attention\" is not a setting that is known here",
        ),
        (
            p,
            flags(json!({"pooling_mode_cls_token": "yes"})),
            "\"pooling_mode_cls_token\" is \"yes\", expected true or false",
        ),
        (
            s,
            json!({"max_seq_length": -1}),
            "\"max_seq_length\" is -1, expected a whole number above 0",
        ),
        (
            s,
            json!({"processing_kwargs": {"text": {"max_length": 3}}}),
            "\"processing_kwargs\" is",
        ),
        (
            s,
            json!({"modality_config": {"text": {"method": "forward", "method_output_name": "pooler_output"}}}),
            "expected the last hidden states of plain texts",
        ),
        (
            c,
            json!({"prompts": {"a": "x"}, "default_prompt_name": "b"}),
            "\"default_prompt_name\" is \"b\", expected the name of one of its prompts",
        ),
        (
            c,
            json!({"prompts": {"a": 3}, "default_prompt_name": "a"}),
            "expected a text",
        ),
        (c, json!([1]), "holds [1], expected an object"),
    ];
    for (file, value, expected) in cases {
        for (name, good) in [
            (m, &good_modules),
            (p, &good_pooling),
            (s, &good_settings),
            (c, &json!({})),
        ] {
            write(&dir, name, good.clone());
        }
        assert!(matches!(
            load(&dir, &device()).unwrap().sentence,
            SentenceFolder::Modules(_)
        ));
        write(&dir, file, value.clone());
        let error = refusal(&dir);
        assert!(error.contains(expected), "{value}: {error}");
    }
    std::fs::write(dir.join(c), "{").unwrap();
    assert!(refusal(&dir).contains("is not valid JSON"));
}

#[test]
fn a_dense_module_that_does_not_fit_is_refused_with_what_it_holds() {
    let dir = folder("max-dense-normalize", "sentence-dense");
    let config = |fields: Value| {
        let mut config = json!({"in_features": 48, "out_features": 24, "bias": true, "activation_function": "torch.nn.modules.activation.Tanh"});
        for (key, value) in fields.as_object().unwrap() {
            config[key] = value.clone();
        }
        write(&dir, "2_Dense/config.json", config);
    };
    for (fields, expected) in [
        (json!({"in_features": 24}), "\"in_features\" is 24"),
        (
            json!({"out_features": 25}),
            "has shape [24, 48], expected [25, 48]",
        ),
        (
            json!({"out_features": 1u64 << 40}),
            "expected at most 65536",
        ),
        (
            json!({"bias": false}),
            "holds the tensor \"linear.bias\", expected linear.weight alone",
        ),
        (
            json!({"activation_function": "torch.nn.modules.activation.PReLU"}),
            "expected torch.nn's Identity, Tanh",
        ),
        (
            json!({"activation_function": "mine.Tanh"}),
            "\"mine.Tanh\", expected torch.nn's",
        ),
        (
            json!({"use_residual": true}),
            "holds no tensor \"residual.weight\"",
        ),
        (
            json!({"module_input_name": "token_embeddings"}),
            "\"module_input_name\" is \"token_embeddings\"",
        ),
    ] {
        config(fields.clone());
        let error = refusal(&dir);
        assert!(error.contains(expected), "{fields}: {error}");
    }
    config(json!({}));
    let weights = dir.join("2_Dense");
    edit_tensors(&weights, |tensors| {
        tensors[0].3[..4].copy_from_slice(&f32::NAN.to_le_bytes())
    });
    assert!(refusal(&dir).contains("holds NaN"));
    let bin = weights.join("pytorch_model.bin");
    std::fs::rename(weights.join("model.safetensors"), bin).unwrap();
    assert!(refusal(&dir).contains("holds neither model.safetensors"));
}

#[test]
fn a_folder_that_is_refused_still_loads_and_is_pooled_as_asked() {
    let dir = folder("cls-normalize", "sentence-refused-loads");
    write(&dir, "modules.json", json!([]));
    let model = load(&dir, &device()).unwrap();
    let plain = pretrained("bert");
    let [found, expected] = [&model, &plain].map(|model| {
        embed(
            model,
            &embedder(model, 32, Some(Pooling::Mean)),
            &["a film"],
            Side::Right,
        )
    });
    assert_eq!(found, expected);
}

#[test]
fn the_files_that_decide_the_vectors_are_named() {
    let dir = folder("max-dense-normalize", "sentence-files");
    let names = |dir: &Path| -> Vec<String> {
        let files = sentence_files(dir);
        let name = |file: &PathBuf| file.strip_prefix(dir).unwrap().display().to_string();
        files.iter().map(name).collect()
    };
    assert_eq!(
        names(&dir),
        [
            "modules.json",
            "config_sentence_transformers.json",
            "sentence_bert_config.json",
            "1_Pooling/config.json",
            "2_Dense/config.json",
            "2_Dense/model.safetensors",
            "3_Normalize/config.json"
        ]
    );
    assert!(sentence_files(&oracle("bert")).is_empty());
}
