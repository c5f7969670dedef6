#!/usr/bin/env bash
# Checks the formatting, and runs clippy over each half with the compiler that builds it. It uses the release profile,
# so that clippy shares the macros and build scripts of the release build.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname -- "$0")/lib.sh"

say "Formatting"
cargo fmt --check
say "Clippy: server, tests and benchmarks"
cargo clippy --release --all-targets --features ssr -- -D warnings
say "Clippy: client"
scripts/check-wasm.sh
