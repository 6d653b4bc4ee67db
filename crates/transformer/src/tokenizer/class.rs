//! Which tokenizer class of transformers 5 reads a folder. `AutoTokenizer.from_pretrained` decides it by the class that
//! tokenizer_config.json (else config.json) names, else by the model's type; most classes rebuild the tokenizer around the
//! vocabulary of tokenizer.json by their own settings, and only `TokenizersBackend` takes tokenizer.json as it is.

/// Source: `transformers/models/*/tokenization_*.py`, 5.23.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// `BertTokenizer` and the classes that are the same under another name.
    Bert,
    /// `MPNetTokenizer`.
    Mpnet,
    /// `RobertaTokenizer` and those that are the same.
    Roberta,
    /// `GPT2Tokenizer`.
    Gpt2,
    /// `GPTNeoXTokenizer`.
    GptNeoX,
    /// `Qwen2Tokenizer`.
    Qwen2,
    /// `LlamaTokenizer`.
    Llama,
    /// `GemmaTokenizer`.
    Gemma,
    /// `XLMRobertaTokenizer`.
    XlmRoberta,
    /// `CamembertTokenizer`.
    Camembert,
    /// `AlbertTokenizer`.
    Albert,
    /// `DebertaV2Tokenizer`.
    DebertaV2,
    /// `TokenizersBackend`, once called `PreTrainedTokenizerFast`.
    AsWritten,
}

/// What a class reads where there is no tokenizer.json.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lists {
    /// `vocab.txt`.
    Words,
    /// `vocab.json` and `merges.txt`.
    WordsAndMerges,
    /// A SentencePiece model under this name.
    Pieces(&'static str),
}

/// Classes that cut texts into words by a program of their own, which no file describes.
const IN_PYTHON: [&str; 4] = [
    "BertJapaneseTokenizer",
    "BertweetTokenizer",
    "PhobertTokenizer",
    "GPTNeoXJapaneseTokenizer",
];

/// A class, and what to say where it is not the one that the files name.
pub(super) struct Chosen {
    pub(super) class: Class,
    /// Whether the class gives a model token types where no file lists the model's inputs. transformers 5 gives them for
    /// `TokenizersBackend` only where they are listed; its version 4, which wrote most of these folders, always did.
    pub(super) types: bool,
    pub(super) note: Option<String>,
}

impl Chosen {
    pub(super) fn known(class: Class) -> Chosen {
        Chosen {
            class,
            types: matches!(class, Class::Bert | Class::DebertaV2 | Class::AsWritten),
            note: None,
        }
    }
}

/// The class for a folder whose settings name the class `declared`. `byte_level`: whether tokenizer.json mentions ByteLevel.
///
/// # Errors
/// The name of a class that exists only as a program.
pub(super) fn choose(
    model_type: &str,
    declared: Option<&str>,
    byte_level: bool,
) -> Result<Chosen, String> {
    let registered = of_model(model_type);
    let Some(declared) = declared else {
        return Ok(Chosen::known(registered.unwrap_or(Class::AsWritten)));
    };
    let name = declared.strip_suffix("Fast").unwrap_or(declared);
    if IN_PYTHON.contains(&name) {
        return Err(declared.to_owned());
    }
    // Of these models transformers takes tokenizer.json as it is, whatever class the files name.
    if registered == Some(Class::AsWritten) {
        return Ok(Chosen::known(Class::AsWritten));
    }
    // Too many files name a wrong one.
    if model_type == "qwen2" {
        let note = (name != "Qwen2Tokenizer").then(|| {
            format!(
                "the tokenizer_class is \"{declared}\"; transformers 5 reads the tokenizer of every qwen2 model as Qwen2Tokenizer, and so does this program"
            )
        });
        return Ok(Chosen {
            note,
            ..Chosen::known(Class::Qwen2)
        });
    }
    let Some(class) = of_name(name, byte_level) else {
        let note = format!(
            "the tokenizer_class \"{declared}\" is not known here: tokenizer.json is used as it is written"
        );
        return Ok(Chosen {
            note: Some(note),
            ..Chosen::known(Class::AsWritten)
        });
    };
    Ok(Chosen {
        types: Chosen::known(class).types && name != "DistilBertTokenizer",
        ..Chosen::known(class)
    })
}

/// By its name without `Fast`.
fn of_name(name: &str, byte_level: bool) -> Option<Class> {
    Some(match name {
        "BertTokenizer"
        | "DistilBertTokenizer"
        | "ElectraTokenizer"
        | "MobileBertTokenizer"
        | "LayoutLMTokenizer"
        | "SqueezeBertTokenizer"
        | "LxmertTokenizer"
        | "ConvBertTokenizer"
        | "DPRContextEncoderTokenizer"
        | "DPRQuestionEncoderTokenizer" => Class::Bert,
        "MPNetTokenizer" => Class::Mpnet,
        "RobertaTokenizer" | "BartTokenizer" | "LongformerTokenizer" | "LEDTokenizer" => {
            Class::Roberta
        }
        "GPT2Tokenizer" => Class::Gpt2,
        "GPTNeoXTokenizer" => Class::GptNeoX,
        "Qwen2Tokenizer" => Class::Qwen2,
        // Llama 3 is byte-level under the class of Llama 2.
        "LlamaTokenizer" if byte_level => Class::AsWritten,
        "LlamaTokenizer" => Class::Llama,
        "GemmaTokenizer" => Class::Gemma,
        "XLMRobertaTokenizer" => Class::XlmRoberta,
        "CamembertTokenizer" => Class::Camembert,
        "AlbertTokenizer" => Class::Albert,
        "DebertaV2Tokenizer" => Class::DebertaV2,
        "TokenizersBackend" | "PreTrainedTokenizer" | "PythonBackend" | "BloomTokenizer" => {
            Class::AsWritten
        }
        _ => return None,
    })
}

