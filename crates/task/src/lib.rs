//! Text classification tasks: files to splits, few-shot draws, batches by length, metrics. No tensors.
