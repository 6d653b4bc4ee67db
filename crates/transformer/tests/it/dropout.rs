//! Dropout runs from the first trainable block on, repeats with its seed, and keeps the mean.

use transformer::{Depth, DropoutPlan, Pass, Side};

use crate::fixtures::*;

fn plan(from: Depth, seed: u64) -> DropoutPlan {
    DropoutPlan {
        hidden: 0.3,
        attention: 0.2,
        seed,
        from,
    }
}

#[test]
fn nothing_below_the_first_trainable_block_is_dropped() {
    for family in FAMILIES {
        let model = pretrained(family);
        let batch = batch(&model, &texts(family), Side::Right);
        let (backbone, layers) = (&model.backbone, model.shape.layers);
        let plain = Pass::plain();
        for k in 0..=layers {
            let from = if k == layers {
                Depth::Head
            } else {
                Depth::Block(k)
            };
            let dropping = plain.dropping(plan(from, 5));
            let below = |pass: &Pass| backbone.blocks(backbone.embed(&batch, pass), 0..k, pass);
            let (dry, wet) = (below(&plain), below(&dropping));
            assert_eq!(
                values(dry.x.clone()),
                values(wet.x.clone()),
                "{family} below {k}"
            );
            let above = |pass: &Pass| values(backbone.blocks(dry.clone(), k..layers, pass).x);
            assert_eq!(
                above(&plain) == above(&dropping),
                k == layers,
                "{family} from {k}"
            );
        }
        let embedded = |pass: &Pass| values(backbone.embed(&batch, pass).x);
        let all = plain.dropping(plan(Depth::Embeddings, 5));
        assert_ne!(embedded(&plain), embedded(&all), "{family}");
    }
}

#[test]
fn the_same_seed_drops_the_same_and_another_seed_does_not() {
    let model = pretrained("bert");
    let batch = batch(&model, &texts("bert"), Side::Right);
    let run = |seed| {
        let pass = Pass::plain().dropping(plan(Depth::Embeddings, seed));
        values(model.backbone.forward(&batch, &pass).x)
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn the_share_of_dropped_values_is_the_rate_and_the_rest_is_scaled() {
    let model = pretrained("roberta");
    let batch = batch(&model, &texts("roberta"), Side::Right);
    let dry = values(model.backbone.embed(&batch, &Pass::plain()).x);
    let pass = Pass::plain().dropping(plan(Depth::Embeddings, 11));
    let wet = values(model.backbone.embed(&batch, &pass).x);
    let dropped = wet.iter().filter(|&&x| x == 0.0).count() as f64 / wet.len() as f64;
    assert!((dropped - 0.3).abs() < 0.03, "{dropped}");
    for (dry, wet) in dry.iter().zip(&wet).filter(|(_, wet)| **wet != 0.0) {
        assert!((wet - dry / 0.7).abs() < 1e-5, "{dry} became {wet}");
    }
}
