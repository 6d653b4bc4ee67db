"""What transformers makes of config.json and the tokenizer's files with one or two settings changed: tests/fixtures/mutations.json.

    pip install -r scripts/requirements.txt && python scripts/reference_mutations.py

A group is a tiny checkpoint of tests/fixtures/oracle, in one of the layouts its tokenizer may have on the disk, and one of its files; a
change is the keys that are set there (or taken out, where the value is the string "<remove>") and what comes of it: the first four hidden
states of the last token of each of two texts, each alone, without padding; `true` where these are those of the unchanged checkpoint; `null`
where transformers refuses the folder or the texts, or draws weights that the file lacks.
"""

import json
import random
import shutil
import sys
import tempfile
from pathlib import Path

from reference_common import FIXTURES, ORACLE, quiet, versions

TEXTS = ["A gripping FILM  , not bad at all", "<s> zwölf [MASK] É<mask> <pad>x [PAD] 中文"]
REMOVE = "<remove>"
SEED = 7
PAIRS = 150

ACTIVATIONS = [
    "gelu", "gelu_new", "gelu_pytorch_tanh", "gelu_fast", "gelu_python", "quick_gelu", "relu", "relu2", "silu", "swish", "tanh", "sigmoid",
    "mish", "linear", "leaky_relu", "gelu_10", "laplace", "no_such_function", None,
]  # fmt: skip
NUMBERS = [0, 1, 2, 3, 4, 5, 6, 8, 12, 16, 24, 96]
SMALL = [0, 0.0, 1e-12, 1e-6, 1e-5, 1e-3, 0.1, 1, -1e-3, "1e-5", None]
FLAGS = [True, False, None]
ROPE = [
    {"rope_type": "default", "rope_theta": 500000.0},
    {"rope_type": "default", "rope_theta": 100},
    {"rope_theta": 1000.0},
    {"rope_type": "linear", "factor": 2.0, "rope_theta": 10000.0},
    {"rope_type": "linear", "factor": 0.5, "rope_theta": 10000.0},
    {"rope_type": "dynamic", "factor": 4.0, "rope_theta": 10000.0},
    {"rope_type": "yarn", "factor": 4.0, "rope_theta": 10000.0, "original_max_position_embeddings": 16},
    {"rope_type": "yarn", "factor": 4.0, "rope_theta": 10000.0, "attention_factor": 2.0},
    {"rope_type": "yarn", "factor": 4.0, "rope_theta": 10000.0, "beta_fast": 8, "beta_slow": 2},
    {"rope_type": "yarn", "factor": 4.0, "rope_theta": 10000.0, "mscale": 2.0, "mscale_all_dim": 0.5},
    {"rope_type": "yarn", "factor": 4.0, "rope_theta": 10000.0, "truncate": False},
    {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 16, "rope_theta": 10000.0},
    {"rope_type": "longrope", "factor": 4.0, "short_factor": [1.0] * 6, "long_factor": [2.0] * 6, "original_max_position_embeddings": 16, "rope_theta": 10000.0},
    {"rope_type": "longrope", "factor": 4.0, "short_factor": [1.5] * 6, "long_factor": [2.0] * 6, "original_max_position_embeddings": 32, "rope_theta": 10000.0},
    {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5},
    {"rope_type": "default", "rope_theta": 10000.0, "no_such_key": 3},
    {"rope_type": "default", "rope_theta": 10000.0, "factor": 2.0},
    {"rope_type": "no_such_type", "rope_theta": 10000.0},
    {"type": "linear", "factor": 2.0},
    {},
    None,
]  # fmt: skip

