//! The form of a sale's page: buys what was chosen, or holds it.

use axum::{
    extract::{Path, Request, State},
    http::{StatusCode, request::Parts},
    response::Response,
};

use super::answering::{Outcome, PATIENCE, answer_with_page, decided, filled, key_of_intent, redirect, refusal_query};
use crate::{
    api::{FormNotice, sealed_offer_query},
    model::{
        body::{BuyBody, HoldBody, OnConflict, Quantity},
        ids::{HoldId, OrderId, RequestId, SaleId, SeatLabel, TierId},
        limits::MAX_BODY_BYTES,
        outcome::{BuyOutcome, Code, HoldOutcome},
    },
    server::{
        app::App,
        auth::Asker,
        engine::IdempotencyKey,
        http::{
            asked,
            body::{FORM, parse_form, read_bytes},
            problem::Failure,
        },
        purchaser::Purchaser,
    },
};

/// The folder of the pages of sales, and that of holds.
const SALES: &str = "/sales";
const CHECKOUT: &str = "/checkout";

/// What a choice became.
enum Chosen {
    Bought(OrderId),
    Held(HoldId),
    InLine(RequestId),
    /// One of the named seats is in this hold of the buyer's own. They are offered to change it.
    HeldAlready {
        own_hold: HoldId,
        seats: String,
    },
}

/// A form that was read.
struct Form {
    body: BuyBody,
    /// The key that the page gave to the form.
    key: Option<String>,
    /// The hold that is to have what was chosen, instead of a new one.
    hold: Option<String>,
}

/// What the form does with the choice.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Deed {
    Buy,
    Hold,
}

/// `POST /sales/{sale}/buy` with the fields of the page's form: `seat`, or `tier` and `quantity`, and
/// `idempotency_key`.
pub async fn buy(State(app): State<App>, Path(sale): Path<SaleId>, request: Request) -> Result<Response, Failure> {
    choose(app, sale, Deed::Buy, request).await
}

/// `POST /sales/{sale}/hold` with the same fields, and with `hold` where an earlier hold is to be changed.
pub async fn hold(State(app): State<App>, Path(sale): Path<SaleId>, request: Request) -> Result<Response, Failure> {
    choose(app, sale, Deed::Hold, request).await
}

/// A browser that sends no cookie has refused the one that the page set. It could never show the tickets, so nothing is
/// sold to it.
async fn choose(app: App, sale: SaleId, deed: Deed, request: Request) -> Result<Response, Failure> {
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
    let purchaser = asked::purchaser(&app, &head, asker);
    let (outcome, form_key) = match read_form(&bytes) {
        Ok(form) => (decide(&app, &sale, &purchaser, deed, &form).await, form.key),
        Err(failure) => (Outcome::Refused(failure), None),
    };
    if let (Outcome::Unknown, Some(form_key)) = (&outcome, form_key) {
        return Ok(sale_page(app, &sale, head, FormNotice::Unknown { form_key }, StatusCode::SERVICE_UNAVAILABLE).await);
    }
    let response = see_outcome(&app, &purchaser.asker, &sale, outcome);
    Ok(purchaser.introduce(&app, response))
}

async fn decide(app: &App, sale: &SaleId, purchaser: &Purchaser, deed: Deed, form: &Form) -> Outcome<Chosen> {
    let key = match form.key.as_deref().map(|key| key_of_intent(key, &form.body)).transpose() {
        Ok(key) => key,
        Err(failure) => return Outcome::Refused(failure),
    };
    let body = to_hold(&form.body);
    match &form.hold {
        _ if deed == Deed::Buy => {
            decided(|| async {
                let outcome = purchaser.buy(app, sale, form.body.clone(), key.clone(), Some(PATIENCE)).await?;
                Ok(match outcome {
                    BuyOutcome::Bought { order, .. } => Ok(Chosen::Bought(order.id)),
                    BuyOutcome::Waiting { request } => Ok(Chosen::InLine(request)),
                    BuyOutcome::Refused(refusal) => Err(refusal),
                })
            })
            .await
        }
        None => hold_anew(app, sale, purchaser, &body, key).await,
        Some(hold) => change(app, purchaser, hold, &body).await,
    }
}

