#!/usr/bin/env bash
# Races this program against PyTorch + transformers + PEFT on the same model, texts, batch, epochs and lengths, in turns.
#
#   scripts/race.sh PEER_SCRIPT MODEL TASK_DIR OUT_DIR [--pairs 5] [--only REGEX] [--peers peer,peer_avx512] [--epochs 3] [--append] ..
#
# PEER_SCRIPT is the peer's script (modes `steps` and `task`, one JSON line each); scripts/race_peer.py adds forward passes, the last block alone,
# and plain matrix products to it. OUT_DIR gets raw.jsonl with every repetition and summary.md with the medians of the paired ratios.
#
#   PYTHON                the peer's interpreter (torch, transformers, peft, scikit-learn); default python3
#   PREFIX                a command put before every measured one, e.g. PREFIX="taskset -c 0,1"
#   (peer_avx512 is the same peer with an MKL that is told to use AVX-512, see scripts/race.py)
#   MALLOC_..._           both sides get the same malloc settings, below
set -euo pipefail
cd "$(dirname "$0")/.."
export MALLOC_MMAP_THRESHOLD_=2000000000 MALLOC_TRIM_THRESHOLD_=8000000000
cargo build --workspace --bins
out=$4
python3 scripts/race.py "$@"
python3 scripts/race_summary.py "$out/raw.jsonl" >"$out/summary.md"
cat "$out/summary.md"
