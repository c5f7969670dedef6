//! Sales and their stock.

use axum::{
    extract::{Path, Request, State},
    http::{StatusCode, Uri},
    response::Response,
};

use super::{changed, of_sale, paging::Paging, require_sale, unknown_sale};
use crate::{
    model::{
        body::{NewSale, ResetBody, SalePatch, StockBody},
        ids::SaleId,
        limits::{LONG_LIST_ENTRIES, MAX_BODY_BYTES},
        sale::{Sale, SaleList, StockCreated},
    },
    server::{
        app::App,
        auth::idempotency_key,
        engine::{Answer, Keyed},
        http::{
            answer, asked,
            body::{JSON, parse_json, read_bytes, read_json, read_optional, read_query},
            problem::Failure,
        },
        rehearsal,
    },
};

/// All sales in the order in which they were made, with their counts now; with a `limit` a page of them.
#[utoipa::path(
    get,
    path = "/api/v1/sales",
    tag = "sales",
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1_000, description = "At most so many"),
        ("after" = Option<SaleId>, Query, description = "Only those behind this sale: the `next` of the page before"),
    ),
    responses(
        (status = 200, body = SaleList),
        (status = 400, description = "`malformed`: a parameter stands twice"),
        (status = 422, description = "`invalid`: an unknown parameter, no limit that is allowed, or no such sale"),
    )
)]
pub async fn list(State(app): State<App>, uri: Uri) -> Result<Response, Failure> {
    let Paging { limit, after } = Paging::read(&uri)?;
    let after = after.map(SaleId);
    if let Some(after) = &after {
        app.engine.catalogue.learn_of(after).await;
    }
    let is_long = limit.is_none() && app.engine.catalogue.count() >= LONG_LIST_ENTRIES;
    let engine = app.engine.clone();
    let write = move || engine.catalogue.sales_after(after.as_ref(), limit).map(|list| answer::ok(&list));
    let written = if is_long { app.long_answers.run(async move { write() }).await } else { write() };
    written.ok_or_else(|| Failure::invalid("after is the id of a sale."))
}

/// One sale.
#[utoipa::path(
    get,
    path = "/api/v1/sales/{sale}",
    tag = "sales",
    params(("sale" = SaleId, Path, description = "The sale's id")),
    responses((status = 200, body = Sale), (status = 404, description = "`not-found`"))
)]
pub async fn read(State(app): State<App>, Path(sale): Path<SaleId>, uri: Uri) -> Result<Response, Failure> {
    let found = app.engine.catalogue.sale(&sale).await.ok_or_else(unknown_sale)?;
    let [] = read_query(&uri, [])?;
    Ok(answer::ok(&found))
}

/// Makes a sale, open at once where no opening time stands.
#[utoipa::path(
    post,
    path = "/api/v1/sales",
    tag = "organisers",
    request_body = NewSale,
    params((
        "Idempotency-Key" = Option<String>, Header, pattern = "^[ -~]{1,255}$",
        description = "1 to 255 printable ASCII characters",
    )),
    responses(
        (status = 201, body = Sale, headers(("Location" = String, description = "The sale's path"))),
        (status = 400, description = "`malformed`"),
        (status = 401, description = "`unauthenticated`"),
        (status = 403, description = "`forbidden`"),
        (status = 413, description = "`too-large`"),
        (status = 415, description = "`unsupported-media-type`"),
        (status = 422, description = "`invalid`, `strategy-unsupported`"),
        (status = 503, description = "`overloaded`"),
    )
)]
pub async fn create(State(app): State<App>, request: Request) -> Result<Response, Failure> {
    let (head, body) = request.into_parts();
    let keyed = asked::keyed_admin(&app, &head)?;
    let body = read_json::<NewSale>(&head.headers, body).await?;
    let (rehearsal, tiers) = (body.rehearsal.unwrap_or(false), body.tiers.len());
    let answer = app.engine.catalogue.create_sale(body, keyed).await??;
    if let Answer::Fresh(sale) = &answer {
        tracing::info!(sale = %sale.id, rehearsal, tiers, "an organiser made a sale");
    }
    let id = match &answer {
        Answer::Fresh(sale) => Some(sale.id.clone()),
        Answer::Replayed { body, .. } => serde_json::from_str::<Sale>(body).ok().map(|sale| sale.id),
    };
    let response = changed(StatusCode::CREATED, answer);
    Ok(match id {
        Some(id) => answer::at(response, &format!("/api/v1/sales/{id}")),
        None => response,
    })
}

