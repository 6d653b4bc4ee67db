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
mod export;
mod harness;
mod inputs;
mod interruption;
mod memory;
mod outcomes;
mod outputs;
mod paths;
mod pretraining;
mod real_methods;
mod results;
mod sentence;
mod usage;
