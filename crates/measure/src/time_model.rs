//! How long a trial will take, from its operations and the rate at which this machine runs the model forwards.
//!
//! The rate is measured on the machine, with the model and texts of the trial's length, in a fraction of a second. What a training step
//! reaches of it is known from the committed runs: backwards there are more passes over memory beside each product, and products of weights'
//! gradients have long inner sides. Their records hold both, the operations by formula (`flops`) and the seconds.

/// Operations of a trial by how fast they go.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Work {
    /// Of passes without gradients.
    pub forward_flops: f64,
    /// Of optimisation steps, forwards and backwards.
    pub step_flops: f64,
    /// Whether the maps' weights train in them.
    pub trains_weights: bool,
}

/// What passes over whole splits reach of the rate of the best of several.
const FORWARD_SHARE: f64 = 0.95;
/// What steps that train the maps' weights reach of it.
const WEIGHTS_SHARE: f64 = 0.69;
/// What steps on frozen maps reach of it.
const FROZEN_SHARE: f64 = 0.74;

/// Half of the committed runs' trainings take as long as predicted within this share.
pub const TYPICAL_ERROR: f64 = 0.14;

/// Seconds of `work` at `rate` operations a second.
pub fn seconds(work: &Work, rate: f64) -> f64 {
    let step_share = if work.trains_weights {
        WEIGHTS_SHARE
    } else {
        FROZEN_SHARE
    };
    (work.forward_flops / FORWARD_SHARE + work.step_flops / step_share) / rate
}
