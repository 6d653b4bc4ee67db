#!/usr/bin/env bash
# The commands that trained the bundled models, from public-domain English prose (98 novels and 270 shorter books and magazine texts; the texts are not
# part of the project). Both side by side on one NVIDIA H100, seven minutes, and the encoder's second part on a CPU, fourteen on one thread; a GPU adds up in
# an order of its own, so that this gives models like the bundled ones and not the same bytes. Without a GPU leave --device out: two cores take some hours.
#
# Usage: scripts/pretrain_bundled.sh CORPORA OUT      CORPORA holds novels_100/ and gutenberg_simple/, each with train.txt and valid.txt
set -euo pipefail
corpora=$1
out=$2
cargo build -p pretrain --features cuda
pretrain() { cargo run --quiet -p pretrain --features cuda -- "$@"; }
texts=(--corpus "$corpora"/{novels_100,gutenberg_simple}/train.txt --held-out "$corpora"/{novels_100,gutenberg_simple}/valid.txt)

pretrain "${texts[@]}" --device cuda --architecture bert --layers 4 --length 128 --batch 256 --short 0.8 --mask 0.25 --neighbours 1 \
    --learning-rate 2e-3 --tokens 94710573 --out "$out/novels-bert-words" &
encoder=$!
pretrain "${texts[@]}" --device cuda --architecture llama --layers 4 --length 384 --batch 64 --short 0.5 --episodes 0.45 --repeats 0.1 \
    --label-weight 5 --learning-rate 2e-3 --tokens 87554261 --out "$out/novels-llama"
wait "$encoder"
# More of the second loss, on sequences as short as the texts of most tasks.
pretrain "${texts[@]}" --from "$out/novels-bert-words" --length 64 --batch 128 --short 1.0 --mask 0.2 --neighbours 4 --learning-rate 6e-4 \
    --tokens 3500000 --out "$out/novels-bert"
