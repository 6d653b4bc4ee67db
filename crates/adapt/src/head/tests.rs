use super::*;
use ClassifierPooling::{First, Mean};
use std::path::Path;
use transformer::{Architecture, ClassifierPooling, ClassifierSettings};

fn base() -> Pretrained {
    let dir = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/fixtures/oracle/bert"
    );
    transformer::load(Path::new(dir), &Device::flex()).expect("the fixture loads")
}

fn head(shape: &Shape) -> Head {
    let mut rng = InitRng::new(3);
    let device = Device::flex();
    Head::new(HeadPolicy::Transformers, shape, None, 3, &mut rng, &device)
}

/// Three texts of unequal lengths, one padded on the left.
fn states(hidden: usize) -> Embedded {
    let device = Device::flex();
    let values = InitRng::new(5).normal(3 * 4 * hidden, 1.0);
    let mask = vec![1., 1., 1., 1., 1., 1., 0., 0., 0., 1., 1., 1.];
    Embedded {
        x: Tensor::from_data(TensorData::new(values, [3, 4, hidden]), &device),
        mask: Tensor::from_data(TensorData::new::<f32, _>(mask, [3, 4]), &device),
        positions: Tensor::zeros([3, 4], &device),
        types: None,
    }
}

fn far(a: &[f32], b: &[f32]) -> f32 {
    let pairs = a.iter().zip(b);
    pairs.fold(0.0, |most, (a, b)| most.max((a - b).abs()))
}

#[test]
fn a_late_head_gives_the_mean_of_every_tokens_logits() {
    let shape = Shape {
        architecture: Architecture::EuroBert,
        initializer_range: 0.3,
        classifier: ClassifierSettings {
            pooling: ClassifierPooling::Late,
            ..ClassifierSettings::default()
        },
        ..base().shape
    };
    let (head, states) = (head(&shape), states(shape.hidden));
    let found = to_floats(head.logits(states.clone(), Pooling::Mean, None));
    let mask = to_floats(states.mask);
    let mut expected = Vec::new();
    for text in 0..3 {
        let mut sum = vec![0f32; 3];
        let seen = (0..4).filter(|token| mask[text * 4 + token] == 1.0);
        for token in seen.clone() {
            let state = states.x.clone().narrow(0, text, 1).narrow(1, token, 1);
            let logits = to_floats(head.forward(state.squeeze_dim::<2>(1), None));
            sum.iter_mut()
                .zip(logits)
                .for_each(|(sum, one)| *sum += one);
        }
        expected.extend(sum.into_iter().map(|sum| sum / seen.clone().count() as f32));
    }
    assert!(far(&found, &expected) < 1e-5, "{found:?} {expected:?}");
    let pooled = Shape {
        classifier: ClassifierSettings {
            pooling: ClassifierPooling::Mean,
            ..shape.classifier
        },
        ..shape
    };
    assert!(
        far(
            &found,
            &to_floats(self::head(&pooled).logits(
                self::states(pooled.hidden),
                Pooling::Mean,
                None
            ))
        ) > 1e-3
    );
}

#[test]
fn encoders_read_the_first_token_unless_their_configuration_says_otherwise_and_decoders_the_last() {
    let shape = base().shape;
    let pooling = |architecture, pooling| {
        let classifier = ClassifierSettings {
            pooling,
            ..ClassifierSettings::default()
        };
        let shape = Shape {
            architecture,
            classifier,
            ..shape.clone()
        };
        HeadForm::of(HeadPolicy::Transformers, &shape).pooling
    };
    assert_eq!(
        pooling(Architecture::ModernBert, First),
        Some(Pooling::First)
    );
    assert_eq!(pooling(Architecture::ModernBert, Mean), Some(Pooling::Mean));
    for decoder in [Architecture::Gemma3, Architecture::ModernBertDecoder] {
        assert_eq!(pooling(decoder, First), Some(Pooling::LastToken));
    }
    assert_eq!(HeadForm::of(HeadPolicy::Linear, &shape).pooling, None);
}

#[test]
fn a_pretrained_map_is_taken_where_the_head_has_it_and_drawn_where_it_is_new() {
    let base = base();
    let weight = |architecture| {
        let shape = Shape {
            architecture,
            ..base.shape.clone()
        };
        let changed = Pretrained {
            shape: shape.clone(),
            ..base.clone()
        };
        let mut rng = InitRng::new(3);
        let head = Head::new(
            HeadPolicy::Transformers,
            &shape,
            Some(&changed),
            3,
            &mut rng,
            &Device::flex(),
        );
        to_floats(head.inner.expect("a map below").dense.weight.val())
    };
    let pooler = base.pooler.as_ref().expect("BERT has one");
    let pooler = to_floats(pooler.dense.weight.val());
    for family in [
        Architecture::Bert,
        Architecture::Albert,
        Architecture::NomicBert,
    ] {
        assert_eq!(weight(family), pooler, "{family:?}");
    }
    for family in [
        Architecture::Roberta,
        Architecture::Mpnet,
        Architecture::Electra,
    ] {
        assert_ne!(weight(family), pooler, "{family:?}");
    }
}

#[test]
fn the_closed_form_counts_a_heads_map_norm_and_biases() {
    let shape = Shape {
        architecture: Architecture::ModernBert,
        norm: NormKind::LayerWithoutBias,
        ..base().shape
    };
    let h = shape.hidden as u64;
    assert_eq!(
        Head::params(HeadPolicy::Transformers, &shape, 3),
        h * h + h + 3 * h + 3
    );
    let with_bias = Shape {
        classifier: ClassifierSettings {
            bias: true,
            ..ClassifierSettings::default()
        },
        norm: NormKind::Layer,
        architecture: Architecture::ModernBertDecoder,
        ..shape
    };
    let found = Head::params(HeadPolicy::Transformers, &with_bias, 3);
    assert_eq!(found, h * h + h + 2 * h + 3 * h + 3);
    assert_eq!(head(&with_bias).num_params() as u64, found);
}
