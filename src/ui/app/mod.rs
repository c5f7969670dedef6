//! The document, the frame around every page, the routes.

mod frame; // header, navigation, footer
mod not_found; // the page for an address that leads nowhere
mod shell; // the HTML document around the application

use leptos::prelude::*;
use leptos_meta::{Title, provide_meta_context};
use leptos_router::{
    SsrMode,
    components::{Route, Router, Routes},
    path,
};

use self::frame::{Footer, Header};
pub use self::{
    not_found::NotFound,
    shell::{ClientFiles, shell},
};
use super::{home::HomePage, kit::markup::escape, sale::SalePage, simulator::SimulatorPage, tickets::TicketsPage};

/// The whole application. Every page is rendered to its end on the server: it is complete without script, and its
/// status is known before its first byte.
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

/// The title of a page, from what it calls itself. The library writes it into the rendered document as it is, so there it
/// is escaped here; the browser sets it as text.
fn page_title(title: String) -> String {
    let title = if title.is_empty() { "Onsale".to_owned() } else { format!("{title} · Onsale") };
    if cfg!(feature = "ssr") { escape(&title) } else { title }
}
