//! Adaptation method: baseline.
