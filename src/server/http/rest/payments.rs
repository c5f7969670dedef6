//! Paying for what is held, at the payment provider.

use axum::{
    body::Body,
    extract::{Path, Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};

use super::holds;
use crate::{
    model::{
        body::PayBody,
        ids::{HoldId, PaymentId},
        payment::{Payment, PaymentList},
    },
    server::{
        app::App,
        engine::{BegunPayment, Unheard},
        http::{
            answer, asked,
            body::{JSON, read_bytes, read_optional, read_query},
            problem::{self, Failure},
        },
        payment::{MAX_WEBHOOK_BYTES, SIGNATURE_HEADER, WebhookError},
    },
};

/// Begins to pay for a hold at the payment provider, or tells the payment that is pending.
#[utoipa::path(
    post,
    path = "/api/v1/holds/{hold}/payments",
    tag = "buyers",
    params(
        ("hold" = HoldId, Path, description = "The hold's id"),
        ("Idempotency-Key" = Option<String>, Header, pattern = "^[ -~]{1,255}$", description = "As for holding"),
    ),
    request_body = PayBody,
    responses(
        (status = 200, body = Payment, description = "One is pending already"),
        (
            status = 201, body = Payment,
            description = "The hold waits for it. `redirect_url` may come later, where the provider is slow",
            headers(
                ("Location" = String, description = "Where the payment can be read again"),
                ("Idempotent-Replayed" = Option<bool>, description = "`true` where the key was known"),
            )
        ),
        (status = 400, description = "`malformed`"),
        (status = 401, description = "`unauthenticated`"),
        (status = 403, description = "`forbidden`"),
        (status = 404, description = "`not-found`"),
        (
            status = 409,
            description = "`step-not-allowed`: there is no payment provider, or nothing to pay; `hold-finished`, \
                           `contended`, `idempotency-in-flight`"
        ),
        (status = 410, description = "`hold-expired`"),
        (status = 413, description = "`too-large`"),
        (status = 415, description = "`unsupported-media-type`"),
        (status = 422, description = "`invalid`, `idempotency-key-reused`"),
        (status = 429, description = "`rate-limited`"),
        (status = 503, description = "`overloaded`"),
    )
)]
pub async fn pay(State(app): State<App>, Path(hold): Path<String>, request: Request) -> Result<Response, Failure> {
    let (head, body) = request.into_parts();
    let (asker, key) = asked::keyed_buyer(&app, &head)?;
    asked::count_purchase(&app, &head, &asker)?;
    let reading = read_optional::<PayBody>(&head.headers, body);
    let (hold, body) = holds::of_owner(&app, asker.buyer, &hold, reading).await?;
    let origin = asked::visit(&app, &head).origin().to_string();
    let answer = match app.engine.selling.pay(hold, asker.buyer, None, body, key, &origin).await? {
        Ok(BegunPayment { payment, is_new: true, is_replayed }) => {
            let created = answer::created(&payment, &format!("/api/v1/payments/{}", payment.id));
            answer::marked(created, is_replayed)
        }
        Ok(BegunPayment { payment, is_new: false, .. }) => answer::ok(&payment),
        Err(refusal) => problem::document(refusal, head.uri.path()),
    };
    Ok(asker.introduce(answer))
}

/// All payments of a hold: the buyer's own, or anybody's for an admin.
#[utoipa::path(
    get,
    path = "/api/v1/holds/{hold}/payments",
    tag = "buyers",
    params(("hold" = HoldId, Path, description = "The hold's id")),
    responses(
        (status = 200, body = PaymentList),
        (status = 401, description = "`unauthenticated`"),
        (status = 404, description = "`not-found`"),
        (status = 503, description = "`overloaded`"),
    )
)]
pub async fn of_hold(State(app): State<App>, Path(hold): Path<String>, request: Request) -> Result<Response, Failure> {
    let (head, _) = request.into_parts();
    let [] = read_query(&head.uri, [])?;
    let asker = asked::buyer(&app, &head)?;
    let hold = holds::known(&app, (!asker.is_admin).then_some(asker.buyer), &hold).await?;
    let payments = app.engine.selling.payments_of(hold).await?;
    Ok(asker.introduce(answer::ok(&payments)))
}

/// One payment: the buyer's own, or anybody's for an admin. The provider is asked what has become of one that is pending.
#[utoipa::path(
    get,
    path = "/api/v1/payments/{payment}",
    tag = "buyers",
    params(("payment" = PaymentId, Path, description = "The payment's id")),
    responses(
        (status = 200, body = Payment),
        (status = 401, description = "`unauthenticated`"),
        (status = 404, description = "`not-found`"),
        (status = 503, description = "`overloaded`"),
    )
)]
pub async fn read(State(app): State<App>, Path(payment): Path<String>, request: Request) -> Result<Response, Failure> {
    let (head, _) = request.into_parts();
    let [] = read_query(&head.uri, [])?;
    let asker = asked::buyer(&app, &head)?;
    let unknown = || Failure::not_found("payment");
    let payment: PaymentId = payment.parse().map_err(|_| unknown())?;
    let owner = (!asker.is_admin).then_some(asker.buyer);
    let found = app.engine.selling.find_payment(payment, owner).await?.ok_or_else(unknown)?;
    Ok(asker.introduce(answer::ok(&found)))
}

/// What the payment provider tells, with its signature.
#[utoipa::path(
    post,
    path = "/api/v1/payments/webhook",
    tag = "operation",
    params(("Stripe-Signature" = String, Header, description = "`t=SECONDS,v1=HEX`")),
    request_body(content = String, content_type = "application/json", description = "The provider's event, up to 256 KiB"),
    responses(
        (status = 200, description = "Heard, also when it is told again"),
        (status = 400, description = "`malformed`: signed more than five minutes ago, or no event"),
        (status = 401, description = "`unauthenticated`: the signature is not of this body"),
        (status = 403, description = "`forbidden`"),
        (status = 404, description = "`not-found`: there is no payment provider"),
        (status = 413, description = "`too-large`"),
        (status = 415, description = "`unsupported-media-type`"),
        (status = 503, description = "`overloaded`: it has to be told again"),
    )
)]
pub async fn webhook(State(app): State<App>, request: Request) -> Result<Response, Failure> {
    let (head, body): (_, Body) = request.into_parts();
    let body = read_bytes(&head.headers, body, JSON, MAX_WEBHOOK_BYTES).await?;
    let signature = head.headers.get(SIGNATURE_HEADER).map_or(&[][..], |value| value.as_bytes());
    match app.engine.selling.hear(signature, &body).await? {
        Ok(()) => Ok(StatusCode::OK.into_response()),
        Err(Unheard::NoProvider) => Err(Failure::not_found("payment provider")),
        Err(Unheard::NotBelieved(error)) => Err(not_believed(&error)),
    }
}

fn not_believed(error: &WebhookError) -> Failure {
    let detail = error.to_string();
    match error {
        WebhookError::BadSignature => Failure::unauthenticated_because(detail),
        WebhookError::TooOld | WebhookError::Unreadable(_) => Failure::malformed(detail),
    }
}
