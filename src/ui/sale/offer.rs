//! What the button offers, and the button itself.
//!
//! The button keeps its offer while a pointer is pressed on it, and buys nothing for a second after anything has
//! happened. So the second click of a double click never buys something else than the first.

use std::time::Duration;

use leptos::prelude::*;

use super::{
    best::best_shown,
    desk::{Choice, Desk},
};
use crate::model::{rung::Rung, sale::SaleStatus};

/// How long the offer is kept after the pointer has left. A finger's click arrives only after its pointer has left.
const AFTER_THE_POINTER: Duration = Duration::from_millis(100);

/// What the button offers.
#[derive(Clone)]
pub struct Offer {
    pub text: String,
    /// Whether it can be pressed.
    pub is_open: bool,
    pub choice: Choice,
    /// How the seats will stand together, if the server picks several.
    pub promise: Option<Rung>,
}

/// What the button offers now. While a pointer is pressed on the button, what it offered when that began.
#[derive(Clone, Copy)]
pub struct Offers {
    desk: Desk,
    is_held: RwSignal<bool>,
    held: StoredValue<Option<Offer>>,
}

impl Offers {
    pub fn new(desk: Desk) -> Self {
        Self { desk, is_held: RwSignal::new(false), held: StoredValue::new(None) }
    }

    /// The offer that the button shows. Reactive.
    fn shown(self) -> Offer {
        let held = if self.is_held.get() { self.held.get_value() } else { None };
        held.unwrap_or_else(|| offer(self.desk))
    }

    /// Handles a press. Returns the offer that the button showed.
    pub fn take(self) -> Offer {
        let offer = untrack(|| self.shown());
        self.let_go();
        offer
    }

    fn hold(self) {
        self.held.set_value(Some(untrack(|| offer(self.desk))));
        self.is_held.set(true);
    }

    fn let_go(self) {
        if self.is_held.try_get_untracked() == Some(true) {
            self.is_held.set(false);
        }
    }
}

/// The button that buys or holds. It is `aria-disabled` and never `disabled`, because browsers take the focus away from a
/// disabled button.
#[component]
pub fn BuyButton(desk: Desk, offers: Offers) -> impl IntoView {
    view! {
        <button
            type="submit"
            class="button buy"
            data-testid=if desk.is_paid() { "hold" } else { "buy" }
            aria-disabled=move || (!offers.shown().is_open).then_some("true")
            aria-busy=move || desk.is_buying.get().then_some("true")
            on:pointerdown=move |_| offers.hold()
            on:pointerleave=move |_| set_timeout(move || offers.let_go(), AFTER_THE_POINTER)
        >
            {move || offers.shown().text}
        </button>
    }
}

/// What the button offers now. Reactive.
fn offer(desk: Desk) -> Offer {
    let choice = desk.choice();
    let says = |text: String, is_open| Offer { text, is_open, choice: choice.clone(), promise: None };
    if desk.is_buying.get() {
        return says(format!("{}ing…", verb(desk)), false);
    }
    if desk.is_resting.get() {
        return says(desk.rest_text(), false);
    }
    let closed = match desk.status() {
        _ if desk.has_no_cookies.get() => "Cookies are off",
        SaleStatus::Soon => "Not open yet",
        SaleStatus::Paused => "Sale paused",
        SaleStatus::SoldOut => "Sold out",
        SaleStatus::Closed => "Sale closed",
        SaleStatus::Open => "",
    };
    if !closed.is_empty() {
        return says(closed.to_owned(), false);
    }
    if desk.allowance() == 0 {
        // The button stays active, because a press shows how many units one buyer may have.
        return says("You have all you may have".to_owned(), true);
    }
    match &choice {
        Choice::Lost(_) => says("Pick another seat".to_owned(), true),
        Choice::Seats(seats) if seats.len() == 1 => says(format!("{} this seat", verb(desk)), true),
        Choice::Seats(seats) => says(format!("{} these {} seats", verb(desk), seats.len()), true),
        &Choice::Units { tier, quantity } => match desk.left(tier) {
            0 => says("None left".to_owned(), false),
            left if left < u64::from(quantity) => says(format!("Only {left} left"), false),
            _ => {
                let (text, promise) = units_offer(desk, tier, quantity);
                Offer { promise, ..says(text, true) }
            }
        },
    }
}

/// The button's text for units that are not picked on the map, and how their seats will stand together. Reactive.
fn units_offer(desk: Desk, tier: usize, quantity: u32) -> (String, Option<Rung>) {
    let verb = verb(desk);
    match (desk.is_seated(tier), quantity) {
        (true, 1) => return (format!("{verb} the best seat"), None),
        (false, 1) => return (format!("{verb} 1 ticket"), None),
        (false, quantity) => return (format!("{verb} {quantity} tickets"), None),
        (true, _) => {}
    }
    // The counters do not change when one seat is given back while another is sold, so the seats are tracked too.
    desk.live.repaint().track();
    let best = desk.live.read(|view| best_shown(&desk.seating(), view, tier, quantity));
    let text = match best.as_ref().map(|best| (best.rung, best.rows)) {
        Some((Rung::Together | Rung::Orphan, _)) => format!("{verb} the best {quantity}, together"),
        Some((Rung::Rows, rows)) => {
            let rows = ["two", "three", "four"][(rows as usize).clamp(2, 4) - 2];
            format!("{verb} {quantity}, in {rows} rows behind each other")
        }
        _ => format!("{verb} {quantity}, not side by side"),
    };
    (text, best.map(|best| best.rung))
}

/// What the button does.
fn verb(desk: Desk) -> &'static str {
    if desk.is_paid() { "Hold" } else { "Buy" }
}
