//! The outcome of a purchase that was answered with a receipt.

use axum::{
    extract::{Path, Request, State},
    response::{IntoResponse, Response},
};

use crate::{
    model::{ids::RequestId, request::RequestStatus},
    server::{
        app::App,
        auth::Asker,
        http::{answer, asked, body::read_query, problem::Failure},
    },
};

/// The outcome of a purchase that waits in a queue: kept for an hour, and told only to its buyer.
#[utoipa::path(
    get,
    path = "/api/v1/requests/{request}",
    tag = "buyers",
    params(("request" = RequestId, Path, description = "The id in the receipt")),
    responses(
        (status = 200, body = RequestStatus),
        (status = 401, description = "`unauthenticated`"),
        (status = 404, description = "`not-found`: never known, forgotten, or another buyer's; a purchase sent again with \
            the same key is not made twice"),
        (status = 503, description = "`overloaded`: nothing can be said just now"),
    )
)]
pub async fn read(
    State(app): State<App>,
    Path(request_id): Path<String>,
    request: Request,
) -> Result<Response, Failure> {
    let (head, _) = request.into_parts();
    let [] = read_query(&head.uri, [])?;
    let asker = asked::buyer(&app, &head)?;
    let found = find(&app, &asker, &request_id).await;
    Ok(asker.introduce(found.map_or_else(IntoResponse::into_response, |status| answer::ok(&status))))
}

async fn find(app: &App, asker: &Asker, request: &str) -> Result<RequestStatus, Failure> {
    let unknown = || Failure::not_found("request");
    let request: RequestId = request.parse().map_err(|_| unknown())?;
    app.engine.selling.request(asker.buyer, request).await?.ok_or_else(unknown)
}
