//! The seam that an adaptation method implements, the one training loop, the conformance kit.
