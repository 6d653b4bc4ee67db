#!/usr/bin/env bash
# The commands that trained the bundled models, from public-domain English prose (98 novels and 270 shorter books and magazine texts; the texts are not
# part of the project). One thread each, side by side, on two cores of an AMD EPYC without AVX-512: 45 minutes, and 22 + 4 + 40 minutes.
#
# Usage: scripts/pretrain_bundled.sh CORPORA OUT      CORPORA holds novels_100/ and gutenberg_simple/, each with train.txt and valid.txt
set -euo pipefail
corpora=$1
out=$2
runner() { RAYON_NUM_THREADS=1 cargo run --quiet -p runner -- "$@"; }
texts=(--corpus "$corpora"/{novels_100,gutenberg_simple}/train.txt --held-out "$corpora"/{novels_100,gutenberg_simple}/valid.txt)

runner pretrain "${texts[@]}" --architecture bert --layers 3 --length 128 --batch 16 --short 0.8 --mask 0.25 --neighbours 0.5 \
    --learning-rate 1.2e-3 --tokens 12000000 --out "$out/novels-bert"

# The decoder was made in three parts: running text with some episodes; then, for 400 steps, repeated passages and episodes alone, in which the share of
# known labels that are copied rose from 1 % to a third; then the mixture. The first two were stopped at a checkpoint, at step 1,309 of 5,860 and at 400
# of 977. `pretrain` has such a phase of its own by now (--look-up), which these commands switch off.
runner pretrain "${texts[@]}" --architecture llama --layers 4 --length 384 --batch 4 --short 0.75 --episodes 0.45 --repeats 0.2 --label-weight 6 \
    --look-up 0 --learning-rate 1.5e-3 --tokens 9000000 --out "$out/novels-llama-text"       # stop at step 1,309
runner pretrain "${texts[@]}" --from "$out/novels-llama-text/checkpoints/step-000001309" --length 192 --batch 8 --short 1.0 --episodes 0.3 \
    --repeats 0.7 --label-weight 6 --learning-rate 1.5e-3 --tokens 1500000 --out "$out/novels-llama-lookup" # stop at step 400
runner pretrain "${texts[@]}" --from "$out/novels-llama-lookup/checkpoints/step-000000400" --length 384 --batch 5 --short 0.7 --episodes 0.4 \
    --repeats 0.1 --label-weight 6 --learning-rate 1.5e-3 --tokens 5600000 --out "$out/novels-llama"
