//! The exported file is self-contained.

use super::*;
use crate::ui::simulator::comparison::tests::run;

fn file(store: &str, runs: &[Run]) -> String {
    draw(&frame(), store, runs).into_string()
}

#[test]
fn the_file_needs_nothing_beside_it() {
    let text = file("SQLite", &[run(1, StrategyKind::Naive, 5), run(1, StrategyKind::Optimistic, 0)]);
    assert!(text.starts_with("<!DOCTYPE html>"));
    for address in ["http://", "https://", "//", "<script", "<link", "<img", "src=", "href=", "@import", "url(\""] {
        assert!(!text.contains(address), "{address}: {text}");
    }
    // The only references point to a pattern inside the drawing.
    assert_eq!(text.matches("url(").count(), text.matches("url(#comparison-cross)").count());
}

#[test]
fn the_file_says_what_was_compared_with_what_and_when() {
    let text = file("SQLite", &[run(1, StrategyKind::Naive, 5), run(1, StrategyKind::Optimistic, 0)]);
    for part in [
        "<dt>Sale</dt><dd>rehearsal</dd>",
        "<dt>Buyers</dt><dd>300, from the server</dd>",
        "<dt>Load</dt><dd>50 at once</dd>",
        "<dt>Seed</dt><dd>42</dd>",
        "<dt>Store</dt><dd>SQLite</dd>",
        "<dt>Date</dt><dd><time>2026-11-20T20:00:00.123Z</time></dd>",
        "<table",
        "<svg",
        StrategyKind::Optimistic.summary(),
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let places = ["<style>", "</head>", "<h1>", "<table", "<svg", "How each strategy works", "</main>"];
    assert!(places.map(|part| text.find(part)).is_sorted(), "{text}");
}

#[test]
fn a_store_or_a_sale_whose_name_is_markup_stays_text() {
    let mut run = run(1, StrategyKind::Naive, 5);
    run.request.sale = "</dl><script>alert(1)</script>".into();
    let text = file("<b>SQLite</b>", &[run]);
    assert!(text.contains("&lt;b&gt;SQLite&lt;/b&gt;") && text.contains("&lt;/dl&gt;&lt;script&gt;"), "{text}");
    assert!(!text.contains("<script") && !text.contains("<b>SQLite"), "{text}");
}
