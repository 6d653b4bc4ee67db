//! Adaptation method: lora.
