//! Every operation fused against composed: the result and the gradient of every input, for every choice of tracked
//! inputs.

use super::*;
use burn::tensor::{Device, Distribution, Gradients, Int, Tensor, TensorData};
use std::cell::RefCell;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

mod attention;
mod disentangled;
mod elementwise;
mod not_a_number;
mod optimizer;
mod recompute;
mod vocabulary;

static WEIGHT_GRADIENTS: AtomicUsize = AtomicUsize::new(0);

/// Counts the gradients of weights that linear maps compute.
pub(crate) fn count_weight_gradient() {
    WEIGHT_GRADIENTS.fetch_add(1, Ordering::SeqCst);
}

/// The switch is one for the process; tests that set it take turns.
static SWITCH: Mutex<()> = Mutex::new(());

/// Reads one leaf's gradient.
type Reader = Box<dyn Fn(&Gradients) -> Option<Vec<f32>>>;

/// Makes the inputs of one run, the same every time, and remembers how to read their gradients.
struct Leaves {
    device: Device,
    /// Bit `i`: leaf `i` is tracked.
    tracked: usize,
    /// Written over one element.
    planted: Option<Planted>,
    readers: RefCell<Vec<Reader>>,
}

/// A value at one element of one leaf, the place taken modulo the leaf's size.
#[derive(Clone, Copy, Debug)]
struct Planted {
    leaf: usize,
    place: usize,
    value: f32,
}

impl Leaves {
    /// The next input: repeatable values in [-2, 2].
    fn leaf<const D: usize>(&self, dims: [usize; D]) -> Tensor<D> {
        let number = self.readers.borrow().len();
        let leaf = match self.planted.filter(|planted| planted.leaf == number) {
            None => constant(number as u64, dims, &self.device),
            Some(planted) => {
                let mut values = numbers(constant(number as u64, dims, &self.device));
                let place = planted.place % values.len();
                values[place] = planted.value;
                Tensor::from_data(TensorData::new(values, dims), &self.device)
            }
        };
        let leaf = if self.tracked >> number & 1 == 1 {
            leaf.require_grad()
        } else {
            leaf
        };
        let reader = leaf.clone();
        self.readers
            .borrow_mut()
            .push(Box::new(move |g| reader.grad(g).map(numbers)));
        leaf
    }
}

fn constant<const D: usize>(seed: u64, dims: [usize; D], device: &Device) -> Tensor<D> {
    let mut state = seed.wrapping_add(17).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let values: Vec<f32> = (0..dims.iter().product())
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1u64 << 22) as f32 - 2.0
        })
        .collect();
    Tensor::from_data(TensorData::new(values, dims), device)
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

/// The result of an operation and the gradients of its inputs.
struct Run {
    y: Vec<f32>,
    gradients: Vec<Option<Vec<f32>>>,
}

fn run<const D: usize>(
    op: &impl Fn(&Leaves) -> Tensor<D>,
    tracked: usize,
    device: &Device,
    fused: bool,
) -> Run {
    run_planted(op, tracked, device, fused, None)
}

fn run_planted<const D: usize>(
    op: &impl Fn(&Leaves) -> Tensor<D>,
    tracked: usize,
    device: &Device,
    fused: bool,
    planted: Option<Planted>,
) -> Run {
    set_fused(fused);
    let leaves = Leaves {
        device: device.clone(),
        tracked,
        planted,
        readers: RefCell::default(),
    };
    let y = op(&leaves);
    set_fused(true);
    let loss = (y.clone() * constant(99, y.dims(), device)).sum();
    let gradients = if tracked == 0 {
        assert!(!y.is_tracked(), "the output of untracked inputs is tracked");
        leaves.readers.borrow().iter().map(|_| None).collect()
    } else {
        let gradients = loss.backward();
        leaves
            .readers
            .borrow()
            .iter()
            .map(|read| read(&gradients))
            .collect()
    };
    Run {
        y: numbers(y),
        gradients,
    }
}

