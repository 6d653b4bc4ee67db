#!/usr/bin/env python3
"""GGUF files written by the package gguf, and what gguf and transformers make of them, for tests/fixtures/gguf.

    python scripts/reference_gguf.py [--out DIR] [--only NAME ..]

blocks.gguf              one tensor of random blocks for each number format that is read, rows of 512 numbers
blocks.safetensors       what gguf.quants.dequantize makes of each
<name>.gguf              a small random checkpoint of an architecture, as llama.cpp's converter stores it: names by gguf's own table, queries
                         and keys interleaved, gains one more, frequencies as factors; with a tokenizer trained on a few sentences. Where a
                         row is long enough its format is one that is quantised, another for each tensor
<name>.json              texts; ids: of each text with what stands around it; pairs: ids of two texts together
<name>.safetensors       ids, mask [b,t] (i64), right-padded; hidden [b,t,d]: final states; logits [b,V] of each text's last token, where
                         there is a language head: by transformers with the numbers that gguf reads from the file
llama/                   the same model as llama.gguf as a folder: config.json, model.safetensors, tokenizer.json

Ids are those of the tokenizer that the metadata was taken from (tokenizers, sentencepiece or transformers).
"""

import argparse
import io
import json
import shutil
import tempfile
from pathlib import Path

from reference_common import FIXTURES, quiet, versions, write_json, write_safetensors

import gguf
import numpy as np
import sentencepiece
import torch
from gguf import GGMLQuantizationType as Kind
from reference_features import build
from safetensors.numpy import load_file, save_file
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoModel, AutoModelForCausalLM

CAUSAL, NONE = AutoModelForCausalLM, AutoModel
SENTENCES = [
    "The harbour froze twice that winter, and nobody in the village could remember such a thing.",
    "To boil 12 eggs, put them into cold water, bring the water to the boil, and don't wait for 1000 minutes.",
    "It was 1931, and 12,500 people crossed the bridge on the first day; the toll was 3 pence.",
    "She'd said that it's a good year for herring, we're told: the old people said so.",
    "def mean(values):\n    return sum(values) / len(values)\n",
    "Caf\u00e9s in Z\u00fcrich open at 7, the film begins at 8.",
]
TEXTS = [
    "The village could boil 2024 eggs, don't you THINK?",
    "Cafe\u0301 \u6771\u4eac \U0001f600\n\n  and   a naive  x1y22z333",
    "herring<|end|>the <think>winter  bridge",
    "I'LL say it's",
]
PAIR = ["The old bridge", "said 12 people"]
USER = "<think>"
END = "<|end|>"

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")


# --- number formats ---------------------------------------------------------------------------------------------------------------------

# Where the scales (f16) of a block stand.
SCALES = {Kind.Q8_0: [0], Kind.Q4_0: [0], Kind.Q4_1: [0, 2], Kind.Q5_0: [0], Kind.Q5_1: [0, 2], Kind.Q4_K: [0, 2], Kind.Q5_K: [0, 2], Kind.Q6_K: [208]}
PLAIN = [Kind.F32, Kind.F16, Kind.BF16]
ROWS, COLUMNS = 3, 512


