//! A sale's status as a badge.

use leptos::prelude::*;

use crate::model::sale::SaleStatus;

/// The status in words for a buyer.
pub const fn status_text(status: SaleStatus) -> &'static str {
    match status {
        SaleStatus::Soon => "Opens soon",
        SaleStatus::Open => "On sale",
        SaleStatus::Paused => "Paused",
        SaleStatus::SoldOut => "Sold out",
        SaleStatus::Closed => "Closed",
    }
}

#[component]
pub fn StatusBadge<F>(status: F) -> impl IntoView
where
    F: Fn() -> SaleStatus + Copy + Send + Sync + 'static,
{
    view! { <span class="badge" data-status=move || status().name()>{move || status_text(status())}</span> }
}
