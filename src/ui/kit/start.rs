//! What an island starts from. The server has it in the context and writes it into the page as inert JSON; the browser reads
//! it there. So both draw the same, and an island needs no props.

use leptos::prelude::*;
use serde::de::DeserializeOwned;

use super::document::find;
use crate::wire::json;

/// What stands in the page under `id`.
pub fn written_down<T: DeserializeOwned>(id: &str) -> T {
    let text = find(&format!("#{id}")).and_then(|script| script.text_content());
    text.and_then(|text| json::read(&text)).expect("a page carries what its islands start from")
}

/// What an island starts from: on the server the context's, in the browser what the page carries under `id`.
pub fn started_from<T: DeserializeOwned + Clone + 'static>(id: &str) -> T {
    use_context().unwrap_or_else(|| written_down(id))
}
