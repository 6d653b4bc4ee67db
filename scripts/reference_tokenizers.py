#!/usr/bin/env python3
"""What transformers reads from folders of tokenizer files, for tests/fixtures/tokenizers.json, and what RoBERTa computes from texts
that spell its padding token, for tests/fixtures/spelled_padding.safetensors.

    python scripts/reference_tokenizers.py [--out DIR]

Every case is a folder: files around a small self-made vocabulary, the model_type of config.json, and what AutoTokenizer gives for
the texts: ids and types with special tokens, ids without, ids of the tokens with a function; or `refused`, where it cannot be
read. `contents` holds each file's text once; a case's `files` are indices into it.
"""

import argparse
import json
import shutil
import tempfile
from pathlib import Path

from reference_common import FIXTURES, ORACLE, quiet, versions, write_json, write_safetensors

import torch
from tokenizers.pre_tokenizers import ByteLevel
from transformers import AutoModel, AutoTokenizer

WORDS = "a b c the film good bad Good GOOD was not é e ca cafe café film ##s ##ing ##d ##e ##a , . ! ' - < > [ ] 東 京 0 1 2 new ent pad mask unk x y /".split()
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDPIECE = SPECIAL + list(dict.fromkeys(WORDS))
MERGES = ["Ġ t", "h e", "Ġt he", "f i", "l m", "fi lm", "Ġ film", "g o", "o d", "go od", "Ġ good", "Ġ a", "b a", "ba d", "< e", "n t", "<e nt"]
TEXTS = [
    ["the film", None],
    [" The  Films, was GOOD café!", None],
    ["a <ent> film <new> [MASK] <mask>x", None],
    ["東京 the film's <pad></s> [PAD]", None],
    ["", None],
    ["good", "the bad film, not good"],
    ["Good <ent>", " <new>film"],
    ["a <MASK>x </S> film", None],
]


def byte_level(special):
    vocab = {token: i for i, token in enumerate(special)}
    for letter in sorted(ByteLevel.alphabet()):
        vocab[letter] = len(vocab)
    for merge in MERGES:
        vocab[merge.replace(" ", "")] = len(vocab)
    return vocab


def added(content, id, special=True, **more):
    return {"id": id, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": not special, "special": special} | more


def tokenizer_json(model, normalizer=None, pre=None, post=None, decoder=None, tokens=(), **more):
    return json.dumps(
        {"version": "1.0", "truncation": None, "padding": None, "added_tokens": list(tokens), "normalizer": normalizer,
         "pre_tokenizer": pre, "post_processor": post, "decoder": decoder, "model": model} | more, ensure_ascii=False)


def bert_json(lowercase=True, tokens=None, vocab=WORDPIECE, **more):
    ids = {token: i for i, token in enumerate(vocab)}
    special = lambda t: {"id": t, "ids": [ids[t]], "tokens": [t]}
    post = {"type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
            "pair": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "[SEP]", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}, {"SpecialToken": {"id": "[SEP]", "type_id": 1}}],
            "special_tokens": {"[CLS]": special("[CLS]"), "[SEP]": special("[SEP]")}}
    return tokenizer_json(
        {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": ids},
        {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": lowercase},
        {"type": "BertPreTokenizer"}, post, {"type": "WordPiece", "prefix": "##", "cleanup": True},
        [added(t, i) for i, t in enumerate(SPECIAL)] if tokens is None else tokens, **more)


def bpe_model(special, **more):
    return {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
            "fuse_unk": False, "byte_fallback": False, "vocab": byte_level(special), "merges": MERGES} | more


ROBERTA = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
GPT2 = ["<|endoftext|>"]
BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}


def roberta_json(space=False, tokens=None, **more):
    tokens = [added(t, i) for i, t in enumerate(ROBERTA[:4])] + [added("<mask>", 4, lstrip=True)] if tokens is None else tokens
    return tokenizer_json(bpe_model(ROBERTA), None, BYTES | {"add_prefix_space": space},
                          {"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0], "trim_offsets": True, "add_prefix_space": space},
                          BYTES, tokens, **more)


def gpt2_json(space=False, post=None, pre=None, **more):
    return tokenizer_json(bpe_model(GPT2), None, pre or BYTES | {"add_prefix_space": space}, post, BYTES, [added("<|endoftext|>", 0)], **more)


LLAMA = ["<unk>", "<s>", "</s>"]
PIECES = LLAMA + [f"<0x{i:02X}>" for i in range(256)] + ["▁", "t", "h", "e", "f", "i", "l", "m", "g", "o", "d", "a", "b", "s", ",", "▁t", "he", "▁the", "▁f", "il", "▁fil", "▁film", "go", "od", "good", "▁good"]
PIECE_MERGES = ["▁ t", "h e", "▁t he", "▁ f", "i l", "▁f il", "▁fil m", "g o", "o d", "go od", "▁ good"]


def llama_json(**more):
    template = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                "pair": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "<s>", "type_id": 1}}, {"Sequence": {"id": "B", "type_id": 1}}],
                "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}}
    model = {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None, "end_of_word_suffix": None, "fuse_unk": True,
             "byte_fallback": True, "vocab": {t: i for i, t in enumerate(PIECES)}, "merges": PIECE_MERGES}
    return tokenizer_json(model, {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
                          None, template, {"type": "Sequence", "decoders": [{"type": "Fuse"}]}, [added(t, i) for i, t in enumerate(LLAMA)], **more)


UNIGRAM = [["<s>", 0.0], ["<pad>", 0.0], ["</s>", 0.0], ["<unk>", 0.0], ["▁the", -2.0], ["▁film", -2.5], ["▁", -3.0], ["s", -3.0], ["▁good", -3.5], ["good", -4.0], ["film", -4.5], [",", -4.0], ["▁a", -3.0], ["e", -5.0], ["<mask>", 0.0]]


def xlmr_json(**more):
    special = {t: {"id": t, "ids": [i], "tokens": [t]} for t, i in [("<s>", 0), ("</s>", 2)]}
    piece = lambda t: {"SpecialToken": {"id": t, "type_id": 0}}
    text = lambda s: {"Sequence": {"id": s, "type_id": 0}}
    post = {"type": "TemplateProcessing", "single": [piece("<s>"), text("A"), piece("</s>")],
            "pair": [piece("<s>"), text("A"), piece("</s>"), piece("</s>"), text("B"), piece("</s>")], "special_tokens": special}
    return tokenizer_json({"type": "Unigram", "unk_id": 3, "vocab": UNIGRAM, "byte_fallback": False}, None,
                          {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}]},
                          post, None, [added(t, i) for i, t in enumerate(ROBERTA[:4])] + [added("<mask>", 14, lstrip=True)], **more)


