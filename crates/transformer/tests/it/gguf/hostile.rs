//! Heads that lie: sizes beyond the file, counts beyond reason, tensors over each other, and bytes changed at random.

use std::path::Path;
use std::time::{Duration, Instant};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use transformer::{load, load_shape};

use super::file::{LIST, TEXT, U32};
use super::{one_file, said};
use crate::fixtures::*;

/// What is said of these bytes.
fn refused(test: &str, bytes: &[u8]) -> String {
    let dir = scratch(&format!("gguf-{test}"));
    let file = dir.join("m.gguf");
    std::fs::write(&file, bytes).unwrap();
    let start = Instant::now();
    let error = load(&file, &device()).expect_err("a refusal").to_string();
    assert!(start.elapsed() < Duration::from_secs(1), "{error}");
    error.replace(&format!("{}/", dir.display()), "")
}

const NOT: &str = "m.gguf is not a GGUF file that can be read: ";

#[test]
fn a_file_that_is_none_is_refused_with_what_it_is() {
    for (bytes, expected) in [
        (
            &b""[..],
            "at byte 0 its head asks for 4 more, and 0 are there",
        ),
        (
            &b"GG"[..],
            "at byte 0 its head asks for 4 more, and 2 are there",
        ),
        (
            &b"PK\x03\x04 and more"[..],
            "it does not begin with \"GGUF\"",
        ),
        (
            &b"version https://git-lfs.github.com/spec/v1\n"[..],
            "it is a Git LFS pointer, not the weights: run `git lfs pull`",
        ),
        (
            &b"GGUF\x03\0\0\0"[..],
            "at byte 8 its head asks for 8 more, and 8 are there",
        ),
    ] {
        let said = refused("hostile-none", bytes);
        assert!(said.starts_with(&format!("{NOT}{expected}")), "{said}");
    }
    let said = refused("hostile-none", b"GGUF\x01\0\0\0 and more");
    assert!(said.starts_with("m.gguf is a GGUF file of version 1, and versions 2 and 3 are read"));
    let said = refused("hostile-none", b"GGUF\0\0\0\x03 and more");
    assert!(said.starts_with("m.gguf is a GGUF file for big-endian machines"));
}

#[test]
fn counts_and_sizes_beyond_the_file_are_refused_before_memory_is_taken_for_them() {
    let head = |tensors: u64, entries: u64, rest: &[u8]| {
        let start = [&b"GGUF\x03\0\0\0"[..], &tensors.to_le_bytes()].concat();
        [&start[..], &entries.to_le_bytes(), rest].concat()
    };
    let long = |length: u64| [&length.to_le_bytes()[..], b"abc"].concat();
    let list = |kind: u32, count: u64| {
        let key = [&1u64.to_le_bytes()[..], b"k", &LIST.to_le_bytes()].concat();
        [&key[..], &kind.to_le_bytes(), &count.to_le_bytes()].concat()
    };
    for (bytes, expected) in [
        (
            head(u64::MAX, 0, &[]),
            "it says that it has 18446744073709551615 tensors",
        ),
        (
            head(0, 1 << 40, &[]),
            "it says that it has 1099511627776 entries of metadata",
        ),
        (
            head(0, 1, &long(u64::MAX)),
            "at byte 32 its head asks for 18446744073709551615 more",
        ),
        (
            head(0, 1, &long(1 << 30)),
            "at byte 32 its head asks for 1073741824 more",
        ),
        (
            head(0, 1, &list(6, u64::MAX)),
            "\"k\" has 18446744073709551615 items",
        ),
        (
            head(0, 1, &list(8, 1 << 21)),
            "at byte 49 its head asks for 8 more",
        ),
        (head(0, 1, &list(9, 1)), "\"k\" is a list of lists"),
        (
            head(0, 1, &list(77, 1)),
            "\"k\" has a value of the unknown kind 77",
        ),
    ] {
        let said = refused("hostile-counts", &bytes);
        assert!(said.starts_with(&format!("{NOT}{expected}")), "{said}");
    }
}

