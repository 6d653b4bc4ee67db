//! Learning from a teacher, end to end: the bundled `tiny-bert` teaches students with other tokenizers and other widths.

use burn::tensor::Device;
use pretrain::{
    Embeddings, Family, PretrainError, Pretraining, Progress, Signal, Sizes, Source, Teaching,
    pretrain,
};
use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use transformer::Precision;

/// Signals of a masked model.
const BOTH: [Signal; 2] = [Signal::Vectors, Signal::States];

const NEVER: Duration = Duration::from_secs(1_000_000);

/// Books of short sentences in unlike words.
fn corpus(dir: &Path) -> PathBuf {
    let things = [
        "rose", "boat", "frog", "horse", "goose", "invoice", "letter",
    ];
    let places = ["garden", "harbour", "pond", "stable", "meadow", "office"];
    let mut text = String::new();
    for book in 0..6usize {
        for line in 0..60usize {
            let thing = things[(book * 31 + line * line) % things.len()];
            let place = places[(book + line / 3) % places.len()];
            text += &format!("The {thing} stayed in the {place} until night. ");
            text += ["Nobody saw it.\n", "It was late, and they waited there.\n"][line % 2];
        }
        text += "\n";
    }
    let file = dir.join("books.txt");
    fs::write(&file, text).unwrap();
    file
}

fn teacher() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../runner/bundled/models/tiny-bert")
}

fn settings(dir: &Path, signals: &[Signal]) -> Pretraining {
    let signals: BTreeMap<Signal, f64> = signals.iter().map(|&signal| (signal, 10.0)).collect();
    Pretraining {
        source: Source::New(Sizes {
            family: Family::Bert,
            vocab: 330,
            hidden: 24,
            layers: 2,
            heads: 3,
            intermediate: Some(40),
            embedding: Some(16),
        }),
        corpus: vec![corpus(dir)],
        held_out: Vec::new(),
        exclude: Vec::new(),
        labelled: Vec::new(),
        tokens: 30 * 7 * 48,
        length: 48,
        batch: 7,
        short_share: 0.0,
        episode_share: 0.0,
        repeat_share: 0.0,
        look_up_share: 0.0,
        label_weight: 1,
        mask_share: 0.15,
        left_to_right_share: 0.0,
        neighbour_weight: 0.0,
        embeddings: Embeddings::Teacher,
        teaching: Some(Teaching::new(teacher(), signals, 1.0).unwrap()),
        learning_rate: 5e-3,
        warmup_share: 0.1,
        weight_decay: 0.05,
        clip_norm: 1.0,
        seed: 3,
    }
}

fn train(
    settings: &Pretraining,
    out: &Path,
    checkpoint_every: Duration,
    tell: &mut dyn FnMut(Progress),
) -> Result<pretrain::Finished, PretrainError> {
    let (device, precision) = (Device::flex(), Precision::F16);
    pretrain(
        settings,
        out,
        precision,
        &device,
        "",
        checkpoint_every,
        tell,
    )
}

#[test]
fn a_student_of_another_tokenizer_and_width_comes_to_say_what_its_teacher_says() {
    let dir = TempDir::new().unwrap();
    let mut settings = settings(dir.path(), &BOTH);
    settings.tokens *= 10;
    let out = dir.path().join("model");
    let mut measured = Vec::new();
    let finished = train(&settings, &out, NEVER, &mut |progress| {
        if let Progress::HeldOut { measured: own, .. } = progress {
            measured.push(own);
        }
    })
    .unwrap();
    let (first, last) = (measured[0], finished.measured);
    let cosines = (first.teacher_cosine.unwrap(), last.teacher_cosine.unwrap());
    assert!(cosines.1 > 0.9 && cosines.1 > cosines.0, "{cosines:?}");
    let errors = (first.teacher_error.unwrap(), last.teacher_error.unwrap());
    assert!(errors.1 < 0.5 && errors.1 < errors.0, "{errors:?}");
    assert!(last.loss < first.loss, "{} {}", first.loss, last.loss);

    let model = transformer::load(&out, &Device::flex()).unwrap();
    assert!(model.warnings.is_empty(), "{:?}", model.warnings);
    assert_eq!(model.shape.architecture, transformer::Architecture::Electra);
    assert_eq!((model.shape.embedding, model.shape.hidden), (16, 24));
    assert!(model.language_head.is_some());
    let card = fs::read_to_string(out.join("CARD.md")).unwrap();
    let rows = [
        "| teacher | tiny-bert, digest",
        "vectors (weight 10) and states (weight 10)",
    ];
    assert!(rows.iter().all(|row| card.contains(row)), "{card}");
    assert!(
        card.contains(&format!("mean cosine {:.4}", cosines.1)),
        "{card}"
    );
    let curve = fs::read_to_string(out.join("curve.csv")).unwrap();
    assert!(curve.contains("held_out,teacher_error,"), "{curve}");
}