def around(before, after, second=0, between=()):
    """A template with these tokens around a text; each a pair of its text and its id."""
    piece = lambda t, kind: {"SpecialToken": {"id": t[0], "type_id": kind}}
    text = lambda s, kind: {"Sequence": {"id": s, "type_id": kind}}
    single = [piece(t, 0) for t in before] + [text("A", 0)] + [piece(t, 0) for t in after]
    pair = single + [piece(t, 0) for t in between] + [text("B", second)] + [piece(t, second) for t in after]
    return {"type": "TemplateProcessing", "single": single, "pair": pair,
            "special_tokens": {t: {"id": t, "ids": [i], "tokens": [t]} for t, i in dict.fromkeys([*before, *after, *between])}}


LETTERS = [[letter, -8.0 - i / 16] for i, letter in enumerate("abcdefghilmnostuwTFGOD'`\",.<>[]/-")]
SCORED = [["▁the", -2.0], ["▁The", -2.25], ["▁film", -2.5], ["▁Films", -2.75], ["▁", -3.0], ["s", -3.0], ["▁good", -3.5], ["▁GOOD", -3.25], ["good", -4.0], ["film", -4.5],
          ["▁a", -3.0], ["▁café", -4.0], ["▁cafe", -4.5], ["▁not", -3.5], ["▁bad", -3.75], ["東京", -5.0], ["東", -6.0], ["é", -6.0]] + LETTERS
ALBERT = [[t, 0.0] for t in ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"]] + SCORED
DEBERTA = [[t, 0.0] for t in ["[PAD]", "[CLS]", "[SEP]", "[UNK]"]] + SCORED
METASPACE = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}


def unigram_json(vocab, unknown, normalizer, pre, post, tokens, **more):
    return tokenizer_json({"type": "Unigram", "unk_id": unknown, "vocab": vocab, "byte_fallback": False}, normalizer, pre, post, METASPACE, tokens, **more)


def albert_json(**more):
    normalizer = {"type": "Sequence", "normalizers": [{"type": "NFKD"}, {"type": "StripAccents"}, {"type": "Lowercase"}]}
    return unigram_json(ALBERT, 1, normalizer, {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, METASPACE]},
                        around([("[CLS]", 2)], [("[SEP]", 3)], second=1), [added(t[0], i) for i, t in enumerate(ALBERT[:4])] + [added("[MASK]", 4, lstrip=True)], **more)


def deberta_json(vocab=DEBERTA, unknown=3, **more):
    normalizer = {"type": "Sequence", "normalizers": [{"type": "Strip", "strip_left": True, "strip_right": True}, {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}]}
    tokens = [added(t[0], i) for i, t in enumerate(vocab[:4])] + [added("[MASK]", len(vocab))]
    return unigram_json(vocab, unknown, normalizer, METASPACE, around([("[CLS]", 1)], [("[SEP]", 2)], second=1), tokens, **more)


