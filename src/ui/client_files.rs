//! What the browser's half is called: the server reads it, the document names it.

use std::collections::BTreeMap;

/// Names of the browser's half under the package folder, hashed by content. The router puts them into the context.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct ClientFiles {
    /// Addresses from the root, such as `/pkg/onsale.1a2b3c.js`.
    pub js: String,
    pub wasm: String,
    pub css: String,
    /// WebAssembly that is fetched when its island is seen, by the name of the island. A client that is not split has none.
    #[serde(default)]
    pub parts: BTreeMap<String, String>,
}
