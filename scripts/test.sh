#!/usr/bin/env bash
# Runs all checks that must pass before a change is merged, and prints a summary at the end. It stops at the first step
# that fails. PostgreSQL and Redis are real servers: those of this machine, or servers started for the tests. The client
# is built before the Rust tests, because they start the server that serves it.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=scripts/services.sh
. scripts/services.sh

# `cargo test` compiles target/release/onsale too; the browser tests run against that same program.
rust_tests() {
  cargo test --release --features ssr && link_server
}

names=() results=()
step() {
  local name=$1 began=$SECONDS status=0
  shift
  say "$name"
  "$@" || status=$?
  names+=("$name")
  results+=("$( ((status == 0)) && echo passed || echo FAILED) $(printf '%3d:%02d' $(((SECONDS - began) / 60)) $(((SECONDS - began) % 60)))")
  ((status == 0)) || exit "$status"
}
summary() {
  local status=$? i
  trap - EXIT
  stop_services
  printf '\n'
  for i in "${!names[@]}"; do printf '  %-16s %s\n' "${names[i]}" "${results[i]}"; done
  if ((status == 0)); then
    printf '\nAll tests passed in %d:%02d.\n' $((SECONDS / 60)) $((SECONDS % 60))
  else
    printf '\nTests FAILED after %d:%02d.\n' $((SECONDS / 60)) $((SECONDS % 60))
  fi
  exit "$status"
}
trap summary EXIT

step "Setup" scripts/setup.sh
step "Services" start_services
step "Lint" scripts/lint.sh
step "Client build" scripts/build.sh client
step "Rust tests" rust_tests
step "Browser tests" scripts/test-browser.sh