#[test]
fn a_killed_lesson_ends_with_the_weights_of_one_that_was_not() {
    let dir = TempDir::new().unwrap();
    let settings = settings(dir.path(), &BOTH);
    let whole = dir.path().join("whole");
    train(&settings, &whole, NEVER, &mut |_| {}).unwrap();
    let killed = dir.path().join("killed");
    // While the teacher reads, then twice in the loop.
    for at in [0, 7, 23] {
        let stopped = catch_unwind(AssertUnwindSafe(|| {
            train(
                &settings,
                &killed,
                Duration::ZERO,
                &mut |progress| match progress {
                    Progress::Teacher { .. } => assert!(at > 0, "killed"),
                    Progress::Step { step, .. } => assert!(step < at, "killed"),
                    _ => {}
                },
            )
        }));
        assert!(stopped.is_err());
    }
    let mut went_on_after = 0;
    train(&settings, &killed, NEVER, &mut |progress| {
        if let Progress::Ready { done, .. } = progress {
            went_on_after = done;
        }
    })
    .unwrap();
    assert_eq!(went_on_after, 22);
    let weights = |dir: &Path| fs::read(dir.join("model.safetensors")).unwrap();
    assert!(weights(&whole) == weights(&killed));
}

#[test]
fn another_student_finds_the_outputs_that_a_teacher_gave_before() {
    let dir = TempDir::new().unwrap();
    let cache = dir.path().join("outputs");
    let mut read = Vec::new();
    for (number, hidden) in [24, 36, 24].into_iter().enumerate() {
        let mut settings = settings(dir.path(), &[Signal::Vectors]);
        settings.tokens = 5 * 7 * 48;
        if let Source::New(sizes) = &mut settings.source {
            sizes.hidden = hidden;
            sizes.embedding = None;
        }
        if number == 2 {
            settings.length = 32; // Other excerpts.
        }
        settings.teaching.as_mut().unwrap().cache = Some(cache.clone());
        let mut asked = 0;
        let out = dir.path().join(format!("model-{number}"));
        let finished = train(&settings, &out, NEVER, &mut |progress| {
            if let Progress::Teacher { .. } = progress {
                asked += 1;
            }
        })
        .unwrap();
        assert!(finished.measured.teacher_error.is_none(), "vectors alone");
        assert!(!out.join("teacher").exists());
        read.push(asked);
    }
    assert_eq!(read, [1, 0, 1]);
    assert_eq!(fs::read_dir(&cache).unwrap().count(), 2);
}

#[test]
fn what_cannot_be_learnt_from_a_teacher_is_refused_by_name() {
    let dir = TempDir::new().unwrap();
    let out = dir.path().join("model");
    let of = |change: &dyn Fn(&mut Pretraining)| {
        let mut settings = settings(dir.path(), &BOTH);
        change(&mut settings);
        train(&settings, &out, NEVER, &mut |progress| {
            if let Progress::Step { .. } = progress {
                panic!("nothing is begun");
            }
        })
        .unwrap_err()
        .to_string()
    };
    let teach = |change: fn(&mut Teaching)| {
        of(&move |settings| change(settings.teaching.as_mut().unwrap()))
    };
    assert!(of(&|s| s.teaching = None).contains("give --teacher MODEL"));
    assert!(of(&|s| s.short_share = 0.3).contains("give --short 0"));
    assert!(of(&|s| s.mask_share = 0.0).contains("nothing to predict"));
    assert!(teach(|t| t.signals.clear()).contains("--teacher-signal"));
    let weight = teach(|t| t.signals.extend([(Signal::States, -1.0)]));
    assert!(weight.contains("--teacher-signal states is -1"), "{weight}");
    assert!(teach(|t| t.language = 0.0).contains("--language-weight is 0"));
    let wide = of(&|settings| {
        if let Source::New(sizes) = &mut settings.source {
            sizes.embedding = Some(25);
        }
    });
    assert!(wide.contains("embeddings of width 25"), "{wide}");
    let causal = of(&|settings| {
        if let Source::New(sizes) = &mut settings.source {
            (sizes.family, sizes.embedding) = (Family::Gpt2, None);
        }
    });
    assert!(
        causal.contains("gpt2 is a causal one; give logits"),
        "{causal}"
    );
}

#[test]
fn another_teacher_does_not_continue_the_same_pretraining() {
    let dir = TempDir::new().unwrap();
    let out = dir.path().join("model");
    let mut settings = settings(dir.path(), &[Signal::States]);
    settings.tokens = 3 * settings.tokens_a_step();
    train(&settings, &out, NEVER, &mut |_| {}).unwrap();
    settings.teaching.as_mut().unwrap().digest = "another".to_owned();
    let error = train(&settings, &out, NEVER, &mut |_| {}).unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("teaching is") && error.contains("another"),
        "{error}"
    );
}

