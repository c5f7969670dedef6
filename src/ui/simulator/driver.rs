//! Makes a run: asks the server for it and follows its progress, or sends the buyers from this browser. Compiled for the
//! browser only; see `driver_absent.rs`.

use leptos::{prelude::*, task::spawn_local};
use wasm_bindgen::{JsCast, JsValue};

use super::session::{Engine, Request, Run, Session};
use crate::{api, model::ids::SaleId};

mod browser; // this browser as the load generator
mod fetch; // requests to the public API, each without the visitor's identity
mod server; // the server as the load generator

/// Name of the exported file.
const EXPORT_NAME: &str = "onsale-simulations.json";

/// Starts the run and returns at once; the session tells the rest.
pub fn start(session: Session, request: Request) {
    session.begin();
    spawn_local(async move {
        let result = match request.engine {
            Engine::Server => server::run(session, request).await,
            Engine::Browser => browser::run(session, request).await,
        };
        match result {
            Ok(run) => session.end(run),
            Err(trouble) => session.fail(trouble),
        }
    });
}

/// Puts the stock of the sale back as it was made.
pub fn reset(session: Session, sale: SaleId) {
    session.trouble.set(None);
    spawn_local(async move {
        match api::reset(sale, None).await {
            Ok(Ok(sale)) => {
                let told = format!("{} is reset: {} units are available.", sale.name, sale.available);
                session.announcement.try_set(told);
            }
            Ok(Err(refusal)) => {
                session.trouble.try_set(Some(refusal.detail));
            }
            Err(error) => {
                session.trouble.try_set(Some(format!("The sale could not be reset: {error}")));
            }
        }
    });
}

/// Hands the runs to the visitor as a file.
pub fn save(runs: &[Run]) {
    // A line for each run.
    let lines = runs.iter().map(|run| api::write(run).expect("a run is plain data"));
    let text = format!("[\n{}\n]\n", String::from_utf8_lossy(&lines.collect::<Vec<_>>().join(&b",\n"[..])));
    if let Err(error) = download(&text) {
        leptos::logging::warn!("the runs could not be saved: {error:?}");
    }
}

fn download(text: &str) -> Result<(), JsValue> {
    let options = web_sys::BlobPropertyBag::new();
    options.set_type("application/json");
    let parts = js_sys::Array::of1(&JsValue::from_str(text));
    let blob = web_sys::Blob::new_with_str_sequence_and_options(&parts, &options)?;
    let address = web_sys::Url::create_object_url_with_blob(&blob)?;
    let anchor: web_sys::HtmlAnchorElement = document().create_element("a")?.unchecked_into();
    anchor.set_href(&address);
    anchor.set_download(EXPORT_NAME);
    anchor.click();
    web_sys::Url::revoke_object_url(&address)
}
