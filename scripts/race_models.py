#!/usr/bin/env python3
"""Models that scripts/race_models.sh races on, as folders in Hugging Face layout.

    race_models.py modernbert DIR           a ModernBERT of the base model's sizes: random weights, and words as tokens
    race_models.py smollm2 MODEL.gguf DIR   the weights of a GGUF file dequantised to float32, as transformers reads them

Needs torch and transformers; for GGUF the package gguf. Does nothing where DIR already holds weights.
"""

import json
import sys
from pathlib import Path

# The words of the race's texts (benches/src/lib.rs), whose first is a number.
WORDS = "the winter was long and harbour froze twice before anybody came back".split()


def modernbert(folder):
    import torch
    from transformers import ModernBertConfig, ModernBertModel

    torch.manual_seed(0)
    ModernBertModel(ModernBertConfig()).save_pretrained(folder)
    special = {50280: "[UNK]", 50281: "[CLS]", 50282: "[SEP]", 50283: "[PAD]"}
    vocabulary = {word: number for number, word in enumerate([*WORDS, *map(str, range(4096))])} | {name: number for number, name in special.items()}
    flags = dict(single_word=False, lstrip=False, rstrip=False, normalized=False, special=True)
    ends = [{"SpecialToken": {"id": name, "type_id": 0}} for name in ("[CLS]", "[SEP]")]
    first, second = ({"Sequence": {"id": name, "type_id": 0}} for name in "AB")
    tokenizer = dict(
        version="1.0",
        truncation=None,
        padding=None,
        added_tokens=[dict(id=number, content=name, **flags) for number, name in special.items()],
        normalizer=None,
        pre_tokenizer=dict(type="WhitespaceSplit"),
        post_processor=dict(
            type="TemplateProcessing",
            single=[ends[0], first, ends[1]],
            pair=[ends[0], first, ends[1], second, ends[1]],
            special_tokens={name: dict(id=name, ids=[number], tokens=[name]) for number, name in special.items() if name in ("[CLS]", "[SEP]")},
        ),
        decoder=None,
        model=dict(type="WordLevel", vocab=vocabulary, unk_token="[UNK]"),
    )
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    about = dict(tokenizer_class="PreTrainedTokenizerFast", pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]")
    (folder / "tokenizer_config.json").write_text(json.dumps(about))


def smollm2(file, folder):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    file = Path(file)
    model = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32)
    # What was read from GGUF counts as quantised, which a plain model of the same weights does not.
    config = model.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    plain = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    plain.load_state_dict(model.state_dict())
    plain.save_pretrained(folder)
    AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name).save_pretrained(folder)


def main():
    makers = {"modernbert": modernbert, "smollm2": smollm2}
    if len(sys.argv) < 3 or sys.argv[1] not in makers:
        sys.exit(__doc__)
    folder = Path(sys.argv[-1])
    if (folder / "model.safetensors").exists():
        return print(f"{folder} already holds a model")
    folder.mkdir(parents=True, exist_ok=True)
    makers[sys.argv[1]](*sys.argv[2:-1], folder)
    print(f"{sys.argv[1]} is in {folder}")


if __name__ == "__main__":
    main()
