#!/usr/bin/env python3
"""Every field of config.json that transformers knows or looks up, and what it changes, for tests/fixtures/config_fields.json.

    python scripts/reference_config_fields.py [--oracle DIR] [--out FILE]

For each architecture, from the oracle's checkpoint or from a tiny model made here:
  defaults    the fields of transformers' configuration class with their defaults
  looked_up   every name that transformers asks the configuration for while it loads the model and runs it, known or not
  states      some values of the last hidden states of the oracle's batch
  mutations   [changes, effect, states, angles]: config.json with these values changed, mostly one. effect is what changes: "states";
              "training" (only the states with dropout on); "dtype" (only what the numbers are rounded to); "nothing"; or "error",
              where transformers refuses. `states` is null unless the effect is "states". `angles`, only of models made here and where
              the changes concern the rotation: its angles and its factor, of layers that see all and of those that slide.
Of models made here, whose weights are not kept:
  config      config.json as transformers writes it
  tensors     names and dimensions of the tensors of the model with its language head
and `states` are null.
"""

import argparse
import json
import shutil
import tempfile
import warnings
from pathlib import Path

from reference_common import FIXTURES, ORACLE, quiet, versions, write_json

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoModelForMaskedLM
from transformers.configuration_utils import PreTrainedConfig

ARCHITECTURES = ("bert", "distilbert", "roberta", "gpt2", "llama")