def random_blocks(kind, draw):
    """[ROWS, bytes] with scales of every size that f16 has, and none that is no number."""
    numbers, size = gguf.GGML_QUANT_SIZES[kind]
    if kind in PLAIN:
        values = (draw.standard_normal((ROWS, COLUMNS)) * 10.0 ** draw.integers(-6, 4, (ROWS, COLUMNS))).astype(np.float32)
        if kind == Kind.BF16:
            return gguf.quants.quantize(values, kind)
        return values.astype(np.float16 if kind == Kind.F16 else np.float32)
    blocks = draw.integers(0, 256, (ROWS * COLUMNS // numbers, size), dtype=np.uint8)
    for at in SCALES[kind]:
        scales = draw.standard_normal(len(blocks)) * 10.0 ** draw.integers(-7, 3, len(blocks))
        scales[0] = 0.0
        blocks[:, at : at + 2] = scales.astype(np.float16).view(np.uint8).reshape(-1, 2)
    return blocks.reshape(ROWS, -1)


def blocks(out):
    writer = gguf.GGUFWriter(out / "blocks.gguf", "blocks")
    draw, expected = np.random.default_rng(14), {}
    for kind in [*PLAIN, *SCALES]:
        data = random_blocks(kind, draw)
        writer.add_tensor(kind.name, data, raw_dtype=kind)
        expected[kind.name] = torch.from_numpy(gguf.quants.dequantize(data, kind).copy())
    finish(writer)
    write_safetensors(out / "blocks.safetensors", expected)


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


# --- tokenizers -------------------------------------------------------------------------------------------------------------------------


class Words:
    """A tokenizer: its lists for the file, and how it encodes."""

    def __init__(self, model, pre, tokens, types, encode, **more):
        self.model, self.pre, self.tokens, self.types, self.encode = model, pre, tokens, types, encode
        self.scores, self.merges, self.special, self.flags = (more.get(key) for key in ("scores", "merges", "special", "flags"))
        self.json = more.get("json")
        # SentencePiece finds a control symbol in no text.
        self.texts = more.get("texts") or [text.replace(END, ", ") for text in TEXTS]

    def write(self, writer):
        # A row of the table that no token has.
        writer.add_tokenizer_model(self.model)
        if self.pre:
            writer.add_tokenizer_pre(self.pre)
        writer.add_token_list(self.tokens + [f"[PAD{len(self.tokens)}]"])
        writer.add_token_types(self.types + [gguf.TokenType.UNUSED])
        if self.scores:
            writer.add_token_scores(self.scores + [-10000.0])
        if self.merges:
            writer.add_token_merges(self.merges)
        for name, number in self.special.items():
            getattr(writer, f"add_{name}_token_id")(number)
        for name, flag in (self.flags or {}).items():
            getattr(writer, f"add_add_{name}")(flag)

    def size(self):
        return len(self.tokens) + 1


def byte_level(pre, pattern, normalizer=None, digits=False, around=False):
    tokenizer = Tokenizer(models.BPE())
    if normalizer:
        tokenizer.normalizer = normalizer
    letters = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=pattern is None)
    first = pre_tokenizers.Digits(individual_digits=True) if digits else pre_tokenizers.Split(Regex(pattern or GPT2), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([first, letters]) if digits or pattern else letters
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=330, special_tokens=["<|begin|>", END], initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False)
    tokenizer.train_from_iterator(SENTENCES, trainer)
    tokenizer.add_tokens([AddedToken(USER, special=False, normalized=False)])
    if around:
        tokenizer.post_processor = processors.TemplateProcessing("<|begin|>:0 $A:0", "<|begin|>:0 $A:0 <|begin|>:1 $B:1", [("<|begin|>", 0)])
    tokens = [tokenizer.id_to_token(number) for number in range(tokenizer.get_vocab_size())]
    types = [gguf.TokenType.NORMAL] * len(tokens)
    types[0] = types[1] = gguf.TokenType.CONTROL
    types[tokenizer.token_to_id(USER)] = gguf.TokenType.USER_DEFINED
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    return Words(
        "gpt2",
        pre,
        tokens,
        types,
        lambda *texts: tokenizer.encode(*texts).ids,
        texts=TEXTS,
        merges=[" ".join(pair) for pair in merges],
        special=dict(bos=0, eos=1, pad=1, unk=1),
        flags=None if around else dict(bos_token=False),
        json=tokenizer.to_str(),
    )


def pieces(prefix):
    """SentencePiece's own BPE with bytes for what it does not know, as the Llama family and Gemma have it."""
    held = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES * 3),
        model_writer=held,
        model_type="bpe",
        vocab_size=400,
        byte_fallback=True,
        add_dummy_prefix=prefix,
        remove_extra_whitespaces=False,
        normalization_rule_name="identity",
        split_digits=True,
        allow_whitespace_only_pieces=True,
        character_coverage=1.0,
        user_defined_symbols=[USER],
        control_symbols=[END],
        pad_id=0,
        eos_id=1,
        bos_id=2,
        unk_id=3,
        num_threads=1,
        minloglevel=2,
    )
    processor = sentencepiece.SentencePieceProcessor(model_proto=held.getvalue())
    numbers = range(processor.vocab_size())

    def kind(number):
        asked = [("unknown", "UNKNOWN"), ("control", "CONTROL"), ("unused", "UNUSED"), ("byte", "BYTE")]
        named = next((name for question, name in asked if getattr(processor, f"is_{question}")(number)), "NORMAL")
        return gguf.TokenType.USER_DEFINED if processor.id_to_piece(number) == USER else gguf.TokenType[named]

    def encode(*texts):
        return [number for text in texts for number in [processor.bos_id(), *processor.encode(text)]]

    tokens = [processor.id_to_piece(number) for number in numbers]
    return Words(
        "llama",
        "default",
        tokens,
        [kind(number) for number in numbers],
        encode,
        scores=[processor.get_score(number) for number in numbers],
        special=dict(bos=2, eos=1, pad=0, unk=3),
        flags=dict(space_prefix=prefix),
    )