# Values of keys that every family may have; those of one family follow.
COMMON = {
    "is_decoder": FLAGS, "is_causal": FLAGS, "add_cross_attention": FLAGS, "tie_word_embeddings": FLAGS, "use_cache": FLAGS,
    "pad_token_id": [0, 1, 2, 4, 259, 32000, -1, None, REMOVE], "bos_token_id": [0, 3, 32000, None], "eos_token_id": [0, 3, [1, 2], 32000, None],
    "position_embedding_type": ["absolute", "relative_key", "relative_key_query", "rotary", None],
    "chunk_size_feed_forward": [0, 2], "pruned_heads": [{}, {"0": [1]}], "output_hidden_states": [True], "return_dict": [False],
    "dtype": ["float16", "bfloat16", None, REMOVE], "torch_dtype": ["float16"], "architectures": [["NoSuchModel"], [], None],
    "vocab_size": [259, 261, 380, 1000], "sliding_window": [2, 64], "attention_dropout": [0.0, 0.5], "head_dim": [6, 12, 16, 24],
    "rope_theta": [100.0], "rope_scaling": [{"type": "linear", "factor": 2.0}], "no_such_key": [1], "model_type": ["no-such-type", REMOVE],
    "layer_types": [["full_attention", "full_attention"], ["sliding_attention", "full_attention"]], "use_bidirectional_attention": FLAGS,
    "partial_rotary_factor": [0.5], "embedding_size": [24], "attention_bias": FLAGS, "mlp_bias": FLAGS, "initializer_range": [1.0],
    "scale_embedding": [True], "layerdrop": [0.5], "_name_or_path": ["x"], "max_length": [3], "gradient_checkpointing": [True],
    "attn_implementation": ["eager"], "_attn_implementation": ["eager"], "experts_implementation": [None], "problem_type": ["regression"],
    "id2label": [{"0": "a", "1": "b", "2": "c"}], "num_labels": [5], "transformers_version": ["2.0.0"], "classifier_dropout": [0.5],
    "attention_multiplier": [2.0], "embedding_multiplier": [2.0], "residual_multiplier": [2.0], "logit_scale": [2.0], "query_pre_attn_scalar": [4],
    "norm_first": [True], "pre_norm": [True], "normalize_embeddings": [True],
}  # fmt: skip
ENCODER = {
    "hidden_act": ACTIVATIONS, "layer_norm_eps": SMALL, "num_hidden_layers": NUMBERS[:6], "num_attention_heads": NUMBERS[:10],
    "intermediate_size": [48, 95, 96, 192], "hidden_size": [24, 47, 48, 96], "max_position_embeddings": [16, 63, 64, 65, 128], "type_vocab_size": [1, 2, 3],
    "hidden_dropout_prob": [0.0, 0.5, 1.0, 2], "attention_probs_dropout_prob": [0.0, 1.0],
}  # fmt: skip
OF_FAMILY = {
    "bert": ENCODER,
    "roberta": ENCODER,
    "distilbert": {
        "activation": ACTIVATIONS, "hidden_act": ["relu"], "n_layers": NUMBERS[:6], "n_heads": NUMBERS[:10], "dim": [24, 48], "hidden_dim": [95, 96, 192],
        "max_position_embeddings": [16, 64, 128], "sinusoidal_pos_embds": FLAGS, "dropout": [0.5], "num_hidden_layers": [1], "num_attention_heads": [1, 2],
        "layer_norm_eps": [0.1],
    },
    "gpt2": {
        "activation_function": ACTIVATIONS, "hidden_act": ["relu"], "layer_norm_epsilon": SMALL, "n_layer": NUMBERS[:6], "n_head": NUMBERS[:10],
        "n_embd": [24, 48], "n_inner": [None, 48, 96, 192], "n_positions": [16, 64, 128], "n_ctx": [16], "scale_attn_weights": FLAGS,
        "scale_attn_by_inverse_layer_idx": FLAGS, "reorder_and_upcast_attn": FLAGS, "num_attention_heads": [1, 2], "num_hidden_layers": [1],
        "layer_norm_eps": [0.1], "hidden_size": [24], "max_position_embeddings": [16], "embd_pdrop": [0.5],
    },
    "llama": {
        "hidden_act": ACTIVATIONS, "rms_norm_eps": SMALL, "num_hidden_layers": NUMBERS[:6], "num_attention_heads": NUMBERS[:10],
        "num_key_value_heads": [None, *NUMBERS[:8]], "head_dim": [None, REMOVE, 4, 6, 8, 11, 12, 24], "intermediate_size": [48, 112, 224],
        "rope_parameters": ROPE, "rope_scaling": ROPE[3:], "max_position_embeddings": [8, 16, 64, 128], "pretraining_tp": [1, 2],
    },
}  # fmt: skip

