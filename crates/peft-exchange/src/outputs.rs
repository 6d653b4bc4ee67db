//! Which outputs of a map that PEFT sees a map here has: GPT-2 keeps queries, keys and values side by side, GPT-NeoX those of each head.

use burn::tensor::Tensor;
use std::ops::Range;

/// Outputs of a wider map, in order: ranges of its columns, maps being `[in, out]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outputs(Vec<Range<usize>>);

impl Outputs {
    /// All of a map that is one here as well.
    pub(crate) fn all(width: usize) -> Outputs {
        Outputs::of(0..width)
    }

    /// A range of them.
    pub(crate) fn of(range: Range<usize>) -> Outputs {
        Outputs(vec![range])
    }

    /// Part `part` of each head, where they stand as `[heads, parts, head_dim]`.
    pub(crate) fn of_heads(part: usize, parts: usize, heads: usize, head_dim: usize) -> Outputs {
        let starts = (0..heads).map(|head| (head * parts + part) * head_dim);
        Outputs(starts.map(|start| start..start + head_dim).collect())
    }

    /// How many.
    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(Range::len).sum()
    }

    /// The first.
    pub(crate) fn first(&self) -> usize {
        self.0.first().map_or(0, |range| range.start)
    }

    /// `[in, all] -> [in, own]`.
    pub(crate) fn columns(&self, matrix: &Tensor<2>) -> Tensor<2> {
        let parts = self.0.iter();
        let parts = parts.map(|range| matrix.clone().narrow(1, range.start, range.len()));
        cat(parts.collect(), 1)
    }

    /// `[all] -> [own]`.
    pub(crate) fn elements(&self, vector: &Tensor<1>) -> Tensor<1> {
        let parts = self.0.iter();
        let parts = parts.map(|range| vector.clone().narrow(0, range.start, range.len()));
        cat(parts.collect(), 0)
    }

    /// These columns among columns of zeros: `[r, own] -> [r, all]`.
    pub(crate) fn placed(&self, matrix: &Tensor<2>, all: usize) -> Tensor<2> {
        let [rows, _] = matrix.dims();
        let device = matrix.device();
        let zeros = |columns: usize| Tensor::zeros([rows, columns], &device);
        let (mut parts, mut taken, mut end) = (Vec::new(), 0, 0);
        for range in &self.0 {
            parts.extend((range.start > end).then(|| zeros(range.start - end)));
            parts.push(matrix.clone().narrow(1, taken, range.len()));
            (taken, end) = (taken + range.len(), range.end);
        }
        parts.extend((all > end).then(|| zeros(all - end)));
        cat(parts, 1)
    }

    /// These elements among zeros: `[own] -> [all]`.
    pub(crate) fn placed_elements(&self, vector: &Tensor<1>, all: usize) -> Tensor<1> {
        let row = self.placed(&vector.clone().unsqueeze::<2>(), all); // [1, own] -> [1, all]
        row.squeeze_dim::<1>(0)
    }
}

fn cat<const D: usize>(mut parts: Vec<Tensor<D>>, dim: usize) -> Tensor<D> {
    if parts.len() == 1 {
        parts.remove(0)
    } else {
        Tensor::cat(parts, dim)
    }
}

#[cfg(test)]
mod tests {
    use super::Outputs;
    use burn::tensor::{Device, Tensor};

    #[test]
    fn parts_of_heads_are_taken_out_and_put_back_in_order() {
        // Two heads of three parts, two wide each: q0 k0 v0 q1 k1 v1.
        let keys = Outputs::of_heads(1, 3, 2, 2);
        assert_eq!(keys.len(), 4);
        let all: Vec<f32> = (0..12).map(|i| i as f32).collect();
        let all = Tensor::<1>::from_floats(&all[..], &Device::flex());
        let own = keys.elements(&all);
        assert_eq!(adapt::to_floats(own.clone()), [2.0, 3.0, 8.0, 9.0]);
        let placed = adapt::to_floats(keys.placed_elements(&own, 12));
        assert_eq!(
            placed,
            [0.0, 0.0, 2.0, 3.0, 0.0, 0.0, 0.0, 0.0, 8.0, 9.0, 0.0, 0.0]
        );
        let parts = (0..3).map(|part| Outputs::of_heads(part, 3, 2, 2));
        let sum = parts
            .map(|part| part.placed_elements(&part.elements(&all), 12))
            .reduce(|a, b| a + b);
        assert_eq!(adapt::to_floats(sum.unwrap()), adapt::to_floats(all));
    }

    #[test]
    fn a_range_at_either_end_has_zeros_at_the_other() {
        let matrix = Tensor::<2>::from_floats([[1.0, 2.0], [3.0, 4.0]], &Device::flex());
        let first = adapt::to_floats(Outputs::of(0..2).placed(&matrix, 3));
        assert_eq!(first, [1.0, 2.0, 0.0, 3.0, 4.0, 0.0]);
        let last = adapt::to_floats(Outputs::of(1..3).placed(&matrix, 3));
        assert_eq!(last, [0.0, 1.0, 2.0, 0.0, 3.0, 4.0]);
        assert_eq!(
            adapt::to_floats(Outputs::all(2).columns(&matrix)),
            [1.0, 2.0, 3.0, 4.0]
        );
    }
}
