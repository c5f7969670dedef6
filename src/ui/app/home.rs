//! The home page: all sales, one page of them at a time.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use super::{handed::hand_over, paging::Paging};
use crate::{
    api,
    model::{pages::HOME, sale::SalesPage},
    ui::home::{START, SaleBoard},
};

#[component]
pub fn HomePage() -> impl IntoView {
    let asked = use_query_map().with_untracked(|query| query.get("page"));
    let page = asked.and_then(|page| page.parse().ok()).unwrap_or(1);
    view! {
        <Title text="" />
        <section class="intro">
            <p class="eyebrow">"Box office"</p>
            <h1>"On sale now, live"</h1>
            <p class="lead">
                "Watch seats change hands as it happens, and take one. Nothing is sold twice, nothing is left behind, and \
                 the ledger proves it."
            </p>
        </section>
        {Suspend::new(async move {
            match api::sales(page).await {
                Ok(found) => view! { <Sales found /> }.into_any(),
                Err(_) => view! { <p class="notice" role="alert">"The sales cannot be read now. Try again in a moment."</p> }.into_any(),
            }
        })}
    }
}

#[component]
fn Sales(found: SalesPage) -> impl IntoView {
    if found.sales.is_empty() {
        return view! { <p class="notice">"Nothing is on sale at the moment. Come back soon."</p> }.into_any();
    }
    let SalesPage { page, pages, .. } = found;
    let previous = (page > 1).then(|| (address_of(page - 1), "Previous sales"));
    let next = (page < pages).then(|| (address_of(page + 1), "More sales"));
    view! {
        {hand_over(START, found)}
        <SaleBoard />
        <Paging label="Pages of sales" previous says=format!("Page {page} of {pages}") next />
    }
    .into_any()
}

/// The address of a page of the home page.
fn address_of(page: u32) -> String {
    if page == 1 { HOME.path.to_owned() } else { format!("{}?page={page}", HOME.path) }
}
