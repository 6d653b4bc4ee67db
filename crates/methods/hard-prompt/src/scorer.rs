//! Scores of the classes for prompts.

use crate::layout::Row;
use crate::verbalizer::{Verbalizer, mean_states, unit};
use ::prompt::AskedModel;
use adapt::to_floats;
use burn::tensor::{Int, Tensor, TensorData, activation};
use transformer::{Hooks, Pass, Unhooked};

/// Log-scores of the classes, `[b, classes]`: ln of the mean probability of a class's label tokens (Shin et al. 2020, eq. 1, with the
/// mean instead of the sum, since classes may have unequally many), or scale · cosine.
pub(crate) fn class_scores(
    model: &AskedModel,
    rows: &[&Row],
    verbalizer: &Verbalizer,
    hooks: &dyn Hooks,
) -> Tensor<2> {
    match verbalizer {
        Verbalizer::Tokens(sets) => {
            let head = model
                .head
                .as_ref()
                .expect("a model that is asked for words has a language head");
            let states = states_at_label(model, rows, hooks);
            let logs = activation::log_softmax(head.logits(states), 1); // [b, hidden] -> [b, vocab]
            log_mean_of_sets(logs, sets)
        }
        Verbalizer::Vectors { unit: words, scale } => {
            let ids: Vec<&[u32]> = rows.iter().map(|row| row.ids.as_slice()).collect();
            let states = unit(mean_states(model, &ids, hooks));
            let words = TensorData::new(words.concat(), [words.len(), model.shape.hidden]);
            let words = Tensor::<2>::from_data(words, &model.device);
            states.matmul(words.transpose()) * *scale // [b, hidden] x [hidden, classes]
        }
    }
}

/// The same on the host, `examples` rows a forward pass, the longest together.
pub(crate) fn all_class_scores(
    model: &AskedModel,
    rows: &[Row],
    verbalizer: &Verbalizer,
    examples: usize,
) -> Vec<Vec<f32>> {
    let lengths: Vec<usize> = rows.iter().map(|row| row.ids.len()).collect();
    let mut scores = vec![Vec::new(); rows.len()];
    for batch in task::batches_sorted(&lengths, examples) {
        let part: Vec<&Row> = batch.iter().map(|&row| &rows[row]).collect();
        let found = to_floats(class_scores(model, &part, verbalizer, &Unhooked));
        for (&row, scored) in batch.iter().zip(found.chunks_exact(verbalizer.classes())) {
            scores[row] = scored.to_vec();
        }
    }
    scores
}

/// The final state where the label is scored, `[b, hidden]`.
fn states_at_label(model: &AskedModel, rows: &[&Row], hooks: &dyn Hooks) -> Tensor<2> {
    let ids: Vec<&[u32]> = rows.iter().map(|row| row.ids.as_slice()).collect();
    let states = model
        .backbone
        .forward(&model.batch(&ids), &Pass::with(hooks))
        .x;
    let [b, _, hidden] = states.dims();
    let places: Vec<i64> = rows.iter().map(|row| row.place as i64).collect();
    let index = Tensor::<3, Int>::from_data(TensorData::new(places, [b, 1, 1]), &model.device);
    states
        .gather(1, index.expand([b, 1, hidden])) // [b, t, hidden] -> [b, 1, hidden]
        .squeeze_dim::<2>(1)
}

/// `[b, vocab]` log-probabilities to `[b, sets]`: ln (1/|V| Σ_{w in V} p(w)).
fn log_mean_of_sets(logs: Tensor<2>, sets: &[Vec<u32>]) -> Tensor<2> {
    const NEVER: f32 = -1e9; // a place in a shorter set that holds no token
    let [b, _] = logs.dims();
    let device = logs.device();
    let longest = sets.iter().map(Vec::len).max().unwrap_or(1);
    let (mut ids, mut absent) = (Vec::new(), Vec::new());
    for set in sets {
        for place in 0..longest {
            ids.push(i64::from(*set.get(place).unwrap_or(&set[0])));
            absent.push(if place < set.len() {
                -(set.len() as f32).ln()
            } else {
                NEVER
            });
        }
    }
    let ids = Tensor::<1, Int>::from_data(TensorData::from(ids.as_slice()), &device);
    let absent = Tensor::<3>::from_data(TensorData::new(absent, [1, sets.len(), longest]), &device);
    let each = logs.select(1, ids).reshape([b, sets.len(), longest]) + absent; // [b, sets, longest]
    let top = each.clone().detach().max_dim(2); // [b, sets, 1]
    let sum = (each - top.clone()).exp().sum_dim(2);
    (sum.log() + top).squeeze_dim::<2>(2)
}
