//! The links between the pages of a list. They are ordinary links, so they work without script.

use leptos::prelude::*;

/// The address of a link and its text.
pub type PageLink = (String, &'static str);

/// Links to the previous and the next page. Between them `says` tells which page this is. Empty if there is only one
/// page.
#[component]
pub fn Paging(label: &'static str, previous: Option<PageLink>, says: String, next: Option<PageLink>) -> impl IntoView {
    if previous.is_none() && next.is_none() {
        return ().into_any();
    }
    let link = |page: Option<PageLink>, relation: &'static str| {
        page.map(|(address, says)| view! { <a class="button-quiet" href=address rel=relation>{says}</a> })
    };
    view! {
        <nav class="paging" aria-label=label>
            {link(previous, "prev")}
            <span class="figures">{says}</span>
            {link(next, "next")}
        </nav>
    }
    .into_any()
}
