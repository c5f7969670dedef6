//! The links between the pages of a list. They are ordinary links, so they work without script.

use leptos::prelude::*;

/// Where a link leads, and what it says.
pub type PageLink = (String, &'static str);

/// Links to the pages before and after this one, with what `says` where the reader is. Nothing, where there is one page only.
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
