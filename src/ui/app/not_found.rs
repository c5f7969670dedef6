//! The page for an unknown address.

use leptos::prelude::*;
use leptos_axum::ResponseOptions;
use leptos_meta::Title;

use crate::model::pages::HOME;

#[component]
pub fn NotFound() -> impl IntoView {
    if let Some(response) = use_context::<ResponseOptions>() {
        response.set_status(axum::http::StatusCode::NOT_FOUND);
    }
    view! {
        <Title text="Not found" />
        <section class="message-page">
            <p class="eyebrow">"404"</p>
            <h1>"Nothing is on sale here"</h1>
            <p class="lead">"The address leads nowhere. It may be misspelled, or the link may be cut short."</p>
            <p><a class="button" href=HOME.path>"See all sales"</a></p>
        </section>
    }
}
