//! What stands around a text, where the class decides it and not the file (`transformers/models/*/tokenization_*.py`, 5.23).

use tokenizers::PostProcessorWrapper;
use tokenizers::processors::roberta::RobertaProcessing;
use tokenizers::processors::template::TemplateProcessing;

use super::class::Class;
use super::settings::{Named, Settings};

/// A token and its id.
type Token = (String, u32);

/// Sets it.
pub(super) fn set_post_processor(
    tokenizer: &mut tokenizers::Tokenizer,
    class: Class,
    settings: &Settings,
    functions: &[(String, Named)],
) -> Result<(), tokenizers::Error> {
    let token = |key: &str| {
        let mut named = functions.iter();
        let named = named
            .find(|(name, _)| name == key)
            .map(|(_, named)| named.content());
        named.and_then(|text| Some((text.to_owned(), tokenizer.token_to_id(text)?)))
    };
    let needed = |key: &str| token(key).ok_or_else(|| format!("no {key} is named"));
    let flag = |key: &str| settings.flag(key).map_err(Box::new);
    let stored = tokenizer.get_post_processor().is_some();
    let processor: PostProcessorWrapper = match class {
        Class::Albert if stored => return Ok(()),
        Class::Bert | Class::Albert | Class::DebertaV2 => {
            let (cls, sep) = (needed("cls_token")?, needed("sep_token")?);
            let single = format!("{}:0 $A:0 {}:0", cls.0, sep.0);
            let pair = format!("{single} $B:1 {}:1", sep.0);
            template(single, pair, vec![cls, sep])?
        }
        Class::Roberta | Class::Mpnet => {
            RobertaProcessing::new(needed("sep_token")?, needed("cls_token")?).into()
        }
        Class::XlmRoberta | Class::Camembert => {
            let (bos, eos) = (needed("bos_token")?, needed("eos_token")?);
            let single = format!("{} $A {}", bos.0, eos.0);
            let pair = format!("{single} {} $B {}", eos.0, eos.0);
            template(single, pair, vec![bos, eos])?
        }
        Class::Gpt2
        | Class::GptNeoX
        | Class::Qwen2
        | Class::Llama
        | Class::Gemma
        | Class::AsWritten => {
            let (bos, eos) = (flag("add_bos_token")?, flag("add_eos_token")?);
            // GPTNeoXTokenizer makes its own in any case.
            if stored && class != Class::GptNeoX && bos.is_none() && eos.is_none() {
                return Ok(());
            }
            let bos = token("bos_token").filter(|_| bos == Some(true));
            let eos = token("eos_token").filter(|_| eos == Some(true));
            begin_and_end(bos, eos)?
        }
    };
    tokenizer.with_post_processor(Some(processor));
    Ok(())
}

/// `update_post_processor`.
fn begin_and_end(
    bos: Option<Token>,
    eos: Option<Token>,
) -> Result<PostProcessorWrapper, tokenizers::Error> {
    let before = |kind| {
        bos.as_ref()
            .map_or(String::new(), |(bos, _)| format!("{bos}:{kind} "))
    };
    let after = |kind| {
        eos.as_ref()
            .map_or(String::new(), |(eos, _)| format!(" {eos}:{kind}"))
    };
    let single = format!("{}$A:0{}", before(0), after(0));
    let pair = format!("{single} {}$B:1{}", before(1), after(1));
    template(single, pair, bos.into_iter().chain(eos).collect())
}

fn template(
    single: String,
    pair: String,
    mut special: Vec<Token>,
) -> Result<PostProcessorWrapper, tokenizers::Error> {
    special.dedup();
    let mut builder = TemplateProcessing::builder();
    builder.try_single(single)?.try_pair(pair)?;
    Ok(builder.special_tokens(special).build()?.into())
}