def word_pieces():
    from transformers import BertTokenizer

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    found = sorted({word for sentence in SENTENCES for word, _ in pre_tokenizers.BertPreTokenizer().pre_tokenize_str(normalizers.BertNormalizer().normalize_str(sentence))})
    letters = sorted(set("".join(found)))
    tokens = special + letters + [f"##{letter}" for letter in letters] + [word for word in found if len(word) > 1] + ["##ing", "##ed", "##s", "##lage"]
    own = BertTokenizer(vocab={token: number for number, token in enumerate(tokens)})
    phantom = [token if token in special else token[2:] if token.startswith("##") else "\u2581" + token for token in tokens]
    types = [gguf.TokenType.CONTROL if token in special else gguf.TokenType.NORMAL for token in tokens]
    return Words("bert", "default", phantom, types, lambda *texts: own(*texts)["input_ids"], special=dict(pad=0, unk=1, bos=2, eos=3, sep=3, mask=4))


# --- models -----------------------------------------------------------------------------------------------------------------------------

SMALL = dict(hidden_size=16, num_attention_heads=2, num_hidden_layers=2, intermediate_size=24, max_position_embeddings=96)
GROUPED = SMALL | dict(num_key_value_heads=1)
WIDE = dict(hidden_size=32, num_attention_heads=4, num_key_value_heads=2, num_hidden_layers=2, intermediate_size=64, max_position_embeddings=96)
GEMMA = GROUPED | dict(head_dim=8, query_pre_attn_scalar=8, sliding_window=5, tie_word_embeddings=True)
LLAMA3_ROPE = dict(rope_type="llama3", rope_theta=10000.0, factor=4.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=24)
PHI3_ROPE = dict(rope_type="longrope", rope_theta=10000.0, partial_rotary_factor=0.5, short_factor=[1.0, 1.3], long_factor=[1.5, 3.1])
GLOBAL_ROPE = dict(rope_type="linear", rope_theta=1000000.0, factor=2.0)

