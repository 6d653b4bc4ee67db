#!/usr/bin/env bash
# The next bundled decoder, on texts with today's words (scripts/corpus/make.py): at most 12 MB as f16, with its tokenizer.
#
# Shape: 10,000 byte pairs, for words like "refund" and "invoice" to be whole; 8 blocks of width 192 rather than 4, because taking a label from the prompt
# is a chain of look-ups (which text is like this one, what stood behind it), and each look-up takes a block; 384 tokens, for eight examples of support
# mail and the question. 5.5 million parameters.
# Mixture: half of the sequences are in-context episodes, three in five of them of labelled texts (three in ten show the nearest examples, as prompts with
# retrieval do), 5 % repeat a passage, the rest is running text. A tenth of the steps, after 15 % of them, read look-ups alone.
# 100 million tokens: four passes over the texts. A kill is no loss: the same command goes on from the last checkpoint.
#
# Usage: scripts/pretrain_decoder.sh CORPUS OUT [TOKENS]      CORPUS is the folder that scripts/corpus/make.py wrote, prose.txt included
#                                                             PRETRAIN="pretrain --device cuda" is another way of calling the program
set -euo pipefail
corpus=$1
out=$2
tokens=${3:-100000000}
tasks=$(dirname "$0")/../crates/runner/bundled/tasks
# The sources nearest to what people write to a shop are small: three times. Prose twice: reviews and questions are told in everyday words.
near=("$corpus"/{tickets,shop,helpdesk,tryton,webmail,browser,programs,money,talk,ding}.txt)

${PRETRAIN:-cargo run --quiet -p pretrain --} --corpus "$corpus" "${near[@]}" "${near[@]}" "$corpus/prose.txt" --labelled "$corpus/labelled" \
    --exclude "$tasks"/{support-intents,reviews,question-pairs} \
    --architecture llama --vocab 10000 --hidden 192 --layers 8 --heads 6 --length 384 --batch 32 --short 0.5 \
    --episodes 0.5 --repeats 0.05 --look-up 0.1 --label-weight 5 --learning-rate 2e-3 --tokens "$tokens" --out "$out"
