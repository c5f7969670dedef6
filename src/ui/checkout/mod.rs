//! The live part of a hold's page: time runs, and its forms are sent without loading the page. The page itself is drawn by
//! the server, and works without script. So this part is small. Its code is a file of its own, which the sale's page need not
//! load.

mod desk; // the hold's time, and what is due when
pub mod start; // the island's initial data, and the names of the page's parts
mod steps; // what a press does: more time, give back, pay

use leptos::{
    ev::{MouseEvent, SubmitEvent},
    prelude::*,
};

use self::{desk::Desk, start::START};
use super::kit::{countdown::remaining, lazy::lazy_island, start::started_from, toast::ToastList};

lazy_island! {
    /// The panel of a hold's page. `children` are its forms, or what became of the hold.
    pub fn CheckoutIsland(children: Children) -> impl IntoView {
        let desk = Desk::new(started_from(START));
        Effect::new(move |_| untrack(|| desk.attend()));
        view! {
            <ToastList toasts=desk.toasts />
            <p class="time-left script-only" hidden=move || !desk.is_live() || desk.left() <= 0>
                "Held for you for "
                <time class="countdown figures" data-testid="countdown" role="timer">{move || remaining(desk.left())}</time>
            </p>
            <div class="till" on:submit=move |event: SubmitEvent| desk.submit(&event) on:click=drop_second>
                {children()}
            </div>
            // The element stays while it is empty: a screen reader announces only changes of an element that it knows.
            <p class="visually-hidden" role="status" data-testid="spoken">{move || desk.spoken.get()}</p>
        }
    }
}

/// The second click of a double click is no second press.
fn drop_second(event: MouseEvent) {
    if event.detail() > 1 {
        event.prevent_default();
    }
}
