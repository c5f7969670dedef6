//! Header, navigation and footer around every page.

use leptos::prelude::*;
use leptos_router::components::A;

#[component]
pub fn Header() -> impl IntoView {
    view! {
        <header class="site-header">
            <div class="site-header-inner">
                <A href="/" exact=true attr:class="brand">
                    <svg class="brand-mark" viewBox="0 0 32 24" width="32" height="24" aria-hidden="true">
                        <path d="M3 0h26a3 3 0 0 1 3 3v5a4 4 0 0 0 0 8v5a3 3 0 0 1-3 3H3a3 3 0 0 1-3-3v-5a4 4 0 0 0 0-8V3a3 3 0 0 1 3-3Z" />
                        <path class="brand-cut" d="M21 4v3m0 3.5v3m0 3.5v3" />
                    </svg>
                    <span>"Onsale"</span>
                </A>
                <nav class="site-nav" aria-label="Main">
                    <A href="/" exact=true>"Sales"</A>
                    <A href="/simulator">"Simulator"</A>
                    <A href="/tickets">"My tickets"</A>
                </nav>
            </div>
        </header>
    }
}

#[component]
pub fn Footer() -> impl IntoView {
    view! {
        <footer class="site-footer">
            <div class="site-footer-inner">
                <p>"Every unit is sold once, and the ledger shows it."</p>
                <nav aria-label="Proof and programming">
                    <a href="/api/docs" rel="external">"API documentation"</a>
                    <a href="/api/v1/sales/rehearsal/audit" rel="external">"Audit"</a>
                    <a href="/api/v1/sales/rehearsal/ledger" rel="external">"Ledger export"</a>
                </nav>
            </div>
        </footer>
    }
}
