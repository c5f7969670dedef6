#!/usr/bin/env bash
# Makes a compiler for the browser's half available, whatever the machine offers:
#   1. the rustc in use already has the target;
#   2. rustup can fetch it;
#   3. Debian's rustc-web knows the target and rust-web-src holds the standard library's source: the library is
#      built once, into a sysroot of our own in the cache. scripts/cargo-wasm.sh then uses that compiler.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname -- "$0")/lib.sh"

triple=wasm32-unknown-unknown
toolchain=$cache/wasm-toolchain
linker=/usr/bin/rust-lld

has_target() {
  local libdir
  libdir=$(rustc --print target-libdir --target "$triple" 2>/dev/null) && compgen -G "$libdir/libstd-*.rlib" >/dev/null
}
# The sysroot fits only one compiler. After an upgrade of the package a new one is built.
debian_version() { /usr/bin/rustc --version --verbose 2>/dev/null | sed -n 's/^commit-hash: //p'; }

{ have cargo && have rustc; } || die "Rust is missing: install it with rustup (https://rustup.rs), then try again"
has_target && exit 0
[[ -x $linker && -f $toolchain/version && $(<"$toolchain/version") == "$(debian_version)" ]] && exit 0

if have rustup; then
  say "Adding the target $triple with rustup"
  if RUST_BACKTRACE=0 timeout 300 rustup target add "$triple" >&2 && has_target; then exit 0; fi
  say "rustup cannot add it here: building the target from Debian's packages instead"
fi

have apt-get || die "the target $triple is missing: run 'rustup target add $triple' where the network allows it"
apt_install "the compiler for $triple" rustc-web rust-web-src rust-web-llvm rust-web-clippy
# rust-lld is a link to a linker in another package, which Debian only suggests and may not have installed.
[[ -x $linker ]] || apt_install "its linker" "$(basename -- "$(readlink -- "$linker")")"
host=$(/usr/bin/rustc --version --verbose | sed -n 's/^host: //p')

say "Building the standard library for $triple (about a minute, once)"
mkdir -p "$cache"
work=$(mktemp -d "$cache/wasm-build.XXXXXX")
trap 'rm -rf -- "$work"' EXIT
mkdir -p "$work/src"
printf '[package]\nname = "sysroot"\nversion = "0.0.0"\nedition = "2021"\n[lib]\npath = "src/lib.rs"\n[workspace]\n' >"$work/Cargo.toml"
: >"$work/src/lib.rs"
# RUSTC_BOOTSTRAP allows -Zbuild-std on a stable compiler. It is set only for this step, because some crates behave
# differently under it. The bitcode lets the client's link-time optimisation include the standard library.
(
  cd -- "$work"
  unset CARGO_TARGET_DIR CARGO_BUILD_TARGET RUSTC_WRAPPER
  RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 RUSTFLAGS='-Cembed-bitcode=yes' \
    cargo build --release --target "$triple" -Zbuild-std=std,panic_abort
) >&2 || die "the standard library for $triple did not build: run 'rustup target add $triple' where the network allows it"

say "Assembling the toolchain in $toolchain"
new=$work/toolchain
libdir=$new/lib/rustlib/$triple/lib
mkdir -p "$new/bin" "$libdir"
cp "$work/target/$triple/release/deps/"*.rlib "$libdir/"
rm -f "$libdir"/libsysroot-*.rlib
ln -s "/usr/lib/rustlib/$host" "$new/lib/rustlib/$host"
for tool in rustc rustdoc; do
  printf '#!/bin/sh\nexec /usr/bin/%s --sysroot "%s" "$@"\n' "$tool" "$toolchain" >"$new/bin/$tool"
done
# cargo-clippy looks for its driver beside itself. So it is copied, and the driver beside it gets the sysroot.
cp /usr/bin/cargo-clippy "$new/bin/cargo-clippy"
printf '#!/bin/sh\nSYSROOT="%s" exec /usr/bin/clippy-driver "$@"\n' "$toolchain" >"$new/bin/clippy-driver"
chmod +x "$new/bin/"*
debian_version >"$new/version"
rm -rf -- "$toolchain"
mv -- "$new" "$toolchain"
say "The compiler for $triple is ready"
