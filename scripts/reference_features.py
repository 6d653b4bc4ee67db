#!/usr/bin/env python3
"""Small random checkpoints, one for each feature of a block, and what transformers computes from them, for tests/fixtures/features.

    python scripts/reference_features.py [--out DIR] [--only NAME ..]

<name>/config.json, model.safetensors   as save_pretrained writes them. Every weight is drawn here, none is where training would start
<name>/tokenizer.json, tokenizer_config.json   a token for each letter from a to t, ids from 3 on
<name>/expected.json         texts, max_length, loss, versions
<name>/expected.safetensors  ids, mask [b,t] (i64), right-padded, unequal lengths; hidden [b,t,d]: final states; lm_logits or mlm_logits [b,t,V];
                             targets [b,t] (i64) and probe [d,7] of the loss; alone [b,t,d]: states of each text without the others, where
                             they differ (longrope, which turns all texts of a batch by the longest)
<name>/gradients.safetensors the gradient of the loss for every tensor of model.safetensors, under that tensor's name

loss = mean over the tokens of cross-entropy(hidden x probe, targets mod 7) + mean over the tokens of cross-entropy(logits, targets), the
second where there is a language head.
"""

import argparse
import json
import re
import shutil
import tempfile
from pathlib import Path

from reference_common import FIXTURES, quiet, versions, write_json, write_safetensors

import torch
from safetensors.torch import load_file, save_file
from torch.nn.functional import cross_entropy
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoModelForMaskedLM

VOCABULARY = 23
CLASSES = 7
SHORT, LONG = (11, 7, 2), (67, 40, 9)  # tokens of each text; the long ones go beyond what a kernel takes in one piece
CAUSAL, MASKED, NONE = AutoModelForCausalLM, AutoModelForMaskedLM, AutoModel

ALL = dict(vocab_size=VOCABULARY, hidden_size=12, num_attention_heads=2, num_hidden_layers=2, intermediate_size=10, max_position_embeddings=96)
GROUPED = ALL | dict(num_key_value_heads=1)
GEMMA = GROUPED | dict(head_dim=8, query_pre_attn_scalar=5, sliding_window=4)

# name -> (model_type, class, lengths of the texts, fields of the configuration)
FEATURES = {
    # A projection behind narrower embeddings.
    "electra": ("electra", MASKED, SHORT, ALL | dict(embedding_size=8)),
    # A bias on the scores by the distance of two tokens.
    "mpnet": ("mpnet", MASKED, LONG, ALL | dict(pad_token_id=1)),
    # Layers that share their weights, two groups of them, behind a projection.
    "albert": ("albert", MASKED, SHORT, ALL | dict(embedding_size=8, num_hidden_layers=4, num_hidden_groups=2)),
    # Products of content with projected distances, in logarithmic buckets or each apart.
    "deberta-v2": (
        "deberta-v2",
        MASKED,
        LONG,
        ALL
        | dict(relative_attention=True, pos_att_type=["p2c", "c2p"], position_biased_input=False, share_att_key=True)
        | dict(position_buckets=8, norm_rel_ebd="layer_norm", legacy=False),
    ),
    "deberta-v2-plain": (
        "deberta-v2",
        MASKED,
        SHORT,
        ALL | dict(relative_attention=True, pos_att_type=["c2p"], position_biased_input=True, share_att_key=True, max_relative_positions=5, type_vocab_size=2),
    ),
    # Windows and rotations that differ from layer to layer, fused maps, norms without bias, no first norm.
    "modernbert": (
        "modernbert",
        MASKED,
        LONG,
        ALL | dict(num_hidden_layers=3, local_attention=12, global_attn_every_n_layers=2, pad_token_id=0, classifier_bias=True),
    ),
    "modernbert-decoder": (
        "modernbert-decoder",
        CAUSAL,
        LONG,
        ALL | dict(num_hidden_layers=3, local_attention=12, global_attn_every_n_layers=2, pad_token_id=0),
    ),
    "eurobert": ("eurobert", MASKED, SHORT, GROUPED | dict(pad_token_id=0, mask_token_id=2)),
    "nomic_bert": ("nomic_bert", MASKED, SHORT, ALL),
    "new": ("gte", MASKED, SHORT, ALL | dict(pad_token_id=0)),
    # Biases on some maps, a window from some layer on.
    "qwen2": ("qwen2", CAUSAL, SHORT, GROUPED | dict(use_sliding_window=True, sliding_window=4, max_window_layers=1)),
    # Norms of queries and keys for each head, or over all heads, before or behind what a layer adds.
    "qwen3": ("qwen3", CAUSAL, SHORT, GROUPED | dict(head_dim=8, tie_word_embeddings=True)),
    "olmo2": ("olmo2", CAUSAL, SHORT, GROUPED | dict(pad_token_id=0)),
    # Both norms, gains 1 + w, soft caps, a scale of the embeddings and of the scores of their own.
    "gemma2": ("gemma2", CAUSAL, SHORT, GEMMA | dict(attn_logit_softcapping=3.0, final_logit_softcapping=2.0)),
    "gemma3_text": ("gemma3_text", CAUSAL, LONG, GEMMA | dict(layer_types=["sliding_attention", "full_attention"])),
    "embeddinggemma": ("gemma3_text", NONE, SHORT, GEMMA | dict(sliding_window=6, use_bidirectional_attention=True, layer_types=["sliding_attention", "full_attention"])),
    "mistral": ("mistral", CAUSAL, LONG, GROUPED | dict(sliding_window=9)),
    # Angles that change for long texts, on a part of each head, and two pairs of fused maps.
    "phi3": (
        "phi3",
        CAUSAL,
        SHORT,
        GROUPED
        | dict(hidden_size=16, max_position_embeddings=32, original_max_position_embeddings=8, pad_token_id=0)
        | dict(rope_parameters=dict(rope_type="longrope", rope_theta=10000.0, partial_rotary_factor=0.5, short_factor=[1.0, 1.3], long_factor=[1.5, 3.1])),
    ),
    # Layers without rotation.
    "smollm3": ("smollm3", CAUSAL, SHORT, GROUPED | dict(no_rope_layer_interval=2, pad_token_id=0)),
    # Two sub-layers side by side, maps fused head by head, a rotation of half of each head.
    "gpt_neox": (
        "gpt_neox",
        CAUSAL,
        SHORT,
        ALL | dict(hidden_size=16, rope_parameters=dict(rope_type="default", rope_theta=10000.0, partial_rotary_factor=0.5), pad_token_id=0),
    ),
    # Learned positions that begin at the third row.
    "opt": ("opt", CAUSAL, SHORT, {k: v for k, v in ALL.items() if k != "intermediate_size"} | dict(ffn_dim=10, pad_token_id=1)),
}
# What the Hub's checkpoints of the same architecture are called.
ON_THE_HUB = {"gte": "new"}


