//! The project's own files, as the tests of this folder read them.

use std::path::{Path, PathBuf};

/// Rust files: the path of each inside a folder, and its text.
pub type Files = Vec<(String, String)>;

/// All Rust files below a folder of the project, with their paths inside it.
pub fn files(folder: &str) -> Files {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut found = Vec::new();
    let mut waiting = vec![root.clone()];
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of the project") {
            let path: PathBuf = entry.expect("an entry").path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&root).expect("inside the folder").to_string_lossy().into_owned();
                found.push((name, std::fs::read_to_string(&path).expect("text")));
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "{folder}");
    found
}

/// The files of the library, without those of its tests and without `main.rs`.
pub fn library() -> Files {
    let is_test = |name: &str| name.starts_with("tests/") || name.contains("/tests/") || name.ends_with("/tests.rs");
    files("src").into_iter().filter(|(name, _)| !is_test(name) && name != "main.rs").collect()
}

/// The files of each crate that has more than one file, by the crate's folder.
pub fn crates() -> [(&'static str, Files); 3] {
    [("src", library()), ("src/tests", files("src/tests")), ("benches/onsale", files("benches/onsale"))]
}
