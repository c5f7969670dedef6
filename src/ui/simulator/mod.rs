//! The simulator: many buyers at once, from the visitor's own browser or from the server, and what came of it.

use leptos::prelude::*;
use leptos_meta::Title;

use crate::model::ids::SaleId;

/// The simulator on a page of its own.
#[component]
pub fn SimulatorPage() -> impl IntoView {
    view! {
        <Title text="Simulator" />
        <SimulatorPanel />
    }
}

/// The simulator. With `sale` it attacks that one; without, the visitor chooses.
#[component]
pub fn SimulatorPanel(#[prop(optional, into)] sale: Option<SaleId>) -> impl IntoView {
    let sale = sale.map_or_else(|| "rehearsal".to_owned(), |sale| sale.0);
    view! {
        <section class="simulator" data-testid="simulator">
            <h2>"Simulator"</h2>
            <label>"Sale"<input name="sale" value=sale /></label>
        </section>
    }
}
