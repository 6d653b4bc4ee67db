//! Blocks of 32 numbers with one scale, in some with a smallest value too: q · d, or q · d + m.

use super::half;

/// `d` f16, 32 signed bytes.
pub(super) fn q8_0(block: &[u8; 34], values: &mut [f32; 32]) {
    let scale = half([block[0], block[1]]);
    for (value, byte) in values.iter_mut().zip(&block[2..]) {
        *value = f32::from(*byte as i8) * scale;
    }
}

/// `d` f16, 32 numbers of 4 bits that stand for -8 to 7.
pub(super) fn q4_0(block: &[u8; 18], values: &mut [f32; 32]) {
    let scale = half([block[0], block[1]]);
    let low = fours(&block[2..]);
    for (value, q) in values.iter_mut().zip(low) {
        *value = scale * f32::from(q as i8 - 8);
    }
}

/// `d` and `m` f16, 32 numbers of 4 bits.
pub(super) fn q4_1(block: &[u8; 20], values: &mut [f32; 32]) {
    let scale = half([block[0], block[1]]);
    let least = half([block[2], block[3]]);
    let low = fours(&block[4..]);
    for (value, q) in values.iter_mut().zip(low) {
        *value = scale * f32::from(q) + least;
    }
}

/// `d` f16, the fifth bits of 32 numbers, their other four: -16 to 15.
pub(super) fn q5_0(block: &[u8; 22], values: &mut [f32; 32]) {
    let scale = half([block[0], block[1]]);
    let fives = fives(&block[2..6], &block[6..]);
    for (value, q) in values.iter_mut().zip(fives) {
        *value = scale * f32::from(q as i8 - 16);
    }
}

/// `d` and `m` f16, the fifth bits of 32 numbers, their other four.
pub(super) fn q5_1(block: &[u8; 24], values: &mut [f32; 32]) {
    let scale = half([block[0], block[1]]);
    let least = half([block[2], block[3]]);
    let fives = fives(&block[4..8], &block[8..]);
    for (value, q) in values.iter_mut().zip(fives) {
        *value = scale * f32::from(q) + least;
    }
}

/// 16 bytes: their lower halves are the first 16 numbers, their upper halves the others.
fn fours(bytes: &[u8]) -> [u8; 32] {
    std::array::from_fn(|i| (bytes[i % 16] >> (i / 16 * 4)) & 15)
}

/// With bit `i` of `high` as the fifth of number `i`.
fn fives(high: &[u8], low: &[u8]) -> [u8; 32] {
    let low = fours(low);
    std::array::from_fn(|i| low[i] | ((high[i / 8] >> (i % 8)) & 1) << 4)
}