/// Changes what an organiser decides about a sale. A field that is left out stays; `null` clears an optional one. Open
/// pages hear of a new status, opening time and message at once, and show a new name when they are loaded again.
#[utoipa::path(
    patch,
    path = "/api/v1/sales/{sale}",
    tag = "organisers",
    params(("sale" = SaleId, Path, description = "The sale's id")),
    request_body = SalePatch,
    responses(
        (status = 200, body = Sale),
        (status = 400, description = "`malformed`"),
        (status = 401, description = "`unauthenticated`"),
        (status = 403, description = "`forbidden`"),
        (status = 404, description = "`not-found`"),
        (status = 409, description = "`step-not-allowed`: a closed sale stays closed"),
        (status = 413, description = "`too-large`"),
        (status = 415, description = "`unsupported-media-type`"),
        (status = 422, description = "`invalid`, also for what a sale keeps for ever: id, strategy, rehearsal, tiers"),
        (status = 503, description = "`overloaded`"),
    )
)]
pub async fn patch(State(app): State<App>, Path(sale): Path<SaleId>, request: Request) -> Result<Response, Failure> {
    let (head, body) = request.into_parts();
    asked::admin(&app, &head)?;
    let bytes = read_bytes(&head.headers, body, JSON, MAX_BODY_BYTES).await;
    let body =
        match bytes.and_then(|bytes| parse_json::<SalePatch>(&bytes).map_err(|failure| why_kept(&bytes, failure))) {
            Ok(body) => body,
            Err(failure) => return Err(of_sale(&app.engine, &sale, failure).await),
        };
    let fields = fields_of(&body);
    let patched = app.engine.catalogue.patch_sale(&sale, body).await??;
    tracing::info!(%sale, fields, status = patched.status.name(), "an organiser changed a sale");
    Ok(answer::ok(&patched))
}

/// The names of the fields that a patch changes.
fn fields_of(patch: &SalePatch) -> String {
    let fields = serde_json::to_value(patch).expect("a patch is plain data");
    fields.as_object().map(|fields| fields.keys().map(String::as_str).collect::<Vec<_>>().join(",")).unwrap_or_default()
}

/// Fields that a sale keeps for ever, and why.
const KEPT: [(&str, &str); 4] = [
    ("id", "A sale keeps its id: links and its ledger are made with it."),
    ("strategy", "A sale keeps the strategy that it was made with. A rehearsal changes it when it is reset."),
    ("rehearsal", "A sale stays a rehearsal or none, because only a rehearsal may be attacked."),
    ("tiers", "Tiers keep their names and prices, because tickets are sold by them. More stock is added at /stock."),
];

/// Why a patch is refused. A field that a sale keeps for ever gets its own reason, and is not called unknown.
fn why_kept(bytes: &[u8], failure: Failure) -> Failure {
    let fields = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(bytes).unwrap_or_default();
    let kept = KEPT.iter().find(|(field, _)| fields.contains_key(*field));
    kept.map_or(failure, |(_, reason)| Failure::invalid(*reason))
}

