#!/usr/bin/env bash
# Races this program against PyTorch + transformers + PEFT on the same model, texts, batch, epochs and lengths, in turns on an otherwise idle machine.
#
#   scripts/race.sh PEER_SCRIPT MODEL TASK_DIR OUT_DIR [PAIRS]
#
# PEER_SCRIPT is the peer's script (modes `steps` and `task`, one JSON line each); PYTHON chooses its interpreter. Writes OUT_DIR/raw.jsonl with every repetition, and OUT_DIR/summary.md
# with the medians of the paired ratios, this program ÷ peer: below 1 is faster or leaner. Both sides get the same malloc settings.
set -euo pipefail
cd "$(dirname "$0")/.."
peer=$1 model=$2 task=$3 out=$4 pairs=${5:-5}
python=${PYTHON:-python3}
export MALLOC_MMAP_THRESHOLD_=2000000000 MALLOC_TRIM_THRESHOLD_=8000000000
target=${CARGO_TARGET_DIR:-target}
cargo build --workspace --bins
mkdir -p "$out"
raw=$out/raw.jsonl
: >"$raw"

# Peer's names of the methods that both have, beside ours.
step_methods=(full:finetune-all lora:lora bitfit:bitfit)
task_methods=(feature:feature-based head:finetune-output full:finetune-all lora:lora)
shapes=(16:128 32:64)

say() { printf '%s\n' "$*" >&2; }
keep() { # race, side, pair, JSON line
    printf '{"race":"%s","side":"%s","pair":%s,"result":%s}\n' "$1" "$2" "$3" "$4" >>"$raw"
}

for pair in $(seq "$pairs"); do
    for shape in "${shapes[@]}"; do
        batch=${shape%:*} seq=${shape#*:}
        for method in "${step_methods[@]}"; do
            name="step ${batch}x${seq} ${method#*:}"
            say "pair $pair: $name"
            keep "$name" ours "$pair" "$("$target/debug/step" --model "$model" --method "${method#*:}" --batch "$batch" --seq "$seq" --steps 10)"
            keep "$name" peer "$pair" "$("$python" "$peer" steps --model "$model" --method "${method%:*}" --batch "$batch" --seq "$seq" --steps 10 2>/dev/null | tail -1)"
        done
    done
    for method in "${task_methods[@]}"; do
        name="task ${method#*:}"
        say "pair $pair: $name"
        rm -rf "$out/run"
        "$target/debug/runner" run --model "$model" --task "$task" --methods "${method#*:}" --seeds 1 --train-limit 1000 --epochs 3 --batch 16 --max-length 128 --out "$out/run" >/dev/null 2>&1
        keep "$name" ours "$pair" "$(cat "$out"/run/trials/*/record.json | tr -d '\n')"
        keep "$name" peer "$pair" "$("$python" "$peer" task --model "$model" --method "${method%:*}" --train "$task/train.tsv" --test "$task/test.tsv" --limit 1000 --epochs 3 --batch 16 --seq 128 2>/dev/null | tail -1)"
    done
done
rm -rf "$out/run"
python3 scripts/race_summary.py "$raw" >"$out/summary.md"
cat "$out/summary.md"
