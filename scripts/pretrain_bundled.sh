#!/usr/bin/env bash
# The commands that trained the bundled models, from public-domain English prose (98 novels and 270 shorter books and magazine texts; the texts are not
# part of the project). One thread each, side by side, on two cores of an AMD EPYC without AVX-512, about an hour and a half.
#
# Both were made in parts, each begun from a checkpoint at which the one before was stopped by hand (`stop at step N`: kill it once that checkpoint is
# written). The build changed between the parts, see the cards; this gives models like the bundled ones, not the same bytes.
#
# Usage: scripts/pretrain_bundled.sh CORPORA OUT      CORPORA holds novels_100/ and gutenberg_simple/, each with train.txt and valid.txt
set -euo pipefail
corpora=$1
out=$2
runner() { RAYON_NUM_THREADS=1 cargo run --quiet -p runner -- "$@"; }
texts=(--corpus "$corpora"/{novels_100,gutenberg_simple}/train.txt --held-out "$corpora"/{novels_100,gutenberg_simple}/valid.txt)

runner pretrain "${texts[@]}" --architecture bert --layers 3 --length 128 --batch 16 --short 0.8 --mask 0.25 --neighbours 0.5 \
    --learning-rate 1.2e-3 --tokens 12000000 --out "$out/novels-bert-words" # stop at step 1,823
runner pretrain "${texts[@]}" --from "$out/novels-bert-words/checkpoints/step-000001823" --length 128 --batch 24 --short 0.9 --mask 0.25 \
    --neighbours 3 --learning-rate 1.0e-3 --tokens 6000000 --out "$out/novels-bert"

# Running text with some episodes; repeated passages and episodes alone; a mixture with half of it running text; a mixture with a tenth of it.
# `pretrain` has such a phase of repeats of its own by now (--look-up), which the first command switches off.
runner pretrain "${texts[@]}" --architecture llama --layers 4 --length 384 --batch 4 --short 0.75 --episodes 0.45 --repeats 0.2 --label-weight 6 \
    --look-up 0 --learning-rate 1.5e-3 --tokens 9000000 --out "$out/novels-llama-text" # stop at step 1,309
runner pretrain "${texts[@]}" --from "$out/novels-llama-text/checkpoints/step-000001309" --length 192 --batch 8 --short 1.0 --episodes 0.3 \
    --repeats 0.7 --label-weight 6 --learning-rate 1.5e-3 --tokens 1500000 --out "$out/novels-llama-lookup" # stop at step 400
runner pretrain "${texts[@]}" --from "$out/novels-llama-lookup/checkpoints/step-000000400" --length 384 --batch 5 --short 0.7 --episodes 0.4 \
    --repeats 0.1 --label-weight 6 --learning-rate 1.5e-3 --tokens 5600000 --out "$out/novels-llama-mixture" # stop at step 665
runner pretrain "${texts[@]}" --from "$out/novels-llama-mixture/checkpoints/step-000000665" --length 384 --batch 5 --short 0.5 --episodes 0.65 \
    --repeats 0.25 --label-weight 10 --learning-rate 1.5e-3 --tokens 5000000 --out "$out/novels-llama"