async fn hold_anew(
    app: &App,
    sale: &SaleId,
    purchaser: &Purchaser,
    body: &HoldBody,
    key: Option<IdempotencyKey>,
) -> Outcome<Chosen> {
    let seats = body.seats.as_deref().unwrap_or_default();
    decided(|| async {
        if let Some(own) = app.engine.selling.held_already(sale, purchaser.asker.buyer, seats).await? {
            let labels = seats.iter().map(SeatLabel::as_str).collect::<Vec<_>>().join(" ");
            return Ok(Ok(match own.has_just(seats) {
                true => Chosen::Held(own.id),
                false => Chosen::HeldAlready { own_hold: own.id, seats: labels },
            }));
        }
        Ok(match purchaser.hold(app, sale, body.clone(), key.clone(), Some(PATIENCE)).await? {
            HoldOutcome::Held { hold, .. } => Ok(Chosen::Held(hold.id)),
            HoldOutcome::Waiting { request } => Ok(Chosen::InLine(request)),
            HoldOutcome::Refused(refusal) => Err(refusal),
        })
    })
    .await
}

/// Makes an earlier hold have what was chosen.
async fn change(app: &App, purchaser: &Purchaser, hold: &str, body: &HoldBody) -> Outcome<Chosen> {
    let Ok(hold) = hold.parse::<HoldId>() else { return Outcome::Refused(Failure::not_found("hold")) };
    decided(|| async {
        let changed = purchaser.change(app, hold, body.clone()).await?;
        Ok(changed.map(|hold| Chosen::Held(hold.id)))
    })
    .await
}

/// The same choice, to be held. The buyer sees what it costs before they pay, so no bound for the total is sent.
fn to_hold(chosen: &BuyBody) -> HoldBody {
    let seats = chosen.seats.clone().or_else(|| chosen.seat.clone().map(|seat| vec![seat]));
    let quantity = chosen.quantity.unwrap_or(1);
    let items = chosen.tier.clone().map(|tier| vec![Quantity { tier, quantity }]);
    let on_conflict = seats.is_some().then_some(OnConflict::Nearest);
    HoldBody { seats, items, on_conflict, ..HoldBody::default() }
}

/// The fields of the form.
fn read_form(bytes: &[u8]) -> Result<Form, Failure> {
    let names = ["seat", "tier", "quantity", "hold", "idempotency_key"];
    let [seat, tier, quantity, hold, key] = parse_form(bytes, names)?;
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
    Ok(Form { body, key: filled(key), hold: filled(hold) })
}

/// Redirects to the page that shows the outcome. The address only names it, and the page looks it up: the order, the
/// hold, the request in line, or the refusal under our seal.
fn see_outcome(app: &App, asker: &Asker, sale: &SaleId, outcome: Outcome<Chosen>) -> Response {
    let query = match outcome {
        Outcome::Done(Chosen::Held(hold)) => return redirect(CHECKOUT, &hold.to_string(), "outcome=held"),
        Outcome::Done(Chosen::Bought(order)) => format!("outcome=won&order={order}"),
        Outcome::Done(Chosen::InLine(request)) => format!("outcome=waiting&request={request}"),
        Outcome::Done(Chosen::HeldAlready { own_hold, seats }) => {
            sealed_offer_query(app, asker.buyer, own_hold, &seats)
        }
        Outcome::Refused(failure) => refusal_query(app, asker, sale.as_str(), failure.code()),
        Outcome::Unknown => refusal_query(app, asker, sale.as_str(), Code::IdempotencyInFlight),
    };
    redirect(SALES, sale.as_str(), &query)
}

async fn sale_page(app: App, sale: &SaleId, head: Parts, notice: FormNotice, status: StatusCode) -> Response {
    answer_with_page(app, (SALES, sale.as_str()), head, notice, status).await
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
    fn what_is_held_is_what_would_be_bought() {
        let seat = to_hold(&BuyBody::seat("A-1".into()));
        assert_eq!((seat.seats, seat.on_conflict), (Some(vec!["A-1".into()]), Some(OnConflict::Nearest)));
        let units = to_hold(&BuyBody::tier("ga".into(), 2));
        assert_eq!(units.items, Some(vec![Quantity { tier: "ga".into(), quantity: 2 }]));
        assert_eq!((units.seats, units.on_conflict), (None, None));
    }
}
