#!/usr/bin/env bash
# cargo, with a compiler that knows the browser's target: the one in use when it does, else the one that
# setup-wasm-target.sh put into the cache. It compiles into a folder of its own, so that the two halves' artifacts
# never replace each other. Usage: scripts/cargo-wasm.sh clippy --lib …
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname -- "$0")/lib.sh"

scripts/setup-wasm-target.sh
cargo=cargo
if ! compgen -G "$(rustc --print target-libdir --target wasm32-unknown-unknown 2>/dev/null)/libstd-*.rlib" >/dev/null; then
  # Not rustup's proxy: it would put its own rustc first again.
  cargo=$(rustup which cargo 2>/dev/null || command -v cargo)
  export PATH=$cache/wasm-toolchain/bin:$PATH
  unset RUSTC RUSTDOC
fi
export CARGO_TARGET_DIR=$target/client
subcommand=$1
shift
exec "$cargo" "$subcommand" --target wasm32-unknown-unknown --no-default-features --features hydrate --lib "$@"
