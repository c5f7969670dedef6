//! The list of sales on the home page, with what is left of each.

mod card; // one sale

use std::time::Duration;

use leptos::{prelude::*, task::spawn_local};

use self::card::SaleCard;
use super::kit::start::started_from;
use crate::{
    api,
    live::clock::ServerClock,
    model::{
        sale::{Sale, SalesPage},
        time::Timestamp,
    },
};

/// The id of the page's element with the sales from which the board starts.
pub const START: &str = "sale-board-start";
/// How often the sales of the page are polled. There is no stream here: a stream is about one sale only, and a browser
/// has few connections to spare.
const REFRESH: Duration = Duration::from_secs(2);

/// A card for each sale, kept up to date.
#[island]
pub fn SaleBoard() -> impl IntoView {
    let SalesPage { sales: first, page, .. } = started_from(START);
    let clock = ServerClock::start(time_of(&first).unwrap_or(Timestamp::from_milliseconds(0)));
    let now = clock.now();
    let sales = RwSignal::new(first);
    Effect::new(move |_| refresh(sales, page, clock));
    view! {
        <ul class="cards" role="list">
            <For each=move || sales.get() key=|sale| sale.id.clone() let(sale)>
                <SaleCard sales first=sale now />
            </For>
        </ul>
    }
}

/// The server's time when it made the list. `None` for an empty list.
fn time_of(sales: &[Sale]) -> Option<Timestamp> {
    sales.iter().map(|sale| sale.server_now).max()
}

/// Polls the sales of this page while the page is visible. A failed poll changes nothing, because the next one may
/// succeed.
fn refresh(sales: RwSignal<Vec<Sale>>, page: u32, clock: ServerClock) {
    let look = move || {
        if document().hidden() {
            return;
        }
        spawn_local(async move {
            if let Ok(found) = api::sales(page).await {
                time_of(&found.sales).into_iter().for_each(|at| clock.hear(at));
                let _ = sales.try_set(found.sales);
            }
        });
    };
    if let Ok(interval) = set_interval_with_handle(look, REFRESH) {
        on_cleanup(move || interval.clear());
    }
}
