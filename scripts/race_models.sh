#!/usr/bin/env bash
# Races steps and forward passes on models of the sizes that people adapt: all-mpnet-base-v2 (110 M, a bias on the scores), SmolLM2-135M
# (grouped heads, 49,152 words; also as a language model) and a ModernBERT of the base model's sizes with random weights (149 M, windows) on
# texts of 512 tokens; and beside them the plain matrix products of each model's sizes, which bound what a step can reach on the machine.
#
#   scripts/race_models.sh [--out DIR] [--pairs 3] ..      options as those of scripts/race.sh; default --out runs/race-models
#
# `--out results/race-models` and then `scripts/race_summary.py results/race-models/raw.jsonl --into docs/src/speed.md` renew what the guide shows.
#
# The opponent is PyTorch with an MKL that is told to use its AVX-512 kernels; --peers peer,peer_avx512 adds the plain one. The first call fetches
# what PyPI has, makes the rest, and builds. Run it on an otherwise idle machine.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ -z "${PYTHON:-}" ]; then
    PYTHON=$PWD/.venv-race/bin/python
    [ -x "$PYTHON" ] || python3 -m venv .venv-race
    "$PYTHON" -m pip install --quiet -r scripts/requirements-race.txt
fi
export PYTHON

scripts/fetch_mpnet.sh models/all-mpnet-base-v2
scripts/fetch_smollm2.sh models/SmolLM2-135M-Instruct
"$PYTHON" scripts/race_models.py smollm2 models/SmolLM2-135M-Instruct/*.gguf models/SmolLM2-135M-Instruct-f32
"$PYTHON" scripts/race_models.py modernbert models/modernbert-base-random

append=()
race() { # MODEL LABEL SHAPES
    scripts/race.sh --model "models/$1" --label "$2" --shapes "$3" --only '^(step .*(finetune-all|lora|language)|forward [0-9]|sgemm)' \
        --peers peer_avx512 --pairs 3 --out runs/race-models "${append[@]}" "${@:4}"
    append=(--append)
}
race all-mpnet-base-v2 mpnet 16x128 "$@"
race SmolLM2-135M-Instruct-f32 SmolLM2 16x128 --language "$@"
race modernbert-base-random ModernBERT-base 4x512 "$@"
