//! CPU kernels on f32 slices, forward and backward; no burn types; the only unsafe code.
