//! For a `model_type` that is not read, the one that is and comes nearest to it: by what the model is made of, else by the spelling.

use super::MODEL_TYPES;

/// Relatives of a family that is read.
struct Relatives {
    /// Apart by spaces.
    types: &'static str,
    nearest: &'static str,
    /// What they have that is not read; empty where a difference is small, or of many kinds.
    unread: &'static str,
}

const fn relatives(nearest: &'static str, types: &'static str, unread: &'static str) -> Relatives {
    Relatives {
        types,
        nearest,
        unread,
    }
}

const EXPERTS: &str = "mixtures of experts are not read";
const IMAGES: &str = "models that read images are not; save the text model alone";
const TWO_PARTS: &str = "models of an encoder and a decoder are not read, nor their encoders alone";
const RECURRENT: &str = "recurrent and state-space layers are not read";

const TABLE: &[Relatives] = &[
    relatives(
        "bert",
        "bert-generation megatron-bert nezha ernie rembert squeezebert mobilebert xlm flaubert layoutlm jina_bert \
         nystromformer fnet retribert splinter tapas visual_bert",
        "",
    ),
    relatives(
        "roberta",
        "longformer big_bird roberta-prelayernorm luke ibert esm data2vec-text mpnet-v2 layoutlmv3",
        "",
    ),
    relatives(
        "xlm-roberta",
        "xlm-roberta-xl xmod jina_embeddings_v3 xlm-roberta-flash",
        "",
    ),
    relatives("electra", "convbert funnel xlnet", ""),
    relatives(
        "deberta-v2",
        "deberta",
        "its first version has other distances",
    ),
    relatives("modernbert", "neobert modernvbert mosaic_bert", ""),
    relatives(
        "mpnet",
        "t5 mt5 umt5 byt5 longt5 switch_transformers t5gemma t5gemma2",
        TWO_PARTS,
    ),
    relatives(
        "roberta",
        "bart mbart mvp plbart pegasus pegasus_x bigbird_pegasus led blenderbot blenderbot-small marian m2m_100 \
         nllb-moe fsmt prophetnet encoder-decoder",
        TWO_PARTS,
    ),
    relatives(
        "gpt2",
        "openai-gpt gpt_bigcode gpt_neo ctrl imagegpt cpmant",
        "",
    ),
    relatives(
        "gpt_neox",
        "gptj codegen bloom mpt falcon gpt_neox_japanese stablelm persimmon phi",
        "",
    ),
    relatives("opt", "xglm biogpt", ""),
    relatives(
        "llama",
        "code_llama granite cohere cohere2 nemotron internlm2 internlm3 baichuan yi exaone exaone4 glm glm4 chatglm \
         helium arcee hunyuan_v1_dense seed_oss apertus ernie4_5 minicpm starcoder2 diffllama",
        "",
    ),
    relatives(
        "llama",
        "deepseek_v2 deepseek_v3 llama4_text granitemoe ernie4_5_moe glm4_moe dbrx hunyuan_v1_moe",
        EXPERTS,
    ),
    relatives(
        "llama",
        "mllama llama4 llava llava_next idefics idefics2 idefics3 smolvlm internvl",
        IMAGES,
    ),
    relatives("mistral", "ministral", ""),
    relatives("mistral", "mixtral minimax", EXPERTS),
    relatives("mistral", "mistral3 pixtral voxtral", IMAGES),
    relatives("qwen2", "qwen dream", ""),
    relatives("qwen2", "qwen2_moe", EXPERTS),
    relatives(
        "qwen2",
        "qwen2_vl qwen2_5_vl qwen2_audio qwen2_5_omni",
        IMAGES,
    ),
    relatives("qwen3", "qwen3_moe qwen3_next gpt_oss", EXPERTS),
    relatives("qwen3", "qwen3_vl qwen3_omni_moe", IMAGES),
    relatives("phi3", "phi4_multimodal phi3_v", IMAGES),
    relatives("phi3", "phimoe", EXPERTS),
    relatives("olmo2", "olmo olmo3 olmoe flex_olmo", ""),
    relatives("gemma2", "gemma vaultgemma", ""),
    relatives("gemma2", "recurrent_gemma", RECURRENT),
    relatives("gemma3_text", "gemma3n gemma3n_text gemma4 gemma4_text", ""),
    relatives("gemma3_text", "gemma3 paligemma shieldgemma2", IMAGES),
    relatives("gpt_neox", "mamba mamba2 rwkv xlstm", RECURRENT),
    relatives(
        "llama",
        "falcon_mamba falcon_h1 jamba zamba zamba2 bamba lfm2 nemotron_h granitemoehybrid",
        RECURRENT,
    ),
];

/// Models of something else than text.
const OTHER_INPUTS: &str = "vit deit beit swin swinv2 dinov2 dinov3_vit convnext convnextv2 resnet clip siglip siglip2 blip blip-2 detr \
    segformer sam vilt wav2vec2 wav2vec2-bert hubert wavlm whisper clap speech_to_text timm_wrapper patchtst";

/// What follows "is not supported" in the error, with the mark before it; empty where nothing is near.
pub(super) fn hint(found: &str) -> String {
    let found = normal(found);
    let is_among = |names: &str| names.split(' ').any(|name| normal(name) == found);
    let kin = TABLE.iter().find(|kin| is_among(kin.types));
    if let Some(kin) = kin {
        let unread = if kin.unread.is_empty() {
            String::new()
        } else {
            format!(" ({})", kin.unread)
        };
        return format!(": the nearest that is read is \"{}\"{unread}", kin.nearest);
    }
    if is_among(OTHER_INPUTS) {
        return ": it is no model of text".to_owned();
    }
    let nearest = longest_part(&found).or_else(|| by_spelling(&found));
    nearest.map_or(String::new(), |name| {
        format!(": the nearest that is read is \"{name}\"")
    })
}

/// The longest name that the found one begins with: `qwen3_something`.
fn longest_part(found: &str) -> Option<&'static str> {
    let parts = MODEL_TYPES.into_iter().filter(|name| {
        let rest = found.strip_prefix(&normal(name));
        name.len() > 3 && rest.is_some()
    });
    parts.max_by_key(|name| name.len())
}

/// The name with the fewest letters to change, at most a third of them.
fn by_spelling(found: &str) -> Option<&'static str> {
    let scored = MODEL_TYPES
        .into_iter()
        .map(|name| (distance(found, &normal(name)), name));
    let (changes, name) = scored.min_by_key(|(changes, _)| *changes)?;
    (3 * changes <= name.len()).then_some(name)
}

fn normal(name: &str) -> String {
    name.to_lowercase().replace('_', "-")
}

/// Letters to insert, leave out or change. Levenshtein 1966.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (at, letter) in from.chars().take(64).enumerate() {
        let mut before = row[0];
        row[0] = at + 1;
        for (column, other) in to.iter().enumerate() {
            let changed = before + usize::from(letter != *other);
            before = row[column + 1];
            row[column + 1] = changed.min(before + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests;