def build(model_type, kind, fields, seed):
    config = AutoConfig.for_model(model_type, **dict(pad_token_id=0, bos_token_id=2, eos_token_id=2) | fields)
    torch.manual_seed(seed)
    model = kind.from_config(config, attn_implementation="eager", dtype=torch.float32).eval()
    gain = 0.0 if model_type.startswith("gemma") else 1.0
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            noise = torch.randn(p.shape, generator=draw)
            is_gain = p.ndim == 1 and name.endswith("weight")
            p.copy_(0.3 * noise + gain if is_gain else 0.3 * noise if p.ndim == 1 else 0.4 * noise)
    return model


def batch(lengths, pad, seed):
    draw = torch.Generator().manual_seed(seed)
    ids = torch.full((len(lengths), max(lengths)), pad)
    mask = torch.zeros_like(ids)
    for row, length in enumerate(lengths):
        ids[row, :length] = torch.randint(3, VOCABULARY, (length,), generator=draw)
        mask[row, :length] = 1
    targets = torch.randint(3, VOCABULARY, ids.shape, generator=draw) * mask
    return ids, mask, targets


def states(model, ids, mask):
    extra = {} if model.config.model_type in ("mpnet", "deberta-v2", "electra", "albert", "modernbert", "nomic_bert", "gte", "eurobert") else dict(use_cache=False)
    return model.base_model(input_ids=ids, attention_mask=mask, **extra).last_hidden_state  # [b, t, d]


def logits(model, ids, mask):
    """Of the language head; none on a bare backbone."""
    if model.base_model is model:
        return None
    return model(input_ids=ids, attention_mask=mask).logits  # [b, t, V]


def each_alone(model, ids, mask):
    found = []
    for row, tokens in zip(ids, mask.sum(1)):
        own = states(model, row[None, :tokens], torch.ones(1, tokens, dtype=torch.long))[0]
        found.append(torch.nn.functional.pad(own, (0, 0, 0, len(row) - tokens)))
    return torch.stack(found)


def mean_loss(scores, targets, mask):
    return cross_entropy(scores[mask.bool()], targets[mask.bool()])


