#!/usr/bin/env bash
# Runs cargo with a compiler that knows the browser's target: the compiler in use if it does, else the one that
# setup-wasm-target.sh put into the cache. It compiles into a separate folder, so that artifacts of client and server
# never replace each other. Usage: scripts/cargo-wasm.sh clippy --lib …
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname -- "$0")/lib.sh"

scripts/setup-wasm-target.sh
cargo=cargo
if ! compgen -G "$(rustc --print target-libdir --target wasm32-unknown-unknown 2>/dev/null)/libstd-*.rlib" >/dev/null; then
  # rustup's proxy is not used, because it would put its own rustc first in PATH again.
  cargo=$(rustup which cargo 2>/dev/null || command -v cargo)
  export PATH=$cache/wasm-toolchain/bin:$PATH
  unset RUSTC RUSTDOC
fi
export CARGO_TARGET_DIR=$target/client
subcommand=$1
shift
exec "$cargo" "$subcommand" --target wasm32-unknown-unknown --no-default-features --features hydrate --lib "$@"
