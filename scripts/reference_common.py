"""What the reference_*.py scripts share: where fixtures lie, and writing them so that a rerun gives the same bytes."""

import json
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "tests" / "fixtures"
# Tiny random checkpoints of the five architectures, with what transformers and PEFT compute from them.
ORACLE = FIXTURES / "oracle"


def versions(*packages):
    """Versions of the named packages, for the record inside a fixture."""
    from importlib.metadata import version

    return {name: version(name) for name in packages}


def write_json(path, value):
    """Writes `value` with one key a line at the top levels and inner lists on one line: small, and diffs stay readable."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(layout(value, 0) + "\n", encoding="utf-8")
    print(f"{path}  {path.stat().st_size / 1024:.1f} KiB")


def quiet():
    """One torch thread; no warnings about weights that a task does not use."""
    import torch
    import transformers

    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()


def layout(value, depth):
    flat = json.dumps(value, ensure_ascii=False, allow_nan=False)
    if len(flat) <= 120 or not isinstance(value, (dict, list)) or depth > 6:
        return flat
    pad, end = "  " * (depth + 1), "  " * depth
    if isinstance(value, dict):
        rows = (f"{pad}{json.dumps(str(k), ensure_ascii=False)}: {layout(v, depth + 1)}" for k, v in value.items())
        return "{\n" + ",\n".join(rows) + "\n" + end + "}"
    if all(not isinstance(v, (dict, list)) for v in value):
        return flat
    return "[\n" + ",\n".join(pad + layout(v, depth + 1) for v in value) + "\n" + end + "]"


def write_safetensors(path, tensors):
    """Writes torch tensors, names sorted."""
    from safetensors.torch import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensors[name].contiguous() for name in sorted(tensors)}, path)
    path.chmod(0o644)
    print(f"{path}  {path.stat().st_size / 1024:.1f} KiB")
