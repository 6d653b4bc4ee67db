//! Blocks of 256 numbers in groups of 32 (or 16), each with a scale of 6 (or 8) bits that is a multiple of the block's own.

use super::half;

/// `d` and `dmin` f16, scales and minima of 8 groups, 256 numbers of 4 bits: d·s·q - dmin·m.
pub(super) fn q4_k(block: &[u8; 144], values: &mut [f32; 256]) {
    let groups = Groups::of(block);
    let low = &block[16..];
    for (group, values) in values.chunks_exact_mut(32).enumerate() {
        let (scale, least) = (groups.scales[group], groups.minima[group]);
        for (i, value) in values.iter_mut().enumerate() {
            let q = (low[group / 2 * 32 + i] >> (group % 2 * 4)) & 15;
            *value = scale * f32::from(q) - least;
        }
    }
}

/// As [`q4_k`], with a fifth bit for each number: bit `g` of byte `i` for number `i` of group `g`.
pub(super) fn q5_k(block: &[u8; 176], values: &mut [f32; 256]) {
    let groups = Groups::of(block);
    let (high, low) = (&block[16..48], &block[48..]);
    for (group, values) in values.chunks_exact_mut(32).enumerate() {
        let (scale, least) = (groups.scales[group], groups.minima[group]);
        for (i, value) in values.iter_mut().enumerate() {
            let q = (low[group / 2 * 32 + i] >> (group % 2 * 4)) & 15;
            let fifth = (high[i] >> group) & 1;
            *value = scale * f32::from(q | fifth << 4) - least;
        }
    }
}

/// The lower four bits of 256 numbers, their upper two, signed scales of 16 groups of 16, `d` f16: d·s·q, q from -32 to 31.
pub(super) fn q6_k(block: &[u8; 210], values: &mut [f32; 256]) {
    let (low, high, scales) = (&block[..128], &block[128..192], &block[192..208]);
    let whole = half([block[208], block[209]]);
    for (group, values) in values.chunks_exact_mut(16).enumerate() {
        let scale = whole * f32::from(scales[group] as i8);
        for (i, value) in values.iter_mut().enumerate() {
            let at = group * 16 + i;
            // 64 bytes hold 128 numbers: those in the lower halves first.
            let four = low[at / 128 * 64 + at % 64] >> (at % 128 / 64 * 4) & 15;
            // 32 bytes hold 128 numbers: those in the lowest two bits first.
            let two = high[at / 128 * 32 + at % 32] >> (at % 128 / 32 * 2) & 3;
            *value = scale * f32::from((four | two << 4) as i8 - 32);
        }
    }
}

/// The scales and minima of a block's 8 groups, multiplied out.
struct Groups {
    scales: [f32; 8],
    minima: [f32; 8],
}

impl Groups {
    /// From `d`, `dmin` and 12 bytes: six bits for each of the 16 numbers. The upper two bits of the first eight bytes belong to
    /// groups 4 to 7, whose lower four lie in the last four bytes.
    fn of(block: &[u8]) -> Groups {
        let (whole, least) = (half([block[0], block[1]]), half([block[2], block[3]]));
        let [first, second, mixed] = [&block[4..8], &block[8..12], &block[12..16]];
        let six = |own: &[u8], group: usize, mixed: u8| match group {
            0..4 => own[group] & 63,
            _ => mixed | (own[group - 4] >> 2 & 48),
        };
        let low = |group: usize| mixed[group % 4] & 15;
        let high = |group: usize| mixed[group % 4] >> 4;
        Groups {
            scales: std::array::from_fn(|g| whole * f32::from(six(first, g, low(g)))),
            minima: std::array::from_fn(|g| least * f32::from(six(second, g, high(g)))),
        }
    }
}
