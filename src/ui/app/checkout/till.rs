//! The forms of a hold's page: more time, pay, give back. They work without script; `ui/checkout` sends them where one runs.

use leptos::prelude::*;

use crate::{
    api::CheckoutPage,
    model::{
        hold::HoldStatus,
        pages::CHECKOUT,
        payment::{Payment, PaymentStatus},
        sale::{Checkout, ContactRule},
    },
    ui::{
        checkout::start::{DIALOG, EXTENSION},
        kit::{countdown::moment, money::money},
    },
};

#[component]
pub fn Till(page: CheckoutPage) -> impl IntoView {
    let CheckoutPage { hold, sale, contact, may_simulate, has_provider, payment, form_key, .. } = page;
    let address = CHECKOUT.of(&hold.id.to_string());
    let action = |step: &str| format!("{address}/{step}");
    let key = || view! { <input type="hidden" name="idempotency_key" value=form_key.clone() /> };
    let is_owed = sale.checkout == Checkout::Paid && hold.total > 0;
    let total = is_owed.then(|| money(hold.total, &hold.currency, hold.currency_digits));
    let is_paying = hold.status == HoldStatus::Paying;
    let more = format!("Add {}", span(sale.hold_extension_seconds));
    let may_extend = hold.extensions_left > 0 && !is_paying;
    let failed = payment.clone().filter(|_| !is_paying);
    let return_address = address.clone();
    let pay = (has_provider && !sale.rehearsal).then(|| action("pay"));
    view! {
        {failed.map(|payment| view! { <Failed payment /> })}
        // Where a script runs, the time runs above.
        <noscript><p class="quiet until">"Until " {moment(hold.expires_at)}</p></noscript>
        <form method="post" action=action("extend") id=EXTENSION>
            {key()}
            <button type="submit" class="button-quiet" data-testid="extend" aria-disabled=(!may_extend).then_some("true")>
                {more.clone()}
            </button>
        </form>
        {(!may_extend && !is_paying).then(|| view! { <p class="quiet">"It cannot be extended further."</p> })}
        <form class="pay-form" method="post" action=action("confirm")>
            <input type="hidden" name="seq" value=hold.seq.to_string() />
            {key()}
            {(!is_paying).then(|| view! { <ContactFields rule=contact /> <WaysToPay total may_simulate pay /> })}
        </form>
        {is_paying.then(|| view! { <UnderWay payment=payment.clone() address=return_address /> })}
        <form method="post" action=action("release")>
            {key()}
            <button type="submit" class="button-quiet" data-testid="release">"Give it back"</button>
        </form>
        <dialog class="stay script-only" id=DIALOG aria-labelledby="stay-title">
            <h2 id="stay-title">"One minute left"</h2>
            <p>"Then what you hold goes back on sale. Do you need more time?"</p>
            <div class="stay-buttons">
                // Both close the dialog: the first by the form's step, the second by the dialog's own.
                <button type="submit" form=EXTENSION class="button" data-testid="stay" autofocus="true">{more}</button>
                <form method="dialog"><button type="submit" class="button-quiet">"No, go on"</button></form>
            </div>
        </dialog>
    }
    .into_any()
}

/// Why the last payment bought nothing, and what became of its money.
#[component]
fn Failed(payment: Payment) -> impl IntoView {
    let (title, rest) = match payment.status {
        PaymentStatus::Declined => (
            "The payment was declined",
            "You have paid nothing, and what you hold is still yours. Another card may work.",
        ),
        PaymentStatus::Expired => ("Nothing was paid", "What you hold is still yours. You can pay again."),
        PaymentStatus::Refunded => ("Your money goes back to you", "What you hold is not paid."),
        PaymentStatus::Pending | PaymentStatus::Succeeded => return ().into_any(),
    };
    view! {
        <div class="notice" role="alert" data-testid=payment.status.name()>
            <p><strong>{title}</strong></p>
            <p>{payment.reason.unwrap_or_default()} " " {rest}</p>
        </div>
    }
    .into_any()
}

/// A payment that is under way at the provider. `address` is this page's own.
#[component]
fn UnderWay(payment: Option<Payment>, address: String) -> impl IntoView {
    let again = move || view! { <meta http-equiv="refresh" content=format!("5; url={address}") /> };
    let text = "A payment is under way. This page shows the tickets as soon as it is done.";
    match payment.and_then(|payment| payment.redirect_url) {
        Some(page) => view! {
            <p class="notice">{text}</p>
            <p><a class="button buy" href=page data-testid="to-provider">"Go to the payment page"</a></p>
            // Where a script runs, it asks by itself.
            <noscript>{again()}</noscript>
        }
        .into_any(),
        None => view! {
            <p class="notice">"A payment is under way. The way to the payment page follows as soon as the provider has made it."</p>
            {again()}
        }
        .into_any(),
    }
}

/// Where the buyer can be reached, if the sale asks for it.
#[component]
fn ContactFields(rule: ContactRule) -> impl IntoView {
    if rule == ContactRule::None {
        return ().into_any();
    }
    let is_required = rule == ContactRule::Required;
    let hint = if is_required { "E-mail" } else { "E-mail, if you like" };
    view! {
        <fieldset class="contact">
            <legend>"Where the organiser reaches you, if something changes"</legend>
            <label class="field">
                <span>{hint}</span>
                <input type="email" name="email" autocomplete="email" maxlength="254" required=is_required />
            </label>
            <label class="field">
                <span>"Name, if you like"</span>
                <input name="name" autocomplete="name" maxlength="120" />
            </label>
        </fieldset>
    }
    .into_any()
}

/// The buttons that pay, one or two for each way to pay. Where there is no way, it says why. `total` is what is to be paid,
/// if anything is, and `pay` the address of the form's step to the payment provider, if there is one.
#[component]
fn WaysToPay(total: Option<String>, may_simulate: bool, pay: Option<String>) -> impl IntoView {
    let at_provider = |total: String, class: &'static str| {
        pay.clone().map(|pay| view! {
            <button type="submit" class=class formaction=pay data-testid="checkout">"Go to payment: " {total}</button>
        })
    };
    match total {
        None => view! {
            <button type="submit" class="button buy" data-testid="confirm">"Get the tickets"</button>
        }
        .into_any(),
        Some(total) if may_simulate => view! {
            <button type="submit" class="button buy" name="outcome" value="succeed" data-testid="pay">"Pay " {total.clone()}</button>
            <button type="submit" class="button-quiet" name="outcome" value="fail" data-testid="pay-fail">
                "Let the payment fail"
            </button>
            {at_provider(total, "button-quiet")}
            <p class="quiet">"“Pay” and “Let the payment fail” are simulated: no money moves."</p>
        }
        .into_any(),
        Some(total) if pay.is_some() => at_provider(total, "button buy").into_any(),
        Some(_) => view! {
            <p class="notice">
                "This box office takes no payments at the moment. What you hold stays yours until the time is over, and you have \
                 paid nothing."
            </p>
        }
        .into_any(),
    }
}

/// A span of time in words.
fn span(seconds: u32) -> String {
    match (seconds / 60, seconds % 60) {
        (0, 1) => "1 second".to_owned(),
        (1, 0) => "1 minute".to_owned(),
        (minutes, 0) => format!("{minutes} minutes"),
        _ => format!("{seconds} seconds"),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_span_is_told_in_whole_minutes_or_in_seconds() {
        assert_eq!([1, 60, 90, 120].map(super::span), ["1 second", "1 minute", "90 seconds", "2 minutes"]);
    }
}
