//! The choice of strategies: a box to tick for each, how it works, and for a strategy that this server cannot run, what
//! the server lacks.

use leptos::prelude::*;

use crate::model::strategy::StrategySupport;

/// The strategies by name. Those that this server cannot run cannot be chosen.
#[component]
pub fn StrategyOptions(strategies: Vec<StrategySupport>) -> impl IntoView {
    let option = |strategy: StrategySupport| {
        let name = strategy.kind.name();
        let text = if strategy.supported { name.to_owned() } else { format!("{name} (not on this server)") };
        view! { <option value=name disabled=!strategy.supported>{text}</option> }
    };
    strategies.into_iter().map(option).collect_view()
}

#[component]
pub fn StrategyChoices(strategies: Vec<StrategySupport>) -> impl IntoView {
    let about = strategies.clone();
    view! {
        <fieldset class="strategies" aria-describedby="strategies-note">
            <legend>"Strategies to compare"</legend>
            {strategies.into_iter().map(|strategy| view! { <Choice strategy /> }).collect_view()}
        </fieldset>
        <p class="simulator-note strategies-note" id="strategies-note">
            "A comparison sends the same buyers, drawn from one seed, to each strategy in turn. They arrive at once, because only \
            full load shows what a strategy can do. The sale is reset before each run and at the end."
        </p>
        <details class="strategies-about">
            <summary>"How each strategy works, and what this server lacks"</summary>
            <dl>{about.into_iter().map(|strategy| view! { <About strategy /> }).collect_view()}</dl>
        </details>
    }
}

/// One strategy as a box to tick, or the reason why it cannot be ticked.
#[component]
fn Choice(strategy: StrategySupport) -> impl IntoView {
    let name = strategy.kind.name();
    let id = format!("compared-{name}");
    let mark = if strategy.exact { strategy.reason } else { Some("oversells".to_owned()) };
    let is_supported = strategy.supported;
    view! {
        <div class="strategy" data-supported=is_supported.to_string() data-exact=strategy.exact.to_string()>
            <input type="checkbox" name="compared" value=name id=id.clone() checked=is_supported
                disabled=!is_supported aria-describedby=format!("about-{name}") />
            <label for=id>
                <code>{name}</code>
                {mark.map(|mark| view! { " " <span class="strategy-mark">{mark}</span> })}
            </label>
        </div>
    }
}

#[component]
fn About(strategy: StrategySupport) -> impl IntoView {
    let name = strategy.kind.name();
    let lacking = strategy.reason.map(|reason| format!(" Not on this server: {reason}")).unwrap_or_default();
    view! {
        <div>
            <dt>
                <code>{name}</code>
            </dt>
            <dd id=format!("about-{name}")>{strategy.summary + &lacking}</dd>
        </div>
    }
}
