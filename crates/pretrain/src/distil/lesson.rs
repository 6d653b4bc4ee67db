//! What the teacher said of the texts of one batch, ready to be compared with the student's states, and the losses of it.
//!
//! - vectors: 1 − cos(mean of the student's states, the teacher's vector), as in DistilBERT's loss on states (Sanh et al. 2019, §3) but of whole texts;
//! - states: the squared error of the student's state of each piece of text that both tokenizers end at, averaged over its tokens, against the
//!   teacher's, in units of the teacher's mean square (Jiao et al. 2020, *TinyBERT*, eq. 8): 1 for a student that always says 0.

use super::Teaching;
use super::basis::{Bases, Basis};
use burn::tensor::{Device, Tensor, TensorData};
use transformer::{Embedded, Pooling, pool};

/// The teacher's side of a batch, on the host.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Lesson {
    /// `[b, teacher's width]`; empty where vectors are not taught.
    pub(crate) vectors: Vec<f32>,
    pub(crate) words: Option<Words>,
}

/// Pieces of text that both read, at most `most` of them a row.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Words {
    /// `[b, most, t]`: one divided by the number of tokens where a token of the student's belongs to the piece, else 0.
    pub(crate) shares: Vec<f32>,
    /// `[b, most, teacher's width]`; zeros where there is no piece.
    pub(crate) states: Vec<f32>,
    /// `[b, most]`: 1 where there is a piece.
    pub(crate) counted: Vec<f32>,
    pub(crate) most: usize,
}

/// The frames on the device, and what each loss counts.
#[derive(Clone, Debug)]
pub(crate) struct Teach {
    /// What the language model's loss counts.
    language: f64,
    /// Weight and `[teacher, student]`.
    vectors: Option<(f64, Tensor<2>)>,
    /// Weight and `[teacher, student]`, divided by the size of a component.
    states: Option<(f64, Tensor<2>)>,
    /// Weight of the divergence from what a causal teacher expects.
    logits: Option<f64>,
}

/// Losses of a batch that is taught, before their weights; each `[1]`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Taught {
    pub(crate) vectors: Option<Tensor<1>>,
    pub(crate) states: Option<Tensor<1>>,
    pub(crate) logits: Option<Tensor<1>>,
}

impl Lesson {
    /// Pieces of text that both read.
    pub(crate) fn pieces(&self) -> usize {
        let counted = self.words.iter().flat_map(|words| &words.counted);
        counted.filter(|&&there| there > 0.0).count()
    }
}

impl Teach {
    pub(crate) fn new(bases: &Bases, teaching: &Teaching, device: &Device) -> Teach {
        let of = |basis: &Option<Basis>, weight: Option<f64>, by_size: bool| {
            let (basis, weight) = (basis.as_ref()?, weight?);
            let scale = if by_size { 1.0 / basis.size } else { 1.0 };
            Some((weight, basis.turn(device).mul_scalar(scale)))
        };
        Teach {
            language: teaching.language,
            vectors: of(&bases.vectors, teaching.vectors(), false),
            states: of(&bases.states, teaching.states(), true),
            logits: teaching.logits(),
        }
    }

    /// The losses on a student's final states, those on logits aside.
    pub(crate) fn losses(&self, lesson: Option<&Lesson>, student: &Embedded) -> Taught {
        let Some(lesson) = lesson else {
            return Taught::default();
        };
        let device = student.x.device();
        let rows = student.x.dims()[0];
        let vectors = self.vectors.as_ref().map(|(_, turn)| {
            let said = lesson.vectors.clone();
            let width = said.len() / rows;
            let said = Tensor::<2>::from_data(TensorData::new(said, [rows, width]), &device);
            let target = said.matmul(turn.clone()); // [b, teacher] x [teacher, student] -> [b, student]
            let cosines = cosine(pool(student, Pooling::Mean), target);
            cosines.mean().neg().add_scalar(1.0)
        });
        let states = self.states.as_ref().zip(lesson.words.as_ref());
        let states = states.map(|((_, turn), words)| words.loss(student.x.clone(), turn.clone()));
        Taught {
            vectors,
            states,
            logits: None,
        }
    }

