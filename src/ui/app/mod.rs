//! What only the server makes: the document, the frame around every page, the pages. The browser gets their markup, and code
//! for the islands in it alone.

mod frame; // header, navigation, footer
mod home; // the page of all sales
mod not_found; // the page for an address that leads nowhere
mod sale; // the page of one sale
mod shell; // the HTML document around the application
mod simulator; // the simulator's own page, and its panel
mod tickets; // what the visitor owns

use leptos::{nonce::use_nonce, prelude::*};
use leptos_meta::{Title, provide_meta_context};
use leptos_router::{
    SsrMode, StaticSegment,
    components::{Route, Router, Routes},
    path,
};
use serde::Serialize;

pub use self::shell::{ClientFiles, shell};
use self::{
    frame::{Footer, Header},
    home::HomePage,
    not_found::NotFound,
    sale::SalePage,
    simulator::SimulatorPage,
    tickets::TicketsPage,
};
use super::kit::html::Html;
use crate::model::pages::{HOME, SIMULATOR, TICKETS};

/// The whole application. Every page is rendered to its end: it is complete without script, and its status is known before
/// its first byte.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    view! {
        <Title formatter=page_title />
        <Router>
            <a class="skip-link" href="#main">"Skip to content"</a>
            <Header />
            <main id="main" class="page" tabindex="-1">
                <Routes fallback=NotFound>
                    <Route path=StaticSegment(HOME.path) view=HomePage ssr=SsrMode::Async />
                    <Route path=path!("/sales/:sale") view=SalePage ssr=SsrMode::Async />
                    <Route path=StaticSegment(SIMULATOR.path) view=SimulatorPage ssr=SsrMode::Async />
                    <Route path=StaticSegment(TICKETS.path) view=TicketsPage ssr=SsrMode::Async />
                </Routes>
            </main>
            <Footer />
        </Router>
    }
}

/// The title of a page, from what it calls itself, escaped: the library writes it into the document as it is.
fn page_title(title: String) -> String {
    if title.is_empty() { "Onsale".to_owned() } else { format!("{} · Onsale", Html::escape(&title)) }
}

/// Writes down under `id` what an island starts from. It is never run; it carries the nonce all the same, as every script of
/// a page does. Nothing in it can end it.
fn write_down<T: Serialize>(id: &'static str, start: T) -> impl IntoView + use<T> {
    let json = serde_json::to_string(&start).expect("our own types can be written").replace('<', "\\u003c");
    view! { <script type="application/json" id=id nonce=use_nonce() inner_html=json></script> }
}

/// The same, and gives it to the island as the context.
fn hand_over<T: Serialize + Clone + Send + Sync + 'static>(id: &'static str, start: T) -> impl IntoView + use<T> {
    provide_context(start.clone());
    write_down(id, start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::pages::PAGES;

    #[tokio::test]
    async fn the_router_knows_the_pages_of_the_list_and_no_others() {
        // Pages are rendered as tasks; another test of this process may have said so already.
        let _ = any_spawner::Executor::init_tokio();
        let mut routed: Vec<String> =
            leptos_axum::generate_route_list(App).iter().map(|route| route.path().to_owned()).collect();
        let mut listed = PAGES.map(|page| page.path.to_owned());
        routed.sort();
        listed.sort();
        assert_eq!(routed, listed);
    }
}