MPNET = ["<s>", "<pad>", "</s>", "<unk>"] + WORDPIECE[1:2] + WORDPIECE[5:] + ["<mask>"]


def mpnet_json(**more):
    ids = {token: i for i, token in enumerate(MPNET)}
    return tokenizer_json(
        {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": ids},
        {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True},
        {"type": "BertPreTokenizer"}, {"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0], "trim_offsets": True, "add_prefix_space": False},
        {"type": "WordPiece", "prefix": "##", "cleanup": True},
        [added(t, ids[t]) for t in ["<s>", "<pad>", "</s>", "<unk>", "[UNK]"]] + [added("<mask>", ids["<mask>"], lstrip=True)], **more)


GEMMA = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"] + PIECES[3:]


def gemma_json(vocab=GEMMA, fallback=True, **more):
    model = {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None, "end_of_word_suffix": None, "fuse_unk": True,
             "byte_fallback": fallback, "vocab": {t: i for i, t in enumerate(vocab)}, "merges": PIECE_MERGES}
    return tokenizer_json(model, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
                          {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False},
                          around([("<bos>", 2)], [], between=[("<bos>", 2)]), {"type": "Sequence", "decoders": [{"type": "Fuse"}]},
                          [added(t, i) for i, t in enumerate(vocab[:5])], **more)


QWEN = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
QWEN_WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def qwen_json(post=None, composed=True, pre=None, **more):
    pre = pre or {"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": QWEN_WORDS}, "behavior": "Isolated", "invert": False}, BYTES | {"use_regex": False}]}
    return tokenizer_json(bpe_model(QWEN), {"type": "NFC"} if composed else None, pre, post or BYTES, BYTES, [added(t, i) for i, t in enumerate(QWEN)], **more)


NEOX = ["<|endoftext|>", "<|padding|>"]


def neox_json(post=None, composed=True, **more):
    return tokenizer_json(bpe_model(NEOX), {"type": "NFC"} if composed else None, BYTES, post or BYTES, BYTES, [added(t, i) for i, t in enumerate(NEOX)], **more)


OPT = ["<s>", "<pad>", "</s>", "<unk>"]
VOCAB_TXT = "\n".join(WORDPIECE) + "\n"
VOCAB_JSON = {special[0]: json.dumps(byte_level(special), ensure_ascii=False) for special in (ROBERTA, GPT2)}
OPT_JSON, QWEN_JSON, NEOX_JSON = (json.dumps(byte_level(special), ensure_ascii=False) for special in (OPT, QWEN, NEOX))
MERGES_TXT = "#version: 0.2\n" + "\n".join(MERGES) + "\n"


