use super::*;
use record::PredictedMemory;

fn shape() -> ModelShape {
    ModelShape {
        flops: FlopShape {
            layers: 3,
            hidden: 64,
            query_width: 64,
            key_value_width: 64,
            intermediate: 256,
            gated: false,
            windows: Vec::new(),
            distances: None,
            projected_embedding: None,
        },
        blocks: 3,
        heads: 4,
        vocabulary: 1000,
        embedding: 64,
        scales_embedding: false,
        has_embedding_norm: true,
        position_rows: 128,
        angles: 0,
        token_types: 2,
        distances: None,
        norms: NormPlaces::Post,
        skips_first_norm: false,
        is_parallel: false,
        has_final_norm: false,
        norm_has_bias: true,
        query_key_norms: None,
        biased: MapSite::ALL.to_vec(),
        drops_attention_output: true,
    }
}

const HELD: Holding = Holding {
    heap_bytes: 0,
    resident_bytes: 0,
};

fn peak(trains: &dyn Fn(&str) -> bool, from: Start, parts: &[BatchShape]) -> PredictedMemory {
    peak_of(shape(), trains, from, parts)
}

fn peak_of(
    shape: ModelShape,
    trains: &dyn Fn(&str) -> bool,
    from: Start,
    parts: &[BatchShape],
) -> PredictedMemory {
    training(&Training {
        shape,
        trains,
        inserted: Inserted::default(),
        head: HeadShape {
            classes: 2,
            has_bias: true,
            inner: None,
        },
        passes: PassShape {
            from,
            is_cached: true,
            drops_hidden: true,
            pools_mean: true,
            pools_late: false,
            has_types: false,
            workers: 2,
        },
        first_epoch: parts.to_vec(),
        later: Some(parts.to_vec()),
        variety: 0.0,
        steps: 2,
        filling: parts[0],
        tokens: [2 * parts[0].tokens(), 0],
        texts: [2 * parts[0].rows, 0],
        words: 1000,
        cache_limit_bytes: u64::MAX,
        held: HELD,
        params_bytes: 0,
    })
}

fn batch(rows: u64) -> BatchShape {
    BatchShape { rows, length: 64 }
}

/// Numbers of the model's parameters and of the head's, by hand.
fn params() -> u64 {
    let h = 64;
    let block = 4 * (h * h + h) + (h * 256 + 256) + (256 * h + h) + 2 * 2 * h;
    1000 * h + 128 * h + 2 * h + 2 * h + 3 * block + 2 * h + 2
}

/// What a block of a post-norm encoder keeps of a token when everything trains, in numbers: queries, keys, values, two statistics a head, the
/// mixed values, the normalised sum, the activation's input (4h), and the second normalised sum. What the three maps, the feed-forward's and
/// its second one read is computed again from these.
const KEPT_BY_BLOCK: u64 = (3 + 1 + 1 + 4 + 1) * 64 + 2 * 4;

#[test]
fn training_everything_holds_weights_moments_checkpoint_and_each_blocks_tensors() {
    let one = peak(&|_| true, Start::Embeddings, &[batch(64)]);
    assert_eq!(one.weights_bytes, 4 * params());
    assert_eq!(one.optimizer_bytes, 8 * params());
    assert_eq!(one.snapshot_bytes, 4 * params());
    let two = peak(&|_| true, Start::Embeddings, &[batch(128)]);
    let a_token = (two.activations_bytes - one.activations_bytes) / (64 * 64 * 4);
    // The peak is where the last block's last map has its input's gradient (4h) and its input again (4h): the gradient of the sum after it is
    // there twice, as dropout has changed one for the map and the residual has the other, and what the last norm kept has become one of them.
    // The embeddings keep their normalised sum, and the first block's maps what dropout has made of it. Six norms keep a deviation a token, and
    // two tables its rows' numbers.
    let beside = (4 + 4 + 2 - 1 + 1 + 1) * 64 + 6 + 2;
    assert_eq!(a_token, 3 * KEPT_BY_BLOCK + beside);
}

#[test]
fn below_the_trained_blocks_nothing_is_kept_but_the_cache() {
    let last = |path: &str| path.starts_with("blocks.2.");
    let found = peak(&last, Start::Block(2), &[batch(64)]);
    assert_eq!(found.cache_bytes, 4 * 2 * 64 * 64 * 64);
    let all = peak(&|_| true, Start::Embeddings, &[batch(64)]);
    let less = all.activations_bytes - found.activations_bytes;
    assert!(less > 2 * KEPT_BY_BLOCK * 4 * 64 * 64, "{less}");
    assert!(found.optimizer_bytes * 2 < all.optimizer_bytes);
}

