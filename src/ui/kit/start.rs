//! The data from which an island starts. The server has it in the context and writes it into the page as inert JSON,
//! and the browser reads it there. So both render the same, and an island needs no props.

use leptos::prelude::*;
use serde::de::DeserializeOwned;

use super::document::find;
use crate::wire::json;

/// Reads the data that the page contains under `id`.
pub fn written_down<T: DeserializeOwned>(id: &str) -> T {
    let text = find(&format!("#{id}")).and_then(|script| script.text_content());
    text.and_then(|text| json::read(&text)).expect("a page carries what its islands start from")
}

/// The data from which an island starts: on the server from the context, in the browser from the page's element `id`.
pub fn started_from<T: DeserializeOwned + Clone + 'static>(id: &str) -> T {
    use_context().unwrap_or_else(|| written_down(id))
}