/// The class that transformers registers for a type of model (`TOKENIZER_MAPPING_NAMES`); `None` where it registers none, and takes the
/// one that the files name.
fn of_model(model_type: &str) -> Option<Class> {
    Some(match model_type {
        "bert" | "distilbert" | "electra" | "nomic_bert" => Class::Bert,
        "mpnet" => Class::Mpnet,
        "roberta" => Class::Roberta,
        "xlm-roberta" => Class::XlmRoberta,
        "camembert" => Class::Camembert,
        "albert" => Class::Albert,
        "deberta-v2" => Class::DebertaV2,
        "gpt2" | "opt" => Class::Gpt2,
        "gpt_neox" => Class::GptNeoX,
        "qwen2" | "qwen3" => Class::Qwen2,
        "gemma2" | "gemma3" | "gemma3_text" => Class::Gemma,
        "modernbert" | "modernbert-decoder" | "mistral" | "phi3" | "olmo2" => Class::AsWritten,
        _ => return None,
    })
}

impl Class {
    /// The tokens with a function that the class has where no file names them.
    pub(super) fn usual_tokens(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Class::Bert => &[
                ("unk_token", "[UNK]"),
                ("sep_token", "[SEP]"),
                ("pad_token", "[PAD]"),
                ("cls_token", "[CLS]"),
                ("mask_token", "[MASK]"),
            ],
            Class::DebertaV2 => &[
                ("bos_token", "[CLS]"),
                ("eos_token", "[SEP]"),
                ("unk_token", "[UNK]"),
                ("sep_token", "[SEP]"),
                ("pad_token", "[PAD]"),
                ("cls_token", "[CLS]"),
                ("mask_token", "[MASK]"),
            ],
            Class::Albert => &[
                ("bos_token", "[CLS]"),
                ("eos_token", "[SEP]"),
                ("unk_token", "<unk>"),
                ("sep_token", "[SEP]"),
                ("pad_token", "<pad>"),
                ("cls_token", "[CLS]"),
                ("mask_token", "[MASK]"),
            ],
            Class::Mpnet => &[
                ("bos_token", "<s>"),
                ("eos_token", "</s>"),
                ("unk_token", "[UNK]"),
                ("sep_token", "</s>"),
                ("pad_token", "<pad>"),
                ("cls_token", "<s>"),
                ("mask_token", "<mask>"),
            ],
            Class::Roberta | Class::XlmRoberta | Class::Camembert => &[
                ("bos_token", "<s>"),
                ("eos_token", "</s>"),
                ("unk_token", "<unk>"),
                ("sep_token", "</s>"),
                ("pad_token", "<pad>"),
                ("cls_token", "<s>"),
                ("mask_token", "<mask>"),
            ],
            Class::Gpt2 => &[
                ("bos_token", "<|endoftext|>"),
                ("eos_token", "<|endoftext|>"),
                ("unk_token", "<|endoftext|>"),
            ],
            Class::GptNeoX => &[
                ("bos_token", "<|endoftext|>"),
                ("eos_token", "<|endoftext|>"),
                ("unk_token", "<|endoftext|>"),
                ("pad_token", "<|padding|>"),
            ],
            Class::Qwen2 => &[
                ("eos_token", "<|endoftext|>"),
                ("unk_token", "<|endoftext|>"),
                ("pad_token", "<|endoftext|>"),
            ],
            Class::Llama => &[
                ("bos_token", "<s>"),
                ("eos_token", "</s>"),
                ("unk_token", "<unk>"),
            ],
            Class::Gemma => &[
                ("bos_token", "<bos>"),
                ("eos_token", "<eos>"),
                ("unk_token", "<unk>"),
                ("pad_token", "<pad>"),
                ("mask_token", "<mask>"),
            ],
            Class::AsWritten => &[],
        }
    }

    /// What it reads where there is no tokenizer.json.
    pub(super) fn lists(self) -> Lists {
        match self {
            Class::Bert | Class::Mpnet => Lists::Words,
            Class::Roberta | Class::Gpt2 | Class::GptNeoX | Class::Qwen2 => Lists::WordsAndMerges,
            Class::Albert => Lists::Pieces("spiece.model"),
            Class::DebertaV2 => Lists::Pieces("spm.model"),
            Class::XlmRoberta | Class::Camembert => Lists::Pieces("sentencepiece.bpe.model"),
            Class::Llama | Class::Gemma | Class::AsWritten => Lists::Pieces("tokenizer.model"),
        }
    }

    /// As transformers calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Class::Bert => "BertTokenizer",
            Class::Mpnet => "MPNetTokenizer",
            Class::Roberta => "RobertaTokenizer",
            Class::Gpt2 => "GPT2Tokenizer",
            Class::GptNeoX => "GPTNeoXTokenizer",
            Class::Qwen2 => "Qwen2Tokenizer",
            Class::Llama => "LlamaTokenizer",
            Class::Gemma => "GemmaTokenizer",
            Class::XlmRoberta => "XLMRobertaTokenizer",
            Class::Camembert => "CamembertTokenizer",
            Class::Albert => "AlbertTokenizer",
            Class::DebertaV2 => "DebertaV2Tokenizer",
            Class::AsWritten => "TokenizersBackend",
        }
    }
}
