//! The heart: one sale, its seat map, its counters, and the panel that buys. The functions named `draw` and their like give
//! the parts of the page as they are now; the island keeps those in the document so.

mod actions; // what the visitor does
mod buyer; // one buyer beside the visitor
pub mod buyers; // several buyers side by side
mod desk; // what the parts of the page share
pub mod head; // name, status, what the organiser says
pub mod legend; // tiers and prices, also a filter
mod map; // the seat map in the document: listeners and painting
pub mod map_markup; // the seat map as a string, pure
mod outcome; // what the form without script came to
pub mod panel; // the buy form and what came of it
mod purchase; // from the choice to tickets or a reason
pub mod quantity; // how many units
mod seating; // which seat stands where, pure
pub mod stock; // the counters

use leptos::prelude::*;

pub use self::desk::Desk;
use super::kit::{
    redraw::{keep_current, written_down},
    toast,
};
use crate::{
    api::{self, SalePage},
    live::{link::Link, reducer::View},
};

/// Draws one part of the page. Reactive.
type Draw = fn(Desk) -> String;

/// The live parts of the page, by the names that they carry in the document.
const PARTS: [(&str, Draw); 12] = [
    ("head", head::draw),
    ("legend", legend::draw),
    ("counter", stock::counter),
    ("connection", panel::connection),
    ("tiers", panel::tiers),
    ("quantity", quantity::draw),
    ("picked", panel::picked),
    ("total", panel::total),
    ("button", panel::button),
    ("own-tickets", panel::own_tickets),
    ("stock", stock::table),
    ("buyers", buyers::draw),
];

/// Keeps the parts of the page that it frames true, and hears what the visitor does there.
#[island]
pub fn SaleIsland(children: Children) -> impl IntoView {
    Effect::new(|_| untrack(attend));
    children()
}

fn attend() {
    let Some((page, outcome)) = written_down::<(SalePage, Option<String>)>() else { return };
    let desk = Desk::new(page, outcome);
    for (name, draw) in PARTS {
        keep_current(name, move || draw(desk));
    }
    keep_current("toasts", move || toast::draw(desk.toasts));
    map::attend(desk);
    actions::attend(desk);
    follow(desk);
}

/// Listens to the sale for as long as the page stands.
fn follow(desk: Desk) {
    StoredValue::new_local(Link::start(desk.id(), desk.live));
    let replaced = desk.live.replaced();
    Effect::new(move |_| {
        if replaced.get() == 0 {
            return;
        }
        if desk.live.read(View::seats) != desk.seating().seats() as usize {
            // The seat map itself is another one: so is the page.
            let _ = window().location().reload();
        } else if !desk.orders.with_untracked(Vec::is_empty) {
            // A reset makes orders void: what is still owned is for the server to say.
            leptos::task::spawn_local(async move {
                if let Ok(purchases) = api::purchases(desk.id()).await {
                    desk.live.set_owned(&desk.seating().indices_of(&purchases.seats));
                    let _ = desk.orders.try_set(purchases.orders);
                }
            });
        }
    });
}
