//! The head of the page: name, status, the time until the opening, what the organiser says.

use leptos::prelude::*;

use super::desk::Desk;
use crate::{
    model::sale::SaleStatus,
    ui::kit::{
        countdown::{countdown, moment},
        markup::{escape, when},
        status::badge,
    },
};

pub fn draw(desk: Desk) -> String {
    let (sale, status) = (desk.sale(), desk.status());
    let (opens_at, message) = desk.live.shown().with(|shown| (shown.opens_at, shown.message.as_deref().map(escape)));
    let opening = opens_at.filter(|_| status == SaleStatus::Soon).map(|opens_at| {
        format!(
            r#"<p class="opening">Opens in {} <span class="quiet">{}</span></p>"#,
            countdown(opens_at, desk.now.get()),
            moment(opens_at)
        )
    });
    format!(
        r#"<header class="sale-head" data-live="head"><p class="sale-facts">{}{}</p><h1>{}</h1>{}{}</header>"#,
        badge(status),
        when(sale.rehearsal, r#"<span class="badge" data-status="rehearsal">Rehearsal</span>"#),
        escape(&sale.name),
        opening.unwrap_or_default(),
        message.map(|message| format!(r#"<p class="notice">{message}</p>"#)).unwrap_or_default(),
    )
}
