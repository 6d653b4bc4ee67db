//! The program from outside: what a user types, and what must be on the disk afterwards.

mod architecture;
mod bundled_models;
mod bundled_tasks;
mod compare;
#[cfg(any(
    feature = "cpu",
    feature = "cuda",
    feature = "ndarray",
    feature = "wgpu"
))]
mod devices;
mod docs;
mod engines;
mod export;
mod forgetting;
mod harness;
mod inputs;
mod interruption;
mod large_runs;
mod memory;
mod outcomes;
mod outputs;
mod paths;
mod pretraining;
mod real_methods;
mod results;
mod sentence;
mod served;
mod serving;
mod usage;
