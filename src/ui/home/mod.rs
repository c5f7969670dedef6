//! The sales, with what is left of each.

mod card; // one sale

use std::time::Duration;

use leptos::{prelude::*, task::spawn_local};

pub use self::card::cards;
use super::kit::{
    countdown::server_time,
    redraw::{keep_current, written_down},
};
use crate::{
    api,
    model::{sale::Sale, time::Timestamp},
};

/// Time between two looks at all sales. A stream tells of one sale only, and a browser has few connections to spare.
const REFRESH: Duration = Duration::from_secs(2);

/// Keeps the cards that it frames up to date.
#[island]
pub fn SaleBoard(children: Children) -> impl IntoView {
    Effect::new(|_| untrack(follow));
    children()
}

/// The server's time when the list was made.
pub fn time_of(sales: &[Sale]) -> Timestamp {
    sales.iter().map(|sale| sale.server_now).max().unwrap_or(Timestamp::from_milliseconds(0))
}

fn follow() {
    let Some(sales) = written_down::<Vec<Sale>>() else { return };
    let now = server_time(time_of(&sales));
    let sales = RwSignal::new(sales);
    keep_current("cards", move || sales.with(|sales| cards(sales, || now.get())));
    // Asks again and again while somebody looks. A failed look changes nothing: the next one may succeed.
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
}
