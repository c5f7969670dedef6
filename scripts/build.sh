#!/usr/bin/env bash
# Builds both programs for release: the client with its style sheet into target/site, hashed and compressed, and
# the server into target/release/onsale. Steps whose inputs have not changed are skipped.
# With "client" or "server" as the argument it builds only that half.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname -- "$0")/lib.sh"

compiled=$target/client/wasm32-unknown-unknown/wasm-release/onsale.wasm
web=$target/client/web
site=$root/target/site

# stamp FILE-OR-FOLDER… prints one hash over the names and contents of the given files and folders. Missing ones are
# ignored.
stamp() {
  { find "$@" -type f -print0 2>/dev/null || true; } | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum
}

# make_small IN OUT makes a WebAssembly file smaller. The compiler has made it small already. Levels stronger than -O1
# would remove more, but the compressed file would be larger. Functions sorted by name stand beside similar ones, which
# compresses better.
make_small() {
  wasm-opt -O1 --dae-optimizing --converge --reorder-locals --reorder-functions-by-name --enable-bulk-memory \
    --enable-nontrapping-float-to-int --enable-reference-types --enable-multivalue --enable-mutable-globals \
    --enable-sign-ext --output "$2" "$1"
}

build_client() {
  scripts/setup-wasm-target.sh
  scripts/setup-wasm-bindgen.sh
  scripts/setup-split-client.sh
  scripts/setup-web-tools.sh
  use_client_tools

  say "Client: compiling"
  # --emit-relocs keeps in the file where each function and each datum is referred to. The split needs that.
  scripts/cargo-wasm.sh rustc --profile wasm-release --features split -- -Clink-args=--emit-relocs

  [[ -f style/main.css ]] || die "style/main.css is missing"
  local inputs part
  inputs=$(stamp "$compiled" scripts/build.sh scripts/split-client/src scripts/split-client/Cargo.lock "$cache/web-tools/versions" Cargo.lock)
  if [[ ! -f $web/stamp || $(<"$web/stamp") != "$inputs" ]]; then
    rm -rf -- "$web"
    mkdir -p "$web/split"
    say "Client: splitting"
    split-client "$compiled" "$web/split"
    say "Client: binding to the browser"
    # The linker's names must stay, because the parts are linked to the first file by these names.
    wasm-bindgen --target web --no-typescript --remove-producers-section --keep-lld-exports --no-demangle \
      --out-dir "$web/bound" --out-name onsale "$web/split/onsale.wasm"
    cp "$web/split/__wasm_split.js" "$web/bound/"
    say "Client: making the WebAssembly small"
    make_small "$web/bound/onsale_bg.wasm" "$web/onsale.wasm"
    for part in "$web/split"/{split,chunk}_*.wasm; do
      [[ ! -f $part ]] || make_small "$part" "$web/$(basename -- "$part")"
    done
    cp "$web/split/parts" "$web/"
    # Bundled into one script, because onsale.js and __wasm_split.js import each other.
    esbuild "$web/bound/onsale.js" --bundle --format=esm --minify --log-level=warning --outfile="$web/onsale.js"
    printf '%s\n' "$inputs" >"$web/stamp"
  fi

  inputs=$(stamp "$web/stamp" scripts/build.sh scripts/site.mjs style public)
  if [[ ! -f $site/pkg/manifest.json || ! -f $site.stamp || $(<"$site.stamp") != "$inputs" ]]; then
    say "Client: style sheet, hashed names, compression"
    # The targets are the oldest browsers that run the client's WebAssembly; newer CSS is rewritten for them.
    # Pictures and fonts stay separate files in the public folder.
    esbuild style/main.css --bundle --minify --log-level=warning \
      '--external:*.svg' '--external:*.png' '--external:*.webp' '--external:*.avif' '--external:*.woff2' \
      --target=chrome111,firefox114,safari16.4 --outfile="$web/onsale.css"
    mkdir -p "$root/target"
    node scripts/site.mjs "$web" public "$site" >&2
    printf '%s\n' "$inputs" >"$site.stamp"
  fi
}

build_server() {
  say "Server: compiling"
  cargo build --release --features ssr --bin onsale
  link_server
}

case ${1-all} in
  client) build_client ;;
  server) build_server ;;
  all)
    build_client
    build_server
    ;;
  *) die "unknown half '$1': client or server" ;;
esac
