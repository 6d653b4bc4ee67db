//! `adapter_config.json`: the settings that change the mathematics, each read or refused; which those are: `fields.rs`.

use crate::PeftError;
use crate::fields::{Meaning, meaning};
use crate::targets::{Patterns, Targets};
use serde_json::{Map, Value};

/// A kind of adapter with the settings that its mathematics needs.
pub(crate) enum Kind {
    Lora(Lora),
    Ia3 { feed_forward: Option<Targets> },
    Vera { rank: usize },
    LayerNorm,
    Prompt(Tokens),
    Prefix(Tokens),
}

/// Virtual tokens and how wide they are; what is `None` is the model's.
pub(crate) struct Tokens {
    pub(crate) tokens: usize,
    pub(crate) token_dim: Option<usize>,
    pub(crate) layers: Option<usize>,
    pub(crate) heads: Option<usize>,
}

/// LoRA's settings, shared and by module.
pub(crate) struct Lora {
    pub(crate) rank: usize,
    pub(crate) alpha: f64,
    pub(crate) ranks: Patterns,
    pub(crate) alphas: Patterns,
    /// Scale α/√r instead of α/r. Kalajdzievski 2023.
    pub(crate) root_scale: bool,
    pub(crate) dora: bool,
    /// B has a bias of its own.
    pub(crate) bias_of_b: bool,
    /// The adapted maps' own biases were trained too.
    pub(crate) trained_biases: bool,
}

/// A checkpoint's description.
pub(crate) struct Config {
    pub(crate) kind: Kind,
    /// Which modules it acts on.
    pub(crate) targets: Targets,
}

/// What is read, in PEFT's spelling.
pub(crate) const TYPES: [&str; 7] = [
    "LORA",
    "IA3",
    "VERA",
    "LN_TUNING",
    "PROMPT_TUNING",
    "P_TUNING",
    "PREFIX_TUNING",
];

/// Initialisations after which the base weights are what they were; the others subtract from them.
const HARMLESS_STARTS: [&str; 3] = ["gaussian", "orthogonal", "eva"];

impl Kind {
    /// PEFT's name for it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Kind::Lora(_) => "LORA",
            Kind::Ia3 { .. } => "IA3",
            Kind::Vera { .. } => "VERA",
            Kind::LayerNorm => "LN_TUNING",
            Kind::Prompt(_) => "PROMPT_TUNING",
            Kind::Prefix(_) => "PREFIX_TUNING",
        }
    }

    /// Whether it acts on what goes into the model, not on its modules; PEFT names the head's tensors otherwise then.
    pub(crate) fn is_prompt_learning(&self) -> bool {
        matches!(self, Kind::Prompt(_) | Kind::Prefix(_))
    }
}

impl Config {
    pub(crate) fn parse(json: Map<String, Value>) -> Result<Config, PeftError> {
        let found = json.get("peft_type").cloned().unwrap_or(Value::Null);
        let name = found.as_str().filter(|name| TYPES.contains(name));
        let Some(name) = name.map(str::to_owned) else {
            return Err(PeftError::UnknownType {
                found: found.to_string(),
                supported: TYPES.join(", "),
            });
        };
        let mut keys = Keys {
            peft_type: name.clone(),
            left: json,
        };
        keys.take("peft_type");
        keys.one_of(
            "task_type",
            &[Value::Null, "SEQ_CLS".into()],
            "; a checkpoint for another task has no classification head",
        )?;
        let targets = targets(&mut keys)?;
        let kind = match name.as_str() {
            "LORA" => Kind::Lora(lora(&mut keys)?),
            "IA3" => Kind::Ia3 {
                feed_forward: match keys.take("feedforward_modules") {
                    Value::Null => None,
                    modules => Some(Targets::parse("feedforward_modules", modules)?),
                },
            },
            "VERA" => {
                keys.one_of("bias", &[Value::Null, "none".into()], "")?;
                let rank = keys.count("r")?;
                Kind::Vera { rank }
            }
            "LN_TUNING" => Kind::LayerNorm,
            prompt => {
                keys.one_of("num_transformer_submodules", &[Value::Null, 1.into()], "")?;
                let tokens = Tokens {
                    tokens: keys.count("num_virtual_tokens")?,
                    token_dim: keys.count_or_null("token_dim")?,
                    layers: keys.count_or_null("num_layers")?,
                    heads: keys.count_or_null("num_attention_heads")?,
                };
                match prompt {
                    "PREFIX_TUNING" => Kind::Prefix(tokens),
                    _ => Kind::Prompt(tokens),
                }
            }
        };
        keys.nothing_left_on()?;
        Ok(Config { kind, targets })
    }
}

fn targets(keys: &mut Keys) -> Result<Targets, PeftError> {
    let mut targets = Targets::parse("target_modules", keys.take("target_modules"))?;
    targets.layers(
        keys.take("layers_to_transform"),
        keys.take("layers_pattern"),
    )?;
    targets.except(keys.take("exclude_modules"))?;
    Ok(targets)
}

