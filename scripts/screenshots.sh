#!/usr/bin/env bash
# Takes the pictures of the documentation from the release build.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname -- "$0")/lib.sh"

scripts/setup-browser-tests.sh
scripts/build.sh
CHROMIUM=$(find_chromium)
export CHROMIUM
exec node end2end/screenshots.mjs
