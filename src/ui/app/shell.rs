//! The HTML document around the application.

use leptos::{config::LeptosOptions, hydration::AutoReload, nonce::use_nonce, prelude::*};
use leptos_meta::MetaTags;

use super::routes::App;
use crate::ui::client_files::ClientFiles;

/// The address of the typeface, as in the style sheet.
const TYPEFACE: &str = "/fonts/instrument-sans-5.3.0.woff2";

/// The script that starts the browser's half and its islands.
const START: &str = include_str!("start.js");

/// The document. Its islands start only if `ClientFiles` are in the context; without them it is the same page, usable
/// through its forms. With `LeptosOptions` in the context, which are there during development, the page reloads after
/// each change.
pub fn shell() -> impl IntoView {
    if let Some(context) = Owner::current_shared_context() {
        // Outside of islands nothing is hydrated, so no data for hydration is written into the page.
        context.set_is_hydrating(false);
    }
    let nonce = use_nonce();
    let files = use_context::<ClientFiles>();
    let reload = use_context::<LeptosOptions>().map(|options| view! { <AutoReload options /> });
    let stylesheet = files.as_ref().map(|files| view! { <link rel="stylesheet" href=files.css.clone() /> });
    let client = files.map(|files| {
        let ClientFiles { js, wasm, parts, .. } = &files;
        let parts = serde_json::to_string(parts).expect("names can be written");
        let start = format!("import * as client from {js:?};\nconst wasm = {wasm:?};\nconst parts = {parts};\n{START}");
        view! {
            <link rel="modulepreload" href=files.js nonce=nonce.clone() crossorigin="anonymous" />
            <link rel="preload" href=files.wasm r#as="fetch" r#type="application/wasm" crossorigin="anonymous" />
            <script type="module" nonce=nonce inner_html=start></script>
        }
    });
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1" />
                <meta name="color-scheme" content="dark light" />
                <meta name="theme-color" media="(prefers-color-scheme: dark)" content="#0f1117" />
                <meta name="theme-color" media="(prefers-color-scheme: light)" content="#f7f4ee" />
                <meta name="description" content="Tickets on sale, live: every seat as it stands, sold once." />
                <link rel="icon" href="/favicon.svg" type="image/svg+xml" />
                <link rel="preload" href=TYPEFACE r#as="font" r#type="font/woff2" crossorigin="anonymous" />
                {stylesheet}
                {client}
                {reload}
                <MetaTags />
            </head>
            <body>
                <App />
            </body>
        </html>
    }
}