# Tiny models, made here, that have every feature of their family.
COMMON = {
    "vocab_size": 67,
    "hidden_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 40,
    "max_position_embeddings": 64,
    "initializer_range": 0.2,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
WINDOW = {"num_key_value_heads": 2, "sliding_window": 6}
GEMMA = WINDOW | {"head_dim": 8, "query_pre_attn_scalar": 5, "final_logit_softcapping": 3.0}
LONG = {"rope_type": "longrope", "short_factor": [1.0, 1.1, 1.3], "long_factor": [1.0, 2.0, 4.0]}
TINY = {
    "electra": {"embedding_size": 16},
    "mpnet": {"pad_token_id": 1},
    "albert": {"embedding_size": 16, "num_hidden_layers": 4, "num_hidden_groups": 2},
    "deberta-v2": {
        "relative_attention": True,
        "share_att_key": True,
        "pos_att_type": ["p2c", "c2p"],
        "position_buckets": 8,
        "norm_rel_ebd": "layer_norm",
        "position_biased_input": False,
        "legacy": False,
    },
    "modernbert": {"local_attention": 6, "num_hidden_layers": 4},
    "modernbert-decoder": {"local_attention": 6, "num_hidden_layers": 4},
    "eurobert": {"num_key_value_heads": 2},
    "gte": {"type_vocab_size": 2},
    "nomic_bert": {},
    "gpt_neox": {"rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5}},
    "opt": {"ffn_dim": 40},
    "mistral": WINDOW,
    "qwen2": WINDOW | {"use_sliding_window": True, "max_window_layers": 1},
    "qwen3": WINDOW | {"use_sliding_window": True, "max_window_layers": 1, "head_dim": 10},
    "phi3": {"num_key_value_heads": 2, "original_max_position_embeddings": 8, "rope_parameters": LONG},
    "olmo2": {"num_key_value_heads": 2},
    "smollm3": WINDOW | {"use_sliding_window": True, "no_rope_layers": [1, 0, 1]},
    "gemma2": GEMMA | {"attn_logit_softcapping": 2.0},
    "gemma3_text": GEMMA | {"sliding_window_pattern": 3},
}
BIDIRECTIONAL = ("electra", "mpnet", "albert", "deberta-v2", "modernbert", "eurobert", "gte", "nomic_bert")
BY_KIND = ("modernbert", "modernbert-decoder", "gemma3_text")

# Read by code that all models share, or by earlier versions, and fields of none of the classes.
SHARED = {
    "attention_chunk_size": [2],
    "attn_implementation": ["eager"],
    "auto_map": [{"AutoModel": "modeling.Other"}],
    "chunk_size_feed_forward": [1, 7],
    "dtype": ["bfloat16", "float64", "float31"],
    "fusion_config": [{}],
    "gradient_checkpointing": [True],
    "is_causal": [False, True, None],
    "is_decoder": [True],
    "is_encoder_decoder": [True],
    "layer_types": [["sliding_attention"] * 2, ["sliding_attention"] * 3],
    "num_labels": [7],
    "output_attentions": [True],
    "output_hidden_states": [True],
    "partial_rotary_factor": [0.5],
    "per_layer_config": [{"0": {e: 0.5}} for e in ("layer_norm_eps", "layer_norm_epsilon", "rms_norm_eps")] + [{}],
    "position_embedding_type": ["relative_key"],
    "problem_type": ["regression"],
    "pruned_heads": [{"0": [1]}],
    "quantization_config": [{"quant_method": "bitsandbytes", "load_in_8bit": True}],
    "return_dict": [False],
    "rope_theta": [500.0],
    "sliding_window": [2],
    "tie_last_hidden_states": [True, False],
    "torch_dtype": ["bfloat16"],
    "transformers_weights": ["other.safetensors"],
    "use_bidirectional_attention": [True],
}
# Second names of fields, from attribute_map.
ALIASES = {
    "distilbert": {"hidden_size": [80], "num_attention_heads": [8], "num_hidden_layers": [1]},
    "gpt2": {"hidden_size": [96], "num_attention_heads": [8], "num_hidden_layers": [1], "max_position_embeddings": [32]},
}
STRETCHED = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
LLAMA = {
    "rope_parameters": [
        {"rope_type": "default", "rope_theta": 500.0},
        {"rope_theta": 500.0},
        {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5},
        {"rope_type": "default", "rope_theta": 10000.0, "factor": 4.0},
        {"rope_type": "default", "rope_theta": 10000.0, "attention_factor": 2.0},
        {"rope_type": "default", "rope_theta": 10000.0, "unheard_of": 2.0},
        {"rope_type": "linear", "rope_theta": 10000.0, "factor": 4.0},
        {"type": "linear", "rope_theta": 10000.0, "factor": 4.0},
        {"rope_type": "linear", "type": "default", "rope_theta": 10000.0, "factor": 4.0},
        {"rope_type": "linear", "rope_theta": 10000.0, "factor": 4.0, "attention_factor": 2.0},
        {"rope_type": "linear", "rope_theta": 10000.0, "factor": -4.0},
        {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 4.0},
        {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0},
        {"rope_theta": 10000.0, **STRETCHED},
        {"rope_theta": 10000.0, "original_max_position_embeddings": 16, **STRETCHED},
        {"rope_theta": 10000.0, "original_max_position_embeddings": 16, "mscale": 2.0, **STRETCHED},
        {"full_attention": {"rope_type": "default", "rope_theta": 500.0}},
    ],
    "rope_scaling": [{"type": "linear", "factor": 4.0}, {}, {"rope_type": "default", "rope_theta": 500.0}],
    "original_max_position_embeddings": [16],
}
YARN = {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 16}
# Of every model made here that rotates.
ROTATIONS = [
    {"rope_parameters": None},
    {"rope_parameters": None, "rope_theta": 500.0},
    {"rope_parameters": None, "rope_theta": 500.0, "partial_rotary_factor": 0.5},
    {"rope_parameters": None, "rope_scaling": {"rope_type": "linear", "factor": 4.0}},
    {"rope_parameters": None, "rope_scaling": {"type": "linear", "factor": 4.0}, "rope_theta": 500.0},
    {"rope_parameters": None, "rope_scaling": {"type": "dynamic", "factor": 4.0}},
    {"rope_parameters": {"rope_type": "default", "rope_theta": 500.0}},
    {"rope_parameters": {"rope_type": "default", "rope_theta": 500.0, "partial_rotary_factor": 0.5}},
    {"rope_parameters": {"rope_theta": 10000.0, "original_max_position_embeddings": 16, **STRETCHED}},
    {"rope_parameters": YARN},
    {"rope_parameters": YARN, "original_max_position_embeddings": 32},
    {"rope_parameters": YARN | {"attention_factor": 1.5, "beta_fast": 4.0, "beta_slow": 0.5}},
    {"rope_parameters": YARN | {"truncate": False, "mscale": 0.7, "mscale_all_dim": 1.2}},
    {"rope_parameters": YARN | {"rope_theta": 10.0, "original_max_position_embeddings": 512}},
    {"rope_parameters": YARN | {"rope_theta": 10.0, "original_max_position_embeddings": 512, "truncate": False}},
    {"rope_parameters": YARN | {"factor": None}},
    {"rope_parameters": LONG | {"rope_theta": 10000.0, "original_max_position_embeddings": 8}},
    {"rope_parameters": LONG | {"factor": 4.0, "original_max_position_embeddings": 40}},
    {"rope_parameters": LONG | {"attention_factor": 1.5, "original_max_position_embeddings": 8}},
    {"rope_parameters": LONG | {"type": "su"}},
    {"rope_parameters": {"type": "su"} | {k: v for k, v in LONG.items() if k != "rope_type"}},
    {"rope_parameters": LONG | {"short_factor": [1.0]}},
]
OF_FULL = {"full_attention": {"rope_type": "default", "rope_theta": 500.0}}
OF_SLIDING = {"sliding_attention": {"rope_type": "default", "rope_theta": 500.0}}
# Of those that have a rotation for each kind of layer.
ROTATIONS_BY_KIND = [
    {"rope_parameters": OF_FULL},
    {"rope_parameters": OF_SLIDING},
    {"rope_parameters": OF_FULL | {"sliding_attention": None}},
    {"rope_parameters": {"full_attention": {"rope_type": "linear", "factor": 4.0}} | OF_SLIDING},
    {"rope_parameters": {"full_attention": {"type": "linear", "factor": 4.0}} | OF_SLIDING},
    {"rope_parameters": {"full_attention": {"rope_theta": 10000.0, **STRETCHED}}},
    {"rope_parameters": OF_FULL | OF_SLIDING, "rope_scaling": {"rope_type": "linear", "factor": 4.0}},
    {"rope_parameters": None, "rope_local_base_freq": 500.0},
    {"rope_parameters": None, "global_rope_theta": 500.0},
    {"rope_parameters": None, "local_rope_theta": 500.0},
]
SLIDING, FULL = "sliding_attention", "full_attention"
OWN = {
    "deberta-v2": [
        {"pos_att_type": "c2p|p2c"},
        {"pos_att_type": ["c2p"]},
        {"pos_att_type": ["p2c"]},
        {"pos_att_type": None},
        {"relative_attention": False},
        {"position_buckets": -1},
        {"position_buckets": 1},
        {"max_relative_positions": 16},
        {"norm_rel_ebd": "none"},
        {"conv_kernel_size": 3},
        {"embedding_size": 16},
        {"attention_head_size": 12},
        {"share_att_key": None},
    ],
    "albert": [{"num_hidden_groups": 1}, {"num_hidden_groups": 3}, {"inner_group_num": 2}],
    "modernbert": [
        {"layer_types": None},
        {"layer_types": None, "global_attn_every_n_layers": 2},
        {"layer_types": [SLIDING] * 4},
        {"sliding_window": 1},
        {"local_attention": 8},
        {"head_dim": 12},
    ],
    "modernbert-decoder": [
        {"layer_types": None, "global_attn_every_n_layers": 2},
        {"sliding_window": None, "local_attention": 8},
        {"sliding_window": 2},
        {"local_attention": None},
    ],
    "mistral": [{"layer_types": [FULL] * 3}, {"head_dim": 12}],
    "qwen2": [
        {"layer_types": None, "max_window_layers": 2},
        {"layer_types": None, "use_sliding_window": False},
        {"layer_types": [SLIDING, FULL, SLIDING]},
        {"layer_types": None, "sliding_window": None},
    ],
    "qwen3": [{"layer_types": None, "max_window_layers": 2}, {"layer_types": [FULL] * 3}],
    "phi3": [{"sliding_window": 4}],
    "smollm3": [
        {"layer_types": None},
        {"layer_types": None, "no_rope_layers": None},
        {"layer_types": None, "no_rope_layers": None, "no_rope_layer_interval": 2},
        {"layer_types": [FULL] * 3},
        {"no_rope_layers": [0, 1, 1, 1]},
        {"no_rope_layers": [0]},
    ],
    "gemma2": [{"layer_types": None}, {"layer_types": [FULL] * 3}, {"hidden_act": "relu"}, {"is_causal": False}],
    "gemma3_text": [
        {"layer_types": None},
        {"layer_types": None, "sliding_window_pattern": 2},
        {"layer_types": None, "_sliding_window_pattern": 2},
        {"use_bidirectional_attention": True, "sliding_window": 7},
        {"sliding_window": None},
    ],
    "opt": [{"do_layer_norm_before": False}, {"_remove_final_layer_norm": True}, {"word_embed_proj_dim": 16}],
    "gpt_neox": [
        {"rope_parameters": None, "rotary_pct": 1.0, "rotary_emb_base": 500},
        {"rope_parameters": None, "rotary_pct": 0.6},
        {"use_parallel_residual": False},
    ],
}
TOGETHER = {
    "llama": [
        {"rope_parameters": None, "rope_theta": 500.0},
        {"rope_parameters": None, "rope_scaling": {"type": "linear", "factor": 4.0}, "rope_theta": 500.0},
        {"rope_parameters": {"rope_type": "default", "rope_theta": 500.0}, "rope_scaling": {"type": "linear", "factor": 4.0}},
        {"rope_parameters": {"rope_theta": 10000.0, **STRETCHED}, "max_position_embeddings": 32},
        {"rope_parameters": {"rope_theta": 10000.0, **STRETCHED}, "original_max_position_embeddings": 16},
        {
            "rope_parameters": {"rope_theta": 10000.0, "original_max_position_embeddings": 24, **STRETCHED},
            "original_max_position_embeddings": 16,
        },
    ],
}
EVERYWHERE_TOGETHER = [{"dtype": None, "torch_dtype": "bfloat16"}, {"dtype": "float32", "torch_dtype": "bfloat16"}]
OTHER_TEXT = {"hidden_act": ["relu", "gelu_new", "quick_gelu"], "activation": ["relu"], "activation_function": ["relu", "gelu"]}


def others(field, default):
    """Values to try that are not the default."""
    if field in OTHER_TEXT:
        return OTHER_TEXT[field]
    if field == "pad_token_id":
        return [3, None]  # An id that none of the texts has.
    if isinstance(default, bool):
        return [not default, None]
    if isinstance(default, int):
        return [default + 1, None]
    if isinstance(default, float):
        return [0.5, None]
    if isinstance(default, str):
        return ["other", None]
    return [3, None]


class Folder:
    """A checkpoint whose config.json changes."""

    def __init__(self, batch):
        self.batch = batch
        self.path = Path(tempfile.mkdtemp())
        self.angles = None

    @classmethod
    def copied(cls, source):
        folder = cls(load_file(source / "expected.safetensors"))
        folder.config = json.loads((source / "config.json").read_text())
        shutil.copy(source / "model.safetensors", folder.path)
        return folder

    @classmethod
    def made(cls, architecture):
        """A model with random weights, its head of the vocabulary, and two texts, one of them padded."""
        torch.manual_seed(14)
        ids = torch.randint(5, COMMON["vocab_size"], (2, 15))
        mask = torch.ones_like(ids)
        pad = (COMMON | TINY[architecture])["pad_token_id"]
        ids[1, 11:], mask[1, 11:] = pad, 0
        folder = cls({"ids": ids, "mask": mask})
        config = AutoConfig.for_model(architecture, **(COMMON | TINY[architecture]))
        kind = AutoModelForMaskedLM if architecture in BIDIRECTIONAL else AutoModelForCausalLM
        model = kind.from_config(config)
        with torch.no_grad():
            for parameter in model.parameters():  # So that no bias is 0 and no gain 1.
                parameter.add_(0.1 * torch.randn_like(parameter))
        model.save_pretrained(folder.path)
        folder.config = json.loads((folder.path / "config.json").read_text())
        return folder

    def tensors(self):
        with safe_open(self.path / "model.safetensors", "pt") as file:
            return {name: file.get_slice(name).get_shape() for name in sorted(file.keys())}

    def run(self, changes, training=False):
        """Last hidden states where the mask is 1, and the format they come in."""
        (self.path / "config.json").write_text(json.dumps(self.config | changes))
        torch.manual_seed(1)  # What is missing from the file is drawn.
        model = AutoModel.from_pretrained(self.path)
        model.train(training)
        torch.manual_seed(1)
        mask = self.batch["mask"]
        with torch.no_grad():
            states = model(input_ids=self.batch["ids"], attention_mask=mask)[0]
        self.angles = angles(model)  # Now those of a text of this length.
        return states[mask.bool()].double(), states.dtype


def angles(model):
    """Angles and factor of the rotation, of each kind of layer."""
    rotation = getattr(model, "rotary_emb", None)
    found = {}
    for kind, prefix in ((FULL, ""), (FULL, FULL + "_"), (SLIDING, SLIDING + "_")):
        inverse = getattr(rotation, prefix + "inv_freq", None)
        if inverse is not None:
            factor = getattr(rotation, prefix + "attention_scaling")
            found[kind] = [[float(f"{f:.7g}") for f in inverse.double().tolist()], float(f"{factor:.7g}")]
    return found


def concerns_rotation(changes):
    return any("rope" in key or "rotary" in key for key in changes)


def made(architecture):
    """The record of a model made here."""
    folder = Folder.made(architecture)
    record = recorded(folder, architecture, TINY_TRIALS, OWN.get(architecture, []))
    for mutation in record["mutations"]:
        mutation[2] = None
    tensors = folder.tensors()
    shutil.rmtree(folder.path)
    return {"config": folder.config, "tensors": tensors} | record | {"states": None}


def tried(folder, plain, changes, with_angles):
    found = effect(folder, plain, changes)
    if with_angles and found[1] != "error" and concerns_rotation(changes):
        folder.run(changes)
        found.append(folder.angles)
    return found


def effect(folder, plain, changes):
    states, training = plain
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found, dtype = folder.run(changes)
            if found.shape == states.shape and torch.isfinite(found).all():
                if dtype != torch.float32 and (found - states).abs().max() < 0.05 * states.abs().max():
                    return [changes, "dtype", None]
                if (found - states).abs().max() < 1e-5 * states.abs().max():
                    same = torch.equal(folder.run(changes, training=True)[0], training)
                    return [changes, "nothing" if same else "training", None]
            return [changes, "states", sample(found)]
    except Exception as error:  # noqa: BLE001 whatever transformers refuses it with
        print(f"  {changes}: {type(error).__name__}: {(str(error).splitlines() or [''])[0][:100]}")
        return [changes, "error", None]


def sample(states):
    """A dozen values from the first token to the last."""
    flat = states.flatten()
    return [float(f"{flat[at]:.6g}") for at in torch.linspace(0, len(flat) - 1, 12).long()]


def looked_up(folder):
    """The names that transformers asks the configuration for."""
    names, original = set(), PreTrainedConfig.__getattribute__

    def noting(self, name):
        names.add(name)
        return original(self, name)

    PreTrainedConfig.__getattribute__ = noting
    try:
        folder.run({})
    finally:
        PreTrainedConfig.__getattribute__ = original
    # Methods and what the class itself keeps are no fields.
    return sorted(n for n in names if not n.startswith("_") and not hasattr(PreTrainedConfig, n) or n in SHARED)


def reference(source, architecture):
    """The record of an oracle's checkpoint."""
    folder = Folder.copied(source / architecture)
    trials = ALIASES.get(architecture, {}) | (LLAMA if architecture == "llama" else {})
    record = recorded(folder, architecture, trials, TOGETHER.get(architecture, []))
    shutil.rmtree(folder.path)
    return record


# Of models made here: names in files of transformers 4 that rotate.
TINY_TRIALS = {
    "original_max_position_embeddings": [16],
    "global_rope_theta": [500.0],
    "rope_local_base_freq": [500.0],
    "rotary_pct": [1.0],
    "rotary_emb_base": [500.0],
    "sliding_window_pattern": [2],
    "global_attn_every_n_layers": [2],
}


def recorded(folder, architecture, own_trials, together):
    defaults = type(AutoConfig.for_model(architecture))().to_dict()
    is_made = architecture in TINY
    plain = folder.run({})[0], folder.run({}, training=True)[0]
    trials = {field: others(field, folder.config.get(field, default)) for field, default in defaults.items()}
    trials |= SHARED | own_trials
    skipped = ("model_type", "architectures", "transformers_version")
    names = looked_up(folder)
    trials |= {field: [{"hidden_size": 8}, 3] for field in names if field not in trials}
    changes = [{field: value} for field, values in sorted(trials.items()) if field not in skipped for value in values]
    changes += together + EVERYWHERE_TOGETHER
    if is_made and "rope_parameters" in folder.config:
        changes += ROTATIONS + (ROTATIONS_BY_KIND if architecture in BY_KIND else [])
    mutations = [tried(folder, plain, change, is_made) for change in changes]
    return {"defaults": defaults, "looked_up": names, "states": sample(plain[0]), "mutations": mutations}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--oracle", type=Path, default=ORACLE)
    parser.add_argument("--out", type=Path, default=FIXTURES / "config_fields.json")
    a = parser.parse_args()
    quiet()
    fields = {architecture: reference(a.oracle, architecture) for architecture in ARCHITECTURES}
    fields |= {architecture: made(architecture) for architecture in TINY}
    write_json(a.out, {"versions": versions("torch", "transformers"), "architectures": fields})


if __name__ == "__main__":
    main()