    /// The sum that is trained on, `[1]`.
    pub(crate) fn total(&self, language: Tensor<1>, taught: Taught) -> Tensor<1> {
        let mut total = language.mul_scalar(self.language as f32);
        let weight = |taught: &Option<(f64, Tensor<2>)>| taught.as_ref().map(|(weight, _)| *weight);
        let parts = [
            (weight(&self.vectors), taught.vectors),
            (weight(&self.states), taught.states),
            (self.logits, taught.logits),
        ];
        for (weight, loss) in parts {
            if let (Some(weight), Some(loss)) = (weight, loss) {
                total = total + loss.mul_scalar(weight as f32);
            }
        }
        total
    }
}

impl Words {
    /// Mean over pieces and components of the squared error, `[1]`.
    fn loss(&self, x: Tensor<3>, turn: Tensor<2>) -> Tensor<1> {
        let device = x.device();
        let [b, t, hidden] = x.dims();
        let most = self.most;
        let tensor = |values: &[f32], dims: [usize; 3]| {
            Tensor::<3>::from_data(TensorData::new(values.to_vec(), dims), &device)
        };
        let shares = tensor(&self.shares, [b, most, t]);
        let own = shares.matmul(x).reshape([b * most, hidden]); // [b,most,t] x [b,t,h] -> [b,most,h]
        let width = self.states.len() / (b * most);
        let said = TensorData::new(self.states.clone(), [b * most, width]);
        let target = Tensor::<2>::from_data(said, &device).matmul(turn); // [b·most, teacher] x [teacher, h]
        let counted = TensorData::new(self.counted.clone(), [b * most, 1]);
        let counted = Tensor::<2>::from_data(counted, &device);
        let pieces: f32 = self.counted.iter().sum::<f32>().max(1.0);
        // Where there is no piece both are 0.
        let error = (own - target) * counted;
        let squares = (error.clone() * error).sum();
        squares.div_scalar(pieces * hidden as f32)
    }
}

