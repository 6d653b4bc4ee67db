//! The backbones against what `transformers` computes, and the checks on what is read.
#![allow(missing_docs)]

mod as_people_have_them;
mod beside;
mod config_fields;
mod configuration;
mod configuration_families;
mod disentangled;
mod dropout;
mod fixtures;
mod forward;
mod gguf;
mod gradients;
mod heads;
mod hooks;
mod hub;
mod kinds;
mod layers;
mod loading;
mod minilm;
mod padding;
mod past;
mod refusals;
mod sentence;
mod spelled_padding;
mod switches;
mod tiny;
mod tokenizer_faults;
mod tokenizers;
mod untrusted;
mod writing;
