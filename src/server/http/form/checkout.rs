//! The forms of a hold's page: more time, give back, pay.

use axum::{
    extract::{Path, Request, State},
    http::{StatusCode, request::Parts},
    response::Response,
};

use super::answering::{Outcome, answer_with_page, decided, filled, key_of_intent, redirect, refusal_query};
use crate::{
    api::FormNotice,
    model::{
        body::{ConfirmBody, PayBody, PaymentMethod, SimulatedOutcome, SimulatedPayment},
        ids::HoldId,
        limits::MAX_BODY_BYTES,
        order::Contact,
        outcome::{Code, ConfirmOutcome},
    },
    server::{
        app::App,
        auth::Asker,
        http::{
            asked,
            body::{FORM, parse_form, read_bytes},
            problem::Failure,
        },
    },
};

/// The folder of the pages of holds.
const CHECKOUT: &str = "/checkout";

/// A form about a hold of its sender.
struct Sent<const N: usize> {
    hold: HoldId,
    asker: Asker,
    head: Parts,
    fields: Result<[Option<String>; N], Failure>,
}

/// `POST /checkout/{hold}/extend` with `idempotency_key`.
pub async fn extend(State(app): State<App>, Path(hold): Path<String>, request: Request) -> Result<Response, Failure> {
    let Sent { hold, asker, head, fields } = match receive(&app, &hold, ["idempotency_key"], request).await? {
        Ok(sent) => sent,
        Err(page) => return Ok(page),
    };
    let read = fields.and_then(|[key]| {
        let form_key = filled(key);
        let key = form_key.as_deref().map(|key| key_of_intent(key, &"extend")).transpose()?;
        Ok((key, form_key))
    });
    let (outcome, form_key) = match read {
        Ok((key, form_key)) => {
            let selling = &app.engine.selling;
            let extended = decided(|| selling.extend(hold, asker.buyer, key.clone())).await;
            (extended.map(|_| "extended"), form_key)
        }
        Err(failure) => (Outcome::Refused(failure), None),
    };
    Ok(answer(app, hold, asker, head, outcome, form_key).await)
}

/// `POST /checkout/{hold}/release`.
pub async fn release(State(app): State<App>, Path(hold): Path<String>, request: Request) -> Result<Response, Failure> {
    let Sent { hold, asker, head, fields } = match receive(&app, &hold, ["idempotency_key"], request).await? {
        Ok(sent) => sent,
        Err(page) => return Ok(page),
    };
    let (outcome, form_key) = match fields {
        // Giving back twice is giving back once, so the key serves only a form that has to be shown again.
        Ok([key]) => {
            let released = decided(|| async { app.engine.selling.release(hold, asker.buyer).await.map(Ok) }).await;
            (released.map(|_| "released"), filled(key))
        }
        Err(failure) => (Outcome::Refused(failure), None),
    };
    Ok(answer(app, hold, asker, head, outcome, form_key).await)
}

/// `POST /checkout/{hold}/confirm` with `seq`, `outcome` where the payment is simulated, `email`, `name` and
/// `idempotency_key`.
pub async fn confirm(State(app): State<App>, Path(hold): Path<String>, request: Request) -> Result<Response, Failure> {
    let names = ["seq", "outcome", "email", "name", "idempotency_key"];
    let Sent { hold, asker, head, fields } = match receive(&app, &hold, names, request).await? {
        Ok(sent) => sent,
        Err(page) => return Ok(page),
    };
    let read = fields.and_then(|[seq, outcome, email, name, key]| {
        let body = ConfirmBody { payment: payment(outcome)?, contact: contact(email, name) };
        let seq: u64 = seq.and_then(|seq| seq.parse().ok()).ok_or_else(|| Failure::invalid("seq must be a number."))?;
        let form_key = filled(key);
        let key = form_key.as_deref().map(|key| key_of_intent(key, &body)).transpose()?;
        Ok((seq, body, key, form_key))
    });
    let (outcome, form_key) = match read {
        Ok((seq, body, key, form_key)) => {
            let selling = &app.engine.selling;
            let confirmed = decided(|| async {
                let outcome = selling
                    .confirm_as_seen(hold, asker.buyer, Some(seq), body.clone(), key.clone(), app.config.demo)
                    .await?;
                Ok(match outcome {
                    ConfirmOutcome::Confirmed { .. } => Ok("won"),
                    ConfirmOutcome::Declined { refusal, .. } | ConfirmOutcome::Refused(refusal) => Err(refusal),
                })
            });
            (confirmed.await, form_key)
        }
        Err(failure) => (Outcome::Refused(failure), None),
    };
    Ok(answer(app, hold, asker, head, outcome, form_key).await)
}

