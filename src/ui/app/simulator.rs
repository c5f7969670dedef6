//! The simulator's own page, and its panel: the form, and the strategies to compare. What comes of it is drawn in the
//! browser.

use std::sync::Arc;

use leptos::prelude::*;
use leptos_meta::Title;

use super::drawn;
use crate::{
    api,
    model::{
        limits::{MAX_SIMULATED_BUYERS, MAX_SIMULATION_CONCURRENCY},
        sale::Sale,
        strategy::{StrategyList, StrategySupport},
    },
    ui::simulator::{SimulatorIsland, document, form, results, session::Session},
};

/// The sale that stands in the field at first: one made to be attacked.
const DEFAULT_SALE: &str = "rehearsal";
const DEFAULT_BUYERS: &str = "500";
const DEFAULT_CONCURRENCY: &str = "100";

/// The simulator on a page of its own.
#[component]
pub fn SimulatorPage() -> impl IntoView {
    view! {
        <Title text="Simulator" />
        <div class="simulator-page">
            <section class="intro">
                <p class="eyebrow">"Rehearsal"</p>
                <h1>"Simulator"</h1>
                <p class="lead">
                    "Send thousands of buyers at a sale in the same moment, and see whether it stays exact: each unit sold "
                    "once, none left behind. A refused buyer is a right answer."
                </p>
            </section>
            <Simulator sale=None />
        </div>
    }
}

/// The simulator. With `sale` it attacks that one; without, the visitor chooses.
#[component]
pub fn Simulator(sale: Option<Arc<Sale>>) -> impl IntoView {
    let heading = sale.is_some().then(|| view! { <h2>"Simulator"</h2> });
    // Only a rehearsal changes its strategy.
    let can_change = sale.as_ref().is_none_or(|sale| sale.rehearsal);
    view! {
        <section class="simulator" data-testid="simulator" aria-label="Simulator" data-lazy="true">
            <SimulatorIsland>
                {heading}
                {Suspend::new(async move {
                    let list = api::strategies().await.unwrap_or_default();
                    view! { <Form sale list can_change /> }
                })}
                {drawn(results::draw(Session::default()))}
            </SimulatorIsland>
        </section>
    }
}

