//! Losses and log-probabilities over a vocabulary, block by block, against all logits at once.

use super::*;

const WORDS: usize = 11;

fn decoder(l: &Leaves, has_bias: bool, cap: Option<f64>) -> Decoder {
    Decoder {
        table: l.leaf([WORDS, 5]),
        bias: has_bias.then(|| l.leaf([WORDS])),
        cap,
    }
}

#[test]
fn a_loss_by_blocks_of_rows_has_the_value_and_the_gradients_of_the_loss_of_all_logits() {
    for (has_bias, cap) in [(false, None), (true, None), (true, Some(1.5))] {
        for step in [1, 3, 7, 100] {
            check(move |l| {
                let targets = Tensor::<1, Int>::from_data([2, 0, 10, 1, 1, 9, 4], &l.device);
                let hidden = l.leaf([7, 5]);
                decoder(l, has_bias, cap).loss_by_blocks(hidden, targets, Some(step))
            });
        }
    }
}

#[test]
fn in_one_block_it_is_the_same_to_the_digit() {
    let _turn = SWITCH
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    let device = Device::flex().autodiff();
    let targets = || Tensor::<1, Int>::from_data([2, 0, 10, 1, 1, 9, 4], &device);
    let losses = [
        run(
            &|l: &Leaves| decoder(l, true, None).loss(l.leaf([7, 5]), targets()),
            0b111,
            &device,
            true,
        ),
        run(
            &|l: &Leaves| {
                let decoder = decoder(l, true, None);
                cross_entropy(decoder.logits(l.leaf([7, 5])), targets())
            },
            0b111,
            &device,
            true,
        ),
    ];
    assert_eq!(losses[0].y, losses[1].y);
}

#[test]
fn log_probabilities_of_some_words_are_those_of_all() {
    let _turn = SWITCH
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    for device in [Device::flex(), Device::flex().autodiff()] {
        for cap in [None, Some(1.5)] {
            let hidden = constant(1, [7, 5], &device);
            let decoder = Decoder {
                table: constant(2, [WORDS, 5], &device),
                bias: Some(constant(3, [WORDS], &device)),
                cap,
            };
            let words = [9, 0, 9, 4];
            let all = decoder.clone().logits(hidden.clone());
            let all = numbers(burn::tensor::activation::log_softmax(all, 1));
            let expected: Vec<f32> = (0..7)
                .flat_map(|row| words.map(|word| all[row * WORDS + word as usize]))
                .collect();
            for step in [1, 3, 100] {
                for fused in [true, false] {
                    set_fused(fused);
                    let found =
                        decoder
                            .clone()
                            .log_probabilities_by_blocks(hidden.clone(), &words, step);
                    set_fused(true);
                    assert_eq!(found.dims(), [7, 4]);
                    assert_near(&numbers(found), &expected, "ln p");
                }
            }
        }
    }
}
