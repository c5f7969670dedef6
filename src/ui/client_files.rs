//! The names of the browser's files. The server reads them from the manifest, and the document contains them.

use std::collections::BTreeMap;

/// Addresses of the browser's files, with hashes of their contents. The router puts them into the context.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct ClientFiles {
    /// Addresses from the root, such as `/pkg/onsale.1a2b3c.js`.
    pub js: String,
    pub wasm: String,
    pub css: String,
    /// WebAssembly of islands whose code is not in `wasm`: all files that an island needs, by its name. Empty for a client
    /// that is not split.
    #[serde(default)]
    pub parts: BTreeMap<String, Vec<String>>,
}
