//! The page of one sale: its seat map, its counters, and the panel that buys.

mod best; // the best free seats and how they stand together, pure
mod buyers; // several buyers side by side
mod desk; // what the parts of the page share
mod head; // name, status, the organiser's message
mod holds; // what the visitor holds
mod legend; // tiers and prices, also a filter
mod map; // the seat map in the document: listening and painting
pub mod map_markup; // the seat map's first drawing, pure
mod offer; // what the button offers, and the button
mod outcome; // the result of the form without script
mod own; // merges what the server says about the visitor's orders
mod panel; // the buy form and its result
mod purchase; // one purchase: from the choice to tickets or a refusal
mod quantity; // how many units
pub mod seating; // which seat is where, pure
mod stock; // the counters
mod tickets; // the buyer's own tickets
mod tiers; // the choice of a tier

use leptos::{ev::KeyboardEvent, prelude::*, task::spawn_local};

pub use self::{buyers::BuyersIsland, desk::Desk, outcome::NO_COOKIES};
use self::{head::Head, legend::Legend, map::SeatMap, panel::Panel, stock::StockTable};
use super::kit::{document::keeps_cookies, start::written_down};
use crate::{
    api::SalePage,
    live::{link::Link, reducer::View},
};

/// The id of the page's element with the data from which the desk starts: [`SalePage`], and the outcome of a form.
pub const START: &str = "sale-start";

/// The page of a sale. `children` is the seat map, which only the server draws.
#[island]
pub fn SaleIsland(children: Children) -> impl IntoView {
    let desk = use_context::<Desk>().unwrap_or_else(desk_in_the_browser);
    let map = SeatMap::new(desk);
    Effect::new(move |_| {
        untrack(|| {
            map.attend();
            follow(desk);
            desk.has_no_cookies.set(!keeps_cookies());
        });
    });
    let has_seats = desk.has_seats();
    view! {
        <Head desk />
        <div
            class="sale-map"
            hidden=!has_seats
            on:click=move |event| map.click(&event)
            on:keydown=move |event: KeyboardEvent| map.press(&event)
        >
            <Legend desk />
            {children()}
        </div>
        <Panel desk />
        <div class="sale-more">
            <StockTable desk />
        </div>
    }
}

/// Makes the desk from the data in the page, and takes over what the visitor chose in the form before the script ran.
fn desk_in_the_browser() -> Desk {
    let (page, outcome): (SalePage, Option<String>) = written_down(START);
    let desk = Desk::new(page, outcome);
    tiers::adopt(desk);
    quantity::adopt(desk);
    desk.share();
    desk
}

/// Keeps the page up to date for as long as it is open.
fn follow(desk: Desk) {
    StoredValue::new_local(Link::start(desk.id(), desk.live));
    let replaced = desk.live.replaced();
    Effect::new(move |_| {
        if replaced.get() == 0 {
            return;
        }
        if desk.live.read(View::seats) != desk.seating().seats() as usize {
            // The number of seats has changed, and only the server draws the map. So the page is loaded again.
            let _ = window().location().reload();
        } else if desk.live.bought_elsewhere() || desk.has_anything() {
            // A reset makes orders void, and another page may have bought something, so the server is asked what is
            // owned.
            spawn_local(async move {
                desk.ask_what_is_owned().await;
            });
        }
    });
}
