//! Several buyers side by side, each with a session of its own, to feel contention with one's own hands.

mod card; // one buyer

use leptos::prelude::*;

use self::card::BuyerCard;
use super::desk::Desk;

/// A browser keeps about six connections to one address; more buyers would only wait in its own line.
const MAX_CARDS: usize = 6;

#[component]
pub fn BuyerCards(desk: Desk) -> impl IntoView {
    let cards = RwSignal::new(Vec::<u32>::new());
    let next_number = StoredValue::new(1_u32);
    // Each count is one call to all cards to buy at once.
    let race = RwSignal::new(0_u32);
    let is_full = move || cards.with(Vec::len) >= MAX_CARDS;
    let add = move |_| {
        let number = next_number.get_value();
        next_number.set_value(number + 1);
        cards.update(|cards| cards.push(number));
    };
    view! {
        <section class="buyers" aria-labelledby="buyers-title">
            <div class="section-head">
                <div>
                    <h2 id="buyers-title">"Several buyers"</h2>
                    <p class="quiet">"Each has a session of its own. Let them go for the same thing, and see who wins."</p>
                </div>
                <div class="section-actions">
                    <button type="button" class="button-quiet" id="card-add" disabled=is_full on:click=add>"Add a buyer"</button>
                    <button
                        type="button"
                        class="button-quiet"
                        id="card-race"
                        disabled=move || cards.with(Vec::len) < 2
                        on:click=move |_| race.update(|race| *race += 1)
                    >
                        "All at once"
                    </button>
                </div>
            </div>
            <ul class="buyer-cards" role="list">
                <For each=move || cards.get() key=|number| *number let:number>
                    <BuyerCard
                        desk
                        number
                        race=race.into()
                        on_remove=move || cards.update(|cards| cards.retain(|card| *card != number))
                    />
                </For>
            </ul>
        </section>
    }
    .into_any()
}