/// Of each row of one with the same row of the other, `[b, 1]`.
fn cosine(a: Tensor<2>, b: Tensor<2>) -> Tensor<2> {
    let length = |x: Tensor<2>| (x.clone() * x).sum_dim(1).sqrt().clamp_min(1e-6);
    let product = (a.clone() * b.clone()).sum_dim(1);
    product / (length(a) * length(b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distil::lessons::Piece;
    use crate::packing::random;
    use ops::to_floats;
    use rand::Rng;

    const HIDDEN: usize = 3;
    const TEACHER: usize = 4;
    const LENGTH: usize = 6;

    fn numbers(purpose: &str, count: usize) -> Vec<f32> {
        let mut draws = random(5, purpose, 0);
        (0..count).map(|_| draws.random_range(-1.5..1.5)).collect()
    }

    /// Two texts, the second two tokens shorter; pieces of one, two and three tokens, unequally many.
    fn lesson() -> Lesson {
        let states = numbers("states", 4 * TEACHER);
        let piece = |student, at: usize| Piece {
            student,
            state: states[at * TEACHER..(at + 1) * TEACHER].to_vec(),
        };
        let rows = [vec![piece(1..2, 0), piece(2..5, 1)], vec![piece(1..3, 2)]];
        Lesson {
            vectors: numbers("vectors", 2 * TEACHER),
            words: Some(Words::of(&rows, LENGTH, TEACHER)),
        }
    }

    fn embedded(x: Tensor<3>) -> Embedded {
        let device = x.device();
        let mask = [[1.0; LENGTH], [1.0, 1.0, 1.0, 1.0, 0.0, 0.0]];
        let mask = Tensor::<2>::from_data(TensorData::from(mask), &device);
        Embedded {
            positions: mask.clone().int(),
            mask,
            x,
            types: None,
        }
    }

    fn teach(device: &Device) -> Teach {
        let turn = |purpose| {
            let values = numbers(purpose, TEACHER * HIDDEN);
            Tensor::<2>::from_data(TensorData::new(values, [TEACHER, HIDDEN]), device)
        };
        Teach {
            language: 0.5,
            vectors: Some((2.0, turn("vectors' turn"))),
            states: Some((3.0, turn("states' turn"))),
            logits: None,
        }
    }

    fn tensor(values: &[f32], device: &Device) -> Tensor<3> {
        let dims = [2, LENGTH, HIDDEN];
        Tensor::from_data(TensorData::new(values.to_vec(), dims), device)
    }

    #[test]
    fn the_gradient_of_each_loss_is_its_slope_and_padding_has_none() {
        let device = Device::flex().autodiff();
        let (lesson, values) = (lesson(), numbers("student", 2 * LENGTH * HIDDEN));
        type Pick = fn(Taught) -> Option<Tensor<1>>;
        let picks: [Pick; 2] = [|taught| taught.vectors, |taught| taught.states];
        for pick in picks {
            let loss = |values: &[f32]| {
                let x = embedded(tensor(values, &Device::flex()));
                let taught = teach(&Device::flex()).losses(Some(&lesson), &x);
                f64::from(to_floats(pick(taught).unwrap())[0])
            };
            let x = tensor(&values, &device).require_grad();
            let taught = teach(&device).losses(Some(&lesson), &embedded(x.clone()));
            let grads = pick(taught).unwrap().backward();
            let gradient = to_floats(x.grad(&grads).unwrap());
            for at in 0..values.len() {
                let moved = |by: f32| {
                    let mut moved = values.clone();
                    moved[at] += by;
                    loss(&moved)
                };
                let slope = (moved(1e-2) - moved(-1e-2)) / 2e-2;
                let found = f64::from(gradient[at]);
                assert!((found - slope).abs() < 1e-3, "{at}: {found} and {slope}");
            }
            let padding = &gradient[(LENGTH + 4) * HIDDEN..];
            assert!(padding.iter().all(|&x| x == 0.0), "{padding:?}");
            assert!(gradient.iter().any(|&x| x.abs() > 0.01));
        }
    }

    #[test]
    fn a_student_that_says_what_the_teacher_says_has_no_loss_and_one_that_says_nothing_has_1() {
        let device = Device::flex();
        let unit = [[1.0, 0.0], [0.0, 1.0]];
        let unit = || Tensor::<2>::from_data(TensorData::from(unit), &device);
        let teach = Teach {
            language: 1.0,
            vectors: Some((1.0, unit())),
            // States of 3 and 4: a mean square of 12.5.
            states: Some((1.0, unit().div_scalar(12.5f32.sqrt()))),
            logits: None,
        };
        let piece = |student| Piece {
            student,
            state: vec![3.0, 4.0],
        };
        let lesson = Lesson {
            vectors: vec![3.0, 4.0],
            words: Some(Words::of(&[vec![piece(0..1), piece(1..3)]], 3, 2)),
        };
        let losses = |rows: [[f32; 2]; 3]| {
            let mask = Tensor::<2>::ones([1, 3], &device);
            let x = Tensor::<2>::from_data(TensorData::from(rows), &device).reshape([1, 3, 2]);
            let taught = teach.losses(
                Some(&lesson),
                &Embedded {
                    positions: mask.clone().int(),
                    mask,
                    x,
                    types: None,
                },
            );
            let total = teach.total(Tensor::from_data([7.0f32], &device), taught.clone());
            [taught.vectors.unwrap(), taught.states.unwrap(), total].map(|loss| to_floats(loss)[0])
        };
        let scale = 12.5f32.sqrt();
        let same = [3.0 / scale, 4.0 / scale];
        let [vectors, states, total] = losses([same, same, same]);
        assert!(vectors.abs() < 1e-5 && states.abs() < 1e-5 && (total - 7.0).abs() < 1e-4);
        // Tokens of one piece count by their mean.
        let (more, less) = ([2.0 * same[0], same[1]], [0.0, same[1]]);
        assert!(losses([same, more, less])[1].abs() < 1e-5);
        let [_, states, _] = losses([[0.0; 2]; 3]);
        assert!((states - 1.0).abs() < 1e-5, "{states}");
        let across = [-4.0, 3.0];
        let [vectors, _, _] = losses([across, across, across]);
        assert!((vectors - 1.0).abs() < 1e-5, "{vectors}");
    }
}
