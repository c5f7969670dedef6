#!/usr/bin/env bash
# Measures the release build. Arguments go to the benchmarks: scripts/bench.sh NAME
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname -- "$0")/lib.sh"

scripts/build.sh
say "Measuring"
exec cargo bench --features ssr -- "$@"
