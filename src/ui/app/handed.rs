//! What islands start from, written down beside the markup as inert JSON.

use leptos::{nonce::use_nonce, prelude::*};
use serde::Serialize;

/// Writes down under `id` what an island starts from. It is never run; it carries the nonce all the same, as every script of
/// a page does. Nothing in it can end it.
pub fn write_down<T: Serialize>(id: &'static str, start: T) -> impl IntoView + use<T> {
    let json = serde_json::to_string(&start).expect("our own types can be written").replace('<', "\\u003c");
    view! { <script type="application/json" id=id nonce=use_nonce() inner_html=json></script> }
}

/// The same, and gives it to the island as the context.
pub fn hand_over<T: Serialize + Clone + Send + Sync + 'static>(id: &'static str, start: T) -> impl IntoView + use<T> {
    provide_context(start.clone());
    write_down(id, start)
}
