//! Which tokenizer class of transformers 5 reads a folder. `AutoTokenizer.from_pretrained` decides it by the class that
//! tokenizer_config.json (else config.json) names, else by the model's type; most classes rebuild the tokenizer around the
//! vocabulary of tokenizer.json by their own settings, and only `TokenizersBackend` takes tokenizer.json as it is.

/// Source: `transformers/models/*/tokenization_*.py`, 5.23.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// `BertTokenizer` and the classes that are the same under another name.
    Bert,
    /// `RobertaTokenizer`, as above.
    Roberta,
    /// `GPT2Tokenizer`.
    Gpt2,
    /// `LlamaTokenizer`.
    Llama,
    /// `XLMRobertaTokenizer`.
    XlmRoberta,
    /// `CamembertTokenizer`.
    Camembert,
    /// `TokenizersBackend`, once called `PreTrainedTokenizerFast`.
    AsWritten,
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
    fn known(class: Class) -> Chosen {
        Chosen {
            class,
            types: matches!(class, Class::Bert | Class::AsWritten),
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
    let Some(declared) = declared else {
        return Ok(Chosen::known(of_model(model_type)));
    };
    let name = declared.strip_suffix("Fast").unwrap_or(declared);
    if IN_PYTHON.contains(&name) {
        return Err(declared.to_owned());
    }
    let class = match name {
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
        "RobertaTokenizer" | "BartTokenizer" | "LongformerTokenizer" | "LEDTokenizer" => {
            Class::Roberta
        }
        "GPT2Tokenizer" => Class::Gpt2,
        // Llama 3 is byte-level under the class of Llama 2.
        "LlamaTokenizer" if byte_level => Class::AsWritten,
        "LlamaTokenizer" => Class::Llama,
        "XLMRobertaTokenizer" => Class::XlmRoberta,
        "CamembertTokenizer" => Class::Camembert,
        "TokenizersBackend" | "PreTrainedTokenizer" | "PythonBackend" | "BloomTokenizer" => {
            Class::AsWritten
        }
        _ => {
            let note = format!(
                "the tokenizer_class \"{declared}\" is not known here: tokenizer.json is used as it is written"
            );
            return Ok(Chosen {
                note: Some(note),
                ..Chosen::known(Class::AsWritten)
            });
        }
    };
    Ok(Chosen {
        types: Chosen::known(class).types && name != "DistilBertTokenizer",
        ..Chosen::known(class)
    })
}

fn of_model(model_type: &str) -> Class {
    match model_type {
        "bert" | "distilbert" => Class::Bert,
        "roberta" => Class::Roberta,
        "xlm-roberta" => Class::XlmRoberta,
        "camembert" => Class::Camembert,
        "gpt2" => Class::Gpt2,
        _ => Class::AsWritten,
    }
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
            Class::Llama => &[
                ("bos_token", "<s>"),
                ("eos_token", "</s>"),
                ("unk_token", "<unk>"),
            ],
            Class::AsWritten => &[],
        }
    }
}
