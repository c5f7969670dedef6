//! The part of the page that compares ended runs and exports them.

use leptos::prelude::*;

use super::{
    comparison::{charts, table},
    driver,
    session::Session,
    told::newest,
};

/// The comparison of ended runs. Empty until a run has ended.
#[component]
pub fn Comparison(session: Session, store: String) -> impl IntoView {
    let ended = session.ended;
    let is_shown = Memo::new(move |_| !ended.with(Vec::is_empty));
    let store = StoredValue::new(store);
    let save_json = move |_| ended.with_untracked(|runs| driver::save_json(&store.get_value(), runs));
    let save_page = move |_| ended.with_untracked(|runs| driver::save_page(&store.get_value(), runs));
    move || {
        is_shown.get().then(|| view! {
            <div class="simulator-comparison">
                <div class="simulator-comparison-head">
                    <h2 id="simulator-comparison">"Runs side by side"</h2>
                    <div class="simulator-actions">
                        <button class="button-quiet" type="button" on:click=save_json>"Export as JSON"</button>
                        <button class="button-quiet" type="button" on:click=save_page>"Export as a page"</button>
                    </div>
                </div>
                <div class="simulator-table" role="region" aria-labelledby="simulator-comparison" tabindex="0"
                    inner_html=move || ended.with(|runs| table(runs).into_string())></div>
                <div class="comparison-bars" inner_html=move || ended.with(|runs| charts(newest(runs)).into_string())></div>
            </div>
        })
    }
}
