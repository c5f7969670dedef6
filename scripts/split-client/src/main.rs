//! Splits the compiled client into one WebAssembly file that every page loads, and one for each part that not every page
//! has. Usage: `split-client CLIENT.wasm FOLDER`. FOLDER gets `onsale.wasm`, which wasm-bindgen still has to
//! process, the other files, `__wasm_split.js`, which fetches them, and `parts`, which says which files each part needs: a
//! line for each part, with its name and the names of its files.

use std::{env, error::Error, fs, path::Path};

use wasm_split_cli_support::{Options, transform};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [client, folder] = arguments.as_slice() else { return Err("usage: split-client CLIENT.wasm FOLDER".into()) };
    let client = fs::read(client)?;
    let folder = Path::new(folder);
    let main = folder.join("onsale.wasm");
    let mut options = Options::new(&client);
    options.output_dir = folder;
    options.main_out_path = &main;
    options.main_module = "./onsale.js";
    let parts = transform(options)?.prefetch_map;
    let mut lines: Vec<_> = parts.iter().map(|(part, files)| format!("{part} {}\n", files.join(" "))).collect();
    lines.sort();
    fs::write(folder.join("parts"), lines.concat())?;
    Ok(())
}