/// Compares an operation fused and composed, with every subset of its inputs tracked (at most six), on a device with
/// autodiff, with gradient checkpointing, and without either.
#[track_caller]
fn check<const D: usize>(op: impl Fn(&Leaves) -> Tensor<D>) {
    let _turn = SWITCH
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    let device = Device::flex().autodiff();
    let plain = run(&op, 0, &Device::flex(), false);
    let inputs = plain.gradients.len();
    assert_near(
        &run(&op, 0, &Device::flex(), true).y,
        &plain.y,
        "result without autodiff",
    );
    for tracked in 0..1usize << inputs {
        let (fused, plain) = (
            run(&op, tracked, &device, true),
            run(&op, tracked, &device, false),
        );
        assert_near(&fused.y, &plain.y, "result");
        for (i, (found, expected)) in fused.gradients.iter().zip(&plain.gradients).enumerate() {
            assert_eq!(
                found.is_some(),
                tracked >> i & 1 == 1,
                "input {i} has a gradient though it is not tracked"
            );
            if let (Some(found), Some(expected)) = (found, expected) {
                assert_near(
                    found,
                    expected,
                    &format!("gradient of input {i} with {tracked:b} tracked"),
                );
            }
        }
    }
    let all = (1 << inputs) - 1;
    let checkpointing = run(
        &op,
        all,
        &Device::flex().autodiff().gradient_checkpointing(),
        true,
    );
    let fused = run(&op, all, &device, true);
    assert_eq!(checkpointing.y, fused.y);
    assert_eq!(
        checkpointing.gradients, fused.gradients,
        "with gradient checkpointing"
    );
}

/// Relative L2 distance of at most 5e-6: rounding of sums of up to a few hundred products in another order.
#[track_caller]
fn assert_near(found: &[f32], expected: &[f32], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}: lengths");
    let square = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    let distance = square(&mut found.iter().zip(expected).map(|(f, e)| f64::from(f - e)));
    let length = square(&mut expected.iter().map(|e| f64::from(*e)));
    assert!(
        distance <= 5e-6 * length.max(0.1),
        "{what}: relative L2 distance {:e}",
        distance / length.max(0.1)
    );
}

#[test]
fn linear_maps() {
    check(|l| linear(l.leaf([2, 5, 7]), l.leaf([7, 3]), Some(l.leaf([3]))));
    check(|l| linear(l.leaf([2, 5, 7]), l.leaf([7, 3]), None));
    check(|l| linear(l.leaf([5, 7]), l.leaf([7, 1]), Some(l.leaf([1]))));
}

#[test]
fn linear_maps_of_views() {
    check(|l| {
        linear(
            l.leaf([5, 2, 7]).swap_dims(0, 1),
            l.leaf([3, 7]).transpose(),
            Some(l.leaf([3])),
        )
    });
    check(|l| {
        linear(
            l.leaf([2, 6, 7]).narrow(1, 1, 4),
            l.leaf([9, 3]).narrow(0, 2, 7),
            Some(l.leaf([5]).narrow(0, 2, 3)),
        )
    });
    check(|l| linear(l.leaf([2, 4, 7]), l.leaf([7, 3]).flip([0]), None));
}

#[test]
fn low_rank_maps() {
    let op = |l: &Leaves, bias| {
        linear_low_rank(
            l.leaf([2, 5, 7]),
            l.leaf([7, 4]),
            bias,
            l.leaf([7, 3]),
            l.leaf([3, 4]),
            5.0 / 3.0,
        )
    };
    check(|l| op(l, None));
    check(|l| {
        let bias = l.leaf([4]);
        op(l, Some(bias))
    });
}

