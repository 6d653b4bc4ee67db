//! Attention composed of burn's operations; keeps [b, heads, t_q, t_k].

use super::Attention;
use crate::activation::soft_cap;
use crate::dropout::row_mask;
use burn::tensor::{Bool, DType, Device, Int, Tensor, activation};
use kernels::attention::AttentionShape;

pub(super) fn attention(
    q: Tensor<3>,
    k: Tensor<3>,
    v: Tensor<3>,
    spec: Attention,
    s: &AttentionShape,
) -> Tensor<3> {
    let hidden = hidden_keys(spec.key_mask.as_ref(), s, &q.device());
    let [q, k, v] = [(q, s.heads), (k, s.kv_heads), (v, s.kv_heads)]
        .map(|(x, heads)| split_heads(x, heads, s.heads));
    let mut scores = q.matmul(k.swap_dims(2, 3)) * spec.scale; // [b,h,t_q,d] x [b,h,d,t_k] -> [b,h,t_q,t_k]
    if let Some(bias) = spec.bias {
        scores = scores + by_distance(bias, s);
    }
    if let Some(cap) = spec.score_cap {
        scores = soft_cap(scores, cap);
    }
    weighted(scores, hidden, v, s)
}

/// Each of `own` heads side by side, copied where several of `heads` use it: [b, t, own * d] -> [b, heads, t, d].
pub(crate) fn split_heads(x: Tensor<3>, own: usize, heads: usize) -> Tensor<4> {
    let [batch, length, width] = x.dims();
    let head_dim = width / own;
    let x = x.reshape([batch, length, own, head_dim]).swap_dims(1, 2);
    if own == heads {
        return x;
    }
    x.unsqueeze_dim::<5>(2)
        .expand([batch, own, heads / own, length, head_dim])
        .reshape([batch, heads, length, head_dim])
}

/// The values by their scores: softmax over the keys that are not hidden, dropout, and the product,
/// [b, heads, t_q, t_k] x [b, heads, t_k, d] -> [b, t_q, heads * d].
pub(crate) fn weighted(
    mut scores: Tensor<4>,
    hidden: Option<Tensor<4, Bool>>,
    v: Tensor<4>,
    s: &AttentionShape,
) -> Tensor<3> {
    let like = scores.clone().without_autodiff();
    if let Some(hidden) = &hidden {
        let lowest = if like.dtype() == DType::F16 {
            -3e4
        } else {
            -1e30
        };
        scores = scores.mask_fill(hidden.clone(), lowest);
    }
    let mut weights = activation::softmax(scores, 3);
    if let Some(hidden) = hidden {
        weights = weights.mask_fill(hidden, 0.0); // where every key is hidden, softmax gave each the same weight
    }
    if let Some(dropout) = s.dropout {
        weights = weights * row_mask([s.batch, s.heads, s.queries, s.keys], dropout, &like);
    }
    weights
        .matmul(v)
        .swap_dims(1, 2)
        .reshape([s.batch, s.queries, s.heads * s.head_dim])
}

/// A bias by distance for each query and key, [1, heads, t_q, t_k].
///
/// Row i of the queries begins one number before row i - 1. Copies of the numbers one behind the other, cut into rows that
/// are one shorter than a copy, begin so: Huang et al. 2018, <https://arxiv.org/abs/1809.04281>, §3.4.1.
fn by_distance(bias: Tensor<2>, s: &AttentionShape) -> Tensor<4> {
    let ([heads, distances], queries, keys) = (bias.dims(), s.queries, s.keys - s.always);
    let rows = if queries == 1 {
        bias.unsqueeze_dim::<3>(1) // [heads, 1, t_k - always]
    } else {
        bias.unsqueeze_dim::<3>(1)
            .expand([heads, queries, distances])
            .reshape([heads, queries * distances])
            .narrow(1, queries - 1, queries * (distances - 1))
            .reshape([heads, queries, distances - 1])
            .narrow(2, 0, keys) // [heads, t_q, t_k - always]
    };
    let rows = if s.always == 0 {
        rows
    } else {
        let none = Tensor::zeros([heads, queries, s.always], (&rows.device(), rows.dtype()));
        Tensor::cat(vec![none, rows], 2)
    };
    rows.unsqueeze_dim(0)
}

/// Where a query must not look, [b, heads, t_q, t_k]; `None` if it may look everywhere.
pub(crate) fn hidden_keys(
    key_mask: Option<&Tensor<2>>,
    s: &AttentionShape,
    device: &Device,
) -> Option<Tensor<4, Bool>> {
    let whole = [s.batch, s.heads, s.queries, s.keys];
    let padding = key_mask.map(|mask| {
        let mask = mask.clone().without_autodiff().lower_equal_scalar(0.0); // [b, t_k]
        mask.reshape([s.batch, 1, 1, s.keys]).expand(whole)
    });
    let device = device.clone().inner();
    let positions = |n: usize| Tensor::<1, Int>::arange(0..n as i64, &device);
    let table = [s.queries, s.keys];
    let keys = || -> Tensor<2, Int> { positions(s.keys).reshape([1, s.keys]).expand(table) };
    let places = || -> Tensor<2, Int> {
        let first = s.keys as i64 - s.queries as i64;
        (positions(s.queries).reshape([s.queries, 1]) + first).expand(table)
    };
    let later = s.causal.then(|| keys().greater(places()));
    let far = s.reach.map(|reach| {
        let far = (keys() - places()).abs().greater_elem(reach as i64);
        far.bool_and(keys().greater_equal_elem(s.always as i64))
    });
    let either = |a: Option<Tensor<2, Bool>>, b: Option<Tensor<2, Bool>>| match (a, b) {
        (Some(a), Some(b)) => Some(a.bool_or(b)),
        (a, b) => a.or(b),
    };
    let unseen =
        either(later, far).map(|unseen| unseen.reshape([1, 1, s.queries, s.keys]).expand(whole));
    match (padding, unseen) {
        (Some(padding), Some(unseen)) => Some(padding.bool_or(unseen)),
        (padding, unseen) => padding.or(unseen),
    }
}
