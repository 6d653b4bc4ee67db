//! Fused operations for burn's autodiff: a backend extension on flex, plain burn elsewhere.
