//! Holding stock, and what becomes of it.

use axum::{
    extract::{Path, Request, State},
    http::{StatusCode, request::Parts},
    response::{IntoResponse, Response},
};

use super::{changed, of_sale, ordered, unknown_sale, waiting};
use crate::{
    model::{
        body::{ConfirmBody, HoldBody},
        hold::{Hold, HoldList},
        ids::{BuyerId, HoldId, SaleId},
        order::Order,
        outcome::{ConfirmOutcome, HoldOutcome},
        request::Receipt,
    },
    server::{
        app::App,
        http::{
            answer, asked,
            body::{read_json, read_optional, read_query},
            problem::{self, Failure},
        },
    },
};

/// Sets units aside for the buyer until a time. All or nothing.
#[utoipa::path(
    post,
    path = "/api/v1/sales/{sale}/holds",
    tag = "buyers",
    params(
        ("sale" = SaleId, Path, description = "The sale's id"),
        (
            "Idempotency-Key" = Option<String>, Header, pattern = "^[ -~]{1,255}$",
            description = "1 to 255 printable ASCII characters; the same key again gets the same answer for 24 hours",
        ),
    ),
    request_body = HoldBody,
    responses(
        (status = 201, body = Hold, headers(
            ("Location" = String, description = "Where the hold can be read"),
            ("Idempotent-Replayed" = Option<bool>, description = "`true` where the key was known"),
            ("X-Onsale-Session" = Option<String>, description = "The token of a new guest, or of an heir"),
        )),
        (status = 202, body = Receipt, description = "Not decided yet: the sale's strategy is `queued`", headers(
            ("Location" = String, description = "Where the outcome can be read"),
            ("X-Onsale-Session" = Option<String>, description = "The token of a new guest, or of an heir"),
        )),
        (status = 400, description = "`malformed`"),
        (status = 401, description = "`unauthenticated`: the Bearer cannot be read"),
        (status = 403, description = "`sale-not-open`, with `opens_at` where it is known; `forbidden`"),
        (status = 404, description = "`not-found`: the sale, a tier or a seat"),
        (
            status = 409,
            description = "`sold-out` with `held`, `seat-taken` with the `seats` that are gone and `own_hold`, \
                           `price-changed` with `total`, `limit-reached`, `contended`, `idempotency-in-flight`"
        ),
        (status = 413, description = "`too-large`"),
        (status = 415, description = "`unsupported-media-type`"),
        (status = 422, description = "`invalid`, `idempotency-key-reused`, `strategy-unsupported`"),
        (
            status = 429,
            description = "`rate-limited`: too many requests, or the buyer's last three holds all ended unpaid"
        ),
        (status = 503, description = "`overloaded`"),
    )
)]
pub async fn take(State(app): State<App>, Path(sale): Path<SaleId>, request: Request) -> Result<Response, Failure> {
    let (head, body) = request.into_parts();
    let (asker, key) = asked::keyed_buyer(&app, &head)?;
    asked::count_purchase(&app, &head, &asker)?;
    let purchaser = asked::purchaser(&app, &head, asker);
    let answer = match read_json::<HoldBody>(&head.headers, body).await {
        Ok(body) => match purchaser.hold(&app, &sale, body, key, None).await {
            Ok(HoldOutcome::Held { hold, replayed }) => {
                answer::marked(answer::created(&hold, &format!("/api/v1/holds/{}", hold.id)), replayed)
            }
            Ok(HoldOutcome::Refused(refusal)) => problem::document(refusal, head.uri.path()),
            Ok(HoldOutcome::Waiting { request }) => waiting(request),
            Err(error) => error.into_response(),
        },
        Err(failure) => of_sale(&app.engine, &sale, failure).await.into_response(),
    };
    Ok(purchaser.introduce(&app, answer))
}

/// The buyer's own holds that can still be paid, the oldest first.
#[utoipa::path(
    get,
    path = "/api/v1/holds",
    tag = "buyers",
    params(("sale" = Option<SaleId>, Query, description = "Only those of this sale")),
    responses(
        (status = 200, body = HoldList),
        (status = 400, description = "`malformed`: a parameter stands twice"),
        (status = 401, description = "`unauthenticated`"),
        (status = 404, description = "`not-found`: the sale"),
        (status = 422, description = "`invalid`: an unknown parameter"),
        (status = 503, description = "`overloaded`"),
    )
)]
pub async fn list(State(app): State<App>, request: Request) -> Result<Response, Failure> {
    let (head, _) = request.into_parts();
    let [sale] = read_query(&head.uri, ["sale"])?;
    let asker = asked::buyer(&app, &head)?;
    let sale = sale.map(SaleId);
    let holds = app.engine.selling.holds(asker.buyer, sale.as_ref()).await?.ok_or_else(unknown_sale)?;
    Ok(asker.introduce(answer::ok(&holds)))
}

