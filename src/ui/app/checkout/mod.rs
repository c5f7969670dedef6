//! The page of one hold: what is held and what it costs, and the panel that counts down and pays.

mod ended; // what became of the hold
mod held; // what is held
mod till; // the forms

use axum::http::{HeaderValue, header};
use leptos::prelude::*;
use leptos_axum::ResponseOptions;
use leptos_meta::Title;
use leptos_router::hooks::{use_params_map, use_query_map};

use self::{ended::Ended, held::Held, till::Till};
use super::{
    handed::hand_over,
    not_found::NotFound,
    parts::{NotLoaded, preload},
    sale::Unavailable,
};
use crate::{
    api::{self, Claims, FormNotice, HoldClock},
    model::{
        hold::HoldStatus,
        ids::HoldId,
        outcome::Code,
        pages::{CHECKOUT, SALE},
        payment::PaymentStatus,
    },
    ui::{
        checkout::{
            CheckoutIsland,
            start::{START, Start},
        },
        kit::{countdown::moment, toast::ToastKind},
    },
};

/// The outcome in the address of the page that leads to the provider's.
const PAYING: &str = "paying";

/// What the page says first: the kind of its message, a title, and what it means.
type Told = (ToastKind, String, String);

#[component]
pub fn CheckoutPage() -> impl IntoView {
    let hold: Option<HoldId> =
        use_params_map().with_untracked(|params| params.get("hold")).and_then(|hold| hold.parse().ok());
    let claims = use_query_map().with_untracked(|query| Claims {
        outcome: query.get("outcome"),
        seal: query.get("seal"),
        ..Claims::default()
    });
    Suspend::new(async move {
        let Some(hold) = hold else { return view! { <NotFound /> }.into_any() };
        match api::checkout_page(hold).await {
            Ok(Some(page)) => view! { <HoldPage page claims /> }.into_any(),
            Ok(None) => view! { <NotFound /> }.into_any(),
            Err(_) => view! { <Unavailable /> }.into_any(),
        }
    })
}

#[component]
fn HoldPage(page: api::CheckoutPage, claims: Claims) -> impl IntoView {
    let (hold, sale) = (page.hold.clone(), page.sale.clone());
    let status = standing(&page);
    if claims.outcome.as_deref() == Some(PAYING) {
        lead_on(&page);
    }
    let payment = page.payment.clone();
    let outcome = claims.outcome.clone();
    let refused = api::told_at_checkout(hold.id, claims);
    let was_declined = status == HoldStatus::Released && refused == Some(Code::PaymentDeclined);
    // What the page itself says needs no message beside it.
    let told = match refused {
        Some(code) if status.is_live() => Some(why(code)),
        _ => told(status, outcome.as_deref()),
    };
    let start = Start { hold: hold.id, sale: sale.id.clone(), clock: HoldClock::from(&hold), told };
    let end = moment(hold.expires_at);
    let is_unknown = matches!(api::form_notice(), Some(FormNotice::Unknown { .. }));
    let panel = match status.is_live() {
        true => view! { <Till page /> }.into_any(),
        false => view! { <Ended status was_declined order=page.order sale=page.sale payment /> }.into_any(),
    };
    view! {
        <Title text=ended::title(status, was_declined).unwrap_or(CHECKOUT.title) />
        <section class="checkout">
            <header class="checkout-head">
                <p class="eyebrow"><a href=SALE.of(sale.id.as_str())>{sale.name.clone()}</a></p>
                <h1>{CHECKOUT.title}</h1>
            </header>
            {is_unknown.then(|| view! { <UnknownOutcome /> })}
            {hand_over(START, start)}
            <section class="held" aria-label="What you hold" data-status=status.name()>
                <Held hold sale />
            </section>
            {preload("checkout")}
            <section class="panel" aria-label="Payment" data-lazy="checkout" data-native="true">
                <NotLoaded text=format!("This page could not be loaded completely. The time above does not run; it ends at {end}.") />
                <CheckoutIsland>{panel}</CheckoutIsland>
            </section>
        </section>
    }
    .into_any()
}

