//! Adaptation method: in-context.
