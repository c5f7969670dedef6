//! Header, navigation and footer around every page.

use leptos::prelude::*;
use leptos_router::{components::A, hooks::use_location};

use crate::model::pages::{HOME, PAGES, Page, SALE, SIMULATOR};

#[component]
pub fn Header() -> impl IntoView {
    let pages = PAGES.into_iter().filter(Page::is_in_navigation);
    view! {
        <header class="site-header">
            <div class="site-header-inner">
                <A href=HOME.path exact=true attr:class="brand">
                    <svg class="brand-mark" viewBox="0 0 32 24" width="32" height="24" aria-hidden="true">
                        <path d="M3 0h26a3 3 0 0 1 3 3v5a4 4 0 0 0 0 8v5a3 3 0 0 1-3 3H3a3 3 0 0 1-3-3v-5a4 4 0 0 0 0-8V3a3 3 0 0 1 3-3Z" />
                        <path class="brand-cut" d="M21 4v3m0 3.5v3m0 3.5v3" />
                    </svg>
                    <span>"Onsale"</span>
                </A>
                <nav class="site-nav" aria-label="Main">
                    {pages.map(|page| view! { <A href=page.path exact=true>{page.title}</A> }).collect_view()}
                </nav>
            </div>
        </header>
    }
}

#[component]
pub fn Footer() -> impl IntoView {
    let path = use_location().pathname;
    // The page of a sale links to that sale's audit and ledger.
    let proofs = move || {
        sale_of(&path.read()).map(|sale| {
            view! {
                <a href=format!("/api/v1/sales/{sale}/audit") rel="external">"Audit"</a>
                <a href=format!("/api/v1/sales/{sale}/ledger") rel="external">"Ledger export"</a>
            }
        })
    };
    view! {
        <footer class="site-footer">
            <div class="site-footer-inner">
                <p>"Every unit is sold once, and the ledger shows it."</p>
                <nav aria-label="Proof and programming">
                    {proofs}
                    <a href="/api/docs" rel="external">"API documentation"</a>
                </nav>
            </div>
        </footer>
    }
}

/// The sale to whose audit and ledger the page at `path` links. The simulator's page links to those of the rehearsal.
fn sale_of(path: &str) -> Option<String> {
    match path.strip_prefix(&SALE.of("")) {
        Some(sale) if !sale.is_empty() && !sale.contains('/') => Some(sale.to_owned()),
        None if path == SIMULATOR.path => Some("rehearsal".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::sale_of;

    #[test]
    fn the_proofs_are_those_of_the_sale_on_the_page() {
        assert_eq!(sale_of("/sales/club-night").as_deref(), Some("club-night"));
        assert_eq!(sale_of("/simulator").as_deref(), Some("rehearsal"));
        assert_eq!((sale_of("/"), sale_of("/sales/"), sale_of("/sales/a/b")), (None, None, None));
    }
}
