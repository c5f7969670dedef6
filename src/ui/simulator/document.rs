//! The runs as one self-contained file. It has no script, links to nothing, and has its own small style sheet.

use super::{
    comparison::{charts, table},
    session::Run,
    told::{latency_from, load, newest, sent_by, summary},
};
use crate::{
    model::strategy::StrategyKind,
    ui::kit::html::{Html, Inside, html},
};

const STYLE: &str = include_str!("document.css");

/// The id of the page's template with the [`frame`] of an exported file.
pub const FRAME: &str = "comparison-frame";
/// Marks the place of the figures in the frame.
const FIGURES: &str = "<!--figures-->";

const WORDS: [(&str, &str); 4] = [
    ("Phantom", "A unit sold that did not exist, or sold twice."),
    ("Leak", "A unit neither available, held nor sold."),
    ("Requests/s", "Answers of any kind per second, refusals included: a refused buyer is a right answer."),
    ("p50, p99", "Half of the buyers, and 99 of 100, had their answer within so many milliseconds."),
];

/// The part that is the same in every file: the style sheet and the glossary. The server writes it into its page,
/// because it would make the client's program too large.
pub fn frame() -> Html {
    let strategies =
        StrategyKind::ALL.map(|kind| term(html!("<code>{name}</code>", name = kind.name()), kind.summary()));
    let words = WORDS.map(|(word, meaning)| term(word, meaning));
    html!(
        "<style>{sheet}</style>{figures}<h2>How each strategy works</h2><dl>{strategies}</dl>\
         <h2>What the words mean</h2><dl>{words}</dl>",
        sheet = Html::trusted(STYLE),
        figures = Html::trusted(FIGURES),
        strategies = strategies.into_iter().collect::<Html>(),
        words = words.into_iter().collect::<Html>(),
    )
}

/// The whole document: parameters, table and bars inside a [`frame`], which is markup written by this server.
pub fn draw(frame: &Html, store: &str, runs: &[Run]) -> Html {
    let round = newest(runs);
    let (head, foot) = frame.around(FIGURES);
    html!(
        r#"<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Strategies compared · Onsale</title>{head}</head>
<body><main><h1>Strategies compared</h1><p>{summary}</p><dl class="parameters">{parameters}</dl>
<div class="simulator-table" role="region" aria-label="Runs side by side" tabindex="0">{table}</div>
{charts}{foot}</main></body></html>
"#,
        head = head,
        summary = summary(round),
        parameters = parameters(store, round),
        table = table(runs),
        charts = charts(round),
        foot = foot,
    )
}

fn term(word: impl Inside, meaning: impl Inside) -> Html {
    html!("<div><dt>{word}</dt><dd>{meaning}</dd></div>", word = word, meaning = meaning)
}

fn parameters(store: &str, round: &[Run]) -> Html {
    let Some(Run { request, simulation, .. }) = round.first() else { return Html::default() };
    let checked_at =
        simulation.audit.as_ref().map(|audit| html!("<time>{at}</time>", at = audit.checked_at.to_string()));
    let rows = [
        term("Sale", request.sale.as_str()),
        term("Target", request.target.to_string()),
        term("Buyers", format!("{}, {}", request.buyers, sent_by(&round[0]))),
        term("Load", load(request.rate, request.concurrency)),
        term("Latency counts", latency_from(request.rate)),
        term("Seed", simulation.seed),
        term("Store", store),
        term("Date", checked_at.unwrap_or_else(|| Html::escape("not known"))),
    ];
    rows.into_iter().collect()
}

#[cfg(test)]
mod tests;