/// The notice above the page after a form was sent without script, and nobody knows what became of it.
#[component]
fn UnknownOutcome() -> impl IntoView {
    view! {
        <div class="notice" role="alert">
            <p><strong>"The box office does not answer"</strong></p>
            <p>
                "It is not known whether that went through. Press the same again: if it went through, you get its result, and \
                 nothing is paid twice."
            </p>
        </div>
    }
    .into_any()
}

/// How the hold stands for its buyer. Money that came too late may have bought what was in it all the same.
fn standing(page: &api::CheckoutPage) -> HoldStatus {
    let is_bought = page.payment.as_ref().is_some_and(|payment| payment.status == PaymentStatus::Succeeded);
    if is_bought { HoldStatus::Confirmed } else { page.hold.status }
}

/// Where the browser goes by itself once a payment has begun: to the provider's page, or here again until there is one. The
/// content policy allows no form to lead elsewhere, so its answer cannot redirect there.
///
/// A header says so and not an element of the page's head: elements find the head only when they are written, and by then the
/// same thread may be at another visitor's page.
fn lead_on(page: &api::CheckoutPage) {
    let Some(payment) = page.payment.as_ref().filter(|_| page.hold.status == HoldStatus::Paying) else { return };
    let content = match &payment.redirect_url {
        Some(url) => format!("0; url={url}"),
        None => format!("5; url={}?outcome={PAYING}", CHECKOUT.of(&page.hold.id.to_string())),
    };
    if let (Some(response), Ok(content)) = (use_context::<ResponseOptions>(), HeaderValue::from_str(&content)) {
        response.insert_header(header::REFRESH, content);
    }
}

/// What the page says first. Anybody can write an address, so its outcome is told only if the hold stands so.
fn told(status: HoldStatus, outcome: Option<&str>) -> Option<Told> {
    let (kind, title, detail) = match outcome? {
        "won" if status == HoldStatus::Confirmed => (ToastKind::Success, "You have it", "Your tickets are below."),
        "held" if status.is_live() => (ToastKind::Success, "Held for you", "Nobody else can take it meanwhile."),
        "extended" if status.is_live() => (ToastKind::Success, "Extended", "You have more time."),
        "changed" if status.is_live() => (
            ToastKind::Conflict,
            "What you hold has changed",
            "You changed it on another page. Look at it before you pay.",
        ),
        _ => return None,
    };
    Some((kind, title.to_owned(), detail.to_owned()))
}

/// Why a form was refused, for its sender.
fn why(code: Code) -> Told {
    let detail = match code {
        Code::StepNotAllowed => "A payment is under way. Wait until it is done, or give back what you hold.",
        Code::ExtensionRefused => "It cannot be extended further. Pay, or give it back.",
        Code::PriceChanged => "You changed what you hold on another page. Look at it before you pay.",
        Code::Invalid => "Nothing was paid. Check the e-mail address: the organiser needs one that works.",
        Code::IdempotencyInFlight => "It is still being decided. Load this page again to see the result.",
        Code::Contended | Code::Overloaded | Code::RateLimited => "Too many at once. Nothing was paid; try again.",
        _ => "Nothing was paid. Try again.",
    };
    (ToastKind::of(code), code.title().to_owned(), detail.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_claims_only_what_is_true_of_the_hold() {
        let title = |status, outcome| told(status, Some(outcome)).map(|(_, title, _)| title);
        assert_eq!(title(HoldStatus::Confirmed, "won").as_deref(), Some("You have it"));
        assert_eq!(title(HoldStatus::Active, "extended").as_deref(), Some("Extended"));
        for (status, outcome) in
            [(HoldStatus::Active, "won"), (HoldStatus::Released, "held"), (HoldStatus::Active, "<script>")]
        {
            assert_eq!(title(status, outcome), None, "{outcome}");
        }
    }
}
