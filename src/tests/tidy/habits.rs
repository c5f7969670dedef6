//! Rules for every single file.

use super::{
    source::files,
    tokens::{begins_with, tokens, without_tests},
};

/// The most lines of a file, so that a reader can keep it in mind.
const MAX_LINES: usize = 400;
/// The most gates by feature in all of the source. A gate at a parent module is enough for everything below it.
const MAX_FEATURE_GATES: usize = 15;

#[test]
fn a_file_fits_in_the_head() {
    let long: Vec<String> = files("src")
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
        files("src").into_iter().filter(|(_, text)| !text.starts_with("//!")).map(|(name, _)| name).collect();
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
    for (name, text) in files("src") {
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
    let reads = |text: &str| {
        let tokens = without_tests(&tokens(text));
        let at = |position: usize, source: &str| begins_with(&tokens[position..], &[source, ":", ":", "now"]);
        (0..tokens.len()).any(|position| at(position, "SystemTime") || at(position, "Timestamp"))
    };
    let readers: Vec<String> =
        files("src/server").into_iter().filter(|(_, text)| reads(text)).map(|(name, _)| name).collect();
    assert_eq!(readers, ["clock.rs"]);
}

#[test]
fn a_cfg_gate_is_rare() {
    let gates: usize = files("src")
        .into_iter()
        .filter(|(name, _)| !name.starts_with("tests/"))
        .map(|(_, text)| text.matches("feature = \"").count())
        .sum();
    assert!(gates <= MAX_FEATURE_GATES, "{gates} gates");
}
