//! The whole application: its frame, and which page has which address.

use leptos::prelude::*;
use leptos_meta::{Title, provide_meta_context};
use leptos_router::{
    SsrMode, StaticSegment,
    components::{Route, Router, Routes},
    path,
};

use super::{
    checkout::CheckoutPage,
    frame::{Footer, Header},
    home::HomePage,
    not_found::NotFound,
    sale::SalePage,
    simulator::SimulatorPage,
    tickets::TicketsPage,
};
use crate::{
    model::pages::{HOME, SIMULATOR, TICKETS},
    ui::kit::html::Html,
};

/// The whole application. Every page is rendered completely before its first byte is sent. So it is complete without
/// script, and its status is known in time.
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
                    <Route path=path!("/checkout/:hold") view=CheckoutPage ssr=SsrMode::Async />
                    <Route path=StaticSegment(SIMULATOR.path) view=SimulatorPage ssr=SsrMode::Async />
                    <Route path=StaticSegment(TICKETS.path) view=TicketsPage ssr=SsrMode::Async />
                </Routes>
            </main>
            <Footer />
        </Router>
    }
}

/// The document's title, from the page's own title. It is escaped here, because the library writes it into the document
/// as it is.
fn page_title(title: String) -> String {
    if title.is_empty() { "Onsale".to_owned() } else { format!("{} · Onsale", Html::escape(&title)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::pages::PAGES;

    #[tokio::test]
    async fn the_router_knows_the_pages_of_the_list_and_no_others() {
        // Rendering needs a task executor. This fails if another test of this process has set it already.
        let _ = any_spawner::Executor::init_tokio();
        let mut routed: Vec<String> =
            leptos_axum::generate_route_list(App).iter().map(|route| route.path().to_owned()).collect();
        let mut listed = PAGES.map(|page| page.path.to_owned());
        routed.sort();
        listed.sort();
        assert_eq!(routed, listed);
    }
}
