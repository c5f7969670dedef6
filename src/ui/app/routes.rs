//! The whole application: its frame, and which page stands at which address.

use leptos::prelude::*;
use leptos_meta::{Title, provide_meta_context};
use leptos_router::{
    SsrMode,
    components::{Route, Router, Routes},
    path,
};

use super::{
    frame::{Footer, Header},
    home::HomePage,
    not_found::NotFound,
    sale::SalePage,
    simulator::SimulatorPage,
    tickets::TicketsPage,
};
use crate::ui::kit::markup::escape;

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
                    <Route path=path!("/") view=HomePage ssr=SsrMode::Async />
                    <Route path=path!("/sales/:sale") view=SalePage ssr=SsrMode::Async />
                    <Route path=path!("/simulator") view=SimulatorPage ssr=SsrMode::Async />
                    <Route path=path!("/tickets") view=TicketsPage ssr=SsrMode::Async />
                </Routes>
            </main>
            <Footer />
        </Router>
    }
}

/// The title of a page, from what it calls itself, escaped: the library writes it into the document as it is.
fn page_title(title: String) -> String {
    if title.is_empty() { "Onsale".to_owned() } else { format!("{} · Onsale", escape(&title)) }
}