# name -> (model_type, class, architecture of the file, tokenizer, fields)
MODELS = {
    "llama": ("llama", CAUSAL, "llama", lambda: byte_level("smollm", None, digits=True), WIDE | dict(rope_parameters=LLAMA3_ROPE, tie_word_embeddings=True)),
    "llama-biases": ("llama", CAUSAL, "llama", lambda: byte_level("llama-bpe", LLAMA3, around=True), GROUPED | dict(attention_bias=True, head_dim=12)),
    "mistral": ("mistral", CAUSAL, "llama", lambda: pieces(True), GROUPED | dict(sliding_window=6)),
    "qwen2": ("qwen2", CAUSAL, "qwen2", lambda: byte_level("qwen2", QWEN2, normalizers.NFC()), GROUPED | dict(rope_parameters=dict(rope_type="default", rope_theta=1000000.0))),
    "qwen3": ("qwen3", CAUSAL, "qwen3", lambda: byte_level("qwen2", QWEN2, normalizers.NFC()), GROUPED | dict(head_dim=12, tie_word_embeddings=True)),
    "smollm3": ("smollm3", CAUSAL, "smollm3", lambda: byte_level("smaug-bpe", LLAMA3), GROUPED | dict(num_hidden_layers=4, no_rope_layer_interval=4)),
    "olmo2": ("olmo2", CAUSAL, "olmo2", lambda: byte_level("dbrx", LLAMA3), GROUPED),
    "phi3": (
        "phi3",
        CAUSAL,
        "phi3",
        lambda: pieces(True),
        GROUPED | dict(original_max_position_embeddings=24, rope_parameters=PHI3_ROPE, sliding_window=None),
    ),
    "gemma2": ("gemma2", CAUSAL, "gemma2", lambda: pieces(False), GEMMA | dict(attn_logit_softcapping=3.0, final_logit_softcapping=2.0)),
    "gemma3": (
        "gemma3_text",
        CAUSAL,
        "gemma3",
        lambda: pieces(False),
        GEMMA | dict(num_hidden_layers=6, rope_parameters=dict(full_attention=GLOBAL_ROPE, sliding_attention=dict(rope_type="default", rope_theta=10000.0))),
    ),
    "gpt2": ("gpt2", CAUSAL, "gpt2", lambda: byte_level("gpt-2", None), dict(n_embd=16, n_head=2, n_layer=2, n_positions=96, n_inner=24)),
    "gpt_neox": (
        "gpt_neox",
        CAUSAL,
        "gptneox",
        lambda: byte_level("olmo", None, normalizers.NFC()),
        SMALL | dict(rope_parameters=dict(rope_type="default", rope_theta=10000.0, partial_rotary_factor=0.5)),
    ),
    "bert": ("bert", NONE, "bert", word_pieces, SMALL),
    "nomic_bert": ("nomic_bert", NONE, "nomic-bert", word_pieces, SMALL | dict(rope_parameters=dict(rope_type="default", rope_theta=1000.0))),
}

# The layers of a row of 32 numbers or more, one after the other.
QUANTISED = [Kind.Q8_0, Kind.Q4_1, Kind.Q5_0, Kind.F16, Kind.Q5_1, Kind.BF16, Kind.Q4_0]


def interleaved(weight, heads):
    """What llama.cpp's converter does to the queries and keys of the Llama family."""
    return weight.reshape(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:]).swapaxes(1, 2).reshape(weight.shape)


def stored(architecture, config, name, weight):
    """A tensor as the file has it."""
    heads, kv_heads = config.num_attention_heads, getattr(config, "num_key_value_heads", config.num_attention_heads)
    if architecture in ("llama", "smollm3") and (".q_proj." in name or ".k_proj." in name):
        return interleaved(weight, heads if ".q_proj." in name else kv_heads)
    if architecture.startswith("gemma") and name.endswith("norm.weight"):
        return weight + np.float32(1)
    if architecture == "gpt2" and name.endswith((".c_attn.weight", ".c_proj.weight", ".c_fc.weight")):
        return weight.T
    if architecture == "gptneox" and ".query_key_value." in name:
        return weight.reshape(heads, 3, -1, *weight.shape[1:]).swapaxes(0, 1).reshape(weight.shape)
    return weight


