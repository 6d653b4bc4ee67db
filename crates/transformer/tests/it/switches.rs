//! Every field of a [`Shape`] reaches the arithmetic: with the same weights, another value gives another result.

use ops::Activation;
use transformer::{
    LanguageHead, LayerKind, NormKind, NormOrder, Pass, QueryKeyNorm, ScoreBias, Shape, Side,
};

use crate::fixtures::*;
use crate::tiny::{self, batch_of, text};

type Switch = (&'static str, &'static str, fn(&mut Shape));

const SWITCHES: &[Switch] = &[
    ("gemma3", "embedding scale", |s| {
        s.embedding_scale = Some(2.0)
    }),
    ("gemma3", "no embedding scale", |s| s.embedding_scale = None),
    ("electra", "no embedding norm", |s| s.embedding_norm = false),
    ("mistral", "a window", |s| s.kinds[1].reach = Some(2)),
    ("mistral", "no window", |s| s.kinds[1].reach = None),
    ("modernbert", "a window", |s| s.kinds[2].reach = Some(1)),
    ("modernbert", "the other rotation", |s| {
        s.kinds[1].rotation = s.kinds[0].rotation;
    }),
    ("smollm3", "no rotation anywhere", |s| {
        s.kinds = vec![LayerKind::default(); 3];
    }),
    ("qwen3", "part of a head turned", |s| {
        s.rotations[0].inverse_frequencies.truncate(2);
    }),
    ("qwen3", "other angles", |s| {
        s.rotations[0].inverse_frequencies[1] = 0.3
    }),
    ("qwen3", "a factor on the rotation", |s| {
        s.rotations[0].factor = 1.2
    }),
    ("albert", "one block for all layers", |s| s.blocks = 1),
    ("mpnet", "distances told apart up to 16", |s| {
        s.score_bias = ScoreBias::Buckets {
            buckets: 32,
            farthest: 16,
        };
    }),
    ("deberta-v2", "no content to position", |s| {
        if let ScoreBias::Disentangled {
            content_to_position,
            ..
        } = &mut s.score_bias
        {
            *content_to_position = false;
        }
    }),
    ("deberta-v2", "no position to content", |s| {
        if let ScoreBias::Disentangled {
            position_to_content,
            ..
        } = &mut s.score_bias
        {
            *position_to_content = false;
        }
    }),
    ("deberta-v2", "farther distances", |s| {
        if let ScoreBias::Disentangled { farthest, .. } = &mut s.score_bias {
            *farthest = 11;
        }
    }),
    ("deberta-v2", "distances without a norm", |s| {
        if let ScoreBias::Disentangled { norm, .. } = &mut s.score_bias {
            *norm = false;
        }
    }),
    ("qwen3", "no norm of queries and keys", |s| {
        s.query_key_norm = QueryKeyNorm::None;
    }),
    ("olmo2", "a norm of each head", |s| {
        s.query_key_norm = QueryKeyNorm::Head
    }),
    ("gpt2", "score scale", |s| s.score_scale = 0.5),
    ("gpt2", "scale by layer", |s| {
        s.scale_by_inverse_layer = true
    }),
    ("gemma2", "no score cap", |s| s.score_cap = None),
    ("gemma2", "another score cap", |s| s.score_cap = Some(2.0)),
    ("qwen2", "mean and variance", |s| {
        s.norm = NormKind::LayerWithoutBias
    }),
    ("qwen2", "norm behind", |s| s.norm_order = NormOrder::Post),
    ("gemma2", "output norms only", |s| {
        s.norm_order = NormOrder::Output
    }),
    ("gemma2", "no output norms", |s| {
        s.norm_order = NormOrder::Pre
    }),
    ("modernbert", "a first norm", |s| s.skips_first_norm = false),
    ("gpt_neox", "one after the other", |s| s.parallel = false),
    ("qwen2", "no final norm", |s| s.final_norm = false),
    ("qwen2", "epsilon", |s| s.norm_epsilon = 0.3),
    ("qwen2", "activation", |s| {
        s.activation = Activation::GeluTanh
    }),
    ("gpt2", "activation", |s| s.activation = Activation::Relu),
    ("qwen2", "not gated", |s| s.gated = false),
    ("qwen2", "no bias of queries, keys and values", |s| {
        s.query_key_value_bias = false
    }),
    ("opt", "no bias of the attention's output", |s| {
        s.attention_out_bias = false
    }),
    ("opt", "no bias of the first map", |s| {
        s.feed_forward_up_bias = false
    }),
    ("opt", "no bias of the last map", |s| {
        s.feed_forward_down_bias = false
    }),
    ("eurobert", "causal", |s| s.causal = true),
    ("qwen2", "both ways", |s| s.causal = false),
    ("opt", "position of the first token", |s| {
        s.positions.as_mut().unwrap().offset = 5
    }),
    ("electra", "no token types", |s| s.token_types = 0),
];

#[test]
fn every_switch_changes_the_result() {
    let (short, long) = (text(7, 1), text(19, 2));
    let batch = batch_of(&[&short, &long], 19, Side::Right);
    for (name, what, change) in SWITCHES {
        let shape = tiny::shape(name);
        let mut other = shape.clone();
        change(&mut other);
        assert_ne!(shape, other, "{name}, {what}: nothing was changed");
        let run = |shape: &Shape| {
            let out = tiny::model(shape).forward(&batch, &Pass::plain());
            real_rows(out.x, batch.mask.clone())
        };
        let difference = difference(&run(&other), &run(&shape), &[1.0]);
        assert!(difference > 1e-3, "{name}, {what}: {difference:e}");
    }
}

#[test]
fn logits_are_capped_where_the_shape_says_so() {
    let shape = tiny::shape("gemma2");
    let cap = shape.logit_cap.unwrap() as f32;
    let model = tiny::model(&shape);
    let batch = batch_of(&[&text(9, 1)], 9, Side::Right);
    let x = model.forward(&batch, &Pass::plain()).x;
    let mut head = LanguageHead::random(&model, 1);
    let capped = values(head.logits(x.clone()));
    head.logit_cap = None;
    let free = values(head.logits(x));
    assert!(free.iter().any(|logit| logit.abs() > cap), "nothing to cap");
    let expected: Vec<f32> = free.iter().map(|x| cap * (x / cap).tanh()).collect();
    assert_close(&capped, &expected, 1e-6, "capped logits");
}
