//! The heart: seat map, counter, panel.
use leptos::prelude::*;
#[component]
pub fn SalePage() -> impl IntoView {
    view! { <h1>"Sale"</h1> }
}
