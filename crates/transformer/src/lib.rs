//! Pretrained transformer backbones in burn, read from Hugging Face checkpoints, with sites where a method may act.
