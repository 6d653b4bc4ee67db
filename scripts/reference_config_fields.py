#!/usr/bin/env python3
"""Every field of config.json that transformers knows or looks up, and what it changes, for tests/fixtures/config_fields.json.

    python scripts/reference_config_fields.py [--oracle DIR] [--out FILE]

For each architecture, from the oracle's checkpoint:
  defaults    the fields of transformers' configuration class with their defaults
  looked_up   every name that transformers asks the configuration for while it loads the model and runs it, known or not
  states      some values of the last hidden states of the oracle's batch
  mutations   [changes, effect, states]: config.json with these values changed, mostly one. effect is what changes: "states";
              "training" (only the states with dropout on); "dtype" (only what the numbers are rounded to); "nothing"; or "error",
              where transformers refuses. `states` is null unless the effect is "states".
"""

import argparse
import json
import shutil
import tempfile
import warnings
from pathlib import Path

from reference_common import FIXTURES, ORACLE, quiet, versions, write_json

import torch
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModel
from transformers.configuration_utils import PreTrainedConfig

ARCHITECTURES = ("bert", "distilbert", "roberta", "gpt2", "llama")

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
    """A copy of the oracle's checkpoint whose config.json changes."""

    def __init__(self, source):
        self.batch = load_file(source / "expected.safetensors")
        self.config = json.loads((source / "config.json").read_text())
        self.path = Path(tempfile.mkdtemp())
        shutil.copy(source / "model.safetensors", self.path)

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
        return states[mask.bool()].double(), states.dtype


def tried(folder, plain, changes):
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
    folder = Folder(source / architecture)
    defaults = type(AutoConfig.for_model(architecture))().to_dict()
    plain = folder.run({})[0], folder.run({}, training=True)[0]
    trials = {field: others(field, folder.config.get(field, default)) for field, default in defaults.items()}
    trials |= SHARED | ALIASES.get(architecture, {}) | (LLAMA if architecture == "llama" else {})
    skipped = ("model_type", "architectures", "transformers_version")
    names = looked_up(folder)
    trials |= {field: [{"hidden_size": 8}, 3] for field in names if field not in trials}
    changes = [{field: value} for field, values in sorted(trials.items()) if field not in skipped for value in values]
    changes += TOGETHER.get(architecture, []) + EVERYWHERE_TOGETHER
    mutations = [tried(folder, plain, change) for change in changes]
    shutil.rmtree(folder.path)
    return {"defaults": defaults, "looked_up": names, "states": sample(plain[0]), "mutations": mutations}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--oracle", type=Path, default=ORACLE)
    parser.add_argument("--out", type=Path, default=FIXTURES / "config_fields.json")
    a = parser.parse_args()
    quiet()
    fields = {architecture: reference(a.oracle, architecture) for architecture in ARCHITECTURES}
    write_json(a.out, {"versions": versions("torch", "transformers"), "architectures": fields})


if __name__ == "__main__":
    main()