/// Puts the stock back as it was made and voids orders and holds; the ledger goes on. Where nothing has been sold or held
/// since the last reset, nothing changes. The organiser's; in a demo, rehearsals and the demo's sales may be reset by
/// everyone. With a strategy, a rehearsal is sold by that from then on; the body may be left out.
#[utoipa::path(
    post,
    path = "/api/v1/sales/{sale}/reset",
    tag = "organisers",
    params(
        ("sale" = SaleId, Path, description = "The sale's id"),
        (
            "Idempotency-Key" = Option<String>, Header, pattern = "^[ -~]{1,255}$",
            description = "1 to 255 printable ASCII characters",
        ),
    ),
    request_body = Option<ResetBody>,
    responses(
        (status = 200, body = Sale),
        (status = 400, description = "`malformed`"),
        (status = 401, description = "`unauthenticated`"),
        (status = 403, description = "`forbidden`"),
        (status = 404, description = "`not-found`"),
        (
            status = 409,
            description = "`step-not-allowed`: buyers have paid, or a strategy is wanted while a simulation of the sale runs"
        ),
        (status = 413, description = "`too-large`"),
        (status = 415, description = "`unsupported-media-type`"),
        (
            status = 422,
            description = "`invalid`; `strategy-unsupported`: no rehearsal, or one that this server cannot run"
        ),
        (status = 503, description = "`overloaded`"),
    )
)]
pub async fn reset(State(app): State<App>, Path(sale): Path<SaleId>, request: Request) -> Result<Response, Failure> {
    let (head, body) = request.into_parts();
    let found = app.engine.catalogue.sale(&sale).await.ok_or_else(unknown_sale)?;
    let (asker, key) = if app.is_playground(&found) {
        asked::keyed_buyer(&app, &head)?
    } else {
        (asked::admin(&app, &head)?, idempotency_key(&head.headers)?)
    };
    let body: ResetBody = read_optional(&head.headers, body).await?;
    let keyed = key.map(|key| Keyed { buyer: asker.buyer, key });
    let is_keyed = keyed.is_some();
    let decided = match body.strategy {
        Some(strategy) => rehearsal::rehearse_with(&app, &sale, strategy, keyed).await,
        None => app.engine.catalogue.reset_sale(&sale, keyed).await,
    };
    let decided = decided??;
    if !found.rehearsal && matches!(decided, Answer::Fresh(_)) {
        tracing::info!(%sale, by_organiser = asker.is_admin, "a sale was reset");
    }
    let answer = changed(StatusCode::OK, decided);
    // Without a key the asker needs no identity, so no new guest is introduced.
    Ok(if is_keyed { asker.introduce(answer) } else { answer })
}

/// Adds stock to a tier.
#[utoipa::path(
    post,
    path = "/api/v1/sales/{sale}/stock",
    tag = "organisers",
    params(
        ("sale" = SaleId, Path, description = "The sale's id"),
        (
            "Idempotency-Key" = Option<String>, Header, pattern = "^[ -~]{1,255}$",
            description = "1 to 255 printable ASCII characters",
        ),
    ),
    request_body = StockBody,
    responses(
        (status = 201, body = StockCreated),
        (status = 400, description = "`malformed`"),
        (status = 401, description = "`unauthenticated`"),
        (status = 403, description = "`forbidden`"),
        (status = 404, description = "`not-found`: the sale or the tier"),
        (status = 409, description = "`step-not-allowed`: a closed sale takes no stock"),
        (status = 413, description = "`too-large`"),
        (status = 415, description = "`unsupported-media-type`"),
        (status = 422, description = "`invalid`"),
        (status = 503, description = "`overloaded`"),
    )
)]
pub async fn add_stock(
    State(app): State<App>,
    Path(sale): Path<SaleId>,
    request: Request,
) -> Result<Response, Failure> {
    let (head, body) = request.into_parts();
    let keyed = asked::keyed_admin(&app, &head)?;
    require_sale(&app.engine, &sale).await?;
    let body = read_json::<StockBody>(&head.headers, body).await?;
    let (tier, add) = (body.tier.clone(), body.add);
    let answer = app.engine.catalogue.add_stock(&sale, body, keyed).await??;
    if matches!(answer, Answer::Fresh(_)) {
        tracing::info!(%sale, %tier, add, "an organiser added stock");
    }
    Ok(changed(StatusCode::CREATED, answer))
}