/// A copy of the teacher whose folder takes the first token's state as the text's vector.
#[test]
fn vectors_that_are_no_mean_of_states_and_states_are_refused_together() {
    let dir = TempDir::new().unwrap();
    let first = dir.path().join("first-token");
    fs::create_dir_all(first.join("1_Pooling")).unwrap();
    for name in [
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    ] {
        fs::copy(teacher().join(name), first.join(name)).unwrap();
    }
    let modules = r#"[{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]"#;
    fs::write(first.join("modules.json"), modules).unwrap();
    let shape = transformer::load_shape(&first).unwrap();
    let pooling = serde_json::json!({"word_embedding_dimension": shape.hidden, "pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false});
    fs::write(first.join("1_Pooling/config.json"), pooling.to_string()).unwrap();
    let of = |signals: &[Signal]| {
        let mut settings = settings(dir.path(), signals);
        settings.tokens = 2 * settings.tokens_a_step();
        let teaching = settings.teaching.as_mut().unwrap();
        *teaching = Teaching::new(first.clone(), teaching.signals.clone(), 1.0).unwrap();
        let out = dir.path().join(format!("{}", signals.len()));
        train(&settings, &out, NEVER, &mut |_| {})
    };
    let error = of(&BOTH).unwrap_err().to_string();
    assert!(error.contains("not the mean of its states"), "{error}");
    of(&[Signal::Vectors]).unwrap();
}

/// A causal student of what a causal model of a few thousand weights expects.
#[test]
fn a_causal_student_takes_its_teachers_tokenizer_and_comes_to_expect_what_it_does() {
    let dir = TempDir::new().unwrap();
    let mut settings = settings(dir.path(), &[]);
    (settings.teaching, settings.embeddings) = (None, Embeddings::Cooccurrence);
    settings.source = Source::New(Sizes {
        family: Family::Gpt2,
        vocab: 400,
        hidden: 32,
        layers: 2,
        heads: 4,
        intermediate: None,
        embedding: None,
    });
    settings.tokens *= 10;
    let teacher = dir.path().join("teacher");
    train(&settings, &teacher, NEVER, &mut |_| {}).unwrap();

    if let Source::New(sizes) = &mut settings.source {
        (sizes.hidden, sizes.family) = (24, Family::Llama);
        sizes.vocab = 330; // Of no account: the vocabulary is the teacher's.
    }
    (settings.short_share, settings.repeat_share) = (0.3, 0.1);
    let taught = |path: PathBuf, language| {
        let signals = BTreeMap::from([(Signal::Logits, 1.0)]);
        Some(Teaching::new(path, signals, language).unwrap())
    };
    // The words themselves count for next to nothing: it learns from the teacher.
    settings.teaching = taught(teacher.clone(), 1e-6);
    let out = dir.path().join("student");
    let mut measured = Vec::new();
    let finished = train(&settings, &out, NEVER, &mut |progress| {
        if let Progress::HeldOut { measured: own, .. } = progress {
            measured.push(own);
        }
    })
    .unwrap();
    let divergence = finished.measured.teacher_divergence.unwrap();
    let first = measured[0].teacher_divergence.unwrap();
    assert!(divergence < 0.3 * first, "{first} to {divergence}");
    assert!(finished.measured.loss < measured[0].loss - 0.5);
    let tokenizer = |dir: &Path| fs::read(dir.join("tokenizer.json")).unwrap();
    assert_eq!(tokenizer(&teacher), tokenizer(&out));
    let card = fs::read_to_string(out.join("CARD.md")).unwrap();
    assert!(
        card.contains(&format!("mean divergence {divergence:.4} nats")),
        "{card}"
    );

    // A student that goes on with a tokenizer of its own.
    settings.teaching = None;
    let text = fs::read_to_string(&settings.corpus[0]).unwrap();
    let written_otherwise = dir.path().join("upper-case.txt");
    fs::write(&written_otherwise, text.to_uppercase()).unwrap();
    let books = std::mem::replace(&mut settings.corpus, vec![written_otherwise]);
    settings.tokens = 2 * settings.tokens_a_step();
    let other = dir.path().join("other");
    train(&settings, &other, NEVER, &mut |_| {}).unwrap();
    settings.source = Source::From(other);
    settings.corpus = books;
    settings.teaching = taught(teacher, 1.0);
    let out = dir.path().join("refused");
    let error = train(&settings, &out, NEVER, &mut |_| {}).unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("token") && error.contains("the student's"),
        "{error}"
    );
    settings.teaching = taught(self::teacher(), 1.0);
    let error = train(&settings, &dir.path().join("masked"), NEVER, &mut |_| {}).unwrap_err();
    assert!(
        error.to_string().contains("bert is a masked model"),
        "{error}"
    );
}
