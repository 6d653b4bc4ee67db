//! From a hidden state per token to one vector per text.

use burn::tensor::Tensor;

use serde::{Deserialize, Serialize};

use crate::hooks::Embedded;

/// Which vector stands for a text. Padding is never counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// The first token: `[CLS]` in BERT and its kin.
    First,
    /// The last token, which has seen all others in a causal model.
    LastToken,
    /// The mean over all tokens.
    Mean,
    /// The largest value of each component over all tokens.
    Max,
    /// The sum over all tokens, divided by the square root of their number.
    MeanSqrtLength,
    /// The mean over all tokens, each weighing its number counted from 1 (Muennighoff 2022, SGPT).
    WeightedMean,
}

/// `[b, t, hidden] -> [b, hidden]`. A row that is all padding gives its first vector, or zeros under the means.
pub fn pool(e: &Embedded, pooling: Pooling) -> Tensor<2> {
    pool_counted(e, &e.mask, pooling)
}

/// [`pool`] over the tokens behind the first `skipped` of each row, which count only for the numbers that weigh a mean. As
/// sentence-transformers does it, a row without another token gives its first vector, or zeros under the last token and the means.
pub(crate) fn pool_behind(e: &Embedded, skipped: usize, pooling: Pooling) -> Tensor<2> {
    if skipped == 0 {
        return pool(e, pooling);
    }
    let number = e.mask.clone().cumsum(1); // [b, t]
    let counted = e.mask.clone() * number.greater_elem(skipped as f32).float();
    let pooled = pool_counted(e, &counted, pooling);
    if pooling == Pooling::LastToken {
        let any = counted.sum_dim(1).clamp_max(1.0); // [b, 1]
        pooled * any
    } else {
        pooled
    }
}

/// `counted` is 1 where a token counts, a part of the mask.
fn pool_counted(e: &Embedded, counted: &Tensor<2>, pooling: Pooling) -> Tensor<2> {
    match pooling {
        Pooling::First => {
            let number = counted.clone().cumsum(1);
            token_where(e, counted, number.equal_elem(1.0))
        }
        Pooling::LastToken => {
            let [b, t] = counted.dims();
            let total = counted.clone().sum_dim(1).expand([b, t]);
            token_where(e, counted, counted.clone().cumsum(1).equal(total))
        }
        Pooling::Mean => weighted_sum(e, counted.clone()) / count(counted),
        Pooling::MeanSqrtLength => weighted_sum(e, counted.clone()) / count(counted).sqrt(),
        Pooling::WeightedMean => {
            let weights = e.mask.clone().cumsum(1) * counted.clone(); // [b, t]
            weighted_sum(e, weights.clone()) / count(&weights)
        }
        Pooling::Max => {
            let [b, t, hidden] = e.x.dims();
            let left_out = counted.clone().equal_elem(0.0).unsqueeze_dim::<3>(2); // [b, t, 1]
            let left_out = left_out.expand([b, t, hidden]);
            let candidates = e.x.clone().mask_fill(left_out, f32::NEG_INFINITY);
            candidates.max_dim(1).squeeze_dim::<2>(1) // [b, t, hidden] -> [b, 1, hidden] -> [b, hidden]
        }
    }
}

/// `[b, t, hidden]` and weights `[b, t]` to `[b, hidden]`.
fn weighted_sum(e: &Embedded, weights: Tensor<2>) -> Tensor<2> {
    let weights = weights.unsqueeze_dim::<3>(2); // [b, t, 1]
    let sum = (e.x.clone() * weights).sum_dim(1); // [b, t, hidden] -> [b, 1, hidden]
    sum.squeeze_dim::<2>(1)
}

/// The weights' sum, at least 1: `[b, t] -> [b, 1]`.
fn count(weights: &Tensor<2>) -> Tensor<2> {
    weights.clone().sum_dim(1).clamp_min(1.0)
}

/// The vector of the one token of each row that is marked and counted.
fn token_where(
    e: &Embedded,
    counted: &Tensor<2>,
    marked: Tensor<2, burn::tensor::Bool>,
) -> Tensor<2> {
    let [b, t, hidden] = e.x.dims();
    let place = burn::tensor::Tensor::arange(0..t as i64, &e.x.device()).float();
    let one_hot = marked.float() * counted.clone(); // [b, t]
    let index = (one_hot * place.unsqueeze::<2>()).sum_dim(1).int(); // [b, 1]
    let index = index.unsqueeze_dim::<3>(2).expand([b, 1, hidden]);
    e.x.clone().gather(1, index).squeeze_dim::<2>(1) // [b, t, hidden] -> [b, 1, hidden] -> [b, hidden]
}
