//! The page of all sales.

use leptos::prelude::*;
use leptos_meta::Title;

use super::handed::hand_over;
use crate::{
    api,
    model::sale::Sale,
    ui::home::{START, SaleBoard},
};

#[component]
pub fn HomePage() -> impl IntoView {
    view! {
        <Title text="" />
        <section class="intro">
            <p class="eyebrow">"Box office"</p>
            <h1>"On sale now, live"</h1>
            <p class="lead">
                "Watch seats change hands as it happens, and take one. Nothing is sold twice, nothing is left behind, and the ledger proves it."
            </p>
        </section>
        {Suspend::new(async move {
            match api::sales().await {
                Ok(sales) => view! { <Sales sales /> }.into_any(),
                Err(_) => view! { <p class="notice" role="alert">"The sales cannot be read now. Try again in a moment."</p> }.into_any(),
            }
        })}
    }
}

#[component]
fn Sales(sales: Vec<Sale>) -> impl IntoView {
    if sales.is_empty() {
        return view! { <p class="notice">"Nothing is on sale at the moment. Come back soon."</p> }.into_any();
    }
    view! { {hand_over(START, sales)} <SaleBoard /> }.into_any()
}
