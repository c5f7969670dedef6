//! What the source may not do. Dependencies run one way: http -> ui -> api -> engine -> {strategy, store, feed} -> model.

use std::path::{Path, PathBuf};

/// Lines of a file that one can keep in one's head.
const MAX_LINES: usize = 400;

/// Who may not use whom: a folder of `src`, and what its `crate::` paths may not begin with.
const FORBIDDEN: [(&str, &[&str]); 9] = [
    ("model", &["server", "ui", "live", "api"]),
    ("wire", &["server", "ui", "live", "api"]),
    ("live", &["server", "ui"]),
    ("ui", &["server"]),
    (
        "server/store",
        &["server::strategy", "server::feed", "server::engine", "server::http", "server::auth", "ui", "api", "live"],
    ),
    (
        "server/feed",
        &["server::strategy", "server::store", "server::engine", "server::http", "server::auth", "ui", "api", "live"],
    ),
    ("server/strategy", &["server::feed", "server::engine", "server::http", "server::auth", "ui", "api", "live"]),
    ("server/engine", &["server::http", "server::auth", "server::simulator", "server::cli", "ui", "api", "live"]),
    ("server/auth", &["server::http", "server::store", "server::strategy", "server::feed", "ui", "api", "live"]),
];

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// All Rust files below a folder, with their paths inside `src`.
fn files(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of the source") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(source()).expect("inside the source").to_string_lossy().into_owned();
                found.push((name, std::fs::read_to_string(&path).expect("text")));
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "{}", folder.display());
    found
}

/// The part of a file that is compiled without tests, comments left out.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().expect("a first part");
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The full paths behind `crate::`, with the lists of `use crate::{…}` written out.
fn crate_paths(code: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for (start, prefix) in code.match_indices("crate::") {
        let is_another_crate =
            code[..start].ends_with(|before: char| before.is_alphanumeric() || before == '_' || before == '$');
        if !is_another_crate {
            write_out(&code[start + prefix.len()..], "", &mut paths);
        }
    }
    paths
}

/// Writes out one use tree; returns how much of the text it took.
fn write_out(text: &str, prefix: &str, paths: &mut Vec<String>) -> usize {
    let end = text.find(|next: char| !(next.is_alphanumeric() || next == '_' || next == ':')).unwrap_or(text.len());
    let path = format!("{prefix}{}", &text[..end]);
    if !text[end..].starts_with('{') || !path.is_empty() && !path.ends_with("::") {
        paths.push(path);
        return end;
    }
    let mut position = end + 1;
    loop {
        position += text[position..].len() - text[position..].trim_start().len();
        match text[position..].chars().next() {
            None => return position,
            Some('}') => return position + 1,
            Some(',') => position += 1,
            Some(first) if first.is_alphanumeric() || first == '_' || first == '{' => {
                position += write_out(&text[position..], &path, paths);
            }
            // `as name`, `*` and the like say nothing about the path.
            Some(other) => position += other.len_utf8(),
        }
    }
}

#[test]
fn a_use_tree_is_written_out() {
    let code = "use crate::{\n    model::{ids::SaleId, order::*},\n    server::store::{self, Store as Kept},\n};\nlet x = crate::ui::App;";
    let paths = crate_paths(code);
    for expected in ["model::ids::SaleId", "server::store::self", "server::store::Store", "ui::App"] {
        assert!(paths.iter().any(|path| path == expected), "{expected}: {paths:?}");
    }
    assert!(crate_paths("use super::x; use leptos_crate::y;").is_empty());
}

#[test]
fn dependencies_run_one_way() {
    let mut wrong = Vec::new();
    for (folder, forbidden) in FORBIDDEN {
        for (name, text) in files(&source().join(folder)) {
            // A folder's own tests may stand up whatever they need.
            if name.ends_with("/tests.rs") {
                continue;
            }
            for path in crate_paths(&code(&text)) {
                let is = |start: &&&str| path == **start || path.starts_with(&format!("{start}::"));
                if let Some(start) = forbidden.iter().find(is) {
                    wrong.push(format!("src/{name} uses {path}; {folder} knows no {start}"));
                }
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn a_file_fits_in_the_head() {
    let long: Vec<String> = files(&source())
        .into_iter()
        .map(|(name, text)| (name, text.lines().count()))
        .filter(|(_, lines)| *lines > MAX_LINES)
        .map(|(name, lines)| format!("{name}: {lines} lines"))
        .collect();
    assert_eq!(long, Vec::<String>::new());
}

#[test]
fn every_module_says_what_lives_there() {
    let silent: Vec<String> =
        files(&source()).into_iter().filter(|(_, text)| !text.starts_with("//!")).map(|(name, _)| name).collect();
    assert_eq!(silent, Vec::<String>::new());
}

#[test]
fn nothing_is_left_for_later() {
    let marks = [
        "TO".to_owned() + "DO",
        "FIX".to_owned() + "ME",
        "XX".to_owned() + "X",
        "db".to_owned() + "g!(",
        "todo".to_owned() + "!(",
    ];
    let mut found = Vec::new();
    for (name, text) in files(&source()) {
        for (number, line) in (1..).zip(text.lines()) {
            if marks.iter().any(|mark| line.contains(mark.as_str())) {
                found.push(format!("{name}:{number}: {line}"));
            }
        }
    }
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn only_the_clock_reads_the_time_of_day() {
    let readers: Vec<String> = files(&source().join("server"))
        .into_iter()
        .filter(|(name, text)| {
            name != "server/clock.rs"
                && ["SystemTime::now", "jiff::Timestamp::now"].iter().any(|call| code(text).contains(call))
        })
        .map(|(name, _)| name)
        .collect();
    assert_eq!(readers, Vec::<String>::new());
}

#[test]
fn markup_has_no_style_attribute_that_the_policy_would_drop() {
    for (name, text) in files(&source().join("ui")) {
        let text = code(&text);
        for mark in ["style=\"", "style=format", "style=move"] {
            assert!(!text.contains(mark), "{name} has {mark}");
        }
    }
}

#[test]
fn markup_is_not_built_from_strings() {
    for (name, text) in files(&source().join("ui")) {
        let text = code(&text);
        for call in ["format!(", "push_str(", "write!("] {
            for (position, _) in text.match_indices(call) {
                let first = text[position + call.len()..].trim_start().trim_start_matches("r#");
                assert!(!first.starts_with("\"<"), "{name} has {call}{first:.20}: html! escapes what is filled in");
            }
        }
        let doors = text.matches("Html::filled(").count();
        assert_eq!(doors, usize::from(name == "ui/kit/html.rs"), "{name} goes around html!");
    }
}

#[test]
fn a_cfg_gate_is_rare() {
    let gates: usize = files(&source())
        .into_iter()
        .filter(|(name, _)| !name.starts_with("tests/"))
        .map(|(_, text)| text.matches("feature = \"").count())
        .sum();
    assert!(gates <= 15, "{gates} gates: one at a parent is enough for all below it");
}
