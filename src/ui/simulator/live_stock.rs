//! What is left of the attacked sale, live: counts, a bar, and a mark for each seat that changes when the seat is sold.
//!
//! The panel polls the sale's state instead of opening its stream: a browser has few connections to one server, and the
//! sale's own page may already use one for the stream.

use std::time::Duration;

use leptos::{prelude::*, task::spawn_local};

use super::session::Session;
use crate::{
    api,
    model::{frame::Snapshot, sale::Counts},
    ui::kit::{availability::AvailabilityBar, border::part, money::grouped},
};

/// Time between two polls during a run. At other times `REQUESTS_SKIPPED_AT_REST` polls are skipped after each poll.
const REFRESH: Duration = Duration::from_millis(200);
const REQUESTS_SKIPPED_AT_REST: u32 = 10;
/// The most seats that are drawn. The seats of a larger sale are not drawn at all.
const MOST_SEATS: usize = 5_000;
/// Seats in a line of the drawing. A sale of up to `FEW_SEATS` has `COLUMNS`, a larger one `COLUMNS_OF_MANY`.
const COLUMNS: usize = 50;
const COLUMNS_OF_MANY: usize = 100;
const FEW_SEATS: usize = 600;
/// The distance from one seat to the next, in the drawing's own units.
const PITCH: usize = 10;
/// The shape of a seat as an SVG path that starts at its corner: a square, and a cross once it is sold, as on the seat
/// map.
const SQUARE: &str = "h8v8h-8z";
const CROSS: &str = "l8 8m0-8l-8 8";

#[component]
pub fn LiveStock(session: Session) -> impl IntoView {
    let state = RwSignal::new(None::<Snapshot>);
    // Effects run in the browser only, so the server never polls.
    Effect::new(move |_| keep_asking(session, state));
    let counts = move || state.with(|state| state.as_ref().map_or(NOTHING, counts_of));
    let left = move || state.with(|state| state.as_ref().map(|state| grouped(counts_of(state).available)));
    let seats = move |letter: char| state.with(|state| state.as_ref().map(|state| shapes(&state.seats, letter)));
    let size = Memo::new(move |_| state.with(|state| state.as_ref().map_or(0, |state| state.seats.len())));
    part(view! {
        <div class="live-stock script-only">
            <p class="live-stock-left figures">
                <strong data-testid="simulator-available">{move || left().unwrap_or_else(|| "…".to_owned())}</strong>
                " of "
                {move || grouped(counts().capacity())}
                " left"
            </p>
            <AvailabilityBar counts />
            {move || {
                (1..=MOST_SEATS).contains(&size.get()).then(|| view! {
                    <svg class="live-seats" viewBox=view_box(size.get()) role="img"
                        aria-label=move || format!("Seats: {} units left", counts().available)>
                        <path class="live-seats-available" d=move || seats('A')></path>
                        <path class="live-seats-held" d=move || seats('H')></path>
                        <path class="live-seats-sold" d=move || seats('S')></path>
                    </svg>
                })
            }}
        </div>
    })
}

const NOTHING: Counts = Counts { available: 0, held: 0, sold: 0 };

fn counts_of(state: &Snapshot) -> Counts {
    state.tiers.iter().fold(NOTHING, |sum, tier| Counts {
        available: sum.available + tier.available,
        held: sum.held + tier.held,
        sold: sum.sold + tier.sold,
    })
}

/// Polls the state of the chosen sale: often during a run, rarely at other times.
fn keep_asking(session: Session, state: RwSignal<Option<Snapshot>>) {
    let skipped = StoredValue::new(REQUESTS_SKIPPED_AT_REST);
    let is_asking = StoredValue::new(false);
    // When another sale is chosen, the next tick polls at once.
    Effect::new(move |_| {
        session.sale.track();
        skipped.set_value(REQUESTS_SKIPPED_AT_REST);
    });
    let look = move || {
        let is_due = session.running.get_untracked() || skipped.get_value() >= REQUESTS_SKIPPED_AT_REST;
        if !is_due || is_asking.get_value() || document().hidden() {
            skipped.update_value(|skipped| *skipped += 1);
            return;
        }
        let Some(sale) = session.sale.get_untracked() else { return };
        skipped.set_value(0);
        is_asking.set_value(true);
        spawn_local(async move {
            let answer = api::snapshot(sale.clone()).await;
            let is_chosen = session.sale.try_get_untracked().flatten() == Some(sale);
            // A failed poll changes nothing, because the next one may succeed.
            if let (true, Ok(found)) = (is_chosen, answer) {
                state.try_set(found.map(|(snapshot, _)| snapshot));
            }
            is_asking.try_update_value(|is_asking| *is_asking = false);
        });
    };
    look();
    if let Ok(interval) = set_interval_with_handle(look, REFRESH) {
        on_cleanup(move || interval.clear());
    }
}

const fn columns(seats: usize) -> usize {
    if seats <= FEW_SEATS { COLUMNS } else { COLUMNS_OF_MANY }
}

fn view_box(seats: usize) -> String {
    let columns = columns(seats);
    format!("0 0 {} {}", columns * PITCH, seats.div_ceil(columns) * PITCH)
}

/// One path with the shapes of all seats that have this letter.
fn shapes(seats: &str, letter: char) -> String {
    let columns = columns(seats.len());
    let shape = if letter == 'S' { CROSS } else { SQUARE };
    let mut path = String::new();
    for (index, _) in seats.chars().enumerate().filter(|(_, found)| *found == letter) {
        let (x, y) = (index % columns * PITCH, index / columns * PITCH);
        path += &format!("M{x} {y}{shape}");
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_seat_has_one_shape_at_its_place_in_the_path_of_its_state() {
        let mut seats = "A".repeat(60);
        seats.replace_range(1..2, "S");
        seats.replace_range(51..52, "S");
        seats.replace_range(59..60, "H");
        assert_eq!(shapes(&seats, 'S'), "M10 0l8 8m0-8l-8 8M10 10l8 8m0-8l-8 8");
        assert_eq!(shapes(&seats, 'H'), "M90 10h8v8h-8z");
        assert_eq!(shapes(&seats, 'A').matches('M').count(), 57);
        assert_eq!(view_box(seats.len()), "0 0 500 20");
        assert_eq!(view_box(1_000), "0 0 1000 100");
    }
}
