//! A method from outside the workspace: this program is `adaptbench` with one more row.
//!
//! `cargo run -p runner --example own_method -- run --methods residual-scale,lora --quick`
//!
//! A block of a transformer adds twice to the state h of each token: h ← h + attention(h), then h ← h + feed-forward(h) (before or
//! after a norm). Here what is added is scaled by learned vectors a and f of the state's width, which start at one:
//!
//! h ← h + a ⊙ attention(h), h ← h + f ⊙ feed-forward(h)

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use runner::adapt::{self, init};
use runner::*;
use std::process::ExitCode;
use std::sync::LazyLock;

/// The bundled methods, then this one.
static ALL: LazyLock<Vec<&'static dyn Method>> =
    LazyLock::new(|| [METHODS, &[&RESIDUAL_SCALE as &dyn Method]].concat());

/// What `METHODS` would hold.
static RESIDUAL_SCALE: Trained<ResidualScale> = Trained::new();

fn main() -> ExitCode {
    main_with(&ALL)
}

adapt::settings! {
    /// The settings: `--set residual-scale.learning_rate=1e-3`.
    pub struct ResidualScale {
        /// Peak learning rate.
        learning_rate: f64 = 3e-3 => adapt::Range::LEARNING_RATE,
    }
}

/// The trained parameters: a vector `[hidden]` for each block and sub-layer.
#[derive(Module, Debug)]
pub struct ResidualScaling {
    attention: Vec<Param<Tensor<1>>>,
    feed_forward: Vec<Param<Tensor<1>>>,
}

impl Hooks for ResidualScaling {
    fn hidden(&self, at: At<Point>, h: Tensor<3>, _block_input: &Tensor<3>) -> Tensor<3> {
        let scales = match at.site {
            Point::AttentionOut => &self.attention,
            Point::FfnOut => &self.feed_forward,
            Point::FfnInner => return h,
        };
        h * scales[at.layer].val().unsqueeze::<3>() // [b,t,hidden] ⊙ [1,1,hidden]
    }
}

impl Peft for ResidualScale {
    type Adaptation = ResidualScaling;

    const INFO: MethodInfo = MethodInfo {
        name: "residual-scale",
        definition: "What attention and feed-forward add to the state is scaled by learned vectors.",
        paper: "",
        level: Level::InsertedComputation,
        uses_model: true,
        look: None,
    };

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn attach(&self, to: &mut Attach<'_>) -> Result<ResidualScaling, FitError> {
        let ones = || {
            let blocks = 0..to.shape.blocks;
            blocks
                .map(|_| init::constant(1.0, [to.shape.hidden], to.device))
                .collect()
        };
        Ok(ResidualScaling {
            attention: ones(),
            feed_forward: ones(),
        })
    }

    /// Nothing changes below the first block: the embeddings are computed once and cached.
    fn acts_from(&self, _shape: &Shape) -> Depth {
        Depth::Block(0)
    }

    fn trainable_params(&self, shape: &Shape) -> u64 {
        (2 * shape.blocks * shape.hidden) as u64
    }
}
