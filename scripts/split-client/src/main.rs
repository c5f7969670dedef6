//! Splits the compiled client into one WebAssembly file that every page loads, and one for each part of a page that is
//! fetched when it comes into view. Usage: `split-client CLIENT.wasm FOLDER`. FOLDER gets `onsale.wasm`, which
//! wasm-bindgen still has to process, the other files, and `__wasm_split.js`, which fetches them.

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
    for file in transform(options)?.split_modules {
        println!("{}", file.display());
    }
    Ok(())
}
