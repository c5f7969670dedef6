# shellcheck shell=bash disable=SC2034
# What all scripts share: the folders of the project and its cache, messages about progress and failure, and the
# installation of missing Debian packages. Sourced, never run.

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
cd -- "$root" || exit

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

# apt_install WHAT-FOR PACKAGE… installs the packages that are missing, or ends with one line that says how to install
# them.
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
        apt-get install -q -y -o Dpkg::Use-Pty=0 --no-remove --no-install-recommends "${missing[@]}"
  } >&2 || die "$what could not be installed: run 'apt-get install ${missing[*]}' where the network allows it"
}

wasm_bindgen_version() { sed -n '/^name = "wasm-bindgen"$/{n;s/^version = "\(.*\)"$/\1/p;}' Cargo.lock; }

# Puts the tools that the setup scripts installed into the cache first in PATH.
use_client_tools() {
  PATH=$cache/wasm-bindgen-$(wasm_bindgen_version)/bin:$cache/split-client/bin:$cache/web-tools/node_modules/.bin:$PATH
}

# require_node MAJOR installs Node.js if it is missing, and ends if its version is older than MAJOR.
require_node() {
  if ! have node || ! have npm; then apt_install "Node.js" nodejs npm; fi
  (($(node -p 'process.versions.node.split(".")[0]') >= $1)) ||
    die "Node.js $1 or later is needed, this is $(node --version): install it from https://nodejs.org"
}

# Prints the path of the browser to test with.
find_chromium() {
  if [[ -n ${CHROMIUM-} ]]; then
    command -v "$CHROMIUM"
    return
  fi
  local name
  for name in chromium google-chrome google-chrome-stable chromium-browser; do
    command -v "$name" && return
  done
  return 1
}

# Makes the program available in target/release, wherever CARGO_TARGET_DIR has put it.
link_server() {
  if [[ $target == "$root/target" ]]; then return; fi
  mkdir -p "$root/target/release"
  ln -sf "$target/release/onsale" "$root/target/release/onsale"
}
