//! What the visitor owns.
use leptos::prelude::*;
#[component]
pub fn TicketsPage() -> impl IntoView {
    view! { <h1>"My tickets"</h1> }
}
