#!/usr/bin/env bash
# Installs into the cache the two tools that make the client small: wasm-opt (Debian's version is too old for what rustc
# emits), and esbuild, which bundles and minifies the style sheet and the script.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname -- "$0")/lib.sh"

tools=(binaryen@132.0.0 esbuild@0.28.2)
[[ -f $cache/web-tools/versions && $(<"$cache/web-tools/versions") == "${tools[*]}" ]] && exit 0

require_node 18
say "Installing wasm-opt and esbuild: ${tools[*]}"
rm -rf -- "$cache/web-tools"
mkdir -p "$cache/web-tools"
npm install --prefix "$cache/web-tools" --no-save --no-package-lock --ignore-scripts --no-audit --no-fund "${tools[@]}" >&2 ||
  die "wasm-opt and esbuild could not be installed: 'npm install ${tools[*]}' must work here"
printf '%s\n' "${tools[*]}" >"$cache/web-tools/versions"