/// `POST /checkout/{hold}/pay` with `seq`, `email`, `name` and `idempotency_key`: begins to pay at the payment provider. The
/// page that it redirects to leads there.
pub async fn pay(State(app): State<App>, Path(hold): Path<String>, request: Request) -> Result<Response, Failure> {
    let names = ["seq", "email", "name", "idempotency_key"];
    let Sent { hold, asker, head, fields } = match receive(&app, &hold, names, request).await? {
        Ok(sent) => sent,
        Err(page) => return Ok(page),
    };
    if let Err(failure) = asked::count_purchase(&app, &head, &asker) {
        return Ok(answer(app, hold, asker, head, Outcome::Refused(failure), None).await);
    }
    let origin = asked::visit(&app, &head).origin().to_string();
    let read = fields.and_then(|[seq, email, name, key]| {
        let body = PayBody { return_path: None, contact: contact(email, name) };
        let seq: u64 = seq.and_then(|seq| seq.parse().ok()).ok_or_else(|| Failure::invalid("seq must be a number."))?;
        let form_key = filled(key);
        let key = form_key.as_deref().map(|key| key_of_intent(key, &("pay", &body))).transpose()?;
        Ok((seq, body, key, form_key))
    });
    let (outcome, form_key) = match read {
        Ok((seq, body, key, form_key)) => {
            let selling = &app.engine.selling;
            let begun = decided(|| async {
                let pay = selling.pay(hold, asker.buyer, Some(seq), body.clone(), key.clone(), &origin);
                Ok(pay.await?.map(|_| "paying"))
            });
            (begun.await, form_key)
        }
        Err(failure) => (Outcome::Refused(failure), None),
    };
    Ok(answer(app, hold, asker, head, outcome, form_key).await)
}

/// Reads a form. `Err` is the answer to somebody who has no such hold: the page that says so. A browser that sends no
/// cookie is among them, because it is nobody whom we know.
async fn receive<const N: usize>(
    app: &App,
    hold: &str,
    names: [&str; N],
    request: Request,
) -> Result<Result<Sent<N>, Response>, Failure> {
    let (head, body) = request.into_parts();
    let asker = asked::buyer(app, &head)?;
    let bytes = read_bytes(&head.headers, body, FORM, MAX_BODY_BYTES).await?;
    let found = match hold.parse() {
        Ok(hold) => app.engine.selling.find_hold(Some(asker.buyer), hold).await?,
        Err(_) => None,
    };
    let Some(found) = found else {
        let page = (CHECKOUT, hold);
        return Ok(Err(answer_with_page(app.clone(), page, head, FormNotice::NoCookie, StatusCode::NOT_FOUND).await));
    };
    Ok(Ok(Sent { hold: found.id, asker, head, fields: parse_form(&bytes, names) }))
}

/// The way in which the form pays; `None` where there is nothing to pay.
fn payment(outcome: Option<String>) -> Result<Option<SimulatedPayment>, Failure> {
    let outcome = match filled(outcome).as_deref() {
        None => return Ok(None),
        Some("succeed") => SimulatedOutcome::Succeed,
        Some("fail") => SimulatedOutcome::Fail,
        Some(_) => return Err(Failure::invalid("outcome is succeed or fail.")),
    };
    Ok(Some(SimulatedPayment { method: PaymentMethod::Simulated, outcome }))
}

/// The contact that was typed. A name alone reaches nobody, which the engine says.
fn contact(email: Option<String>, name: Option<String>) -> Option<Contact> {
    let (email, name) = (filled(email), filled(name));
    (email.is_some() || name.is_some()).then(|| Contact { email: email.unwrap_or_default(), name })
}

/// Redirects to the hold's page, which looks up how the hold stands. If the outcome is unknown, the page itself is the
/// answer, and its forms keep their key.
async fn answer(
    app: App,
    hold: HoldId,
    asker: Asker,
    head: Parts,
    outcome: Outcome<&'static str>,
    form_key: Option<String>,
) -> Response {
    let name = hold.to_string();
    let query = match (outcome, form_key) {
        (Outcome::Done(done), _) => format!("outcome={done}"),
        (Outcome::Refused(failure), _) => refusal_query(&app, &asker, &name, failure.code()),
        (Outcome::Unknown, Some(form_key)) => {
            let notice = FormNotice::Unknown { form_key };
            return answer_with_page(app, (CHECKOUT, &name), head, notice, StatusCode::SERVICE_UNAVAILABLE).await;
        }
        (Outcome::Unknown, None) => refusal_query(&app, &asker, &name, Code::IdempotencyInFlight),
    };
    asker.introduce(redirect(CHECKOUT, &name, &query))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payment_is_one_that_the_page_offers_or_none() {
        let of =
            |outcome: &str| payment(Some(outcome.to_owned())).map(|payment| payment.map(|payment| payment.outcome));
        assert_eq!(of("succeed").ok(), Some(Some(SimulatedOutcome::Succeed)));
        assert_eq!(of("fail").ok(), Some(Some(SimulatedOutcome::Fail)));
        assert_eq!(of("").ok(), Some(None));
        assert_eq!(of("free").map_err(|failure| failure.code()), Err(Code::Invalid));
    }

    #[test]
    fn a_contact_is_what_was_typed() {
        let typed = |email: &str, name: &str| contact(Some(email.to_owned()), Some(name.to_owned()));
        assert_eq!(typed(" ", ""), None);
        let ada = Contact { email: "ada@example.org".to_owned(), name: None };
        assert_eq!(typed("ada@example.org", ""), Some(ada));
        assert_eq!(typed("", "Ada").map(|contact| contact.email), Some(String::new()));
    }
}