fn lora(keys: &mut Keys) -> Result<Lora, PeftError> {
    let bias = keys.one_of(
        "bias",
        &[Value::Null, "none".into(), "lora_only".into()],
        "; train with bias=\"none\", or merge the adapter with PEFT's `merge_and_unload`",
    )?;
    let start = keys.take("init_lora_weights");
    let harmless = match &start {
        Value::Null | Value::Bool(_) => true,
        Value::String(name) => HARMLESS_STARTS.contains(&name.as_str()),
        _ => false,
    };
    if !harmless {
        return Err(PeftError::Setting {
            key: "init_lora_weights".to_owned(),
            found: start.to_string(),
            supported: format!("true, false, {}", HARMLESS_STARTS.join(", ")),
            next: ": the others change the base weights; convert with `save_pretrained(..., path_initial_model_for_weight_conversion=...)` of PEFT",
        });
    }
    let dora = keys.flag("use_dora")?;
    let bias_of_b = keys.flag("lora_bias")?;
    if dora && bias_of_b {
        return Err(PeftError::Setting {
            key: "lora_bias".to_owned(),
            found: "true".to_owned(),
            supported: "false where use_dora is true".to_owned(),
            next: "",
        });
    }
    Ok(Lora {
        rank: keys.count("r")?,
        alpha: keys.number("lora_alpha")?,
        ranks: Patterns::parse("rank_pattern", keys.take("rank_pattern"))?
            .all(|rank| rank.fract() == 0.0 && (1.0..=MOST as f64).contains(&rank))
            .map_err(|found| refused("rank_pattern", &found.into(), COUNTS, ""))?,
        alphas: Patterns::parse("alpha_pattern", keys.take("alpha_pattern"))?,
        root_scale: keys.flag("use_rslora")?,
        dora,
        bias_of_b,
        trained_biases: bias == "lora_only",
    })
}

/// Largest size that is read: what goes beyond fits no tensor.
const MOST: u64 = 1 << 32;
const COUNTS: &str = "a whole number from 1 to 4294967296";

/// The keys not yet looked at.
struct Keys {
    peft_type: String,
    left: Map<String, Value>,
}

impl Keys {
    /// The value, or null where the kind has no such field that changes anything: what stands there then is looked at in the end.
    fn take(&mut self, key: &str) -> Value {
        match meaning(&self.peft_type, key) {
            Meaning::Read => self.left.shift_remove(key).unwrap_or(Value::Null),
            Meaning::NoEffect | Meaning::Off => Value::Null,
        }
    }

    fn one_of(
        &mut self,
        key: &str,
        supported: &[Value],
        next: &'static str,
    ) -> Result<Value, PeftError> {
        let found = self.take(key);
        if supported.contains(&found) {
            return Ok(found);
        }
        let named = supported.iter().filter(|value| !value.is_null());
        let named: Vec<String> = named.map(Value::to_string).collect();
        Err(refused(key, &found, &named.join(" or "), next))
    }

    fn flag(&mut self, key: &str) -> Result<bool, PeftError> {
        let found = self.one_of(key, &[Value::Null, true.into(), false.into()], "")?;
        Ok(found == Value::Bool(true))
    }

    fn count(&mut self, key: &str) -> Result<usize, PeftError> {
        let found = self.take(key);
        match found.as_u64() {
            Some(count @ 1..=MOST) => Ok(count as usize),
            _ => Err(refused(key, &found, COUNTS, "")),
        }
    }

    fn count_or_null(&mut self, key: &str) -> Result<Option<usize>, PeftError> {
        let found = self.take(key);
        match found.as_u64() {
            Some(count @ 1..=MOST) => Ok(Some(count as usize)),
            None if found.is_null() => Ok(None),
            _ => Err(refused(key, &found, COUNTS, "")),
        }
    }

    fn number(&mut self, key: &str) -> Result<f64, PeftError> {
        let found = self.take(key);
        let number = found.as_f64();
        number.ok_or_else(|| refused(key, &found, "a number", ""))
    }

    /// What is not known here must be switched off: absent, null, false or empty.
    fn nothing_left_on(&self) -> Result<(), PeftError> {
        let on = |value: &Value| match value {
            Value::Null | Value::Bool(false) => false,
            Value::Array(values) => !values.is_empty(),
            Value::Object(values) => !values.is_empty(),
            Value::String(text) => !text.is_empty(),
            _ => true,
        };
        let changes = |key: &str| meaning(&self.peft_type, key) != Meaning::NoEffect;
        let left = self.left.iter();
        match left
            .into_iter()
            .find(|(key, value)| changes(key) && on(value))
        {
            Some((key, value)) => Err(refused(
                key,
                value,
                "only its absence (null or false)",
                ": it may change what the adapter computes; merge the adapter with PEFT's `merge_and_unload`",
            )),
            None => Ok(()),
        }
    }
}

pub(crate) fn refused(key: &str, found: &Value, supported: &str, next: &'static str) -> PeftError {
    PeftError::Setting {
        key: key.to_owned(),
        found: found.to_string(),
        supported: supported.to_owned(),
        next,
    }
}
