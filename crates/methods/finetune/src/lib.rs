//! Adaptation method: finetune.
