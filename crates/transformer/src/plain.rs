//! The functions of `ops` in plain burn, until that crate lands on this branch. To be deleted.
use burn::tensor::{Bool, Int, Tensor, activation};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation { GeluErf, GeluTanh, Silu, Relu, Tanh }
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout { pub rate: f64, pub seed: u64 }
pub struct Attention { pub heads: usize, pub kv_heads: usize, pub scale: f64, pub causal: bool, pub key_mask: Option<Tensor<2>>, pub dropout: Option<Dropout> }

pub fn linear(x: Tensor<3>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<3> {
    let y = x.matmul(weight.unsqueeze::<3>());
    match bias { Some(b) => y + b.unsqueeze::<3>(), None => y }
}
pub fn activate(x: Tensor<3>, a: Activation) -> Tensor<3> {
    match a {
        Activation::GeluErf => activation::gelu(x),
        Activation::GeluTanh => { let inner = (x.clone() + x.clone().powf_scalar(3.0) * 0.044715) * (2.0 / std::f64::consts::PI).sqrt(); x * 0.5 * (inner.tanh() + 1.0) }
        Activation::Silu => activation::silu(x),
        Activation::Relu => activation::relu(x),
        Activation::Tanh => x.tanh(),
    }
}
pub fn silu_mul(gate: Tensor<3>, up: Tensor<3>) -> Tensor<3> { activation::silu(gate) * up }
pub fn layer_norm(x: Tensor<3>, gamma: Tensor<1>, beta: Tensor<1>, eps: f64) -> Tensor<3> {
    let d = x.clone() - x.mean_dim(2);
    let var = d.clone().powf_scalar(2.0).mean_dim(2);
    d / (var + eps).sqrt() * gamma.unsqueeze::<3>() + beta.unsqueeze::<3>()
}
pub fn add_layer_norm(x: Tensor<3>, residual: Tensor<3>, gamma: Tensor<1>, beta: Tensor<1>, eps: f64) -> Tensor<3> { layer_norm(x + residual, gamma, beta, eps) }
pub fn rms_norm(x: Tensor<3>, gamma: Tensor<1>, eps: f64) -> Tensor<3> {
    let ms = x.clone().powf_scalar(2.0).mean_dim(2);
    x / (ms + eps).sqrt() * gamma.unsqueeze::<3>()
}
pub fn attention(q: Tensor<3>, k: Tensor<3>, v: Tensor<3>, spec: Attention) -> Tensor<3> {
    let [b, tq, w] = q.dims();
    let [_, tk, kw] = k.dims();
    let (h, kh) = (spec.heads, spec.kv_heads);
    let d = w / h;
    assert_eq!(kw, kh * d);
    let q = q.reshape([b, tq, h, d]).swap_dims(1, 2);
    let widen = |t: Tensor<3>| t.reshape([b, tk, kh, 1, d]).expand([b, tk, kh, h / kh, d]).reshape([b, tk, h, d]).swap_dims(1, 2);
    let (k, v) = (widen(k), widen(v));
    let mut scores = q.matmul(k.swap_dims(2, 3)) * spec.scale;
    let device = scores.device();
    let mut drop: Option<Tensor<4, Bool>> = spec.key_mask.map(|m| m.lower_elem(0.5).reshape([b, 1, 1, tk]).expand([b, h, tq, tk]));
    if spec.causal {
        let c = Tensor::<2, Bool>::tril_mask([tq, tk], (tk - tq) as i64, &device).reshape([1, 1, tq, tk]).expand([b, h, tq, tk]);
        drop = Some(match drop { Some(m) => m.bool_or(c), None => c });
    }
    let mut p = match drop { Some(m) => { scores = scores.mask_fill(m.clone(), -1e30); activation::softmax(scores, 3).mask_fill(m, 0.0) } None => activation::softmax(scores, 3) };
    if let Some(dr) = spec.dropout { p = p.clone() * keep(p, dr); }
    p.matmul(v).swap_dims(1, 2).reshape([b, tq, w])
}
fn keep<const D: usize>(x: Tensor<D>, d: Dropout) -> Tensor<D> {
    let n: usize = x.dims().iter().product();
    let mask: Vec<f32> = (0..n as u64).map(|i| { let mut z = d.seed.wrapping_add(i.wrapping_mul(0x9E3779B97F4A7C15)); z = (z ^ (z >> 30)).wrapping_mul(0xBF58476D1CE4E5B9); z = (z ^ (z >> 27)).wrapping_mul(0x94D049BB133111EB); let u = ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64; if u < d.rate { 0.0 } else { (1.0 / (1.0 - d.rate)) as f32 } }).collect();
    Tensor::from_data(burn::tensor::TensorData::new(mask, x.shape()), &x.device())
}
pub fn dropout(x: Tensor<3>, d: Dropout) -> Tensor<3> { x.clone() * keep(x, d) }
pub fn rotary(x: Tensor<3>, cos: Tensor<3>, sin: Tensor<3>, heads: usize) -> Tensor<3> {
    let [b, t, w] = x.dims();
    let half = w / heads / 2;
    let x = x.reshape([b, t, heads, 2 * half]);
    let (a, c) = (x.clone().narrow(3, 0, half), x.narrow(3, half, half));
    let (cos, sin) = (cos.reshape([b, t, 1, half]), sin.reshape([b, t, 1, half]));
    Tensor::cat(vec![a.clone() * cos.clone() - c.clone() * sin.clone(), c * cos + a * sin], 3).reshape([b, t, w])
}
pub fn embedding(weight: Tensor<2>, ids: Tensor<2, Int>) -> Tensor<3> { burn::tensor::module::embedding(weight, ids) }
