#!/usr/bin/env bash
# Compiles scripts/split-client into the cache, unless it is there and unchanged. That program splits the client into
# one file that every page loads, and parts that only the pages load which have them.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname -- "$0")/lib.sh"

wanted=$(cd scripts/split-client && sha256sum Cargo.toml Cargo.lock src/*.rs | sha256sum)
[[ -x $cache/split-client/bin/split-client && -f $cache/split-client/version && $(<"$cache/split-client/version") == "$wanted" ]] && exit 0

say "Compiling the tool that splits the client (about a minute, once)"
(
  unset CARGO_BUILD_TARGET
  CARGO_TARGET_DIR=$cache/split-client/target cargo install --path scripts/split-client --locked --force --root "$cache/split-client"
) || die "the tool did not compile: run 'cargo install --path scripts/split-client' and see why"
rm -rf -- "$cache/split-client/target"
printf '%s\n' "$wanted" >"$cache/split-client/version"
