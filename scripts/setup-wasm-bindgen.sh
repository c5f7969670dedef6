#!/usr/bin/env bash
# Installs the wasm-bindgen tool in exactly the version that Cargo.lock names, because any other version refuses the
# client.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname -- "$0")/lib.sh"

version=$(wasm_bindgen_version)
use_client_tools
if have wasm-bindgen && [[ $(wasm-bindgen --version) == "wasm-bindgen $version" ]]; then exit 0; fi

say "Compiling wasm-bindgen $version (about two minutes, once)"
# Only this one tool, without its download features, and lightly optimised, because it runs for only a second per build.
(
  cd /
  unset CARGO_TARGET_DIR CARGO_BUILD_TARGET
  CARGO_PROFILE_RELEASE_OPT_LEVEL=1 cargo install wasm-bindgen-cli --version "$version" --locked --force \
    --no-default-features --bin wasm-bindgen --root "$cache/wasm-bindgen-$version"
) || die "wasm-bindgen did not install: run 'cargo install wasm-bindgen-cli --version $version --locked' and see why"