#[test]
fn a_frozen_weight_gets_no_gradient_and_none_is_computed() {
    let _turn = SWITCH
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    let device = Device::flex().autodiff();
    let count = |tracked: usize, op: &dyn Fn(&Leaves) -> Tensor<3>| {
        WEIGHT_GRADIENTS.store(0, Ordering::SeqCst);
        run(&|l: &Leaves| op(l), tracked, &device, true);
        WEIGHT_GRADIENTS.load(Ordering::SeqCst)
    };
    let map = |l: &Leaves| linear(l.leaf([2, 5, 7]), l.leaf([7, 3]), Some(l.leaf([3])));
    assert_eq!(
        [count(0b111, &map), count(0b101, &map), count(0b010, &map)],
        [1, 0, 1]
    );
    // x, weight, a, b: a LoRA step computes the gradient of a (and of b, elsewhere), never that of the weight.
    let low_rank = |l: &Leaves| {
        linear_low_rank(
            l.leaf([2, 5, 7]),
            l.leaf([7, 4]),
            None,
            l.leaf([7, 3]),
            l.leaf([3, 4]),
            2.0,
        )
    };
    assert_eq!(
        [
            count(0b1111, &low_rank),
            count(0b1101, &low_rank),
            count(0b0001, &low_rank)
        ],
        [2, 1, 0]
    );
}

#[test]
fn the_switch_turns_fusion_off() {
    let _turn = SWITCH
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    let device = Device::flex().autodiff();
    let op = |l: &Leaves| linear(l.leaf([2, 5, 7]), l.leaf([7, 3]), None);
    WEIGHT_GRADIENTS.store(0, Ordering::SeqCst);
    run(&op, 0b11, &device, false);
    assert_eq!(
        WEIGHT_GRADIENTS.load(Ordering::SeqCst),
        0,
        "a fused kernel ran though fusion was off"
    );
    run(&op, 0b11, &device, true);
    assert_eq!(WEIGHT_GRADIENTS.load(Ordering::SeqCst), 1);
}

#[test]
fn constants_without_autodiff_mix_with_tracked_inputs() {
    check(|l| {
        let frozen = constant(41, [7, 3], &Device::flex());
        linear(l.leaf([2, 5, 7]), frozen, Some(l.leaf([3])))
    });
}

#[test]
fn a_tensor_that_somebody_else_holds_is_not_written_over() {
    let _turn = SWITCH
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    let device = Device::flex();
    let x = constant(1, [2, 3, 4], &device);
    let (gamma, before) = (constant(2, [4], &device), numbers(x.clone()));
    let _ = activate(x.clone(), Activation::GeluErf);
    let _ = dropout(x.clone(), Dropout { rate: 0.5, seed: 1 });
    let beta = || Some(gamma.clone());
    let _ = layer_norm(x.clone(), gamma.clone(), beta(), 1e-5);
    let _ = add_layer_norm(x.clone(), x.clone(), gamma.clone(), beta(), 1e-5);
    let _ = soft_cap(x.clone(), 1.5);
    let _ = rms_norm(x.clone(), gamma, 1e-5);
    let angle = constant(3, [1, 3, 2], &device);
    let _ = rotary(x.clone(), angle.clone(), angle, 1);
    assert_eq!(numbers(x), before);
}

#[test]
fn an_abandoned_graph_is_freed() {
    let _turn = SWITCH
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    let device = Device::flex().autodiff();
    let weight = Tensor::<2>::random([8, 8], Distribution::Default, &device).require_grad();
    for _ in 0..100 {
        let x = Tensor::<3>::ones([1, 4, 8], &device);
        let y = activate(linear(x, weight.clone(), None), Activation::GeluErf);
        drop(y); // no backward pass
    }
    let y = linear(Tensor::<3>::ones([1, 4, 8], &device), weight.clone(), None);
    let gradients = y.sum().backward();
    assert_eq!(numbers(weight.grad(&gradients).unwrap()), vec![4.0; 64]);
}

#[test]
fn embeddings_add_the_gradients_of_repeated_rows() {
    check(|l| {
        let ids = Tensor::<2, Int>::from_data([[1, 4, 1], [0, 1, 4]], &l.device);
        embedding(l.leaf([5, 7]), ids)
    });
}

#[test]
fn cross_entropy_is_the_mean_over_rows() {
    check(|l| {
        let targets = Tensor::<1, Int>::from_data([2, 0, 2, 1], &l.device);
        cross_entropy(l.leaf([4, 3]) * 4.0, targets)
    });
}
