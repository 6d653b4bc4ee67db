//! The program from outside: what a user types, and what must be on the disk afterwards.

mod architecture;
mod export;
mod harness;
mod inputs;
mod interruption;
mod outcomes;
mod real_methods;
mod usage;
