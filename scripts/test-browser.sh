#!/usr/bin/env bash
# Runs the browser tests against the release build. Arguments go to Playwright: scripts/test-browser.sh --headed
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname -- "$0")/lib.sh"

scripts/setup-browser-tests.sh
[[ -x target/release/onsale && -f target/site/pkg/manifest.json ]] || die "nothing to test: run 'make build' first"
CHROMIUM=$(find_chromium)
export CHROMIUM
cd end2end
exec node_modules/.bin/playwright test "$@"
