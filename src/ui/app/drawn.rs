//! What stands in a page as a string: elements that were drawn as markup, and data for the browser.

use leptos::{nonce::use_nonce, tachys::html::InertElement};

/// What the browser needs to go on from the markup, beside it. It is never run; it carries the nonce all the same, as every
/// script of a page does. Nothing in it can end it.
pub fn written_down(data: &impl serde::Serialize) -> InertElement {
    let json = serde_json::to_string(data).expect("our own types can be written").replace('<', "\\u003c");
    let nonce = use_nonce().map(|nonce| nonce.to_string()).unwrap_or_default();
    drawn(format!(r#"<script type="application/json" nonce="{nonce}">{json}</script>"#))
}

/// One element that was drawn as markup.
pub fn drawn(markup: String) -> InertElement {
    InertElement::new(markup)
}