/// The form, as it stands before anything was sent.
#[component]
fn Form(sale: Option<Arc<Sale>>, list: StrategyList, can_change: bool) -> impl IntoView {
    let session = Session::default();
    view! {
        <form class="simulator-form" novalidate data-do="simulate" data-store=list.store.clone()>
            <div class="simulator-fields">
                <label class="simulator-field">
                    "Sale"
                    <SaleField sale />
                </label>
                <label class="simulator-field">
                    "Target"
                    <input name="target" value="any" autocomplete="off" spellcheck="false" list="simulator-targets" />
                    <datalist id="simulator-targets">
                        <option value="any"></option>
                        <option value="seat:A-1"></option>
                        <option value="tier:ga"></option>
                    </datalist>
                </label>
                <label class="simulator-field">
                    "Buyers"
                    <input name="buyers" type="number" inputmode="numeric" min="1" max=MAX_SIMULATED_BUYERS
                        value=DEFAULT_BUYERS />
                </label>
                <label class="simulator-field">
                    "Requests at once"
                    <input name="concurrency" type="number" inputmode="numeric" min="1" max=MAX_SIMULATION_CONCURRENCY
                        value=DEFAULT_CONCURRENCY />
                </label>
                <label class="simulator-field">
                    "Sent by"
                    <select name="engine">
                        <option value="server">"the server"</option>
                        <option value="browser">"this browser (64 max)"</option>
                    </select>
                </label>
                <label class="simulator-field">
                    "Strategy"
                    <select name="strategy">
                        <option value="">"the sale's"</option>
                        {can_change.then(|| strategy_options(&list.strategies))}
                    </select>
                </label>
                <label class="simulator-field">
                    "Seed"
                    <input name="seed" inputmode="numeric" placeholder="drawn anew" autocomplete="off" />
                </label>
            </div>
            {can_change.then(|| choices(&list.strategies))}
            {drawn(form::trouble(session))}
            <div class="simulator-actions">
                {drawn(form::actions(session))}
                {can_change.then(|| drawn(form::comparison_actions(session)))}
            </div>
            {drawn(format!(r#"<template id="comparison-frame">{}</template>"#, document::frame()))}
            <noscript>
                <p>
                    "This page needs script to send buyers. "<code>"onsale attack"</code>" and "
                    <code>"onsale compare"</code>" do the same from a terminal."
                </p>
            </noscript>
        </form>
    }
    .into_any()
}

/// Each strategy by its name; what cannot be run here cannot be chosen either.
fn strategy_options(strategies: &[StrategySupport]) -> impl IntoView + use<> {
    let option = |strategy: &StrategySupport| {
        let name = strategy.kind.name();
        let text = if strategy.supported { name.to_owned() } else { format!("{name} (not on this server)") };
        view! { <option value=name disabled=!strategy.supported>{text}</option> }
    };
    strategies.iter().map(option).collect_view()
}

/// The strategies to compare, as they stand before the first comparison: a box to tick for each, what this server lacks
/// for those that cannot be ticked, and how each works.
fn choices(strategies: &[StrategySupport]) -> impl IntoView + use<> {
    view! {
        <fieldset class="strategies" aria-describedby="strategies-note">
            <legend>"Strategies to compare"</legend>
            {strategies.iter().map(choice).collect_view()}
        </fieldset>
        <p class="simulator-note strategies-note" id="strategies-note">
            "A comparison sends the same buyers, drawn from one seed, at one strategy after the other. The sale is put back as "
            "it was made before each run and at the end."
        </p>
        <details class="strategies-about">
            <summary>"How each strategy works, and what this server lacks"</summary>
            <dl>{strategies.iter().map(about).collect_view()}</dl>
        </details>
    }
    .into_any()
}

/// One strategy as a box to tick, or the reason why it cannot be.
fn choice(strategy: &StrategySupport) -> impl IntoView + use<> {
    let name = strategy.kind.name();
    let id = format!("compared-{name}");
    let mark = if !strategy.exact { Some("oversells".to_owned()) } else { strategy.reason.clone() };
    view! {
        <div class="strategy" data-supported=strategy.supported.to_string() data-exact=strategy.exact.to_string()>
            <input type="checkbox" name="compared" value=name id=id.clone() checked=strategy.supported
                disabled=!strategy.supported aria-describedby=format!("about-{name}") />
            <label for=id>
                <code>{name}</code>
                {mark.map(|mark| view! { " " <span class="strategy-mark">{mark}</span> })}
            </label>
        </div>
    }
}

fn about(strategy: &StrategySupport) -> impl IntoView + use<> {
    let name = strategy.kind.name();
    let lacking = strategy.reason.as_ref().map(|reason| format!(" Not on this server: {reason}"));
    view! {
        <div>
            <dt>
                <code>{name}</code>
            </dt>
            <dd id=format!("about-{name}")>{strategy.summary.clone()} {lacking}</dd>
        </div>
    }
}

/// The choice of the sale: a list of all that may be attacked, or the one that is fixed.
#[component]
fn SaleField(sale: Option<Arc<Sale>>) -> impl IntoView {
    Suspend::new(async move {
        let known = match sale {
            Some(sale) => vec![(sale.id.0.clone(), sale.id.0.clone())],
            None => {
                let sales = api::simulated_sales().await.unwrap_or_default();
                sales.into_iter().map(|sale| (sale.id.0, sale.name)).collect()
            }
        };
        let options = known.into_iter().map(|(id, name)| {
            let is_default = id == DEFAULT_SALE;
            view! { <option value=id selected=is_default>{name}</option> }
        });
        view! { <select name="sale">{options.collect_view()}</select> }
    })
}