def back(architecture, config, name, weight):
    """And as the checkpoint has it: what `stored` does, undone."""
    heads, kv_heads = config.num_attention_heads, getattr(config, "num_key_value_heads", config.num_attention_heads)
    if architecture in ("llama", "smollm3") and (".q_proj." in name or ".k_proj." in name):
        n = heads if ".q_proj." in name else kv_heads
        return weight.reshape(n, weight.shape[0] // n // 2, 2, *weight.shape[1:]).swapaxes(1, 2).reshape(weight.shape)
    if architecture.startswith("gemma") and name.endswith("norm.weight"):
        return weight - np.float32(1)
    if architecture == "gpt2" and name.endswith((".c_attn.weight", ".c_proj.weight", ".c_fc.weight")):
        return weight.T
    if architecture == "gptneox" and ".query_key_value." in name:
        return weight.reshape(3, heads, -1, *weight.shape[1:]).swapaxes(0, 1).reshape(weight.shape)
    return weight


def describe(writer, architecture, config, words):
    """The metadata that llama.cpp's converter writes of a configuration."""
    heads = config.num_attention_heads
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // heads
    writer.add_name("A model for tests")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.n_inner if architecture == "gpt2" else config.intermediate_size)
    writer.add_head_count(heads)
    writer.add_file_type(0)
    if architecture in ("gpt2", "gptneox", "bert", "nomic-bert"):
        epsilons = (getattr(config, key, None) for key in ("layer_norm_epsilon", "layer_norm_eps"))
        writer.add_layer_norm_eps(next(epsilon for epsilon in epsilons if epsilon is not None))
    else:
        writer.add_head_count_kv(config.num_key_value_heads)
        writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    if head_dim * heads != config.hidden_size or architecture in ("qwen3", "gemma2", "gemma3"):
        writer.add_key_length(head_dim)
        writer.add_value_length(head_dim)
    if architecture == "llama":
        writer.add_vocab_size(words.size())
        writer.add_rope_dimension_count(head_dim)
    if architecture in ("bert", "nomic-bert"):
        writer.add_causal_attention(False)
        writer.add_token_type_count(config.type_vocab_size)
        writer.add_pooling_type(gguf.PoolingType.MEAN)
    if architecture == "gptneox":
        writer.add_parallel_residual(config.use_parallel_residual)
    window = getattr(config, "sliding_window", None)
    if architecture == "phi3" or window and architecture in ("llama", "gemma2", "gemma3"):
        writer.add_sliding_window(window or 0)
    if architecture == "phi3":
        writer.add_rope_scaling_orig_ctx_len(config.original_max_position_embeddings)
    if architecture == "gemma2":
        writer.add_attn_logit_softcapping(config.attn_logit_softcapping)
        writer.add_final_logit_softcapping(config.final_logit_softcapping)
    if architecture not in ("gpt2", "bert"):
        rotation(writer, architecture, config, head_dim)


def rotation(writer, architecture, config, head_dim):
    rope = config.rope_parameters
    rope = rope.get("full_attention", rope)
    writer.add_rope_freq_base(rope["rope_theta"])
    share = rope.get("partial_rotary_factor", 1.0)
    if architecture in ("phi3", "gptneox"):
        writer.add_rope_dimension_count(int(share * head_dim))
    if rope["rope_type"] == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(rope["factor"])
    if rope["rope_type"] == "llama3":
        writer.add_tensor("rope_freqs.weight", llama3_factors(rope, head_dim))
    if rope["rope_type"] == "longrope":
        scale = config.max_position_embeddings / config.original_max_position_embeddings
        writer.add_rope_scaling_attn_factors(np.sqrt(1 + np.log(scale) / np.log(config.original_max_position_embeddings)))
        for length in ("long", "short"):
            writer.add_tensor(f"rope_factors_{length}.weight", np.array(rope[f"{length}_factor"], np.float32))


def llama3_factors(rope, head_dim):
    """What each frequency is divided by."""
    frequencies = 1.0 / rope["rope_theta"] ** (np.arange(0, head_dim, 2, dtype=np.float32) / head_dim)
    length, factor, low, high = (rope[key] for key in ("original_max_position_embeddings", "factor", "low_freq_factor", "high_freq_factor"))
    factors = []
    for wavelength in 2 * np.pi / frequencies:
        smooth = (length / wavelength - low) / (high - low)
        factors.append(1.0 if wavelength < length / high else factor if wavelength > length / low else 1 / ((1 - smooth) / factor + smooth))
    return np.array(factors, np.float32)


