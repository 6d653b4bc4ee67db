#!/usr/bin/env python3
"""What transformers reads from folders with a SentencePiece model and no tokenizer.json, for tests/fixtures/sentencepiece.json.

    python scripts/reference_sentencepiece.py [--out DIR]

The models are trained here on the sentences below. Every case is a folder: config.json with a model_type, a model under the name that a
class of tokenizers reads, files of settings, and what AutoTokenizer gives for the texts (see reference_tokenizers.py).
"""

import argparse
import base64
import io
import json
import os
import tempfile
from pathlib import Path

from reference_common import FIXTURES, quiet, versions, write_json

import sentencepiece
from reference_tokenizers import FUNCTIONS
from transformers import AutoTokenizer

SENTENCES = """The film was good, and the ending was better than the beginning.
A gripping film about two brothers who lose each other in the war.
The play was not bad at all; the second half was rather slow.
Where was the treaty signed, and who signed it first?
The soup was cold, the bread was old, and the waiter was bold.
In 1984 he paid 1,000 crowns for a house with 12 windows.
She sang, he danced, and nobody in the café looked up.
El niño comió una manzana; la niña bebió un té.
Der Bär saß müde über dem Fluss und fraß Käse.
Фильм был хорош, а конец был лучше начала.
Книга лежала на столе, и никто её не читал.
東京の映画は長い。京都の本は短い。
我们看了一部电影，然后喝了茶。
Good news travels slowly when the roads are bad.
The news was bad, the roads were good, and the film was long.
A slow opening and a long middle part do not make a bad film.
Nobody reads the long book that lies on the old table.
The second film was signed by the brothers who lost the war.
They're late, it's cold, and we've lost the way.
The waiter sang while the soup went cold on the table."""

# Ligatures, circled digits, spaces of other widths, letters that vanish: a few of the rules of NFKC.
RULES = "\n".join(["FB01\t66 69", "2460\t31", "FF21\t41", "00A0\t20", "3000\t20", "9\t20", "A\t20", "200B\t", "41 30A\tC5", "65 301\tE9", "FDFA\t635 644 649 20 627 644 644 647"]) + "\n"

TEXTS = [
    ["the film was good", None],
    ["  The   film,\twas\n GOOD \u00a0and\u3000long  ", None],
    ["cafe\u0301 café Ünder nin\u0303o Straße Å A\u030a ﬁlm ① Ａ", None],
    ["東京の映画 我们，映画 の", None],
    ["a 🎬 film 👩‍👩‍👧 <ent>x <ent> #tag \u200bzero", None],
    ["the film", "a second  text: <mask> [MASK] </s><s>[SEP] rather slow"],
    ["``quoted'' 1,000 in 1984, they're late.", None],
    ["", None],
    [" ", None],
    ["\n\n", " x"],
    ["▁the▁▁film<0x41><unk>", None],
    ["xyzzy Œuvre ∑ ﷺ q", "Книга лежала"],
]


def train(model_type, size, rules=True, **more):
    """The model as bytes. The folder is left for the time of training, because a model says where its rules were read."""
    out, before = io.BytesIO(), Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        if rules:
            Path("rules.tsv").write_text(RULES, encoding="utf-8")
            more["normalization_rule_tsv"] = "rules.tsv"
        else:
            more["normalization_rule_name"] = "identity"
        try:
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=iter(SENTENCES.split("\n")), model_writer=out, model_type=model_type, vocab_size=size,
                character_coverage=0.995, num_threads=1, minloglevel=2, hard_vocab_limit=False, **more)
        finally:
            os.chdir(before)
    return out.getvalue()


def models():
    plain = dict(unk_id=0, bos_id=1, eos_id=2, pad_id=-1)
    yield "xlm-roberta", train("unigram", 220, **plain)
    yield "albert", train("unigram", 220, pad_id=0, unk_id=1, bos_id=-1, eos_id=-1, control_symbols=["[CLS]", "[SEP]", "[MASK]"], user_defined_symbols=["<ent>"])
    yield "deberta", train("unigram", 220, pad_id=0, bos_id=1, eos_id=2, unk_id=3, pad_piece="[PAD]", bos_piece="[CLS]", eos_piece="[SEP]", unk_piece="[UNK]", user_defined_symbols=["<ent>", "#"])
    yield "llama", train("bpe", 480, rules=False, byte_fallback=True, split_digits=True, remove_extra_whitespaces=False, allow_whitespace_only_pieces=True, user_defined_symbols=["<ent>"], **plain)
    yield "gemma", train("bpe", 480, rules=False, byte_fallback=True, split_digits=True, remove_extra_whitespaces=False, add_dummy_prefix=False, pad_id=0, eos_id=1, bos_id=2, unk_id=3, pad_piece="<pad>", eos_piece="<eos>", bos_piece="<bos>", user_defined_symbols=["<mask>", "<ent>", "\n", "▁▁"])
    yield "fallback", train("unigram", 480, byte_fallback=True, user_defined_symbols=["<ent>"], control_symbols=["<ctl>"], **plain)


