//! The page for an address that leads nowhere.

use leptos::prelude::*;
use leptos_meta::Title;

use crate::ui::kit::http::answer_not_found;

#[component]
pub fn NotFound() -> impl IntoView {
    answer_not_found();
    view! {
        <Title text="Not found" />
        <section class="message-page">
            <p class="eyebrow">"404"</p>
            <h1>"Nothing is on sale here"</h1>
            <p class="lead">"The address leads nowhere. The sale may have been renamed, or the link may be cut short."</p>
            <p><a class="button" href="/">"See all sales"</a></p>
        </section>
    }
}