def model(name, out, seed):
    model_type, kind, architecture, words, fields = MODELS[name]
    words = words()
    special = dict(vocab_size=words.size(), pad_token_id=words.special.get("pad"), bos_token_id=words.special.get("bos"), eos_token_id=words.special.get("eos"))
    made = build(model_type, kind, special | fields, seed)
    config = made.config
    writer = gguf.GGUFWriter(out / f"{name}.gguf", architecture)
    describe(writer, architecture, config, words)
    words.write(writer)

    arch = next(key for key, value in gguf.MODEL_ARCH_NAMES.items() if value == architecture)
    table = gguf.get_tensor_name_map(arch, config.num_hidden_layers)
    kinds = iter(QUANTISED * 9)
    with tempfile.TemporaryDirectory() as whole:
        made.save_pretrained(whole)
        file = Path(whole) / "model.safetensors"
        left = load_file(file)
        for theirs, weight in left.items():
            if theirs.startswith("pooler."):
                continue
            own = table.get_name(theirs, try_suffixes=(".weight", ".bias"))
            assert own, theirs
            values = np.ascontiguousarray(stored(architecture, config, theirs, weight))
            form = next(kinds) if values.ndim == 2 and values.shape[1] % 32 == 0 else Kind.F32
            data = values if form == Kind.F32 else gguf.quants.quantize(values, form)
            writer.add_tensor(own, data, raw_dtype=form)
            read = gguf.quants.dequantize(data, form).reshape(values.shape)
            left[theirs] = np.ascontiguousarray(back(architecture, config, theirs, read))
        finish(writer)
        save_file(left, file, metadata=dict(format="pt"))
        made = kind.from_pretrained(whole, attn_implementation="eager", dtype=torch.float32).eval()
    expected(name, out, made, words)
    if name == "llama":
        folder(out / "llama", made, words)


@torch.no_grad()
def expected(name, out, made, words):
    rows = [words.encode(text) for text in words.texts]
    ids = torch.full((len(rows), max(map(len, rows))), words.special["pad"])
    mask = torch.zeros_like(ids)
    for row, own in enumerate(rows):
        ids[row, : len(own)], mask[row, : len(own)] = torch.tensor(own), 1
    tensors = dict(ids=ids, mask=mask, hidden=made.base_model(input_ids=ids, attention_mask=mask).last_hidden_state * mask[..., None])
    if made.base_model is not made:
        logits = made(input_ids=ids, attention_mask=mask).logits
        tensors["logits"] = logits[torch.arange(len(rows)), mask.sum(1) - 1]
    write_safetensors(out / f"{name}.safetensors", tensors)
    about = dict(texts=words.texts, ids=rows, pair=PAIR, pair_ids=words.encode(*PAIR))
    write_json(out / f"{name}.json", about | dict(versions=versions("gguf", "sentencepiece", "tokenizers", "torch", "transformers")))


def folder(out, made, words):
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as whole:
        made.save_pretrained(whole)
        for name in ("config.json", "model.safetensors"):
            shutil.copyfile(Path(whole) / name, out / name)
    (out / "tokenizer.json").write_text(words.json + "\n")
    about = dict(tokenizer_class="PreTrainedTokenizerFast", bos_token="<|begin|>", eos_token=END, pad_token=END, unk_token=END)
    (out / "tokenizer_config.json").write_text(json.dumps(about) + "\n")
    for file in out.iterdir():
        file.chmod(0o644)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=FIXTURES / "gguf")
    parser.add_argument("--only", nargs="*", default=["blocks", *MODELS], choices=["blocks", *MODELS])
    a = parser.parse_args()
    quiet()
    a.out.mkdir(parents=True, exist_ok=True)
    for seed, name in enumerate(["blocks", *MODELS]):
        if name in a.only:
            blocks(a.out) if name == "blocks" else model(name, a.out, seed)


if __name__ == "__main__":
    main()
