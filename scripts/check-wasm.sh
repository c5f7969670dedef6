#!/usr/bin/env bash
# Lints the browser's half with the compiler that builds it. With --fast it only runs cargo check.
set -euo pipefail
here=$(dirname -- "$0")

if [[ ${1-} == --fast ]]; then
  exec "$here/cargo-wasm.sh" check
fi
exec "$here/cargo-wasm.sh" clippy -- -D warnings