TOKENIZER = {
    "do_lower_case": FLAGS, "strip_accents": FLAGS, "tokenize_chinese_chars": FLAGS, "add_prefix_space": FLAGS, "do_basic_tokenize": FLAGS,
    "never_split": [["film"]], "lowercase": FLAGS, "trim_offsets": FLAGS, "split_special_tokens": FLAGS, "clean_up_tokenization_spaces": FLAGS,
    "add_bos_token": FLAGS, "add_eos_token": FLAGS, "legacy": FLAGS, "truncation_side": ["left"], "padding_side": ["left"],
    "model_max_length": [4, 512, None], "use_fast": [False], "wordpieces_prefix": ["##", "@@"], "errors": ["strict"], "from_slow": [True],
    "tokenizer_class": [
        "BertTokenizer", "BertTokenizerFast", "DistilBertTokenizer", "RobertaTokenizer", "RobertaTokenizerFast", "GPT2Tokenizer",
        "GPT2TokenizerFast", "LlamaTokenizer", "LlamaTokenizerFast", "PreTrainedTokenizerFast", "TokenizersBackend", "NoSuchTokenizer", REMOVE,
    ],
    "unk_token": ["[UNK]", "<unk>", "film", "not-there", None, REMOVE], "pad_token": ["[PAD]", "<pad>", "film", "not-there", None, REMOVE],
    "cls_token": ["[CLS]", "<s>", "film", "not-there", None, REMOVE], "sep_token": ["[SEP]", "</s>", "film", "not-there", None, REMOVE],
    "mask_token": ["[MASK]", "<mask>", "film", "not-there", None, REMOVE], "bos_token": ["<s>", "a", "not-there", None, REMOVE],
    "eos_token": ["</s>", "a", "not-there", None, REMOVE],
    "additional_special_tokens": [[], ["film"], ["not-there"], ["bad", "all"]],
    "extra_special_tokens": [{}, {"image_token": "film"}, ["film"], {"x": "not-there"}],
    "added_tokens_decoder": [
        {},
        {"5": {"content": "film", "special": True}},
        {"5": {"content": "film", "special": False, "normalized": True, "lstrip": False, "rstrip": False, "single_word": False}},
        {"5": {"content": "bad", "special": False, "normalized": False, "lstrip": True, "rstrip": True, "single_word": True}},
        {"999": {"content": "gripping", "special": False, "normalized": False, "lstrip": False, "rstrip": False, "single_word": False}},
    ],
    "init_inputs": [[]], "max_length": [4], "stride": [2], "pad_to_multiple_of": [8], "chat_template": ["x"], "backend": ["tokenizers", REMOVE], "no_such_key": [1],
}  # fmt: skip
MAP = {key: TOKENIZER[key][:4] for key in ["unk_token", "pad_token", "cls_token", "sep_token", "mask_token", "bos_token", "eos_token", "additional_special_tokens"]}
ADDED = [{"film": 5}, {"film": 259}, {"bad": 10, "all": 11}, {"gripping": 999}, {"not": -1}, {"x": "5"}, {}]

# The layouts that a family's tokenizer may have on the disk.
LAYOUTS = {"bert": ["json", "words"], "distilbert": ["json", "words"], "roberta": ["json", "pairs"], "gpt2": ["json", "pairs"], "llama": ["json"]}
# As whom transformers reads the old layouts.
CLASSES = {"bert": "BertTokenizer", "distilbert": "DistilBertTokenizer", "roberta": "RobertaTokenizer", "gpt2": "GPT2Tokenizer"}


def singles():
    """Every change of one key: family, layout, file, keys."""
    for family, own in OF_FAMILY.items():
        for key, values in {**COMMON, **own}.items():
            for value in values:
                yield family, "json", "config.json", {key: value}
        for layout in LAYOUTS[family]:
            for key, values in TOKENIZER.items():
                for value in values:
                    yield family, layout, "tokenizer_config.json", {key: value}
            for key, values in MAP.items():
                for value in values:
                    yield family, layout, "special_tokens_map.json", {key: value}
            for added in ADDED:
                yield family, layout, "added_tokens.json", added


