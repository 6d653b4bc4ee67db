//! The program from outside: what a user types, and what must be on the disk afterwards.

mod architecture;
mod bundled_tasks;
mod harness;
mod inputs;
mod interruption;
mod outcomes;
mod pretraining;
mod real_methods;
mod usage;
