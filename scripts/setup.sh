#!/usr/bin/env bash
# Installs every tool that building and testing need. It is quick if they are all there.
set -euo pipefail
here=$(dirname -- "$0")

"$here/setup-wasm-target.sh"
"$here/setup-wasm-bindgen.sh"
"$here/setup-split-client.sh"
"$here/setup-web-tools.sh"
"$here/setup-browser-tests.sh"
"$here/setup-stripe-clients.sh"
