//! Padding never changes a result, on either side.

use transformer::{Pass, Pooling, Side, collate_to, pool};

use crate::fixtures::*;

#[test]
fn extra_padding_on_either_side_changes_nothing() {
    for family in FAMILIES {
        let model = pretrained(family);
        let texts = texts(family);
        let pairs: Vec<_> = texts.iter().map(|text| (text.as_str(), None)).collect();
        let encoded = model.tokenizer.encode(&pairs, 32).unwrap();
        for (text, encoded) in texts.iter().zip(&encoded) {
            let run = |length, side, pad_id| {
                let batch = collate_to(length, &[encoded], pad_id, side, &device());
                let out = model.backbone.forward(&batch, &Pass::plain());
                let pooled = [Pooling::First, Pooling::LastToken, Pooling::Mean]
                    .map(|p| values(pool(&out, p)));
                (real_rows(out.x, batch.mask), pooled)
            };
            let length = encoded.ids.len();
            let (alone, pooled) = run(length, Side::Right, 0);
            for (side, extra) in [
                (Side::Right, 2),
                (Side::Left, 2),
                (Side::Left, 19),
                (Side::Right, 19),
            ] {
                let what = format!("{family}, {side:?} by {extra}: {text}");
                let (padded, padded_pooled) = run(length + extra, side, 3);
                assert_close(&padded, &alone, 1e-6, &what);
                for (padded, alone) in padded_pooled.iter().zip(&pooled) {
                    assert_close(padded, alone, 1e-6, &format!("{what}, pooled"));
                }
            }
        }
    }
}

#[test]
fn pooling_takes_first_last_and_mean_of_the_real_tokens() {
    let model = pretrained("bert");
    let pairs = [("a gripping film", None), ("x", None)];
    let encoded = model.tokenizer.encode(&pairs, 32).unwrap();
    let lengths: Vec<_> = encoded.iter().map(|text| text.ids.len()).collect();
    let encoded: Vec<_> = encoded.iter().collect();
    let batch = collate_to(lengths[0] + 3, &encoded, 0, Side::Left, &device());
    let out = model.backbone.forward(&batch, &Pass::plain());
    let rows = real_rows(out.x.clone(), batch.mask);
    let row = |at: usize| &rows[at * 48..(at + 1) * 48];
    let first = values(pool(&out, Pooling::First));
    assert_eq!(first, [row(0), row(lengths[0])].concat());
    let last = values(pool(&out, Pooling::LastToken));
    assert_eq!(
        last,
        [row(lengths[0] - 1), row(lengths[0] + lengths[1] - 1)].concat()
    );
    let mean = values(pool(&out, Pooling::Mean));
    let by_hand: f32 = (0..lengths[0]).map(|at| row(at)[5]).sum::<f32>() / lengths[0] as f32;
    assert!((mean[5] - by_hand).abs() < 1e-6);
}