#[test]
fn tensors_that_do_not_lie_in_the_file_are_refused() {
    let name = "blk.1.ffn_down.weight";
    let damaged = |test: &str, change: fn(&mut super::file::Stored)| {
        said(test, "qwen2", |parts| {
            change(parts.tensor("blk.1.ffn_down.weight"))
        })
    };
    for (said, expected) in [
        (
            damaged("dims", |tensor| tensor.dims = vec![1 << 40, 1 << 40]),
            "of [1099511627776, 1099511627776] numbers at",
        ),
        (
            damaged("huge", |tensor| tensor.dims = vec![u64::MAX, 2]),
            "of [2, 18446744073709551615] numbers at",
        ),
        (
            damaged("far", |tensor| tensor.offset = Some(1 << 60)),
            "of [16, 24] numbers at 1152921504606846976 ends behind the file's",
        ),
        (
            damaged("farther", |tensor| tensor.offset = Some(u64::MAX - 31)),
            "of [16, 24] numbers at 18446744073709551584 ends behind the file's",
        ),
        (
            damaged("odd", |tensor| tensor.offset = Some(7)),
            "begins at 7, no multiple of 32",
        ),
        (
            damaged("none", |tensor| tensor.dims = vec![0, 4]),
            "has an impossible dimension",
        ),
        (
            damaged("flat", |tensor| tensor.dims = vec![]),
            "has 0 dimensions, expected 1 to 4",
        ),
        (
            damaged("rows", |tensor| tensor.kind = 8),
            "has rows that are not whole blocks of 32 numbers",
        ),
    ] {
        assert!(
            said.starts_with(&format!("{NOT}tensor \"{name}\" {expected}")),
            "{said}"
        );
    }
    let over = said("over", "qwen2", |parts| parts.tensor(name).offset = Some(0));
    assert!(
        over.starts_with(&format!("{NOT}tensors \"")) && over.contains("overlap"),
        "{over}"
    );
    let twice = said("twice", "qwen2", |parts| {
        parts.tensor(name).name = "output_norm.weight".to_owned()
    });
    assert!(twice.starts_with(&format!(
        "{NOT}tensor \"output_norm.weight\" stands there twice"
    )));
    let shape = said("shape", "qwen2", |parts| parts.tensor(name).dims.reverse());
    assert_eq!(
        shape,
        format!("tensor \"{name}\" in m.gguf has shape [24, 16], expected [16, 24]")
    );
    let infinite = said("infinite", "qwen2", |parts| {
        parts.tensor(name).data[..4].copy_from_slice(&f32::INFINITY.to_le_bytes());
    });
    let expected = format!("tensor \"{name}\" in m.gguf holds inf at element 0");
    assert!(infinite.starts_with(&expected), "{infinite}");
    let heads = said("heads", "llama", |parts| {
        parts.set("llama.attention.head_count", U32, &3u32.to_le_bytes());
    });
    assert!(heads.contains('3') && heads.contains("m.gguf"), "{heads}");
}

#[test]
fn where_the_data_begin_may_be_said() {
    let aligned = |alignment: u32| {
        super::changed("alignment", "qwen2", |parts| {
            parts.set("general.alignment", U32, &alignment.to_le_bytes());
            parts.alignment = alignment as usize;
        })
    };
    let plain = load(&one_file("qwen2"), &device()).unwrap();
    let words = |file: &Path| {
        let words = load(file, &device()).unwrap().backbone.embeddings.word;
        values(words.weight.val())
    };
    let expected = values(plain.backbone.embeddings.word.weight.val());
    assert!(words(&aligned(64)) == expected && words(&aligned(8)) == expected);
    for alignment in [0u32, 24] {
        let said = said("unaligned", "qwen2", |parts| {
            parts.set("general.alignment", U32, &alignment.to_le_bytes());
        });
        assert!(said.contains("expected a power of two"), "{said}");
    }
    let said = said("wordy", "qwen2", |parts| {
        parts.set("general.alignment", TEXT, &super::text("32"));
    });
    assert!(
        said.contains("\"general.alignment\" is \"32\", expected a power of two"),
        "{said}"
    );
}

#[test]
fn no_byte_of_a_head_makes_it_panic_or_take_long() {
    let mut random = ChaCha8Rng::seed_from_u64(14);
    let dir = scratch("gguf-changed");
    let file = dir.join("m.gguf");
    for name in ["llama", "mistral", "bert"] {
        let sound = std::fs::read(one_file(name)).unwrap();
        let parts = super::Parts::read(&one_file(name));
        let data: usize = parts.tensors.iter().map(|tensor| tensor.data.len()).sum();
        let head = sound.len() - data;
        for trial in 0..400 {
            let mut bytes = sound.clone();
            for _ in 0..random.random_range(1..4) {
                // Half of them among the sizes at the beginning.
                let end = if trial % 2 == 0 {
                    1_500.min(head)
                } else {
                    head
                };
                let at = random.random_range(4..end);
                bytes[at] = [0, 1, 0x7f, 0x80, 0xff, random.random()][random.random_range(0..6)];
            }
            if trial % 5 == 0 {
                bytes.truncate(random.random_range(0..bytes.len()));
            }
            std::fs::write(&file, &bytes).unwrap();
            let start = Instant::now();
            match (load_shape(&file), load(&file, &device())) {
                (Err(error), _) | (_, Err(error)) => assert!(!error.to_string().is_empty()),
                (Ok(_), Ok(model)) => {
                    let words = values(model.backbone.embeddings.word.weight.val());
                    assert!(words.iter().all(|word| word.is_finite()));
                }
            }
            assert!(
                start.elapsed() < Duration::from_secs(5),
                "{name}, trial {trial}"
            );
        }
    }
}
