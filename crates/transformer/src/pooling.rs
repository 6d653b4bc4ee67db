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
    /// The mean over all tokens, as sentence-transformers does.
    Mean,
}

/// `[b, t, hidden] -> [b, hidden]`. A row that is all padding gives its first vector, or zeros under `Mean`.
pub fn pool(e: &Embedded, pooling: Pooling) -> Tensor<2> {
    match pooling {
        Pooling::First => token_at(e, 1.0),
        Pooling::LastToken => {
            let [b, t] = e.mask.dims();
            let total = e.mask.clone().sum_dim(1).expand([b, t]);
            token_where(e, e.mask.clone().cumsum(1).equal(total))
        }
        Pooling::Mean => {
            let mask = e.mask.clone().unsqueeze_dim::<3>(2); // [b, t, 1]
            let count = e.mask.clone().sum_dim(1).clamp_min(1.0); // [b, 1]
            let sum = (e.x.clone() * mask).sum_dim(1); // [b, t, hidden] -> [b, 1, hidden]
            sum.squeeze_dim::<2>(1) / count
        }
    }
}

/// The vector of the token with this number, counted from 1 over the mask.
fn token_at(e: &Embedded, number: f32) -> Tensor<2> {
    let counted = e.mask.clone().cumsum(1);
    token_where(e, counted.equal_elem(number))
}

/// The vector of the one token of each row that is marked and not padding.
fn token_where(e: &Embedded, marked: Tensor<2, burn::tensor::Bool>) -> Tensor<2> {
    let [b, t, hidden] = e.x.dims();
    let place = burn::tensor::Tensor::arange(0..t as i64, &e.x.device()).float();
    let one_hot = marked.float() * e.mask.clone(); // [b, t]
    let index = (one_hot * place.unsqueeze::<2>()).sum_dim(1).int(); // [b, 1]
    let index = index.unsqueeze_dim::<3>(2).expand([b, 1, hidden]);
    e.x.clone().gather(1, index).squeeze_dim::<2>(1) // [b, t, hidden] -> [b, 1, hidden] -> [b, hidden]
}
