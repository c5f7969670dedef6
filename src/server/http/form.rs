//! The form that buys without script: post, redirect, get. The page that it redirects to shows the outcome.

use std::time::Duration;

use axum::{
    body::Body,
    extract::{Path, Request, State},
    http::{HeaderValue, Method, StatusCode, Uri, header, request::Parts},
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};

use super::{
    asked,
    body::{FORM, parse_form, read_bytes},
    pages::page_with,
    problem::Failure,
};
use crate::{
    api::{FormNotice, sealed_text},
    model::{
        body::BuyBody,
        ids::{OrderId, RequestId, SaleId, SeatLabel, TierId},
        limits::MAX_BODY_BYTES,
        outcome::{BuyOutcome, Code},
    },
    server::{
        app::App,
        auth::{Asker, parse_idempotency_key},
        engine::{EngineError, IdempotencyKey},
    },
};

/// How long a purchase by form may wait in a queue, or for the decision of the same form sent a moment earlier. A page
/// without script cannot ask for the outcome later by itself.
const PATIENCE: Duration = Duration::from_secs(10);
/// The pause before looking again at a form that was sent twice, while the first one is still being decided.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The outcome of a form.
enum Outcome {
    Won(OrderId),
    InLine(RequestId),
    Refused(Failure),
    /// Nobody knows whether the purchase went through.
    Unknown,
}

/// A form that was read.
struct Form {
    body: BuyBody,
    /// The key that the page gave to the form.
    key: Option<String>,
}

/// `POST /sales/{sale}/buy` with the fields of the page's form: `seat`, or `tier` and `quantity`, and
/// `idempotency_key`.
///
/// A browser that sends no cookie has refused the one that the page set. It could never show the tickets, so nothing is
/// sold to it.
pub async fn buy(State(app): State<App>, Path(sale): Path<SaleId>, request: Request) -> Result<Response, Failure> {
    let (head, body) = request.into_parts();
    let asker = asked::buyer(&app, &head)?;
    if !asker.is_new()
        && let Err(failure) = asked::count_purchase(&app, &head, &asker)
    {
        return Ok(see_outcome(&app, &asker, &sale, Outcome::Refused(failure)));
    }
    let bytes = read_bytes(&head.headers, body, FORM, MAX_BODY_BYTES).await?;
    if asker.is_new() {
        return Ok(sale_page(app, &sale, head, FormNotice::NoCookie, StatusCode::FORBIDDEN).await);
    }
    let (outcome, form_key) = match read_form(&bytes) {
        Ok(Form { body, key }) => (decide(&app, &sale, &asker, body, key.as_deref()).await, key),
        Err(failure) => (Outcome::Refused(failure), None),
    };
    if let (Outcome::Unknown, Some(form_key)) = (&outcome, form_key) {
        return Ok(sale_page(app, &sale, head, FormNotice::Unknown { form_key }, StatusCode::SERVICE_UNAVAILABLE).await);
    }
    Ok(see_outcome(&app, &asker, &sale, outcome))
}