def save(model, folder):
    """As save_pretrained writes it: config.json and model.safetensors."""
    with tempfile.TemporaryDirectory() as whole:
        model.save_pretrained(whole)
        shutil.copyfile(Path(whole) / "config.json", folder / "config.json")
    save_weights(model, folder / "model.safetensors")
    config = json.loads((folder / "config.json").read_text())
    config["model_type"] = ON_THE_HUB.get(config["model_type"], config["model_type"])
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def save_weights(model, file):
    """As save_pretrained writes them; a new GTE under the name that the Hub's have."""
    with tempfile.TemporaryDirectory() as whole:
        model.save_pretrained(whole)
        tensors = load_file(Path(whole) / "model.safetensors")
    renamed = {re.sub(r"^gte\.", "new.", name): tensor for name, tensor in tensors.items()}
    save_file(renamed, file, metadata={"format": "pt"})


def letters(pad):
    """A token for each letter, of which texts are made, beside padding and what is unknown: id -> token."""
    special = {pad: "[PAD]", 2: "[UNK]"}
    return {number: special.get(number, chr(ord("a") + (number - 3) % VOCABULARY)) for number in range(VOCABULARY)}


def save_tokenizer(folder, pad, model_type):
    """BPE without merges over the letters of a word: what any class of tokenizers makes of it."""
    flags = dict(single_word=False, lstrip=False, rstrip=False, normalized=False, special=True)
    tokenizer = dict(
        version="1.0",
        truncation=None,
        padding=None,
        added_tokens=[dict(id=number, content=token, **flags) for number, token in letters(pad).items() if len(token) > 1],
        normalizer=None,
        pre_tokenizer=dict(type="ByteLevel", add_prefix_space=False, trim_offsets=True, use_regex=True),
        post_processor=None,
        decoder=dict(type="ByteLevel", add_prefix_space=False, trim_offsets=True, use_regex=True),
        model=dict(
            type="BPE",
            dropout=None,
            unk_token="[UNK]",
            continuing_subword_prefix=None,
            end_of_word_suffix=None,
            fuse_unk=False,
            byte_fallback=False,
            vocab={token: number for number, token in letters(pad).items()},
            merges=[],
        ),
    )
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer) + "\n")
    # Every Qwen 2 is read by this class, whatever is named.
    kind = "Qwen2Tokenizer" if model_type == "qwen2" else "PreTrainedTokenizerFast"
    about = dict(tokenizer_class=kind, pad_token="[PAD]", unk_token="[UNK]", eos_token="[UNK]", clean_up_tokenization_spaces=False)
    (folder / "tokenizer_config.json").write_text(json.dumps(about) + "\n")


def reference(name, out, seed):
    model_type, kind, lengths, fields = FEATURES[name]
    folder = out / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    model = build(model_type, kind, fields, seed)
    pad = model.config.pad_token_id
    save(model, folder)
    save_tokenizer(folder, pad, model_type)

    ids, mask, targets = batch(lengths, pad, seed)
    probe = torch.randn(model.config.hidden_size, CLASSES, generator=torch.Generator().manual_seed(seed + 1)) * 0.5
    hidden, scores = states(model, ids, mask), logits(model, ids, mask)
    loss = mean_loss(hidden @ probe, targets % CLASSES, mask)
    if scores is not None:
        loss = loss + mean_loss(scores, targets, mask)
    loss.backward()

    kept = mask[..., None]
    tensors = dict(ids=ids, mask=mask, targets=targets, probe=probe, hidden=hidden.detach() * kept)
    if scores is not None:
        tensors["lm_logits" if kind is CAUSAL else "mlm_logits"] = scores.detach() * kept
    with torch.no_grad():
        alone = each_alone(model, ids, mask)
    if (alone - tensors["hidden"]).abs().max() > 1e-5 * alone.abs().max():
        assert "longrope" in str(model.config.rope_parameters), f"{name}: a text depends on the others of its batch"
        tensors["alone"] = alone
    write_safetensors(folder / "expected.safetensors", tensors)

    texts = ["".join(letters(pad)[number] for number in row[:length].tolist()) for row, length in zip(ids, lengths)]
    write_json(folder / "expected.json", dict(texts=texts, max_length=max(lengths), loss=loss.item(), versions=versions("torch", "transformers")))

    # Gradients go the way of the weights, with all that is renamed and fused on it.
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.zeros_like(parameter) if parameter.grad is None else parameter.grad)
    save_weights(model, folder / "gradients.safetensors")
    for file in folder.iterdir():
        file.chmod(0o644)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=FIXTURES / "features")
    parser.add_argument("--only", nargs="*", default=list(FEATURES), choices=list(FEATURES))
    a = parser.parse_args()
    quiet()
    for seed, name in enumerate(FEATURES, start=31):
        if name in a.only:
            reference(name, a.out, seed)


if __name__ == "__main__":
    main()
