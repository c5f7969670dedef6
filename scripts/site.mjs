// Makes the folder that the server serves: the public files as they are, the client's files under names with a hash of
// their content, and a brotli and a gzip version beside every file that these make smaller.
// Usage: node site.mjs BUILT PUBLIC SITE
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const [built, assets, site] = process.argv.slice(2);
const next = `${site}.new`;
const pkg = join(next, "pkg");

const hashed = (stem, extension, content) => {
  const hash = createHash("sha256").update(content).digest("hex").slice(0, 16);
  const name = `${stem}.${hash}.${extension}`;
  writeFileSync(join(pkg, name), content);
  return name;
};

rmSync(next, { recursive: true, force: true });
if (existsSync(assets)) cpSync(assets, next, { recursive: true });
mkdirSync(pkg, { recursive: true });

let script = readFileSync(join(built, "onsale.js"), "utf8");
const rename = (from, to) => {
  const renamed = script.replaceAll(from, to);
  if (renamed === script) throw new Error(`the script does not name ${from}, which it should load`);
  script = renamed;
};

const wasm = hashed("onsale", "wasm", readFileSync(join(built, "onsale.wasm")));
rename("onsale_bg.wasm", wasm);
// The files of the parts, such as split_checkout_island_loader_123.wasm. Code that several parts share is in a chunk with a
// number.
const short = (name) => name.replace(/^split_|(_island)?(_loader)?(_\d{8,})?$/g, "");
const files = {};
for (const file of readdirSync(built).filter((file) => /^(split|chunk)_.*\.wasm$/.test(file))) {
  const name = file.replace(".wasm", "");
  files[name] = hashed(`onsale-${short(name)}`, "wasm", readFileSync(join(built, file)));
  rename(file, files[name]);
}
const fileOf = (name) => {
  if (!files[name]) throw new Error(`a part needs ${name}, which is not there`);
  return files[name];
};
// A line for each part: its name, and the names of all files that it needs.
const lines = readFileSync(join(built, "parts"), "utf8").trim().split("\n");
const parts = Object.fromEntries(
  lines.map((line) => line.split(" ").filter(Boolean)).map(([part, ...needed]) => [short(part), needed.map(fileOf)]),
);
const js = hashed("onsale", "js", script);
const css = hashed("onsale", "css", readFileSync(join(built, "onsale.css")));

// The server reads this file when it starts. It is the only place with the names of the files.
writeFileSync(join(pkg, "manifest.json"), `${JSON.stringify({ js, wasm, css, parts })}\n`);

for (const entry of readdirSync(next, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || entry.name === "manifest.json") continue;
  const path = join(entry.parentPath ?? entry.path, entry.name);
  const content = readFileSync(path);
  if (content.length <= 1024) continue;
  const versions = {
    br: brotliCompressSync(content, {
      params: {
        [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
        [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
        [constants.BROTLI_PARAM_SIZE_HINT]: content.length,
      },
    }),
    gz: gzipSync(content, { level: 9 }),
  };
  // A version that saves too little is left out, such as that of images and fonts, which are compressed already.
  for (const [extension, version] of Object.entries(versions)) {
    if (version.length < content.length * 0.95) writeFileSync(`${path}.${extension}`, version);
  }
}

rmSync(site, { recursive: true, force: true });
renameSync(next, site);

const size = (path) => (existsSync(path) ? `${(statSync(path).size / 1000).toFixed(1)} KB` : "-");
for (const name of [wasm, js, css, ...Object.values(files)]) {
  const path = join(site, "pkg", name);
  console.log(`    ${relative(".", path)}: ${size(path)}, brotli ${size(`${path}.br`)}`);
}
