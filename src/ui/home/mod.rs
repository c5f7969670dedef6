//! The sales, with what is left of each.

mod card; // one sale

use std::time::Duration;

use leptos::{prelude::*, task::spawn_local};
use leptos_meta::Title;

use self::card::SaleCard;
use super::kit::countdown::server_time;
use crate::{
    api,
    model::{sale::Sale, time::Timestamp},
};

/// Time between two looks at all sales. A stream tells of one sale only, and a browser has few connections to spare.
const REFRESH: Duration = Duration::from_secs(2);

#[component]
pub fn HomePage() -> impl IntoView {
    let sales = Resource::new_blocking(|| (), |()| api::sales());
    view! {
        <Title text="" />
        <section class="intro">
            <p class="eyebrow">"Box office"</p>
            <h1>"On sale now, live"</h1>
            <p class="lead">
                "Watch seats change hands as it happens, and take one. Nothing is sold twice, nothing is left behind, and the ledger proves it."
            </p>
        </section>
        <Suspense fallback=|| view! { <p class="quiet">"Looking at the sales…"</p> }>
            {move || Suspend::new(async move {
                match sales.await {
                    Ok(sales) => view! { <SaleCards sales /> }.into_any(),
                    Err(_) => view! { <p class="notice" role="alert">"The sales cannot be read now. Try again in a moment."</p> }.into_any(),
                }
            })}
        </Suspense>
    }
}

#[component]
fn SaleCards(sales: Vec<Sale>) -> impl IntoView {
    if sales.is_empty() {
        return view! { <p class="notice">"Nothing is on sale at the moment. Come back soon."</p> }.into_any();
    }
    let now = server_time(sales.iter().map(|sale| sale.server_now).max().unwrap_or(Timestamp::from_milliseconds(0)));
    let sales = RwSignal::new(sales);
    refresh(sales);
    // Cards stand in the order of the list and hold their place by the sale's name: only their figures change.
    let ids = Memo::new(move |_| sales.with(|sales| sales.iter().map(|sale| sale.id.clone()).collect::<Vec<_>>()));
    view! {
        <ul class="cards" role="list">
            <For each=move || ids.get() key=Clone::clone let:id>
                <SaleCard sale=Signal::derive({
                    let id = id.clone();
                    move || sales.with(|sales| sales.iter().find(|sale| sale.id == id).cloned())
                }) now />
            </For>
        </ul>
    }
    .into_any()
}

/// Asks for the sales again and again while somebody looks. A failed look changes nothing: the next one may succeed.
fn refresh(sales: RwSignal<Vec<Sale>>) {
    Effect::new(move |_| {
        let look = move || {
            if document().hidden() {
                return;
            }
            spawn_local(async move {
                if let Ok(found) = api::sales().await {
                    let _ = sales.try_set(found);
                }
            });
        };
        if let Ok(interval) = set_interval_with_handle(look, REFRESH) {
            on_cleanup(move || interval.clear());
        }
    });
}
