//! The number formats of GGUF that are read, and from their blocks to f32. The arithmetic is that of `gguf/quants.py` of the Python
//! package `gguf`, operation by operation, so that the results are equal bit by bit.

mod quantised;
mod super_blocks;

use burn::tensor::{bf16, f16};

/// How the numbers of a tensor are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    F32,
    F16,
    Bf16,
    Q8_0,
    Q6K,
    Q5K,
    Q5_1,
    Q5_0,
    Q4K,
    Q4_1,
    Q4_0,
}

/// A format that is read, with its number in the file.
const READ: [(u32, Kind, &str); 11] = [
    (0, Kind::F32, "F32"),
    (1, Kind::F16, "F16"),
    (30, Kind::Bf16, "BF16"),
    (8, Kind::Q8_0, "Q8_0"),
    (2, Kind::Q4_0, "Q4_0"),
    (3, Kind::Q4_1, "Q4_1"),
    (6, Kind::Q5_0, "Q5_0"),
    (7, Kind::Q5_1, "Q5_1"),
    (12, Kind::Q4K, "Q4_K"),
    (13, Kind::Q5K, "Q5_K"),
    (14, Kind::Q6K, "Q6_K"),
];

/// Those that are not read, by name.
const NOT_READ: [(u32, &str); 22] = [
    (9, "Q8_1"),
    (10, "Q2_K"),
    (11, "Q3_K"),
    (15, "Q8_K"),
    (16, "IQ2_XXS"),
    (17, "IQ2_XS"),
    (18, "IQ3_XXS"),
    (19, "IQ1_S"),
    (20, "IQ4_NL"),
    (21, "IQ3_S"),
    (22, "IQ2_S"),
    (23, "IQ4_XS"),
    (24, "I8"),
    (25, "I16"),
    (26, "I32"),
    (27, "I64"),
    (28, "F64"),
    (29, "IQ1_M"),
    (34, "TQ1_0"),
    (35, "TQ2_0"),
    (39, "MXFP4"),
    (40, "NVFP4"),
];

impl Kind {
    /// The format with this number, else the name of one that is not read.
    pub(super) fn of(number: u32) -> Result<Kind, String> {
        let read = READ.iter().find(|(own, ..)| *own == number);
        read.map(|(_, kind, _)| *kind).ok_or_else(|| {
            let known = NOT_READ.iter().find(|(own, _)| *own == number);
            known.map_or(format!("format {number}"), |(_, name)| (*name).to_owned())
        })
    }

    pub(crate) fn name(self) -> &'static str {
        let own = READ.iter().find(|(_, kind, _)| *kind == self);
        own.map_or("", |(.., name)| *name)
    }

    /// All that are read, for an error.
    pub(super) fn names() -> String {
        READ.map(|(.., name)| name).join(", ")
    }

    /// Whether a number takes less than 16 bits.
    pub(super) fn is_quantised(self) -> bool {
        !matches!(self, Kind::F32 | Kind::F16 | Kind::Bf16)
    }

    /// Numbers of a block, and its bytes.
    pub(super) fn block(self) -> (usize, usize) {
        match self {
            Kind::F32 => (1, 4),
            Kind::F16 | Kind::Bf16 => (1, 2),
            Kind::Q8_0 => (32, 34),
            Kind::Q4_0 => (32, 18),
            Kind::Q4_1 => (32, 20),
            Kind::Q5_0 => (32, 22),
            Kind::Q5_1 => (32, 24),
            Kind::Q4K => (256, 144),
            Kind::Q5K => (256, 176),
            Kind::Q6K => (256, 210),
        }
    }

    /// Whole blocks to their numbers.
    pub(super) fn decode(self, blocks: &[u8], values: &mut [f32]) {
        match self {
            Kind::F32 => each(blocks, values, |bytes: &[u8; 4], value: &mut [f32; 1]| {
                value[0] = f32::from_le_bytes(*bytes);
            }),
            Kind::F16 => each(blocks, values, |bytes: &[u8; 2], value: &mut [f32; 1]| {
                value[0] = half(*bytes);
            }),
            Kind::Bf16 => each(blocks, values, |bytes: &[u8; 2], value: &mut [f32; 1]| {
                value[0] = bf16::from_le_bytes(*bytes).to_f32();
            }),
            Kind::Q8_0 => each(blocks, values, quantised::q8_0),
            Kind::Q4_0 => each(blocks, values, quantised::q4_0),
            Kind::Q4_1 => each(blocks, values, quantised::q4_1),
            Kind::Q5_0 => each(blocks, values, quantised::q5_0),
            Kind::Q5_1 => each(blocks, values, quantised::q5_1),
            Kind::Q4K => each(blocks, values, super_blocks::q4_k),
            Kind::Q5K => each(blocks, values, super_blocks::q5_k),
            Kind::Q6K => each(blocks, values, super_blocks::q6_k),
        }
    }
}

/// Applies `decode` to every block of `B` bytes and its `N` numbers.
fn each<const B: usize, const N: usize>(
    blocks: &[u8],
    values: &mut [f32],
    decode: impl Fn(&[u8; B], &mut [f32; N]),
) {
    let (blocks, values) = (blocks.as_chunks::<B>().0, values.as_chunks_mut::<N>().0);
    for (block, values) in blocks.iter().zip(values) {
        decode(block, values);
    }
}

/// A float16 of two bytes.
fn half(bytes: [u8; 2]) -> f32 {
    f16::from_le_bytes(bytes).to_f32()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_has_a_name_and_is_found_by_its_number() {
        for (number, kind, name) in READ {
            assert_eq!(Kind::of(number), Ok(kind));
            assert_eq!(kind.name(), name);
        }
        assert_eq!(Kind::of(10), Err("Q2_K".to_owned()));
        assert_eq!(Kind::of(77), Err("format 77".to_owned()));
    }
}
