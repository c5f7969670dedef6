//! Dependencies run one way: http -> ui -> api -> engine -> {strategy -> settlement -> stock -> store, feed} -> model.

use std::collections::BTreeSet;

use super::{
    arrows::{Arrows, arrows},
    circles::circles,
    source::library,
};

/// Each folder of `src`, or file beside the folders, and what it may use apart from itself.
type Table<'a> = &'a [(&'a str, &'a [&'a str])];

const MAY_USE: Table = &[
    // Both sides.
    ("lib", &[]),
    ("model", &[]),
    ("wire", &["model"]),
    ("api", &["model", "server/app", "server/auth", "server/engine", "server/purchaser", "server/rehearsal", "wire"]),
    ("live", &["api", "model", "wire"]),
    // What users see.
    ("ui/mod", &[]),
    ("ui/client_files", &[]),
    ("ui/kit", &["live", "model", "wire"]),
    ("ui/checkout", &["api", "live", "model", "ui/kit"]),
    ("ui/home", &["api", "live", "model", "ui/kit"]),
    ("ui/sale", &["api", "live", "model", "ui/kit"]),
    ("ui/simulator", &["api", "live", "model", "ui/kit", "wire"]),
    (
        "ui/app",
        &["api", "live", "model", "ui/checkout", "ui/client_files", "ui/home", "ui/kit", "ui/sale", "ui/simulator"],
    ),
    // The base of the server.
    ("server/mod", &[]),
    ("server/background", &[]),
    ("server/clock", &["model"]),
    ("server/config", &["model"]),
    ("server/currency", &["model"]),
    ("server/derived_key", &[]),
    ("server/failpoint", &[]),
    ("server/ledger", &["model"]),
    ("server/shutdown", &[]),
    ("server/telemetry", &["model", "server/config"]),
    ("server/redis", &["server/derived_key", "server/telemetry"]),
    ("server/site", &["ui/client_files"]),
    ("server/limits", &["model", "server/config", "server/telemetry"]),
    ("server/payment", &["model", "server/config", "server/currency"]),
    // Decisions, storage, live feed.
    ("server/store", &["model", "server/currency", "server/ledger", "server/telemetry"]),
    ("server/stock", &["model", "server/clock", "server/currency", "server/ledger", "server/store"]),
    ("server/settlement", &["model", "server/failpoint", "server/ledger", "server/stock", "server/store"]),
    (
        "server/strategy",
        &[
            "model",
            "server/failpoint",
            "server/ledger",
            "server/redis",
            "server/settlement",
            "server/stock",
            "server/store",
            "server/telemetry",
        ],
    ),
    ("server/feed", &["model", "server/clock", "server/shutdown", "server/telemetry"]),
    (
        "server/engine",
        &[
            "model",
            "server/background",
            "server/clock",
            "server/currency",
            "server/derived_key",
            "server/feed",
            "server/ledger",
            "server/payment",
            "server/redis",
            "server/settlement",
            "server/stock",
            "server/store",
            "server/strategy",
            "server/telemetry",
        ],
    ),
    // The edges of the server.
    (
        "server/provider",
        &["server/clock", "server/config", "server/currency", "server/payment", "server/shutdown", "ui/kit"],
    ),
    (
        "server/reconciliation",
        &["model", "server/clock", "server/currency", "server/payment", "server/store", "ui/kit"],
    ),
    ("server/auth", &["model", "server/config", "server/derived_key", "server/engine"]),
    ("server/simulator", &["model", "server/limits", "server/shutdown"]),
    (
        "server/app",
        &[
            "model",
            "server/auth",
            "server/background",
            "server/config",
            "server/engine",
            "server/limits",
            "server/shutdown",
            "server/simulator",
            "server/site",
        ],
    ),
    ("server/purchaser", &["model", "server/app", "server/auth", "server/engine", "server/limits"]),
    ("server/rehearsal", &["model", "server/app", "server/engine", "server/simulator"]),
    (
        "server/http",
        &[
            "api",
            "model",
            "server/app",
            "server/auth",
            "server/background",
            "server/clock",
            "server/config",
            "server/engine",
            "server/feed",
            "server/limits",
            "server/payment",
            "server/purchaser",
            "server/rehearsal",
            "server/shutdown",
            "server/telemetry",
            "ui/app",
        ],
    ),
    (
        "server/startup",
        &[
            "model",
            "server/app",
            "server/auth",
            "server/background",
            "server/config",
            "server/engine",
            "server/limits",
            "server/payment",
            "server/shutdown",
            "server/simulator",
            "server/site",
            "server/store",
            "server/strategy",
        ],
    ),
    (
        "server/cli",
        &[
            "model",
            "server/app",
            "server/clock",
            "server/config",
            "server/engine",
            "server/http",
            "server/ledger",
            "server/payment",
            "server/provider",
            "server/reconciliation",
            "server/shutdown",
            "server/simulator",
            "server/startup",
            "server/store",
            "server/telemetry",
            "ui/simulator",
        ],
    ),
];

/// Uses that the table does not allow, files that no entry covers, and entries that no longer fit any file.
fn violations<'a>(table: Table, files: impl Iterator<Item = &'a str> + Clone, arrows: &Arrows) -> Vec<String> {
    let place = |file: &str| table.iter().find(|(place, _)| holds(place, file));
    let unknown = files.clone().filter(|file| place(file).is_none()).map(|file| format!("no entry covers {file}"));
    let is_empty = |place: &str| !files.clone().any(|file| holds(place, file));
    let empty = table.iter().filter(|(place, _)| is_empty(place)).map(|(place, _)| format!("{place} is no more"));
    let wrong = arrows.iter().filter_map(|(from, to)| {
        let ((user, may_use), (used, _)) = (place(from)?, place(to)?);
        let is_allowed = user == used || may_use.contains(used);
        (!is_allowed).then(|| format!("{from} uses {to}; {user} knows no {used}"))
    });
    unknown.chain(empty).chain(wrong).collect()
}

/// Whether an entry of the table covers this file: it names the file itself, or a folder above it.
fn holds(place: &str, file: &str) -> bool {
    file.strip_prefix(place).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

#[test]
fn dependencies_run_one_way() {
    let files = library();
    let found = violations(MAY_USE, files.iter().map(|(file, _)| file.as_str()), &arrows(&files));
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn the_table_itself_has_no_circle() {
    let allowed =
        MAY_USE.iter().flat_map(|(user, may_use)| may_use.iter().map(|used| ((*user).to_owned(), (*used).to_owned())));
    assert_eq!(circles(&allowed.collect()), BTreeSet::new());
    let known: BTreeSet<&str> = MAY_USE.iter().map(|(place, _)| *place).collect();
    assert_eq!(known.len(), MAY_USE.len(), "each place stands there once");
    for (user, may_use) in MAY_USE {
        assert!(may_use.iter().all(|used| known.contains(used)), "{user}");
        assert!(may_use.is_sorted(), "{user}");
    }
}

#[test]
fn what_the_table_does_not_allow_or_know_is_told() {
    let table: Table = &[("low", &[]), ("high", &["low"]), ("server/low", &[]), ("gone", &[])];
    let files = ["low.rs", "high/mod.rs", "high/part.rs", "server/low/mod.rs", "lower.rs"];
    let arrow = |(from, to): (&str, &str)| (from.to_owned(), to.to_owned());
    let arrows = [
        ("high/mod.rs", "low.rs"),
        ("high/part.rs", "high/mod.rs"),
        ("high/part.rs", "server/low/mod.rs"),
        ("low.rs", "high/part.rs"),
    ];
    let expected = [
        "no entry covers lower.rs",
        "gone is no more",
        "high/part.rs uses server/low/mod.rs; high knows no server/low",
        "low.rs uses high/part.rs; low knows no high",
    ];
    assert_eq!(violations(table, files.into_iter(), &arrows.map(arrow).into()), expected);
}