/// One hold: the buyer's own, or anybody's for an admin; for a day after its end. Another buyer's is as unknown as one that
/// never was.
#[utoipa::path(
    get,
    path = "/api/v1/holds/{hold}",
    tag = "buyers",
    params(("hold" = HoldId, Path, description = "The hold's id")),
    responses(
        (status = 200, body = Hold),
        (status = 401, description = "`unauthenticated`"),
        (status = 404, description = "`not-found`"),
        (status = 503, description = "`overloaded`"),
    )
)]
pub async fn read(State(app): State<App>, Path(hold): Path<String>, request: Request) -> Result<Response, Failure> {
    let (head, _) = request.into_parts();
    let [] = read_query(&head.uri, [])?;
    let asker = asked::buyer(&app, &head)?;
    let owner = (!asker.is_admin).then_some(asker.buyer);
    let found = match id(&hold) {
        Ok(hold) => app.engine.selling.find_hold(owner, hold).await?.ok_or_else(unknown),
        Err(failure) => Err(failure),
    };
    Ok(asker.introduce(found.map_or_else(IntoResponse::into_response, |hold| answer::ok(&hold))))
}

/// Makes the hold have what the body names, and nothing else. All or nothing; its time stays as it is.
#[utoipa::path(
    put,
    path = "/api/v1/holds/{hold}",
    tag = "buyers",
    params(("hold" = HoldId, Path, description = "The hold's id")),
    request_body = HoldBody,
    responses(
        (status = 200, body = Hold),
        (status = 400, description = "`malformed`"),
        (status = 401, description = "`unauthenticated`"),
        (status = 403, description = "`sale-not-open`: more cannot be taken; `forbidden`"),
        (status = 404, description = "`not-found`: the hold, a tier or a seat"),
        (
            status = 409,
            description = "`sold-out`, `seat-taken`, `price-changed`, `limit-reached`, `contended`; `hold-finished`; \
                           `step-not-allowed`: a payment is under way. The hold stays as it was"
        ),
        (status = 410, description = "`hold-expired`"),
        (status = 413, description = "`too-large`"),
        (status = 415, description = "`unsupported-media-type`"),
        (status = 422, description = "`invalid`"),
        (status = 429, description = "`rate-limited`"),
        (status = 503, description = "`overloaded`"),
    )
)]
pub async fn change(State(app): State<App>, Path(hold): Path<String>, request: Request) -> Result<Response, Failure> {
    let (head, body) = request.into_parts();
    let asker = asked::buyer(&app, &head)?;
    asked::count_purchase(&app, &head, &asker)?;
    let (hold, body) = of_owner(&app, asker.buyer, &hold, read_json::<HoldBody>(&head.headers, body)).await?;
    let purchaser = asked::purchaser(&app, &head, asker);
    let changed = purchaser.change(&app, hold, body).await?;
    Ok(purchaser.asker.introduce(
        changed.map_or_else(|refusal| problem::document(refusal, head.uri.path()), |hold| answer::ok(&hold)),
    ))
}

/// Extends the hold's time once more.
#[utoipa::path(
    post,
    path = "/api/v1/holds/{hold}/extend",
    tag = "buyers",
    params(
        ("hold" = HoldId, Path, description = "The hold's id"),
        ("Idempotency-Key" = Option<String>, Header, pattern = "^[ -~]{1,255}$", description = "As for holding"),
    ),
    responses(
        (status = 200, body = Hold),
        (status = 400, description = "`malformed`"),
        (status = 401, description = "`unauthenticated`"),
        (status = 403, description = "`forbidden`"),
        (status = 404, description = "`not-found`"),
        (
            status = 409,
            description = "`extension-refused`: it was extended as often as it may be, or a payment is under way; \
                           `hold-finished`; `idempotency-in-flight`"
        ),
        (status = 410, description = "`hold-expired`"),
        (status = 422, description = "`invalid`, `idempotency-key-reused`"),
        (status = 503, description = "`overloaded`"),
    )
)]
pub async fn extend(State(app): State<App>, Path(hold): Path<String>, request: Request) -> Result<Response, Failure> {
    let (head, body) = request.into_parts();
    let (asker, key) = asked::keyed_buyer(&app, &head)?;
    let (hold, Nothing {}) = of_owner(&app, asker.buyer, &hold, read_optional(&head.headers, body)).await?;
    let answer = match app.engine.selling.extend(hold, asker.buyer, key).await? {
        Ok(answer) => changed(StatusCode::OK, answer),
        Err(refusal) => problem::document(refusal, head.uri.path()),
    };
    Ok(asker.introduce(answer))
}

