#!/usr/bin/env bash
# Measures the release build. Arguments go to the benchmarks: scripts/bench.sh NAME
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=scripts/services.sh
. scripts/services.sh

scripts/build.sh
trap stop_services EXIT
start_services
say "Measuring"
cargo bench --features ssr -- "$@"
