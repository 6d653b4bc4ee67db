//! Adaptation method: feature-based.
