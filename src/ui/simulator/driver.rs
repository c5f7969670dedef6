//! Makes a run: either the server sends the buyers and this module follows the progress, or this browser sends them.
//! Called in the browser only.

use leptos::{
    prelude::*,
    task::spawn_local,
    wasm_bindgen::{JsCast, JsValue},
    web_sys::{Blob, BlobPropertyBag, HtmlAnchorElement, Url},
};

use super::{
    document,
    session::{Engine, Request, Run, Session},
    told::Export,
};
use crate::{
    api,
    model::{ids::SaleId, strategy::StrategyKind},
    ui::kit::{document::find, html::Html},
    wire,
};

mod asking; // repeats requests whose answer was lost
mod browser; // this browser as the load generator
mod comparing; // one strategy after another
mod fetch; // requests to the public API, each without the visitor's identity
mod server; // the server as the load generator

/// Names of the exported files.
const JSON_NAME: &str = "onsale-comparison.json";
const PAGE_NAME: &str = "onsale-comparison.html";

/// Starts the run and returns at once; the session shows its progress.
pub fn start(session: Session, mut request: Request) {
    request.round = session.begin();
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

/// Starts a run by each strategy in turn and returns at once; the session shows the progress.
pub fn compare(session: Session, mut request: Request, strategies: Vec<StrategyKind>) {
    request.round = session.begin();
    spawn_local(async move {
        match comparing::run(session, request, &strategies).await {
            Ok(announcement) => session.end_comparison(announcement),
            Err(trouble) => session.fail(trouble),
        }
    });
}

/// Puts the stock of the sale back as it was created.
pub fn reset(session: Session, sale: SaleId) {
    session.trouble.set(None);
    spawn_local(async move {
        // A second reset changes nothing.
        match asking::ask(|| api::reset(sale.clone(), None)).await {
            Ok(Ok(sale)) => {
                let told = format!("{} is reset: {} units are available.", sale.name, sale.available);
                session.announcement.try_set(told);
                session.sale.notify();
            }
            Ok(Err(refusal)) => {
                session.trouble.try_set(Some(refusal.detail));
            }
            Err(told) => {
                session.trouble.try_set(Some(format!("The sale could not be reset. {told}")));
            }
        }
    });
}

/// Hands the runs to the visitor as JSON.
pub fn save_json(store: &str, runs: &[Run]) {
    let written = wire::write(&Export::new(store, runs)).expect("runs are plain data");
    save(JSON_NAME, "application/json", &String::from_utf8_lossy(&written));
}

/// Hands the runs to the visitor as a self-contained page.
pub fn save_page(store: &str, runs: &[Run]) {
    let frame = find(&format!("#{}", document::FRAME)).map(|frame| Html::of_page(&frame)).unwrap_or_default();
    save(PAGE_NAME, "text/html", document::draw(&frame, store, runs).as_str());
}

fn save(name: &str, media_type: &str, text: &str) {
    if let Err(error) = download(name, media_type, text) {
        leptos::logging::warn!("the runs could not be saved: {error:?}");
    }
}

fn download(name: &str, media_type: &str, text: &str) -> Result<(), JsValue> {
    let options = BlobPropertyBag::new();
    options.set_type(media_type);
    let parts = js_sys::Array::of1(&JsValue::from_str(text));
    let blob = Blob::new_with_str_sequence_and_options(&parts, &options)?;
    let address = Url::create_object_url_with_blob(&blob)?;
    let anchor: HtmlAnchorElement = document().create_element("a")?.unchecked_into();
    anchor.set_href(&address);
    anchor.set_download(name);
    anchor.click();
    Url::revoke_object_url(&address)
}
