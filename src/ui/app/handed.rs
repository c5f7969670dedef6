//! Writes the data from which islands start into the page, as inert JSON beside the markup.

use leptos::{nonce::use_nonce, prelude::*};
use serde::Serialize;

/// Writes the data from which an island starts into a script element with this `id`. The browser never runs it; it has
/// the nonce because every script of a page has it. `<` is escaped, so that no text in the data can end the element.
pub fn write_down<T: Serialize>(id: &'static str, start: T) -> impl IntoView + use<T> {
    let json = serde_json::to_string(&start).expect("our own types can be written").replace('<', "\\u003c");
    view! { <script type="application/json" id=id nonce=use_nonce() inner_html=json></script> }
}

/// Like [`write_down`], and also gives the data to the island through the context.
pub fn hand_over<T: Serialize + Clone + Send + Sync + 'static>(id: &'static str, start: T) -> impl IntoView + use<T> {
    provide_context(start.clone());
    write_down(id, start)
}
