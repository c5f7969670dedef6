# shellcheck shell=bash
# What every script here shares: where the project and its cache are, how progress and failure are told,
# and how a missing Debian package is installed. Sourced, never run.

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
cd -- "$root"

# Tools are kept outside the tree, so that a fresh clone does not build them again.
cache=${ONSALE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/onsale}
target=${CARGO_TARGET_DIR:-$root/target}
case $target in /*) ;; *) target=$root/$target ;; esac

say() { printf '==> %s\n' "$*" >&2; }
die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

# apt_install WHAT-FOR PACKAGE… installs the packages that are missing, or ends with the one line that says how.
apt_install() {
  local what=$1 package missing=() as_root=()
  shift
  for package in "$@"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  have apt-get || die "$what is missing and this system has no apt-get: install it (Debian: ${missing[*]})"
  if ((EUID != 0)); then
    { have sudo && sudo -n true 2>/dev/null; } || die "$what is missing: run 'sudo apt-get install ${missing[*]}', then try again"
    as_root=(sudo -n)
  fi
  say "Installing $what: ${missing[*]}"
  {
    "${as_root[@]}" apt-get update -q &&
      "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -q -y --no-remove --no-install-recommends "${missing[@]}"
  } >&2 || die "$what could not be installed: run 'apt-get install ${missing[*]}' where the network allows it"
}
