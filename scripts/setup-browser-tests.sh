#!/usr/bin/env bash
# Makes Chromium and Playwright available for the browser tests. The browser is the system's own; Playwright downloads
# none.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname -- "$0")/lib.sh"

if ! find_chromium >/dev/null; then
  [[ -z ${CHROMIUM-} ]] || die "the variable CHROMIUM names '$CHROMIUM', which is no program"
  apt_install "Chromium" chromium
fi

# After a complete installation npm's own record is newer than the lock file. Then there is nothing to do.
[[ end2end/node_modules/.package-lock.json -nt end2end/package-lock.json ]] && exit 0
require_node 20
say "Installing Playwright"
PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --prefix end2end --ignore-scripts --no-audit --no-fund >&2 ||
  die "Playwright could not be installed: 'npm ci' must work in end2end/"
touch end2end/node_modules/.package-lock.json
