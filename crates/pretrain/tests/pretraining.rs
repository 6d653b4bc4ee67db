//! Pretraining from end to end on a few pages of made-up text.

use burn::tensor::Device;
use pretrain::{Embeddings, Family, PretrainError, Pretraining, Progress, Sizes, Source, pretrain};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use training::Quantity;
use transformer::Precision;

/// Books in which what follows is known: every colour has its own thing and place.
fn corpus(dir: &Path) -> PathBuf {
    let pairs = [
        ("red", "rose", "garden"),
        ("blue", "boat", "harbour"),
        ("green", "frog", "pond"),
        ("brown", "horse", "stable"),
        ("white", "goose", "meadow"),
    ];
    let mut text = String::new();
    for book in 0..6usize {
        for line in 0..70usize {
            let (colour, thing, place) = pairs[(book * 31 + line * line) % pairs.len()];
            let number = ["one", "two", "three", "four"][(line / 3 + book) % 4];
            text += &format!(
                "There were {number} of the {colour} {thing} kind that day. The {thing} stayed in the {place} until night.\n"
            );
        }
        text += "\n";
    }
    let file = dir.join("books.txt");
    fs::write(&file, text).unwrap();
    file
}

fn settings(family: Family, dir: &Path) -> Pretraining {
    Pretraining {
        source: Source::New(Sizes {
            family,
            vocab: 330,
            hidden: 24,
            layers: 2,
            heads: 3,
            intermediate: Some(40),
            embedding: None,
        }),
        corpus: vec![corpus(dir)],
        held_out: Vec::new(),
        exclude: Vec::new(),
        labelled: Vec::new(),
        tokens: 30 * 7 * 48,
        length: 48,
        batch: 7,
        short_share: 0.4,
        episode_share: if family == Family::Bert { 0.0 } else { 0.3 },
        repeat_share: if family == Family::Bert { 0.0 } else { 0.1 },
        look_up_share: if family == Family::Bert { 0.0 } else { 0.1 },
        label_weight: 3,
        mask_share: 0.15,
        left_to_right_share: 0.0,
        neighbour_weight: if family == Family::Bert { 0.1 } else { 0.0 },
        embeddings: Embeddings::Cooccurrence,
        teaching: None,
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
) -> Result<f64, PretrainError> {
    let done = pretrain(
        settings,
        out,
        Precision::F16,
        &Device::flex(),
        "runner pretrain",
        checkpoint_every,
        tell,
    )?;
    Ok(done.measured.loss)
}

const NEVER: Duration = Duration::from_secs(1_000_000);

#[test]
fn every_family_learns_what_follows_and_is_read_as_a_model() {
    for family in [Family::Bert, Family::Gpt2, Family::Llama] {
        let dir = TempDir::new().unwrap();
        let out = dir.path().join("model");
        let long = Pretraining {
            tokens: 300 * 7 * 48,
            ..settings(family, dir.path())
        };
        let mut held_out = Vec::new();
        let mut first = None;
        let last = train(&long, &out, NEVER, &mut |progress| match progress {
            Progress::HeldOut { measured, .. } => held_out.push(measured.loss),
            Progress::Step { loss, .. } => first = first.or(Some(loss)),
            _ => {}
        })
        .unwrap();
        assert!(first.unwrap() > 4.5, "{family:?} {first:?}");
        // Frequencies alone leave 3.1 nats; masked models take longer to go below.
        let known = if family == Family::Bert { 2.9 } else { 2.2 };
        assert!(last < known, "{family:?}: {held_out:?}");
        let model = transformer::load(&out, &Device::flex()).unwrap();
        assert!(model.warnings.is_empty(), "{:?}", model.warnings);
        assert!(model.language_head.is_some());
        let shown = model.tokenizer.encode(&[("The rose", None)], 48).unwrap();
        let text = model.tokenizer.decode(&shown[0].ids, true);
        let same = |text: &str| text.trim().eq_ignore_ascii_case("the rose");
        assert!(same(&text), "{family:?}: {text}");
        let card = fs::read_to_string(out.join("CARD.md")).unwrap();
        assert!(card.contains(&format!("{last:.4} nats")), "{card}");
        assert!(card.contains(&model.digest), "{card}");
        let curve = fs::read_to_string(out.join("curve.csv")).unwrap();
        assert!(curve.lines().count() > 40, "{curve}");
        // Half precision is read as float32, which transformers does where config.json says so.
        let config = fs::read_to_string(out.join("config.json")).unwrap();
        let mut config: serde_json::Value = serde_json::from_str(&config).unwrap();
        config.as_object_mut().unwrap().remove("dtype").unwrap();
        fs::write(out.join("config.json"), config.to_string()).unwrap();
        let warnings = transformer::load(&out, &Device::flex()).unwrap().warnings;
        let expected = "the weights are used as float32; transformers would compute in float16";
        assert_eq!(warnings, [expected], "{family:?}");
    }
}

#[test]
fn a_killed_pretraining_ends_with_the_weights_of_one_that_was_not() {
    for family in [Family::Bert, Family::Llama] {
        let dir = TempDir::new().unwrap();
        let settings = settings(family, dir.path());
        let whole = dir.path().join("whole");
        train(&settings, &whole, NEVER, &mut |_| {}).unwrap();
        let killed = dir.path().join("killed");
        for at in [7, 23] {
            let stopped = catch_unwind(AssertUnwindSafe(|| {
                train(&settings, &killed, Duration::ZERO, &mut |progress| {
                    if let Progress::Step { step, .. } = progress {
                        assert!(step < at, "killed");
                    }
                })
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
        assert!(weights(&whole) == weights(&killed), "{family:?}");
        let steps = |dir: &Path| {
            let curve = fs::read_to_string(dir.join("curve.csv")).unwrap();
            let rows = curve.lines().map(|line| {
                line.split(',')
                    .enumerate()
                    .filter(|(at, _)| *at != 2)
                    .map(|(_, cell)| cell.to_owned())
                    .collect::<Vec<_>>()
            });
            rows.collect::<Vec<_>>()
        };
        assert_eq!(
            steps(&whole),
            steps(&killed),
            "the curve has every step once"
        );
    }
}

#[test]
fn a_model_goes_on_from_another_with_its_tokenizer() {
    let dir = TempDir::new().unwrap();
    let first = settings(Family::Bert, dir.path());
    let base = dir.path().join("base");
    let before = train(&first, &base, NEVER, &mut |_| {}).unwrap();
    let more = Pretraining {
        source: Source::From(base.clone()),
        tokens: first.tokens / 2,
        learning_rate: 1e-3,
        ..first
    };
    let out = dir.path().join("more");
    let after = train(&more, &out, NEVER, &mut |_| {}).unwrap();
    assert!(after < before + 0.05, "{before} -> {after}");
    let file = |dir: &Path| fs::read(dir.join("tokenizer.json")).unwrap();
    assert_eq!(file(&base), file(&out));
}

/// A gain so large that the loss is finite and the squares of its gradient are not.
#[test]
fn a_gradient_that_is_no_number_ends_the_pretraining_under_its_name() {
    let dir = TempDir::new().unwrap();
    let mut settings = settings(Family::Bert, dir.path());
    settings.tokens = settings.tokens_a_step();
    let base = dir.path().join("base");
    let (device, precision) = (Device::flex(), Precision::F32);
    pretrain(&settings, &base, precision, &device, "", NEVER, &mut |_| {}).unwrap();
    let file = base.join("model.safetensors");
    let tensors = files::Tensors::from_bytes(&fs::read(&file).unwrap()).unwrap();
    let mut steep = files::Tensors::default();
    for name in tensors.names() {
        let (shape, values) = tensors.get_floats(name).unwrap();
        let gain = match name.ends_with("transform.LayerNorm.weight") {
            true => 1e25,
            false => 1.0,
        };
        steep.put(name, shape, values.into_iter().map(|value| gain * value));
    }
    steep.write_for_python(&file).unwrap();
    settings.source = Source::From(base);
    let error = train(&settings, &dir.path().join("more"), NEVER, &mut |_| {}).unwrap_err();
    assert!(
        matches!(&error, PretrainError::Diverged(found) if found.quantity == Quantity::GradientNorm),
        "{error}"
    );
    assert!(error.to_string().contains("at step 0"), "{error}");
}

#[test]
fn a_masked_model_may_also_read_from_the_left_and_stays_bidirectional() {
    let dir = TempDir::new().unwrap();
    let settings = Pretraining {
        left_to_right_share: 0.5,
        tokens: 300 * 7 * 48,
        ..settings(Family::Bert, dir.path())
    };
    let out = dir.path().join("model");
    let last = train(&settings, &out, NEVER, &mut |_| {}).unwrap();
    assert!(last < 3.05, "frequencies alone leave 3.1 nats: {last}");
    let model = transformer::load(&out, &Device::flex()).unwrap();
    assert!(!model.shape.causal);
}

#[test]
fn other_settings_in_the_same_directory_are_refused_by_name() {
    let dir = TempDir::new().unwrap();
    let out = dir.path().join("model");
    let mut settings = settings(Family::Gpt2, dir.path());
    settings.tokens = 3 * settings.tokens_a_step();
    train(&settings, &out, NEVER, &mut |_| {}).unwrap();
    settings.learning_rate = 0.5;
    let error = train(&settings, &out, NEVER, &mut |_| {})
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("learning_rate is 0.005 there and 0.5 here"),
        "{error}"
    );
}

#[test]
fn what_cannot_be_trained_is_said_before_the_first_step() {
    let dir = TempDir::new().unwrap();
    let out = dir.path().join("model");
    let of = |change: &dyn Fn(&mut Pretraining)| {
        let mut settings = settings(Family::Bert, dir.path());
        change(&mut settings);
        train(&settings, &out, NEVER, &mut |_| panic!("nothing is begun"))
            .unwrap_err()
            .to_string()
    };
    assert!(of(&|s| s.episode_share = 0.2).contains("--episodes 0"));
    assert!(of(&|s| s.look_up_share = 0.2).contains("--look-up 0"));
    assert!(of(&|s| s.neighbour_weight = -1.0).contains("expected 0 or more"));
    let no_short = of(&|s| (s.neighbour_weight, s.short_share) = (0.5, 0.0));
    assert!(no_short.contains("give a --short above 0"), "{no_short}");
    assert!(of(&|s| s.length = 8).contains("at least 16"));
    assert!(of(&|s| s.corpus.clear()).contains("at least one text file"));
    assert!(of(&|s| s.mask_share = 1.5).contains("between 0 and 1"));
    let mut small = settings(Family::Bert, dir.path());
    small.batch = 5_000;
    let error = train(&small, &dir.path().join("small"), NEVER, &mut |_| {})
        .unwrap_err()
        .to_string();
    assert!(error.contains("expected at least 240000"), "{error}");
}
