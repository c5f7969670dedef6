//! Buying: the hot path.

use axum::{
    extract::{Path, Request, State},
    response::{IntoResponse, Response},
};

use super::{of_sale, ordered, waiting};
use crate::{
    model::{body::BuyBody, ids::SaleId, order::Order, outcome::BuyOutcome, request::Receipt},
    server::{
        app::App,
        http::{
            asked,
            body::read_json,
            problem::{self, Failure},
        },
    },
};

/// Buys one named seat, several of them, or units of a tier, at once. All or nothing, in one order.
#[utoipa::path(
    post,
    path = "/api/v1/sales/{sale}/buy",
    tag = "buyers",
    params(
        ("sale" = SaleId, Path, description = "The sale's id"),
        (
            "Idempotency-Key" = Option<String>, Header, pattern = "^[ -~]{1,255}$",
            description = "1 to 255 printable ASCII characters; the same key again gets the same answer for 24 hours",
        ),
    ),
    request_body = BuyBody,
    responses(
        (status = 201, body = Order, headers(
            ("Location" = String, description = "Where the order can be read again"),
            ("Idempotent-Replayed" = Option<bool>, description = "`true` where the key was known"),
            ("X-Onsale-Session" = Option<String>, description = "The token of a new guest, or of an heir"),
        )),
        (status = 202, body = Receipt, description = "Not decided yet: the sale's strategy is `queued`", headers(
            ("Location" = String, description = "Where the outcome can be read"),
            ("X-Onsale-Session" = Option<String>, description = "The token of a new guest, or of an heir"),
        )),
        (status = 400, description = "`malformed`"),
        (status = 401, description = "`unauthenticated`: the Bearer cannot be read"),
        (
            status = 403,
            description = "`payment-required`: units of this sale are held first; `sale-not-open`, with `opens_at` where it \
                           is known; `forbidden`"
        ),
        (status = 404, description = "`not-found`: the sale, the tier or the seat"),
        (
            status = 409,
            description = "`sold-out`, `seat-taken` with the `seats` that are gone, `limit-reached`, `contended`, \
                           `idempotency-in-flight`"
        ),
        (status = 413, description = "`too-large`"),
        (status = 415, description = "`unsupported-media-type`"),
        (status = 422, description = "`invalid`, `idempotency-key-reused`"),
        (status = 429, description = "`rate-limited`: too many purchases or new guests of this address or buyer"),
        (status = 503, description = "`overloaded`"),
    )
)]
pub async fn buy(State(app): State<App>, Path(sale): Path<SaleId>, request: Request) -> Result<Response, Failure> {
    let (head, body) = request.into_parts();
    let (asker, key) = asked::keyed_buyer(&app, &head)?;
    asked::count_purchase(&app, &head, &asker)?;
    let purchaser = asked::purchaser(&app, &head, asker);
    let answer = match read_json::<BuyBody>(&head.headers, body).await {
        Ok(body) => match purchaser.buy(&app, &sale, body, key, None).await {
            Ok(BuyOutcome::Bought { order, replayed }) => ordered(&order, replayed),
            Ok(BuyOutcome::Refused(refusal)) => problem::document(refusal, head.uri.path()),
            Ok(BuyOutcome::Waiting { request }) => waiting(request),
            Err(error) => error.into_response(),
        },
        Err(failure) => of_sale(&app.engine, &sale, failure).await.into_response(),
    };
    Ok(purchaser.introduce(&app, answer))
}
