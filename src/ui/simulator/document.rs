//! The runs as one file that needs nothing beside it: no script, no address, its own small style sheet.

use super::{
    comparison::{charts, newest, sent_by, summary, table},
    session::Run,
};
use crate::{model::strategy::StrategyKind, ui::kit::markup::escape};

const STYLE: &str = include_str!("document.css");

/// Stands in the frame where the figures go.
const FIGURES: &str = "<!--figures-->";

const WORDS: [(&str, &str); 4] = [
    ("Phantom", "A unit sold that did not exist, or sold twice."),
    ("Leak", "A unit neither available, held nor sold."),
    ("Requests/s", "Answers of any kind per second, refusals included: a refused buyer is a right answer."),
    ("p50, p99", "Half of the buyers, and 99 of 100, had their answer within so many milliseconds."),
];

/// What is the same in every file: the style sheet, and what the words mean. The server writes it into its page,
/// because it would be too much for a program that everybody downloads before the first click.
pub fn frame() -> String {
    let strategies = StrategyKind::ALL.map(|kind| term(&format!("<code>{}</code>", kind.name()), kind.summary()));
    let words = WORDS.map(|(word, meaning)| term(word, meaning));
    format!(
        "<style>{STYLE}</style>{FIGURES}<h2>How each strategy works</h2><dl>{}</dl><h2>What the words mean</h2><dl>{}</dl>",
        strategies.concat(),
        words.concat(),
    )
}

/// The whole document: parameters, table and bars within a [`frame`].
pub fn draw(frame: &str, store: &str, runs: &[Run]) -> String {
    let round = newest(runs);
    let (head, foot) = frame.split_once(FIGURES).unwrap_or_default();
    format!(
        r#"<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Strategies compared · Onsale</title>{head}</head><body><main><h1>Strategies compared</h1><p>{summary}</p><dl class="parameters">{parameters}</dl><div class="simulator-table" role="region" aria-label="Runs side by side" tabindex="0">{table}</div>{charts}{foot}</main></body></html>
"#,
        summary = summary(round),
        parameters = parameters(store, round),
        table = table(runs),
        charts = charts(round),
    )
}

/// `meaning` is markup already.
fn term(word: &str, meaning: &str) -> String {
    format!("<div><dt>{word}</dt><dd>{meaning}</dd></div>")
}

fn parameters(store: &str, round: &[Run]) -> String {
    let Some(Run { request, simulation, .. }) = round.first() else { return String::new() };
    let checked_at = simulation.audit.as_ref().map(|audit| format!("<time>{}</time>", audit.checked_at));
    let rows = [
        ("Sale", escape(request.sale.as_str())),
        ("Target", escape(&request.target.to_string())),
        ("Buyers", format!("{}, {}", request.buyers, sent_by(&round[0]))),
        ("Requests at once", request.concurrency.to_string()),
        ("Seed", simulation.seed.to_string()),
        ("Store", escape(store)),
        ("Date", checked_at.unwrap_or_else(|| "not known".to_owned())),
    ];
    rows.iter().map(|(name, value)| term(name, value)).collect()
}

#[cfg(test)]
mod tests;
