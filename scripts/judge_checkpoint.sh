#!/usr/bin/env bash
# What a checkpoint of a pretraining is worth: accuracy on a bundled task with 200 labels, five draws of them. The checkpoints of a pretraining are models
# (OUT/checkpoints/step-000001200), so that this shows how far it is while it runs; of a directory without weights of its own the newest is taken.
#
# Usage: scripts/judge_checkpoint.sh MODEL [TASK] [METHODS] [SEEDS]      PREFIX="nice -n 19" goes before the program
# METHODS: tf-idf,feature-based by default (seconds); with finetune-output,finetune-last,finetune-all,lora the ladder (minutes).
set -euo pipefail
model=$1
task=${2:-support-intents}
methods=${3:-tf-idf,feature-based}
seeds=${4:-5}

if [ ! -f "$model/model.safetensors" ]; then
    newest=$(find "$model/checkpoints" -maxdepth 1 -name 'step-*' 2>/dev/null | sort | tail -n 1)
    [ -n "$newest" ] || { echo "$model holds neither weights nor a checkpoint" >&2; exit 2; }
    model=$newest
fi
# The rates of the bundled models (crates/runner/plans/bundled.toml), which suit others of their size.
settings=()
for setting in finetune-output.learning_rate=2e-2 finetune-last.learning_rate=1e-3 finetune-last.blocks=2 finetune-all.learning_rate=1e-3 \
    lora.learning_rate=1e-2; do
    case ",$methods," in *",${setting%%.*},"*) settings+=(--set "$setting") ;; esac
done
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
read -ra program <<<"${PREFIX:-} ${ADAPTBENCH:-cargo run --quiet -p runner --}"
"${program[@]}" run --model "$model" --task "$task" --methods "$methods" --seeds "$seeds" --train-limit 200 --validation-limit 100 --epochs 12 \
    "${settings[@]}" --out "$out/run" >"$out/log" 2>&1 || { cat "$out/log" >&2; exit 1; }
echo "$model, $task, 200 labels, $seeds draws: accuracy in % with 95 % intervals"
awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
    { printf "%-24s %5.1f  (%.1f to %.1f)\n", $at["label"], 100 * $at["test_accuracy_mean"], 100 * $at["test_accuracy_low"], 100 * $at["test_accuracy_high"] }' \
    "$out/run/summary.csv"
