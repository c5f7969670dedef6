//! A sale's status as a badge.

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

pub fn badge(status: SaleStatus) -> String {
    format!(r#"<span class="badge" data-status="{}">{}</span>"#, status.name(), status_text(status))
}
