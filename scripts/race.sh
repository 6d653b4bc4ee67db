#!/usr/bin/env bash
# Races this program against PyTorch, transformers, PEFT and scikit-learn (scripts/race_peer.py) on the same model, texts, batches, epochs and lengths.
#
#   scripts/race.sh [--task DIR] [--model DIR] [--out DIR] [--pairs 5] [--only REGEX] [--peers peer,peer_avx512] ..
#
# The first call makes .venv-race with the pinned requirements, fetches all-MiniLM-L6-v2 and builds; both sides then take turns. The output directory
# (default runs/race) gets raw.jsonl with every repetition and summary.md with the medians of the paired ratios. `--help` lists the options of the race.
# Without --task the bundled task `reviews` is used; the published tables are of GLUE's sst2.
#
#   PYTHON     an interpreter with requirements-race.txt installed, instead of .venv-race
#   PREFIX     a command put before every measured one, e.g. PREFIX="taskset -c 0,1"
set -euo pipefail
cd "$(dirname "$0")/.."

case " $* " in *" --help "* | *" -h "*) exec python3 scripts/race.py --help ;; esac

if [ -z "${PYTHON:-}" ]; then
    PYTHON=$PWD/.venv-race/bin/python
    [ -x "$PYTHON" ] || python3 -m venv .venv-race
    "$PYTHON" -m pip install --quiet -r scripts/requirements-race.txt
fi
export PYTHON
case " $* " in *" --model "* | *" --model="*) ;; *) scripts/fetch_minilm.sh models/all-MiniLM-L6-v2 ;; esac
cargo build -p runner -p benches --bins

# Both sides get the same settings of the system's allocator, without which the peer spends time on returning memory and asking for it again.
export MALLOC_MMAP_THRESHOLD_=2000000000 MALLOC_TRIM_THRESHOLD_=8000000000
python3 scripts/race.py "$@"
