//! Models and texts to time things on, with no download: MiniLM's and a small decoder's sizes with random weights, which cost what trained ones cost.

pub mod records;

use burn::tensor::Device;
use std::path::Path;
use task::{Example, Split};
use transformer::{Backbone, LayerKind, Pretrained, Shape, Tokenizer};

/// A model of all-MiniLM-L6-v2's sizes: 6 blocks of width 384, inner width 1536, 12 heads, 30522 words.
pub fn encoder(device: &Device) -> Pretrained {
    resized("bert", device, |shape| {
        shape.hidden = 384;
        shape.layers = 6;
        shape.heads = 12;
        shape.kv_heads = 12;
        shape.head_dim = 32;
        shape.intermediate = 1536;
        shape.vocab = 30522;
    })
}

/// A decoder of half DistilGPT-2's width: 6 blocks of width 384, inner width 1536, 12 heads.
pub fn decoder(device: &Device) -> Pretrained {
    resized("gpt2", device, |shape| {
        shape.hidden = 384;
        shape.layers = 6;
        shape.heads = 12;
        shape.kv_heads = 12;
        shape.head_dim = 32;
        shape.intermediate = 1536;
    })
}

fn resized(fixture: &str, device: &Device, change: impl FnOnce(&mut Shape)) -> Pretrained {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/fixtures/oracle")
        .join(fixture);
    let mut model = transformer::load(&dir, device).expect("the fixture loads");
    change(&mut model.shape);
    settle(&mut model.shape);
    model.backbone = Backbone::random(&model.shape, 1, device);
    model.pooler = None;
    model.language_head = None;
    model
}

/// What follows from the sizes; and the fixtures' tables of 64 positions become those of 512.
fn settle(shape: &mut Shape) {
    shape.embedding = shape.hidden;
    shape.blocks = shape.layers;
    shape.kinds = vec![LayerKind::default(); shape.layers];
    shape.score_scale = (shape.head_dim as f64).sqrt().recip();
    if let Some(positions) = &mut shape.positions {
        positions.rows = 512;
    }
    shape.max_length = 512;
}

/// `n` texts of more than 512 words, which are cut to the same length by any tokenizer, in two classes.
pub fn texts(n: usize) -> Split {
    let sentence =
        "the winter was long and the harbour froze twice before anybody came back ".repeat(40);
    let examples = (0..n).map(|i| Example {
        row: i as u64,
        text: format!("{i} {sentence}"),
        second: None,
        label: i % 2,
    });
    Split {
        examples: examples.collect(),
    }
}

/// `n` texts, the same `batch` of them again and again, of tokens drawn from the whole vocabulary: as many rows of the embeddings take part as
/// in a batch of random ids. Each is of more than `tokens` tokens.
pub fn mixed_texts(tokenizer: &Tokenizer, n: usize, batch: usize, tokens: usize) -> Split {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let drawn: Vec<String> = (0..batch)
        .map(|_| {
            let ids: Vec<u32> = (0..2 * tokens)
                .map(|_| (random() % tokenizer.vocab() as u64) as u32)
                .collect();
            tokenizer.decode(&ids, true)
        })
        .collect();
    let examples = (0..n).map(|i| Example {
        row: i as u64,
        text: drawn[i % batch].clone(),
        second: None,
        label: i % 2,
    });
    Split {
        examples: examples.collect(),
    }
}