def cases():
    """(name, model_type, file, model, files of settings)."""
    case = lambda name, model_type, file, model, **config: (name, model_type, file, model, {"tokenizer_config.json": config} if config else {})
    AL, XR, CA, DE, LL, GE = (dict(tokenizer_class=f"{name}Tokenizer") for name in ["Albert", "XLMRoberta", "Camembert", "DebertaV2", "Llama", "Gemma"])
    yield case("xlm-roberta", "xlm-roberta", "sentencepiece.bpe.model", "xlm-roberta")
    yield case("xlm-roberta, no prefix space", "xlm-roberta", "sentencepiece.bpe.model", "xlm-roberta", add_prefix_space=False, mask_token="<m>", **XR)
    yield case("xlm-roberta under another name", "xlm-roberta", "tokenizer.model", "xlm-roberta", **XR)
    yield case("camembert", "camembert", "sentencepiece.bpe.model", "xlm-roberta")
    yield case("camembert, tokens listed", "camembert", "sentencepiece.bpe.model", "xlm-roberta", additional_special_tokens=["<s>NOTUSED", "<ent>"], **CA)
    yield case("albert", "albert", "spiece.model", "albert")
    yield case("albert, case and accents kept", "albert", "spiece.model", "albert", do_lower_case=False, keep_accents=True, **AL)
    yield case("albert with another model", "albert", "spiece.model", "deberta", unk_token="[UNK]", pad_token="[PAD]", **AL)
    yield case("deberta", "deberta-v2", "spm.model", "deberta")
    yield case("deberta, lower case, split at punctuation", "deberta-v2", "spm.model", "deberta", do_lower_case=True, split_by_punct=True, vocab_type="spm", **DE)
    yield ("deberta, mask added", "deberta-v2", "spm.model", "deberta", {"added_tokens.json": {"[MASK]": 220}, "tokenizer_config.json": dict(do_lower_case=False, vocab_type="spm")})
    yield case("deberta, no unknown word", "deberta-v2", "spm.model", "xlm-roberta", **DE)
    yield case("llama", "llama", "tokenizer.model", "llama", **LL)
    yield case("llama, begin and end", "llama", "tokenizer.model", "llama", add_bos_token=True, add_eos_token=True, legacy=False, **LL)
    yield case("llama, legacy", "llama", "tokenizer.model", "llama", add_bos_token=True, legacy=True, pad_token="<pad>", **LL)
    yield case("llama, no prefix space", "llama", "tokenizer.model", "llama", add_prefix_space=False, **LL)
    yield ("llama, settings of version 4", "llama", "tokenizer.model", "llama", {"tokenizer_config.json": LL | dict(add_bos_token=True, added_tokens_decoder={str(i): {"content": t, "special": True, "normalized": False} for i, t in enumerate(["<unk>", "<s>", "</s>"])})})
    yield case("gemma", "gemma2", "tokenizer.model", "gemma")
    yield case("gemma, class", "gemma3_text", "tokenizer.model", "gemma", add_bos_token=True, additional_special_tokens=["<ent>"], **GE)
    yield case("mistral", "mistral", "tokenizer.model", "llama", add_bos_token=True, **LL)
    yield case("llama without a class", "llama", "tokenizer.model", "llama")
    yield ("phi3, placeholders renamed", "phi3", "tokenizer.model", "gemma", {"tokenizer_config.json": dict(add_bos_token=True, added_tokens_decoder={"4": {"content": "<|user|>", "special": True, "normalized": False}, "480": {"content": "<|end|>", "special": True, "normalized": False}})})
    yield case("modernbert", "modernbert", "tokenizer.model", "fallback", cls_token="<s>")


def read(model_type, files):
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "config.json").write_text(json.dumps({"model_type": model_type}))
        for name, content in files.items():
            (folder / name).write_bytes(content)
        tokenizer = AutoTokenizer.from_pretrained(folder)
        encoded = [tokenizer(a, b) for a, b in TEXTS]
        return {
            "class": type(tokenizer).__name__,
            "ids": [e["input_ids"] for e in encoded],
            "plain": [tokenizer(a, add_special_tokens=False)["input_ids"] for a, _ in TEXTS],
            "special": {name: getattr(tokenizer, f"{name}_token_id") for name in FUNCTIONS},
        }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=FIXTURES)
    out_folder = parser.parse_args().out
    quiet()
    trained = dict(models())
    out = []
    for name, model_type, file, model, files in cases():
        content = {file: trained[model]} | {name: json.dumps(text, ensure_ascii=False).encode() for name, text in files.items()}
        settings = {name: json.dumps(text, ensure_ascii=False) for name, text in files.items()}
        out.append({"name": name, "model_type": model_type, "file": file, "model": model, "files": settings} | read(model_type, content))
    write_json(out_folder / "sentencepiece.json", {
        "made_by": "scripts/reference_sentencepiece.py", "versions": versions("transformers", "tokenizers", "sentencepiece"), "texts": TEXTS,
        "models": {name: base64.b64encode(model).decode() for name, model in trained.items()}, "cases": out})


if __name__ == "__main__":
    main()