/// An object without fields.
#[derive(Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// Gives the hold back. Also answered so when it has ended.
#[utoipa::path(
    delete,
    path = "/api/v1/holds/{hold}",
    tag = "buyers",
    params(("hold" = HoldId, Path, description = "The hold's id")),
    responses(
        (status = 204, description = "It is not held any more"),
        (status = 401, description = "`unauthenticated`"),
        (status = 403, description = "`forbidden`"),
        (status = 404, description = "`not-found`"),
        (status = 503, description = "`overloaded`"),
    )
)]
pub async fn release(State(app): State<App>, Path(hold): Path<String>, request: Request) -> Result<Response, Failure> {
    let (head, _) = request.into_parts();
    let asker = asked::buyer(&app, &head)?;
    match app.engine.selling.release(id(&hold)?, asker.buyer).await? {
        true => Ok(asker.introduce(StatusCode::NO_CONTENT.into_response())),
        false => Err(unknown()),
    }
}

/// Turns the hold into an order: `{}` where there is nothing to pay, or a simulated payment in rehearsals and demos.
#[utoipa::path(
    post,
    path = "/api/v1/holds/{hold}/confirm",
    tag = "buyers",
    params(
        ("hold" = HoldId, Path, description = "The hold's id"),
        ("Idempotency-Key" = Option<String>, Header, pattern = "^[ -~]{1,255}$", description = "As for holding"),
    ),
    request_body = ConfirmBody,
    responses(
        (status = 201, body = Order, headers(
            ("Location" = String, description = "Where the order can be read again"),
            ("Idempotent-Replayed" = Option<bool>, description = "`true` where the key was known"),
        )),
        (status = 400, description = "`malformed`"),
        (status = 401, description = "`unauthenticated`"),
        (status = 402, description = "`payment-declined`: the hold is released"),
        (
            status = 403,
            description = "`payment-required`: there is something to pay; `forbidden`: payments are not simulated here"
        ),
        (status = 404, description = "`not-found`"),
        (status = 409, description = "`hold-finished`, `idempotency-in-flight`"),
        (status = 410, description = "`hold-expired`"),
        (status = 413, description = "`too-large`"),
        (status = 415, description = "`unsupported-media-type`"),
        (status = 422, description = "`invalid`, `idempotency-key-reused`"),
        (status = 503, description = "`overloaded`"),
    )
)]
pub async fn confirm(State(app): State<App>, Path(hold): Path<String>, request: Request) -> Result<Response, Failure> {
    let (head, body) = request.into_parts();
    let (asker, key) = asked::keyed_buyer(&app, &head)?;
    let (hold, body) = of_owner(&app, asker.buyer, &hold, read_json::<ConfirmBody>(&head.headers, body)).await?;
    let outcome = app.engine.selling.confirm(hold, asker.buyer, body, key, app.config.demo).await?;
    Ok(asker.introduce(confirmed(outcome, &head)))
}

fn confirmed(outcome: ConfirmOutcome, head: &Parts) -> Response {
    match outcome {
        ConfirmOutcome::Confirmed { order, replayed } => ordered(&order, replayed),
        ConfirmOutcome::Declined { refusal, replayed } => {
            answer::marked(problem::document(refusal, head.uri.path()), replayed)
        }
        ConfirmOutcome::Refused(refusal) => problem::document(refusal, head.uri.path()),
    }
}

fn unknown() -> Failure {
    Failure::not_found("hold")
}

fn id(hold: &str) -> Result<HoldId, Failure> {
    hold.parse().map_err(|_| unknown())
}

/// The hold and the body of a request. What is wrong with the body is told to the hold's owner alone: to all others the
/// hold is unknown. Where nothing is wrong, the hold is looked up once, by whoever does what is asked.
pub async fn of_owner<T>(
    app: &App,
    buyer: BuyerId,
    hold: &str,
    reading: impl Future<Output = Result<T, Failure>>,
) -> Result<(HoldId, T), Failure> {
    let hold = id(hold)?;
    match reading.await {
        Ok(body) => Ok((hold, body)),
        Err(failure) => {
            let found = app.engine.selling.find_hold(Some(buyer), hold).await?;
            Err(found.map_or_else(unknown, |_| failure))
        }
    }
}

/// The hold, if it is this buyer's; with `None` whoever's it is, which only an admin may ask.
pub async fn known(app: &App, buyer: Option<BuyerId>, hold: &str) -> Result<HoldId, Failure> {
    let hold = id(hold)?;
    app.engine.selling.find_hold(buyer, hold).await?.map(|hold| hold.id).ok_or_else(unknown)
}
