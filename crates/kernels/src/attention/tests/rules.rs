//! Windows, keys that are always seen, biases by distance and caps, each with everything else.

use super::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn every_rule_with_every_other(
        kv_heads in 1usize..3, group in 1usize..4, head_dim in 1usize..6, queries in 1usize..75, more in 0usize..8,
        always in 0usize..6, reach in proptest::option::of(0usize..90), cap in proptest::option::of(0.5f32..6.0),
        flags in proptest::array::uniform4(any::<bool>()), seed: u64,
    ) {
        let [causal, masked, dropout, biased] = flags;
        let mut s = shape(2, [kv_heads * group, kv_heads], head_dim, queries, queries + more, causal);
        (s.reach, s.always, s.score_cap) = (reach, always.min(more), cap);
        s.dropout = dropout.then(|| Dropout::new(0.3, seed));
        let case = Case::new(s, masked, seed);
        let case = if biased { case.with_bias(seed ^ 5) } else { case };
        case.check(1e-5);
    }
}

/// A window whose blocks are many, with padding on the left of one text and on the right of the other.
fn windowed(reach: Option<usize>, queries: usize, keys: usize, causal: bool) -> Case {
    let mut s = shape(2, [2, 1], 3, queries, keys, causal);
    s.reach = reach;
    let mut case = Case::new(s, false, 21);
    let left = (0..keys).map(|j| f32::from(j >= 9));
    let right = (0..keys).map(|j| f32::from(j < keys - 13));
    case.mask = Some(left.chain(right).collect());
    case
}

#[test]
fn windows_in_many_blocks_with_padding_on_either_side() {
    for causal in [false, true] {
        for reach in [0, 1, 7, 40, 200] {
            windowed(Some(reach), 211, 211, causal).check(5e-6);
            windowed(Some(reach), 150, 211, causal).check(5e-6);
            windowed(Some(reach), 150, 211, causal)
                .with_bias(3)
                .check(5e-6);
        }
    }
}

#[test]
fn keys_that_are_always_seen_stand_apart_from_the_windows() {
    for reach in [0, 5, 33] {
        let mut case = windowed(Some(reach), 120, 131, false);
        case.shape.always = 11;
        case.shape.dropout = Some(Dropout::new(0.4, 2));
        case.check(5e-6);
        case.with_bias(3).check(5e-6);
    }
}

#[test]
fn a_window_that_hides_nothing_changes_no_bit() {
    let run = |reach, causal| {
        let (y, g) = windowed(reach, 40, 43, causal).with_bias(2).run();
        (y.y, g.dq, g.dk, g.dv, g.d_bias)
    };
    for causal in [false, true] {
        let full = run(None, causal);
        assert_eq!(run(Some(42), causal), full);
        assert_eq!(run(Some(usize::MAX), causal), full);
        assert_ne!(run(Some(41), causal), full);
    }
}

#[test]
fn a_window_multiplies_only_the_keys_that_a_block_sees() {
    let mut s = shape(1, [1, 1], 3, 1000, 1004, false);
    (s.reach, s.always) = (Some(16), 4);
    let step = s.block_rows();
    assert!(step <= 64, "{step} queries in a block");
    let rows = s.rows(0, 0, 5 * step, step, None);
    assert_eq!(rows.columns, 4 + step + 2 * 16);
    assert_eq!(rows.from, 4 + 5 * step - 16);
    s.causal = true;
    let step = s.block_rows();
    let rows = s.rows(0, 0, 5 * step, step, None);
    assert_eq!(rows.columns, 4 + step + 16);
}

#[test]
fn large_scores_are_capped_and_get_no_gradient() {
    let mut s = shape(2, [2, 2], 4, 9, 9, false);
    s.score_cap = Some(3.0);
    let mut case = Case::new(s, true, 31).with_bias(4);
    case.q.iter_mut().for_each(|q| *q *= 40.0);
    case.check(5e-5); // products of 300 that nearly cancel are among those below the cap
    case.k.iter_mut().for_each(|k| *k = k.signum() * 1e4);
    let (found, g) = case.run();
    assert!(found.y.iter().all(|y| y.is_finite()));
    assert!(g.dq.iter().chain(&g.dk).all(|v| v.abs() < 1.0));
}

#[test]
fn a_bias_without_a_wanted_gradient_gets_none() {
    let case = Case::new(shape(2, [2, 2], 4, 9, 9, false), true, 3).with_bias(4);
    let (y, g) = case.run();
    let (inputs, s) = (case.inputs(), &case.shape);
    let frozen = attention_backward(inputs, &y.statistics, &case.dy, s, false);
    assert!(frozen.d_bias.is_empty());
    assert_close(&frozen.dq, &wide(&g.dq), 1e-6);
    assert_close(&frozen.dk, &wide(&g.dk), 1e-6);
}

#[test]
fn one_thread_or_three_give_the_same_gradient_of_the_bias() {
    let mut case = windowed(Some(20), 90, 95, false).with_bias(6);
    case.shape.always = 2;
    case.bias = Some(values(6, 2 * case.shape.distances()));
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.unwrap().install(|| case.run().1.d_bias)
    };
    assert_eq!(with(1), with(3));
}

#[test]
#[should_panic(expected = "windowed attention of 3 queries to 5 keys, 3 of them always seen")]
fn a_window_needs_a_key_for_each_query_behind_those_always_seen() {
    let mut s = shape(1, [1, 1], 2, 3, 5, false);
    (s.reach, s.always) = (Some(1), 3);
    Case::new(s, false, 7).check(5e-6);
}

#[test]
#[should_panic(expected = "the bias does not fit")]
fn a_bias_has_a_number_for_each_distance() {
    let mut case = Case::new(shape(1, [1, 1], 2, 3, 5, false), false, 7);
    case.bias = Some(vec![0.0; 8]);
    case.check(5e-6);
}