#[test]
fn frozen_maps_keep_no_input_and_biases_alone_get_gradients() {
    let biases = peak(
        &|path| path.ends_with("bias"),
        Start::Embeddings,
        &[batch(64)],
    );
    let all = peak(&|_| true, Start::Embeddings, &[batch(64)]);
    // Map inputs: the blocks' mixed values, the first block's x, and at the peak the activation's output; the norms' inputs stay.
    let inputs = 4 * 64 * 64 * (3 + 1 + 4) * 64;
    let less = all.activations_bytes - biases.activations_bytes;
    let off = (less as f64 / inputs as f64 - 1.0).abs();
    assert!(off < 0.1, "{less} for {inputs}");
}

#[test]
fn micro_batches_hold_the_activations_of_one_and_the_gradients_of_all() {
    let whole = peak(&|_| true, Start::Embeddings, &[batch(64)]);
    let parts = peak(&|_| true, Start::Embeddings, &[batch(16); 4]);
    assert!(parts.activations_bytes * 3 < whole.activations_bytes);
    assert!(parts.gradients_bytes >= 4 * params());
    assert!(parts.heap_bytes < whole.heap_bytes);
}

#[test]
fn texts_that_are_only_read_take_what_one_block_takes() {
    let read = |rows| {
        texts_only(&Texts {
            shape: shape(),
            passes: PassShape {
                from: Start::Head,
                is_cached: true,
                drops_hidden: false,
                pools_mean: true,
                pools_late: false,
                has_types: false,
                workers: 2,
            },
            batch: batch(rows),
            kept_bytes: 4000,
            held: HELD,
            params_bytes: 0,
        })
    };
    let a_token = (read(128).activations_bytes - read(64).activations_bytes) / (64 * 64 * 4);
    assert!((5 * 64..=9 * 64).contains(&a_token), "{a_token}");
    assert_eq!(read(64).cache_bytes, 4000);
}

#[test]
fn layers_that_share_a_block_hold_its_weights_once_and_their_own_tensors() {
    let all = |_: &str| true;
    let one = |blocks| {
        let shared = ModelShape { blocks, ..shape() };
        peak_of(shared, &all, Start::Embeddings, &[batch(64)])
    };
    let (shared, apart) = (one(1), one(3));
    let block = apart.weights_bytes - one(2).weights_bytes;
    let h = 64;
    let numbers = 4 * (h * h + h) + 2 * 256 * h + 256 + h + 2 * 2 * h;
    assert_eq!(block, 4 * numbers);
    assert_eq!(apart.weights_bytes - shared.weights_bytes, 2 * block);
    assert_eq!(apart.optimizer_bytes - shared.optimizer_bytes, 4 * block);
    let tensors = shared.activations_bytes as f64 / apart.activations_bytes as f64;
    assert!((tensors - 1.0).abs() < 0.1, "{tensors}");
}

#[test]
fn norms_tables_and_projections_have_the_parameters_that_the_shape_says() {
    let weights = |shape: ModelShape| {
        peak_of(shape, &|_| true, Start::Embeddings, &[batch(8)]).weights_bytes / 4
    };
    let plain = weights(shape());
    let more = |change: fn(&mut ModelShape)| {
        let mut changed = shape();
        change(&mut changed);
        weights(changed) - plain
    };
    assert_eq!(more(|s| s.norms = NormPlaces::Both), 3 * 2 * 2 * 64);
    assert_eq!(more(|s| s.has_final_norm = true), 2 * 64);
    assert_eq!(more(|s| s.query_key_norms = Some([16, 16])), 3 * 2 * 2 * 16);
    assert_eq!(more(|s| s.token_types = 3), 64);
    let vectors = |s: &mut ModelShape| {
        s.flops.distances = Some(crate::flops::Distances {
            span: 8,
            products: 2,
        });
        s.distances = Some(DistanceTable {
            rows: 16,
            width: 64,
            has_norm: true,
        });
    };
    assert_eq!(more(vectors), 16 * 64 + 2 * 64);
    let mut narrow = shape();
    narrow.embedding = 24;
    narrow.flops.projected_embedding = Some(24);
    let tables = (1000 + 128 + 2 + 2) * (64 - 24);
    assert_eq!(weights(narrow), plain - tables + 24 * 64 + 64);
}
