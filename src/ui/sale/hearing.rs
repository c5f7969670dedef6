//! How fresh the page is.

use leptos::prelude::*;

use super::desk::Desk;
use crate::live::connection::Connection;

#[component]
pub fn ConnectionState(desk: Desk) -> impl IntoView {
    let hearing = desk.live.hearing();
    let connection = Memo::new(move |_| hearing.get().connection);
    let text = move || match hearing.get().connection {
        Connection::Live => "Live".to_owned(),
        Connection::Reconnecting => "Connecting…".to_owned(),
        Connection::Polling => "Asking every moment".to_owned(),
        Connection::Stale => format!("Last heard {} s ago", hearing.get().silence_seconds),
    };
    view! {
        <p class="connection" data-testid="connection" data-state=move || connection.get().name()>
            <span class="connection-mark" aria-hidden="true"></span>
            <span class="figures">{text}</span>
        </p>
    }
    .into_any()
}
