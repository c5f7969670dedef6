#!/usr/bin/env bash
# Formatting, and clippy over each half by the compiler that builds it. The release profile lets clippy share the
# macros and build scripts of the release build.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname -- "$0")/lib.sh"

say "Formatting"
cargo fmt --check
say "Clippy: server, tests and benchmarks"
cargo clippy --release --all-targets --features ssr -- -D warnings
say "Clippy: client"
scripts/check-wasm.sh
