//! Clocks by phase, peak memory by phase, the environment of a run.