async fn decide(app: &App, sale: &SaleId, asker: &Asker, body: BuyBody, key: Option<&str>) -> Outcome {
    let key = match key.map(|key| key_of_intent(key, &body)).transpose() {
        Ok(key) => key,
        Err(failure) => return Outcome::Refused(failure),
    };
    let until = tokio::time::Instant::now() + PATIENCE;
    loop {
        let bought = app.engine.selling.buy_and_wait(sale, asker.buyer, body.clone(), key.clone(), PATIENCE).await;
        match bought {
            Ok(BuyOutcome::Bought { order, .. }) => return Outcome::Won(order.id),
            Ok(BuyOutcome::Waiting { request }) => return Outcome::InLine(request),
            // The same form was sent twice: both requests answer with the outcome of the first.
            Ok(BuyOutcome::Refused(refusal)) if refusal.code == Code::IdempotencyInFlight => {
                if tokio::time::Instant::now() >= until {
                    return Outcome::Unknown;
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
            Ok(BuyOutcome::Refused(refusal)) => return Outcome::Refused(refusal.into()),
            Err(error @ (EngineError::Store(_) | EngineError::Unanswerable)) => {
                tracing::warn!(?error, "a form was not decided");
                return Outcome::Unknown;
            }
            Err(error) => return Outcome::Refused(error.into()),
        }
    }
}

/// The idempotency key of the form's choice. The page gives each form one key, but the buyer may go back and choose
/// something else in the same form. A different choice must get a different key; the same choice sent again must get
/// the same key.
fn key_of_intent(form_key: &str, body: &BuyBody) -> Result<IdempotencyKey, Failure> {
    let form_key = parse_idempotency_key(form_key)?;
    let choice = serde_json::to_vec(body).expect("a body is plain data");
    let digest = Sha256::new().chain_update(form_key.as_str()).chain_update([0]).chain_update(choice).finalize();
    let bytes = digest[..16].try_into().expect("a SHA-256 has 32 bytes");
    Ok(parse_idempotency_key(&uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string())?)
}

/// The fields of the form. An empty field is one that the buyer left out.
fn read_form(bytes: &[u8]) -> Result<Form, Failure> {
    let [seat, tier, quantity, key] = parse_form(bytes, ["seat", "tier", "quantity", "idempotency_key"])?;
    let filled = |field: Option<String>| field.filter(|text| !text.trim().is_empty());
    let quantity =
        filled(quantity).map(|text| text.parse().map_err(|_| Failure::invalid("quantity must be a number.")));
    let between = |letter: char| letter == ',' || letter == ';' || letter.is_whitespace();
    let seats = seat.iter().flat_map(|text| text.split(between)).filter(|label| !label.is_empty());
    let seats: Vec<SeatLabel> = seats.map(SeatLabel::typed).collect();
    // The form always carries a tier, because one is selected from the start. Seats that the buyer typed win over it.
    let body = match seats.is_empty() {
        false => BuyBody::seats(seats),
        true => BuyBody { tier: filled(tier).map(TierId), quantity: quantity.transpose()?, ..BuyBody::default() },
    };
    Ok(Form { body, key: filled(key) })
}

/// Redirects to the sale's page. The address only names the outcome, and the page looks it up: the order, the request
/// in line, or the refusal under our seal.
fn see_outcome(app: &App, asker: &Asker, sale: &SaleId, outcome: Outcome) -> Response {
    let query = match outcome {
        Outcome::Won(order) => format!("outcome=won&order={order}"),
        Outcome::InLine(request) => format!("outcome=waiting&request={request}"),
        Outcome::Refused(failure) => refusal_query(app, asker, sale, failure.code()),
        Outcome::Unknown => refusal_query(app, asker, sale, Code::IdempotencyInFlight),
    };
    redirect(sale, &query)
}

fn refusal_query(app: &App, asker: &Asker, sale: &SaleId, code: Code) -> String {
    let seal = app.sessions.seal(asker.buyer, &sealed_text(sale, code.name()), app.engine.clock().now());
    format!("outcome={code}&seal={seal}")
}

fn redirect(sale: &SaleId, query: &str) -> Response {
    match HeaderValue::from_str(&format!("/sales/{sale}?{query}")) {
        Ok(location) if is_slug(sale) => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::SEE_OTHER;
            response.headers_mut().insert(header::LOCATION, location);
            response
        }
        _ => Failure::not_found("sale").into_response(),
    }
}

/// Whether the sale's id can be a slug. It comes from the path, so it may hold anything. A slug needs no escapes, and
/// nothing else has a page.
fn is_slug(sale: &SaleId) -> bool {
    sale.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// The sale's page as the answer to the form itself, with a notice that no address can produce.
async fn sale_page(app: App, sale: &SaleId, mut head: Parts, notice: FormNotice, status: StatusCode) -> Response {
    let Some(address) = format!("/sales/{sale}").parse::<Uri>().ok().filter(|_| is_slug(sale)) else {
        return Failure::not_found("sale").into_response();
    };
    (head.method, head.uri) = (Method::GET, address);
    for of_the_body in [header::CONTENT_TYPE, header::CONTENT_LENGTH, header::TRANSFER_ENCODING] {
        head.headers.remove(of_the_body);
    }
    let mut response = page_with(app, Request::from_parts(head, Body::empty()), Some(notice)).await;
    if response.status() == StatusCode::OK {
        *response.status_mut() = status;
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<(BuyBody, Option<String>), Code> {
        read_form(bytes).map(|form| (form.body, form.key)).map_err(|failure| failure.code())
    }

    #[test]
    fn the_form_names_seats_or_a_quantity_of_a_tier() {
        let of = |body, key: Option<&str>| Ok((body, key.map(str::to_owned)));
        let seat = |label: &str| SeatLabel(label.to_owned());
        let a_12 = of(BuyBody::seat(seat("A-12")), Some("k"));
        assert_eq!(read(b"seat=A-12&tier=vip&quantity=1&idempotency_key=k"), a_12);
        let h_4 = of(BuyBody::seat(seat("H-4")), None);
        assert_eq!(read(b"seat=+h-4+&tier=vip&quantity=1"), h_4, "as a person types it");
        let two = of(BuyBody::seats(vec![seat("A-1"), seat("A-2")]), None);
        assert_eq!(read(b"seat=a-1,+A-2&tier=vip&quantity=1"), two);
        assert_eq!(read(b"seat=+&tier=ga&quantity=2"), of(BuyBody::tier("ga".into(), 2), None));
        assert_eq!(read(b"tier=ga&quantity=two"), Err(Code::Invalid));
        assert_eq!(read(b"price=0"), Err(Code::Invalid));
        assert_eq!(read(b"seat=A&seat=B"), Err(Code::Malformed));
    }

    #[test]
    fn the_same_form_with_another_choice_is_another_intent() {
        let (one, other) = (BuyBody::seat("A-1".into()), BuyBody::seat("A-2".into()));
        let key = |form_key: &str, body| key_of_intent(form_key, body).map_err(|failure| failure.code());
        assert_eq!(key("k", &one), key("k", &one));
        assert_ne!(key("k", &one), key("k", &other));
        assert_ne!(key("k", &one), key("l", &one));
        assert!(key(&"k".repeat(255), &one).is_ok());
        assert_eq!(key(&"k".repeat(256), &one), Err(Code::Malformed));
    }

    #[test]
    fn the_redirect_stays_on_the_sales_own_page() {
        let location = |sale: &str| {
            let response = redirect(&sale.into(), "outcome=sold-out&seal=x");
            response.headers().get(header::LOCATION).map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(location("club-night").as_deref(), Some("/sales/club-night?outcome=sold-out&seal=x"));
        for elsewhere in ["/evil.example", "a?b", "../x", "a\\b", "%2f"] {
            assert_eq!(location(elsewhere), None, "{elsewhere}");
        }
    }
}
