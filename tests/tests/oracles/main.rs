//! Every type of model against what `transformers` and PEFT compute from a tiny random checkpoint of it.
//!
//! The checkpoints are folders under `tests/fixtures/oracle` and `tests/fixtures/features`; `ADAPTBENCH_ORACLES` may name a folder of more.
//! No folder is left out silently: what is not read stands in a list, with the words by which it is refused.
#![allow(missing_docs)]

mod adapters;
mod compare;
mod dialects;
mod folders;
mod gradients;
mod mutations;
mod page;
mod real;
mod report;
mod states;
mod without_effect;
