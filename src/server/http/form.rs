//! The form that buys without script: post, redirect, get. The page that comes back shows the outcome.

use std::time::Duration;

use axum::{
    body::Body,
    extract::{Path, Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{
    asked,
    body::{FORM, parse_form, read_bytes},
    problem::Failure,
};
use crate::{
    model::{
        body::BuyBody,
        ids::{OrderId, SaleId, SeatLabel, TierId},
        limits::MAX_BODY_BYTES,
        outcome::BuyOutcome,
    },
    server::{
        app::App,
        auth::{Asker, parse_idempotency_key},
        engine::IdempotencyKey,
    },
};

/// How long a page without script waits for a purchase in a queue: such a page cannot ask for the outcome by itself.
const PATIENCE: Duration = Duration::from_secs(10);

/// `POST /sales/{sale}/buy` with `seat`, or `tier` and `quantity`, and `idempotency_key`: the fields of the page's form.
pub async fn buy(State(app): State<App>, Path(sale): Path<SaleId>, request: Request) -> Result<Response, Failure> {
    let (head, body) = request.into_parts();
    let bytes = read_bytes(&head.headers, body, FORM, MAX_BODY_BYTES).await?;
    let asker = asked::buyer(&app, &head)?;
    let outcome = match read_form(&bytes) {
        Ok((body, key)) => decide(&app, &sale, &asker, body, key).await,
        Err(failure) => Err(failure),
    };
    Ok(asker.introduce(see_outcome(&sale, outcome)))
}

async fn decide(
    app: &App,
    sale: &SaleId,
    asker: &Asker,
    body: BuyBody,
    key: Option<IdempotencyKey>,
) -> Result<Option<OrderId>, Failure> {
    match app.engine.selling.buy_and_wait(sale, asker.buyer, body, key, PATIENCE).await? {
        BuyOutcome::Bought { order, .. } => Ok(Some(order.id)),
        BuyOutcome::Refused(refusal) => Err(refusal.into()),
        BuyOutcome::Waiting { .. } => Ok(None),
    }
}

/// The fields of the form. An empty field is one that the buyer left out.
fn read_form(bytes: &[u8]) -> Result<(BuyBody, Option<IdempotencyKey>), Failure> {
    let [seat, tier, quantity, key] = parse_form(bytes, ["seat", "tier", "quantity", "idempotency_key"])?;
    let filled = |field: Option<String>| field.filter(|text| !text.trim().is_empty());
    let quantity =
        filled(quantity).map(|text| text.parse().map_err(|_| Failure::invalid("quantity must be a number.")));
    // The form always carries a tier, since one is chosen from the start: a seat that was typed in beats it.
    let body = match filled(seat) {
        Some(seat) => BuyBody::seat(SeatLabel::typed(&seat)),
        None => BuyBody { seat: None, tier: filled(tier).map(TierId), quantity: quantity.transpose()? },
    };
    let key = filled(key).map(|text| parse_idempotency_key(&text)).transpose()?;
    Ok((body, key))
}

/// To the sale's page, which shows `outcome`: `won` with the order, `waiting`, or the code of the refusal.
fn see_outcome(sale: &SaleId, outcome: Result<Option<OrderId>, Failure>) -> Response {
    let query = match outcome {
        Ok(None) => "outcome=waiting".to_owned(),
        Ok(Some(order)) => format!("outcome=won&order={order}"),
        Err(failure) => format!("outcome={}", failure.code()),
    };
    // The name comes from the path, so it may hold anything; a slug needs no escapes, and no other name has a page.
    let is_slug = sale.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    match HeaderValue::from_str(&format!("/sales/{sale}?{query}")) {
        Ok(location) if is_slug => redirect(location),
        _ => Failure::not_found("sale").into_response(),
    }
}

fn redirect(location: HeaderValue) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    response.headers_mut().insert(header::LOCATION, location);
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::outcome::Code;

    #[test]
    fn the_form_names_a_seat_or_a_quantity_of_a_tier() {
        let (body, key) = read_form(b"seat=A-12&tier=vip&quantity=1&idempotency_key=k").unwrap();
        assert_eq!((body, key), (BuyBody::seat("A-12".into()), IdempotencyKey::parse("k")));
        let (body, _) = read_form(b"seat=+h-4+&tier=vip&quantity=1").unwrap();
        assert_eq!(body, BuyBody::seat("H-4".into()), "as a person types it");
        let (body, key) = read_form(b"seat=+&tier=ga&quantity=2").unwrap();
        assert_eq!((body, key), (BuyBody::tier("ga".into(), 2), None));
        assert_eq!(read_form(b"tier=ga&quantity=two").unwrap_err().code(), Code::Invalid);
        assert_eq!(read_form(b"price=0").unwrap_err().code(), Code::Invalid);
        assert_eq!(read_form(b"seat=A&seat=B").unwrap_err().code(), Code::Malformed);
    }

    #[test]
    fn the_redirect_stays_on_the_sales_own_page() {
        let location = |sale: &str, outcome| {
            let response = see_outcome(&sale.into(), outcome);
            response.headers().get(header::LOCATION).map(|value| value.to_str().unwrap().to_owned())
        };
        let refused = || Err(Failure::new(Code::SoldOut, ""));
        assert_eq!(location("club-night", refused()).as_deref(), Some("/sales/club-night?outcome=sold-out"));
        assert_eq!(location("ga", Ok(None)).as_deref(), Some("/sales/ga?outcome=waiting"));
        let order = OrderId(uuid::Uuid::nil());
        assert!(location("ga", Ok(Some(order))).unwrap().starts_with("/sales/ga?outcome=won&order=0000"));
        for elsewhere in ["/evil.example", "a?b", "../x", "a\\b", "%2f"] {
            assert_eq!(location(elsewhere, refused()), None, "{elsewhere}");
        }
    }
}
