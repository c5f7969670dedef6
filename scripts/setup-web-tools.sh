#!/usr/bin/env bash
# Installs into the cache the two tools that make the client small: wasm-opt (Debian's version is too old for what rustc
# emits), and esbuild, which bundles and minifies the style sheet and the script. scripts/web-tools/package-lock.json
# holds the digest of everything that is installed, and nothing of it is run while it is installed.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname -- "$0")/lib.sh"

wanted=$(cd scripts/web-tools && sha256sum package.json package-lock.json)
[[ -f $cache/web-tools/versions && $(<"$cache/web-tools/versions") == "$wanted" ]] && exit 0

require_node 18
say "Installing wasm-opt and esbuild"
rm -rf -- "$cache/web-tools"
mkdir -p "$cache/web-tools"
cp scripts/web-tools/package.json scripts/web-tools/package-lock.json "$cache/web-tools"
npm ci --prefix "$cache/web-tools" --ignore-scripts --no-audit --no-fund >&2 ||
  die "wasm-opt and esbuild could not be installed: 'npm ci' must work in scripts/web-tools/"
printf '%s\n' "$wanted" >"$cache/web-tools/versions"