def pairs(all_singles):
    """Seeded changes of two keys of one file."""
    draws = random.Random(SEED)
    by_file = {}
    for family, layout, file, keys in all_singles:
        if len(keys) == 1 and file != "added_tokens.json":
            by_file.setdefault((family, layout, file), []).append(keys)
    for _ in range(PAIRS):
        place = draws.choice(sorted(by_file))
        first, second = draws.sample(by_file[place], 2)
        yield *place, {**first, **second}


def lay(family, layout, folder):
    """The unchanged checkpoint. The old layouts are made of tokenizer.json, as tests/src/mutation/corpus.rs makes them."""
    for name in ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]:
        shutil.copy(ORACLE / family / name, folder / name)
    if layout == "json":
        return
    change(folder, "tokenizer_config.json", {"tokenizer_class": CLASSES[family]})
    model = json.loads((folder / "tokenizer.json").read_text())["model"]
    (folder / "tokenizer.json").unlink()
    if layout == "words":
        words = sorted(model["vocab"], key=model["vocab"].get)
        (folder / "vocab.txt").write_text("".join(word + "\n" for word in words))
    else:
        (folder / "vocab.json").write_text(json.dumps(model["vocab"]))
        merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"]]
        (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(pair + "\n" for pair in merges))


def change(folder, file, keys):
    path = folder / file
    content = json.loads(path.read_text()) if path.exists() else {}
    for key, value in keys.items():
        if value == REMOVE:
            content.pop(key, None)
        else:
            content[key] = value
    if keys:
        path.write_text(json.dumps(content))


def compute(folder):
    """First values of the last token of each text; `None` where transformers refuses."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
        model, info = AutoModel.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
        if any("pooler" not in key for key in info["missing_keys"]):
            return None
        values = []
        with torch.no_grad():
            for text in TEXTS:
                encoded = tokenizer(text, return_tensors="pt")
                ids = encoded["input_ids"]
                if int(ids.max()) >= model.get_input_embeddings().num_embeddings:
                    return None
                state = model.eval()(**{k: v for k, v in encoded.items() if k in ("input_ids", "attention_mask", "token_type_ids")}, return_dict=True)
                values += state.last_hidden_state[0, -1, :4].tolist()
        return [float(f"{value:.6g}") for value in values] if all(map(torch.isfinite, torch.tensor(values))) else None
    except Exception as error:  # whatever it is: transformers does not take this folder
        print(f"  refused: {type(error).__name__}: {str(error)[:100]!r}", file=sys.stderr)
        return None


def computed(family, layout, file, keys):
    """What comes of a change."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        lay(family, layout, folder)
        change(folder, file, keys)
        return compute(folder)


def main():
    quiet()
    unchanged = {(family, layout): computed(family, layout, "config.json", {}) for family in LAYOUTS for layout in LAYOUTS[family]}
    assert None not in unchanged.values(), unchanged
    one = list(singles())
    groups = {}
    for family, layout, file, keys in [*one, *pairs(one)]:
        values = computed(family, layout, file, keys)
        same = values is not None and values == unchanged[family, layout]
        groups.setdefault((family, layout, file), []).append([keys, True if same else values])
    about = {"texts": TEXTS, **versions("transformers", "tokenizers", "torch")}
    compact = lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    # One change a line: a changed value is a changed line.
    lines = []
    for (family, layout, file), changes in sorted(groups.items()):
        head = compact({"family": family, "layout": layout, "file": file, "unchanged": unchanged[family, layout]})
        lines.append(f'{head[:-1]},"changes":[\n' + ",\n".join(map(compact, changes)) + "]}")
    path = FIXTURES / "mutations.json"
    path.write_text(f'{{"about":{compact(about)},\n"groups":[\n' + ",\n".join(lines) + "\n]}\n", encoding="utf-8")
    everything = [result for changes in groups.values() for _, result in changes]
    refused = everything.count(None)
    print(f"{path}  {len(everything)} changes, {refused} that transformers refuses, {path.stat().st_size / 1024:.1f} KiB")


if __name__ == "__main__":
    main()
