//! Settings of the three rungs, and what each trains.

use adapt::{
    Attach, FitError, Frozen, Hue, Level, Look, MethodInfo, Outline, Peft, Trained, count,
    first_layer,
};
use burn::module::ParamGroup;
use std::num::NonZeroUsize;
use transformer::{Depth, Shape};

/// `finetune-output` in the registry.
pub static FINETUNE_OUTPUT: Trained<FinetuneOutput> = Trained::new();

adapt::settings! {
    /// Finetuning I: the output layer alone.
    pub struct FinetuneOutput {
        /// Peak learning rate. A new linear layer alone has no pretrained weights to spare; within the range that is searched. It is the
        /// head's rate, whatever `budget.head_learning_rate` says of heads beside which something else trains.
        learning_rate: f64 = adapt::HEAD_LEARNING_RATE => adapt::Range::LEARNING_RATE,
    }
}

impl Peft for FinetuneOutput {
    const INFO: MethodInfo = MethodInfo {
        name: "finetune-output",
        definition: "Finetuning I: a new output layer is trained on the frozen model's pooled hidden state.",
        paper: "Devlin et al. 2019, BERT, arXiv:1810.04805",
        level: Level::Parameters,
        uses_model: true,
        look: Some(Look {
            hue: Hue::Blue,
            outline: Outline::Up,
        }),
    };

    type Adaptation = Frozen;

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn attach(&self, _to: &mut Attach<'_>) -> Result<Frozen, FitError> {
        Ok(Frozen::new())
    }

    fn acts_from(&self, _shape: &Shape) -> Depth {
        Depth::Head
    }

    fn trainable_params(&self, _shape: &Shape) -> u64 {
        0
    }
}

/// `finetune-last` in the registry.
pub static FINETUNE_LAST: Trained<FinetuneLast> = Trained::new();

adapt::settings! {
    /// The last k blocks, the final norm and the output layer.
    pub struct FinetuneLast {
        /// Peak learning rate. Between the two others.
        learning_rate: f64 = 1e-4 => adapt::Range::LEARNING_RATE,
        /// k; at most the model's number of blocks. The smallest step up from the output layer. Blocks are counted by their weights: where
        /// several layers share one (ALBERT), it trains for all of them, from the first that uses it on.
        blocks: NonZeroUsize = NonZeroUsize::MIN => adapt::Range::whole(1, 1000),
    }
}

impl FinetuneLast {
    fn first(&self, shape: &Shape) -> usize {
        shape.blocks.saturating_sub(self.blocks.get())
    }
}

impl Peft for FinetuneLast {
    const INFO: MethodInfo = MethodInfo {
        name: "finetune-last",
        definition: "The last k blocks and a new output layer are trained; the blocks below stay as they are.",
        paper: "Howard & Ruder 2018, ULMFiT, arXiv:1801.06146; Houlsby et al. 2019, figure 3, arXiv:1902.00751",
        level: Level::Parameters,
        uses_model: true,
        look: Some(Look {
            hue: Hue::Blue,
            outline: Outline::Square,
        }),
    };

    type Adaptation = Frozen;

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn attach(&self, to: &mut Attach<'_>) -> Result<Frozen, FitError> {
        let (found, have) = (self.blocks, to.shape.blocks);
        if found.get() > have {
            let shared = if to.shape.shares_blocks() {
                format!(", which its {} layers share", to.shape.layers)
            } else {
                String::new()
            };
            return Err(FitError::NotApplicable(format!(
                "finetune-last.blocks is {found}, the model has {have} blocks{shared}; use at most {have}, or finetune-all"
            )));
        }
        Ok(Frozen::new())
    }

    fn train_in_backbone(&self, shape: &Shape) -> Option<ParamGroup> {
        let blocks = (self.first(shape)..shape.blocks).map(|i| format!(r"^blocks\.{i}\."));
        let patterns: Vec<String> = blocks.chain([r"^final_norm\.".to_owned()]).collect();
        Some(ParamGroup::from_any_regexes(patterns).expect("valid patterns"))
    }

    fn acts_from(&self, shape: &Shape) -> Depth {
        Depth::Block(first_layer(shape, self.first(shape)))
    }

    fn trainable_params(&self, shape: &Shape) -> u64 {
        (count::blocks_from(shape, self.first(shape)) + count::final_norm(shape)).all()
    }
}

/// `finetune-all` in the registry.
pub static FINETUNE_ALL: Trained<FinetuneAll> = Trained::new();

adapt::settings! {
    /// Finetuning II: everything.
    pub struct FinetuneAll {
        /// Peak learning rate. Devlin et al. 2019, appendix A.3: 2e-5 to 5e-5.
        learning_rate: f64 = 5e-5 => adapt::Range::LEARNING_RATE,
        /// Begin from random weights instead of the pretrained ones (normal with the model's `initializer_range`, drawn by seed): the control
        /// that shows what the pretraining is worth. Wants a larger rate, such as 1e-3.
        from_scratch: bool = false,
    }
}

impl Peft for FinetuneAll {
    const INFO: MethodInfo = MethodInfo {
        name: "finetune-all",
        definition: "Finetuning II: all parameters of the model and a new output layer are trained.",
        paper: "Devlin et al. 2019, BERT, arXiv:1810.04805",
        level: Level::Parameters,
        uses_model: true,
        look: Some(Look {
            hue: Hue::Blue,
            outline: Outline::Circle,
        }),
    };

    type Adaptation = Frozen;

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn attach(&self, _to: &mut Attach<'_>) -> Result<Frozen, FitError> {
        Ok(Frozen::new())
    }

    fn train_in_backbone(&self, _shape: &Shape) -> Option<ParamGroup> {
        Some(ParamGroup::from_regex("").expect("a valid pattern"))
    }

    fn acts_from(&self, _shape: &Shape) -> Depth {
        Depth::Embeddings
    }

    fn begins_from_scratch(&self) -> bool {
        self.from_scratch
    }

    fn identity_at_start(&self) -> bool {
        !self.from_scratch
    }

    fn trainable_params(&self, shape: &Shape) -> u64 {
        count::backbone(shape).all()
    }
}
