#!/usr/bin/env bash
# A small encoder with today's words: it learns from all-MiniLM-L6-v2 on the corpus that scripts/corpus makes. The same command continues it after an
# interruption; scripts/judge_checkpoint.sh OUT says how far it is.
#
# Why these sizes. The weights are to be at most 12 MB, half-precision numbers as they are stored: 6 million. The frozen features of a model this
# small are made of what it knows of single words, so words come first: 16,000 word pieces (95 % of the running words of support requests are whole
# tokens, against 87 % with 8,000), in embeddings of 160 numbers, which keep most of what the teacher's vectors of words say (ELECTRA's architecture: 2.6
# million weights; a width of 256 for all of them would take 4.1). Four blocks of width 256 with an inner width of 768 are 2.6 million more; the whole has
# 5.3 million, 10.6 MB, and learns from some ten thousand tokens a second on two cores. Narrower states keep less of the teacher's 384 directions;
# more blocks cost time in proportion, and 50 million tokens are to be read in about two hours.
# Batches of 4,096 tokens, since the optimiser's pass over all weights costs as much whatever the batch is.
#
# Usage: scripts/distil_encoder.sh CORPUS TEACHER OUT      CORPUS: a folder of texts; the teacher's outputs (0.8 GB a million tokens) go beside OUT
set -euo pipefail
corpus=$1
teacher=$2
out=$3
tasks=$(cd "$(dirname "$0")/.." && pwd)/crates/runner/bundled/tasks
texts=()
for name in browser debian descriptions desktop ding foldoc helpdesk jargon money objects office programs prose shop space talk tickets tryton webmail wiki \
    wordnet; do
    texts+=("$corpus/$name.txt")
done
read -ra program <<<"${PRETRAIN:-cargo run --quiet -p pretrain --}"
"${program[@]}" --corpus "${texts[@]}" --exclude "$tasks"/{support-intents,reviews,question-pairs} --teacher "$teacher" \
    --teacher-signal vectors=10,states=10 --teacher-cache "$(dirname "$out")/teacher-outputs" \
    --vocab 16000 --hidden 256 --embedding 160 --layers 4 --heads 8 --intermediate 768 --length 128 --batch 32 \
    --learning-rate 1.5e-3 --tokens 50000000 --out "$out"