def cases():
    """(name, model_type, files): every file a text, or an object that is written as JSON."""
    n = len(WORDPIECE)
    word = lambda name, files, **config: (name, "bert", {"vocab.txt": VOCAB_TXT} | files | ({"tokenizer_config.json": config} if config else {}))
    bert = lambda name, files=None, json=None, **config: (name, "bert", {"tokenizer.json": json or bert_json()} | (files or {}) | ({"tokenizer_config.json": config} if config else {}))
    BERT = dict(tokenizer_class="BertTokenizerFast")
    yield word("vocab.txt alone", {})
    yield word("vocab.txt with added_tokens.json", {"added_tokens.json": {"<ent>": n, "<new>": n + 1}})
    yield word("vocab.txt with added_tokens.json out of order", {"added_tokens.json": {"<new>": n + 1, "<ent>": n}}, **BERT)
    yield word("vocab.txt with gaps in added_tokens.json", {"added_tokens.json": {"<ent>": n + 10, "<new>": n + 12}})
    yield word("vocab.txt with added_tokens.json of a known word", {"added_tokens.json": {"film": 8, "<new>": n}})
    yield word("vocab.txt with special_tokens_map.json", {"special_tokens_map.json": {"additional_special_tokens": ["<ent>"], "extra_special_tokens": ["<new>"]}})
    yield word("special_tokens_map.json with objects", {"special_tokens_map.json": {"mask_token": {"content": "<mask>", "lstrip": True, "rstrip": True, "normalized": False, "single_word": False}, "additional_special_tokens": ["<ent>", {"content": "<new>", "lstrip": True, "rstrip": False, "normalized": False, "single_word": False}]}})
    yield word("special_tokens_map.json over tokenizer_config.json", {"special_tokens_map.json": {"mask_token": "<mask>"}}, mask_token="[MASK]", **BERT)
    yield word("added_tokens_decoder", {"added_tokens.json": {"<gone>": n}, "special_tokens_map.json": {"mask_token": "<mask>"}}, added_tokens_decoder={str(n): {"content": "<ent>", "special": True}, str(n + 1): {"content": "<new>", "lstrip": True, "special": False, "normalized": True}}, **BERT)
    yield word("added_tokens_decoder after the vocabulary's specials", {}, added_tokens_decoder={str(i): {"content": t, "special": True, "normalized": False} for i, t in enumerate(SPECIAL)} | {str(n): {"content": "<ent>", "special": False, "single_word": True, "normalized": True}}, **BERT)
    yield word("extra_special_tokens as list", {}, extra_special_tokens=["<ent>", "<new>"], **BERT)
    yield word("extra_special_tokens as object", {}, extra_special_tokens={"entity_token": "<ent>", "new_token": "<new>"}, **BERT)
    yield word("additional_special_tokens", {}, additional_special_tokens=["<new>", "<ent>", "film"], **BERT)
    yield word("additional_special_tokens as objects", {}, additional_special_tokens=[{"__type": "AddedToken", "content": "<ent>", "lstrip": False, "rstrip": True, "normalized": True, "single_word": False}], **BERT)
    yield word("both kinds of additional tokens", {}, additional_special_tokens=["<ent>"], extra_special_tokens=["<new>"], **BERT)
    yield word("a token with a name of its own", {}, entity_token="<ent>", **BERT)
    yield word("a renamed mask token", {}, mask_token="<mask>", **BERT)
    yield word("vocab.txt, cased", {}, do_lower_case=False, **BERT)
    yield word("vocab.txt, accents kept", {}, strip_accents=False, **BERT)
    yield word("vocab.txt, cased, accents stripped", {}, do_lower_case=False, strip_accents=True, **BERT)
    yield word("vocab.txt, Chinese kept", {}, tokenize_chinese_chars=False, **BERT)
    yield word("vocab.txt, slow class", {}, tokenizer_class="BertTokenizer", do_basic_tokenize=False, never_split=["film"])
    yield word("vocab.txt, split special tokens", {}, split_special_tokens=True, **BERT)
    yield word("vocab.txt without token types", {}, model_input_names=["input_ids", "attention_mask"], **BERT)
    yield ("distilbert, vocab.txt", "distilbert", {"vocab.txt": VOCAB_TXT, "tokenizer_config.json": dict(tokenizer_class="DistilBertTokenizer", do_lower_case=False)})
    yield ("vocab.txt with CRLF", "bert", {"vocab.txt": VOCAB_TXT.replace("\n", "\r\n")})
    yield ("vocab.txt with a BOM", "bert", {"vocab.txt": "\ufeff" + VOCAB_TXT})
    yield ("vocab.txt without a last newline", "bert", {"vocab.txt": VOCAB_TXT[:-1]})
    yield ("vocab.txt with a word twice", "bert", {"vocab.txt": VOCAB_TXT + "film\n"})
    yield ("vocab.txt with an empty line", "bert", {"vocab.txt": VOCAB_TXT.replace("film\n", "film\n\n", 1)})
    yield ("vocab.txt without [MASK]", "bert", {"vocab.txt": VOCAB_TXT.replace("[MASK]\n", "", 1)})
    yield bert("tokenizer.json alone")
    yield bert("tokenizer.json, cased by tokenizer_config.json", do_lower_case=False, **BERT)
    yield bert("tokenizer.json, class says nothing of case", json=bert_json(lowercase=False), **BERT)
    yield bert("tokenizer.json, no class", json=bert_json(lowercase=False), do_lower_case=True)
    yield bert("tokenizer.json, cased json, no tokenizer_config.json", json=bert_json(lowercase=False))
    yield bert("tokenizer.json, backend ignores case", do_lower_case=False, tokenizer_class="PreTrainedTokenizerFast")
    yield bert("tokenizer.json, accents", do_lower_case=True, strip_accents=False, **BERT)
    yield bert("tokenizer.json, Chinese", tokenize_chinese_chars=False, **BERT)
    yield bert("tokenizer.json with added_tokens.json", {"added_tokens.json": {"<ent>": n}}, **BERT)
    yield bert("tokenizer.json with added_tokens.json, backend", {"added_tokens.json": {"<ent>": n, "<new>": n + 1}}, tokenizer_class="TokenizersBackend")
    yield bert("tokenizer.json with its own added tokens", json=bert_json(tokens=[added(t, i) for i, t in enumerate(SPECIAL)] + [added("<ent>", n), added("<new>", n + 1, special=False)]))
    yield bert("tokenizer.json with its own added tokens, backend", json=bert_json(tokens=[added(t, i) for i, t in enumerate(SPECIAL)] + [added("<ent>", n), added("<new>", n + 1, special=False)]), tokenizer_class="TokenizersBackend")
    yield bert("tokenizer.json, added_tokens_decoder has more", tokenizer_class="TokenizersBackend", added_tokens_decoder={str(n): {"content": "<ent>", "special": True}})
    yield bert("tokenizer.json, additional_special_tokens", additional_special_tokens=["<ent>"], **BERT)
    yield bert("tokenizer.json, additional_special_tokens, backend", additional_special_tokens=["<ent>"], mask_token="<mask>", tokenizer_class="PreTrainedTokenizerFast")
    yield bert("tokenizer.json with special_tokens_map.json", {"special_tokens_map.json": {"additional_special_tokens": ["<ent>", "<new>"]}}, tokenizer_class="PreTrainedTokenizerFast")
    yield bert("tokenizer.json, split special tokens", split_special_tokens=True, tokenizer_class="PreTrainedTokenizerFast")
    yield bert("tokenizer.json, add_bos_token without effect", add_bos_token=True, bos_token="[CLS]", tokenizer_class="PreTrainedTokenizerFast")
    yield bert("tokenizer.json, stored padding names the pad token", json=bert_json(padding={"strategy": "BatchLongest", "direction": "Left", "pad_to_multiple_of": None, "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"}, truncation={"direction": "Left", "max_length": 5, "strategy": "LongestFirst", "stride": 0}), tokenizer_class="PreTrainedTokenizerFast")
    yield ("distilbert, tokenizer.json", "distilbert", {"tokenizer.json": bert_json(), "tokenizer_config.json": dict(do_lower_case=False, tokenizer_class="DistilBertTokenizer")})
    roberta = lambda name, files=None, json=None, **config: (name, "roberta", {"tokenizer.json": json or roberta_json()} | (files or {}) | ({"tokenizer_config.json": config} if config else {}))
    ROB = dict(tokenizer_class="RobertaTokenizerFast")
    yield roberta("roberta alone")
    yield roberta("roberta with a prefix space", add_prefix_space=True, **ROB)
    yield roberta("roberta, json with a prefix space", json=roberta_json(space=True), **ROB)
    yield roberta("roberta, backend ignores the prefix space", add_prefix_space=True, tokenizer_class="TokenizersBackend")
    yield roberta("roberta, class without its tokens", json=roberta_json(tokens=[]), **ROB)
    yield roberta("roberta with added_tokens.json", {"added_tokens.json": {"<ent>": len(byte_level(ROBERTA))}}, **ROB)
    yield roberta("roberta, cls_token renamed", cls_token="a", sep_token="b", **ROB)
    files = {"vocab.json": VOCAB_JSON["<s>"], "merges.txt": MERGES_TXT}
    yield ("vocab.json and merges.txt", "roberta", files)
    yield ("vocab.json with a prefix space", "roberta", files | {"tokenizer_config.json": dict(add_prefix_space=True, **ROB)})
    yield ("vocab.json with added_tokens.json", "roberta", files | {"added_tokens.json": {"<ent>": len(byte_level(ROBERTA)), "<new>": len(byte_level(ROBERTA)) + 1}})
    yield ("vocab.json with an object mask token", "roberta", files | {"special_tokens_map.json": {"mask_token": {"content": "<mask>", "lstrip": True, "rstrip": False, "normalized": False, "single_word": False}}})
    yield ("vocab.json with added_tokens_decoder", "roberta", files | {"tokenizer_config.json": ROB | dict(added_tokens_decoder={"4": {"content": "<mask>", "lstrip": True, "special": True}, str(len(byte_level(ROBERTA))): {"content": "<ent>", "special": False}})})
    yield ("merges.txt with CRLF", "roberta", files | {"merges.txt": MERGES_TXT.replace("\n", "\r\n")})
    yield ("merges.txt without a last newline or version", "roberta", files | {"merges.txt": "\n".join(MERGES)})
    yield ("merges.txt with an empty line", "roberta", files | {"merges.txt": MERGES_TXT + "\n"})
    yield ("merges.txt with a stranger", "roberta", files | {"merges.txt": MERGES_TXT + "zz qq\n"})
    gpt2 = lambda name, files=None, json=None, **config: (name, "gpt2", {"tokenizer.json": json or gpt2_json()} | (files or {}) | ({"tokenizer_config.json": config} if config else {}))
    GPT = dict(tokenizer_class="GPT2Tokenizer")
    yield gpt2("gpt2 alone")
    yield gpt2("gpt2 with a prefix space", add_prefix_space=True, **GPT)
    yield gpt2("gpt2, add_bos_token over tokenizer.json", add_bos_token=True, **GPT)
    yield gpt2("gpt2 with a pad token of its own", pad_token="<pad>", **GPT)
    yield gpt2("gpt2, digits in tokenizer.json", json=gpt2_json(pre={"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}, BYTES]}), **GPT)
    plain = {"vocab.json": VOCAB_JSON["<|endoftext|>"], "merges.txt": MERGES_TXT}
    yield ("gpt2, vocab.json", "gpt2", plain)
    yield ("gpt2, vocab.json with bos", "gpt2", plain | {"tokenizer_config.json": dict(add_bos_token=True, **GPT)})
    yield ("gpt2, vocab.json with bos and eos", "gpt2", plain | {"tokenizer_config.json": dict(add_bos_token=True, add_eos_token=True, **GPT)})
    yield ("gpt2, vocab.json with added tokens", "gpt2", plain | {"added_tokens.json": {"<ent>": len(byte_level(GPT2))}, "special_tokens_map.json": {"pad_token": "<pad>", "bos_token": "<|endoftext|>"}})
    llama = lambda name, json=None, **config: (name, "llama", {"tokenizer.json": json or llama_json()} | ({"tokenizer_config.json": config} if config else {}))
    yield llama("llama alone")
    LL = dict(tokenizer_class="LlamaTokenizer")
    yield llama("llama, class", **LL)
    yield llama("llama, fast class, legacy", legacy=True, add_bos_token=True, add_eos_token=True, tokenizer_class="LlamaTokenizerFast")
    yield llama("llama, no prefix space", add_prefix_space=False, **LL)
    yield llama("llama, pad token added", pad_token="<pad>", added_tokens_decoder={str(i): {"content": t, "special": True} for i, t in enumerate(LLAMA)}, **LL)
    yield llama("llama, byte-level with Llama's class", json=gpt2_json(), bos_token="<|endoftext|>", **LL)
    yield llama("llama, GPT-2's class", json=gpt2_json(), **GPT)
    yield ("xlm-roberta alone", "xlm-roberta", {"tokenizer.json": xlmr_json()})
    yield ("xlm-roberta, class", "xlm-roberta", {"tokenizer.json": xlmr_json(), "tokenizer_config.json": dict(tokenizer_class="XLMRobertaTokenizer", add_prefix_space=False)})
    yield ("xlm-roberta, additional tokens", "xlm-roberta", {"tokenizer.json": xlmr_json(), "tokenizer_config.json": dict(tokenizer_class="XLMRobertaTokenizerFast", additional_special_tokens=["<ent>"])})
    yield ("camembert", "camembert", {"tokenizer.json": xlmr_json()})
    yield ("bert, a class nobody knows", "bert", {"tokenizer.json": bert_json(), "tokenizer_config.json": dict(tokenizer_class="MyTokenizer", do_lower_case=False)})
    yield from newer_cases()


def newer_cases():
    """The classes of transformers 5 for ALBERT, DeBERTa, MPNet, Gemma, Qwen, GPT-NeoX and OPT, and models that are read as they are written."""
    def case(name, model_type, json, files=None, **config):
        return (name, model_type, {"tokenizer.json": json} | (files or {}) | ({"tokenizer_config.json": config} if config else {}))
    AL = dict(tokenizer_class="AlbertTokenizer")
    yield case("albert alone", "albert", albert_json())
    yield case("albert, case and accents kept", "albert", albert_json(), do_lower_case=False, keep_accents=True, **AL)
    yield case("albert, accents kept", "albert", albert_json(), keep_accents=True, remove_space=True, tokenizer_class="AlbertTokenizerFast")
    yield case("albert, no prefix space", "albert", albert_json(), add_prefix_space=False, **AL)
    yield case("albert, no post-processor", "albert", albert_json(post_processor=None), **AL)
    yield case("albert, a post-processor of its own", "albert", albert_json(post_processor=around([("[CLS]", 2)], [("[SEP]", 3), ("[SEP]", 3)])), **AL)
    yield case("albert, backend", "albert", albert_json(), do_lower_case=False, tokenizer_class="TokenizersBackend")
    yield case("albert with types", "albert", albert_json(), model_input_names=["input_ids", "token_type_ids", "attention_mask"], **AL)
    DEB = dict(tokenizer_class="DebertaV2Tokenizer")
    yield case("deberta alone", "deberta-v2", deberta_json())
    yield case("deberta, lower case, split at punctuation", "deberta-v2", deberta_json(), do_lower_case=True, split_by_punct=True, **DEB)
    yield case("deberta, no prefix space", "deberta-v2", deberta_json(), add_prefix_space=False, **DEB)
    yield case("deberta, unk_id", "deberta-v2", deberta_json([[t, s - (t == "[UNK]") * 20] for t, s in DEBERTA]), unk_id=3, **DEB)
    yield case("deberta, an unknown word with a score", "deberta-v2", deberta_json([[t, s - (t == "[UNK]") * 20] for t, s in DEBERTA]), **DEB)
    yield case("deberta, backend", "deberta-v2", deberta_json(), do_lower_case=True, tokenizer_class="PreTrainedTokenizerFast")
    MP = dict(tokenizer_class="MPNetTokenizer")
    words = {"vocab.txt": "\n".join(MPNET) + "\n"}
    yield case("mpnet alone", "mpnet", mpnet_json())
    yield case("mpnet, cased", "mpnet", mpnet_json(), do_lower_case=False, strip_accents=True, tokenizer_class="MPNetTokenizerFast")
    yield case("mpnet without its tokens", "mpnet", mpnet_json(added_tokens=[]), **MP)
    yield case("mpnet, backend", "mpnet", mpnet_json(), do_lower_case=False, tokenizer_class="TokenizersBackend")
    yield ("mpnet, vocab.txt", "mpnet", words)
    yield ("mpnet, vocab.txt with its tokens", "mpnet", words | {"special_tokens_map.json": {"mask_token": {"content": "<mask>", "lstrip": True, "rstrip": False, "normalized": False, "single_word": False}}})
    yield ("mpnet, vocab.txt, cased", "mpnet", words | {"tokenizer_config.json": dict(do_lower_case=False, mask_token="[MASK]", **MP)})
    GEM = dict(tokenizer_class="GemmaTokenizer")
    yield case("gemma alone", "gemma3_text", gemma_json())
    yield case("gemma, class rebuilds the fallback", "gemma2", gemma_json(fallback=False), add_bos_token=False, **GEM)
    yield case("gemma, backend", "gemma2", gemma_json(fallback=False), tokenizer_class="TokenizersBackend")
    yield case("gemma without a mask token", "gemma3_text", gemma_json(["<pad>", "<eos>", "<bos>", "<unk>"] + PIECES[3:]), **GEM)
    yield case("gemma, no post-processor", "gemma2", gemma_json(post_processor=None), **GEM)
    QW = dict(tokenizer_class="Qwen2Tokenizer")
    ends = {"type": "Sequence", "processors": [BYTES, around([], [("<|endoftext|>", 0)])]}
    files = {"vocab.json": QWEN_JSON, "merges.txt": MERGES_TXT}
    yield case("qwen2 alone", "qwen2", qwen_json())
    yield case("qwen2, whatever class is named", "qwen2", qwen_json(pre=BYTES, composed=False), tokenizer_class="TokenizersBackend")
    yield case("qwen2, Llama's class", "qwen2", qwen_json(pre=BYTES), tokenizer_class="LlamaTokenizerFast")
    yield case("qwen3, class", "qwen3", qwen_json(pre=BYTES, composed=False), add_prefix_space=False, bos_token=None, pad_token="<|endoftext|>", additional_special_tokens=["<|im_start|>", "<|im_end|>"], **QW)
    yield case("qwen3, backend", "qwen3", qwen_json(pre=BYTES, composed=False), tokenizer_class="TokenizersBackend")
    yield case("qwen3, end of text appended", "qwen3", qwen_json(ends), add_eos_token=True, **QW)
    yield case("qwen3, prefix space", "qwen3", qwen_json(), add_prefix_space=True, **QW)
    yield case("qwen3, marks of special tokens", "qwen3", qwen_json(), extra_special_tokens=[{"__type": "AddedToken", "content": "<ent>", "lstrip": True, "rstrip": True, "normalized": True, "single_word": False, "special": False}], **QW)
    yield ("qwen2, vocab.json", "qwen2", files)
    yield ("qwen3, vocab.json with the end of text", "qwen3", files | {"tokenizer_config.json": dict(add_eos_token=True, **QW)})
    NX = dict(tokenizer_class="GPTNeoXTokenizer")
    begin = around([("<|endoftext|>", 0)], [], between=[("<|endoftext|>", 0)])
    files = {"vocab.json": NEOX_JSON, "merges.txt": MERGES_TXT}
    yield case("gpt_neox alone", "gpt_neox", neox_json())
    yield case("gpt_neox, class drops the post-processor", "gpt_neox", neox_json(begin), add_bos_token=True, **NX)
    yield case("gpt_neox, prefix space", "gpt_neox", neox_json(composed=False), add_prefix_space=True, tokenizer_class="GPTNeoXTokenizerFast")
    yield case("gpt_neox, backend", "gpt_neox", neox_json(begin, composed=False), tokenizer_class="PreTrainedTokenizerFast")
    yield ("gpt_neox, vocab.json", "gpt_neox", files | {"tokenizer_config.json": dict(add_bos_token=True, **NX)})
    files = {"vocab.json": OPT_JSON, "merges.txt": MERGES_TXT, "special_tokens_map.json": {"bos_token": {"content": "</s>", "single_word": False, "lstrip": False, "rstrip": False, "normalized": True}, "eos_token": "</s>", "unk_token": "</s>", "pad_token": "<pad>"}}
    yield ("opt, vocab.json", "opt", files | {"tokenizer_config.json": dict(add_prefix_space=False, add_bos_token=True, errors="replace", tokenizer_class="GPT2Tokenizer", bos_token="</s>")})
    yield ("opt, vocab.json without a class", "opt", files)
    ROB = dict(tokenizer_class="RobertaTokenizer", add_prefix_space=True)
    for model_type in ["modernbert", "mistral", "phi3", "olmo2"]:
        yield case(f"{model_type} is read as it is written", model_type, roberta_json(), **ROB)
    yield case("mistral with Llama's class", "mistral", llama_json(), tokenizer_class="LlamaTokenizer", legacy=False)
    yield case("modernbert alone", "modernbert", bert_json(lowercase=False))
    yield ("electra, vocab.txt", "electra", {"vocab.txt": VOCAB_TXT, "tokenizer_config.json": dict(do_lower_case=True)})
    yield case("electra, its class", "electra", bert_json(lowercase=False), do_lower_case=True, tokenizer_class="ElectraTokenizerFast")
    yield case("smollm3, GPT-2's class", "smollm3", gpt2_json(), tokenizer_class="GPT2Tokenizer")
    yield case("nomic_bert", "nomic_bert", bert_json(), do_lower_case=False, tokenizer_class="BertTokenizer")


FUNCTIONS = ["pad", "mask", "bos", "eos", "cls", "sep", "unk"]


def read(model_type, files):
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        config = {"model_type": model_type}
        (folder / "config.json").write_text(json.dumps(config))
        for name, text in files.items():
            (folder / name).write_bytes(text.encode())
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder)
        except Exception as error:  # any refusal
            return {"refused": f"{type(error).__name__}: {error}"[:120]}
        # The class that takes tokenizer.json as it is gives types only where they are asked for; its template has them.
        types = None if type(tokenizer).__name__ != "TokenizersBackend" or "model_input_names" in files.get("tokenizer_config.json", "") else True
        encode = lambda a, b: tokenizer(a, b, return_token_type_ids=types)
        encoded = [encode(a, b) for a, b in TEXTS]
        return {
            "class": type(tokenizer).__name__,
            "ids": [e["input_ids"] for e in encoded],
            "types": [e.get("token_type_ids", [0] * len(e["input_ids"])) for e in encoded],
            "plain": [tokenizer(a, add_special_tokens=False)["input_ids"] for a, _ in TEXTS],
            "cut": tokenizer(*TEXTS[5], truncation=True, max_length=8)["input_ids"],
            "special": {name: getattr(tokenizer, f"{name}_token_id") for name in FUNCTIONS},
        }


PADDED = ["a <pad> gripping<pad><pad> film", "not bad", "<pad>good", "a film <pad>"]


def spelled_padding():
    """Last hidden states of texts in one batch, padded on either side."""
    tokenizer, model = AutoTokenizer.from_pretrained(ORACLE / "roberta"), AutoModel.from_pretrained(ORACLE / "roberta").eval()
    out = {}
    for side in ["left", "right"]:
        tokenizer.padding_side = side
        batch = tokenizer(PADDED, padding=True, return_tensors="pt", return_token_type_ids=False)
        with torch.no_grad():
            out[f"{side}.states"] = model(**batch).last_hidden_state
        out[f"{side}.ids"], out[f"{side}.mask"] = batch["input_ids"], batch["attention_mask"]
    return out


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=FIXTURES)
    out_folder = parser.parse_args().out
    quiet()
    write_safetensors(out_folder / "spelled_padding.safetensors", spelled_padding())
    contents, out = [], []
    for name, model_type, files in cases():
        texts = {file: text if isinstance(text, str) else json.dumps(text, ensure_ascii=False) for file, text in files.items()}
        for text in texts.values():
            if text not in contents:
                contents.append(text)
        expected = read(model_type, texts)
        out.append({"name": name, "model_type": model_type, "files": {file: contents.index(text) for file, text in texts.items()}} | expected)
    write_json(out_folder / "tokenizers.json", {"made_by": "scripts/reference_tokenizers.py", "versions": versions("transformers", "tokenizers"),
                                         "texts": TEXTS, "contents": contents, "cases": out})


if __name__ == "__main__":
    main()
