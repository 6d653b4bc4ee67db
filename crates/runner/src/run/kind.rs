//! What trials of one kind share: all that a person would name of them but the seed.

use record::TrialSpec;

/// Method, variant, model, task, device, and training examples.
pub(crate) type Kind = ([String; 5], Option<usize>);

/// The kind of a trial.
pub(crate) fn kind(spec: &TrialSpec) -> Kind {
    let names = [
        &spec.method,
        &spec.variant,
        &spec.model,
        &spec.task,
        &spec.device,
    ];
    (names.map(Clone::clone), spec.budget.train_limit)
}
