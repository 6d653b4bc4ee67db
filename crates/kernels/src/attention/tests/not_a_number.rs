//! What is not a number comes out wherever it is seen.

use super::*;

/// Which elements of the result are no numbers when element `place` of input `input` (queries, keys, values) is NaN.
fn nan_of(case: &Case, input: usize, place: usize) -> Vec<bool> {
    let mut values = [case.q.clone(), case.k.clone(), case.v.clone()];
    values[input][place] = f32::NAN;
    let [q, k, v] = &values;
    let inputs = AttentionInputs {
        q,
        k,
        v,
        ..case.inputs()
    };
    let found = attention(inputs, &case.shape);
    let back = attention_backward(
        inputs,
        &found.statistics,
        &case.dy,
        &case.shape,
        case.bias.is_some(),
    );
    let reached = found.y.iter().any(|y| y.is_nan());
    let gradients = [&back.dq, &back.dk, &back.dv];
    let told = gradients.iter().any(|g| g.iter().any(|v| v.is_nan()));
    assert!(
        !reached || told,
        "no gradient tells of input {input} at {place}"
    );
    found.y.iter().map(|y| y.is_nan()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn every_query_that_sees_what_is_not_a_number_is_not_a_number(
        batch in 1usize..3, kv_heads in 1usize..3, group in 1usize..3, head_dim in 1usize..6, queries in 1usize..6,
        more in 0usize..40, causal: bool, masked: bool, rules: bool, place: usize, seed: u64,
    ) {
        let mut s = shape(batch, [kv_heads * group, kv_heads], head_dim, queries, queries + more, causal);
        if rules {
            (s.reach, s.always, s.score_cap) = (Some(seed as usize % 9), more.min(2), Some(2.5));
        }
        let case = Case::new(s, masked, seed);
        let case = if rules { case.with_bias(seed ^ 5) } else { case };
        let sees = |b: usize, i: usize, j: usize| sees(&s, case.mask.as_deref(), b, i, j);
        for input in 0..3 {
            let width = if input == 0 { s.heads } else { s.kv_heads } * s.head_dim;
            let place = place % if input == 0 { case.q.len() } else { case.k.len() };
            let (row, head) = (place / width, place % width / s.head_dim);
            let found = nan_of(&case, input, place);
            for b in 0..s.batch {
                for h in 0..s.heads {
                    for i in 0..s.queries {
                        let reached = match input {
                            0 => (b * s.queries + i, h) == (row, head) && (0..s.keys).any(|j| sees(b, i, j)),
                            _ => row / s.keys == b && h / group == head && sees(b, i, row % s.keys),
                        };
                        let at = s.query_at(b, h, i);
                        // A value's element reaches its own only; the others reach the whole head.
                        let own = if input == 2 { place % s.head_dim..place % s.head_dim + 1 } else { 0..s.head_dim };
                        for d in 0..s.head_dim {
                            let expected = reached && own.contains(&d);
                            // Nothing times NaN is NaN: a hidden value may be heard of, and is never silent where it is seen.
                            let hidden_value = input == 2 && !reached;
                            prop_assert!(found[at + d] == expected || hidden_value, "input {input}, query {i} of head {h}, element {d}: {}", found[at + d]);
                        }
                    }
                }
            }
        }
    }
}
