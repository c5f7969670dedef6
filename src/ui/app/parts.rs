//! Islands whose code is a file of its own. `start.js` fetches it when the island's place comes near the view.

use leptos::prelude::*;

use crate::ui::client_files::ClientFiles;

/// Shown in the place of such an island if its code could not be fetched.
#[component]
pub fn NotLoaded(#[prop(into)] text: String) -> impl IntoView {
    view! { <p class="notice" role="alert" hidden data-lazy-failed="true">{text}</p> }
}

/// Has the browser fetch the code of an island that every visitor of the page sees, before the script asks for it.
pub fn preload(name: &str) -> impl IntoView + use<> {
    let files = use_context::<ClientFiles>().and_then(|files| files.parts.get(name).cloned()).unwrap_or_default();
    let link = |address: String| {
        view! { <link rel="preload" href=address r#as="fetch" r#type="application/wasm" crossorigin="anonymous" /> }
    };
    files.into_iter().map(link).collect_view()
}
