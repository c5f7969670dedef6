//! Named places.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Path, State},
    http::{StatusCode, Uri},
    response::Response,
};

use super::{require_sale, seat_lists::SeatLists, unknown_sale};
use crate::{
    model::{
        ids::{SaleId, SeatLabel},
        seat::{Seat, SeatList, SeatStatus},
    },
    server::{
        app::App,
        http::{answer, body::read_query, problem::Failure},
    },
};

/// The seats of a sale in their order, all or those of one tier or status.
#[utoipa::path(
    get,
    path = "/api/v1/sales/{sale}/seats",
    tag = "sales",
    params(
        ("sale" = SaleId, Path, description = "The sale's id"),
        ("tier" = Option<String>, Query, description = "Only the seats of this tier"),
        ("status" = Option<SeatStatus>, Query, description = "Only the seats in this state"),
    ),
    responses(
        (status = 200, body = SeatList),
        (status = 400, description = "`malformed`: a parameter stands twice"),
        (status = 403, description = "`forbidden`: a page of another site made a browser ask"),
        (status = 404, description = "`not-found`"),
        (status = 422, description = "`invalid`: an unknown parameter, tier or status"),
    )
)]
pub async fn list(
    State(app): State<App>,
    Extension(lists): Extension<Arc<SeatLists>>,
    Path(sale): Path<SaleId>,
    uri: Uri,
) -> Result<Response, Failure> {
    require_sale(&app.engine, &sale).await?;
    let [tier, status] = read_query(&uri, ["tier", "status"])?;
    let status = match status {
        None => None,
        Some(name) => Some(SeatStatus::from_name(&name).ok_or_else(|| Failure::invalid("There is no such status."))?),
    };
    if let Some(tier) = &tier {
        let found = app.engine.catalogue.sale(&sale).await.ok_or_else(unknown_sale)?;
        if !found.tiers.iter().any(|known| known.id.as_str() == tier) {
            return Err(Failure::invalid("The sale has no such tier."));
        }
    }
    app.engine.catalogue.learn_of(&sale).await;
    let text = lists.text(&app, &sale, tier, status).await.ok_or_else(unknown_sale)?;
    Ok(answer::json_text(StatusCode::OK, text))
}

/// One seat.
#[utoipa::path(
    get,
    path = "/api/v1/sales/{sale}/seats/{seat}",
    tag = "sales",
    params(
        ("sale" = SaleId, Path, description = "The sale's id"),
        ("seat" = SeatLabel, Path, description = "The seat's label, such as `A-12`"),
    ),
    responses((status = 200, body = Seat), (status = 404, description = "`not-found`"))
)]
pub async fn read(
    State(app): State<App>,
    Path((sale, seat)): Path<(SaleId, SeatLabel)>,
    uri: Uri,
) -> Result<Response, Failure> {
    require_sale(&app.engine, &sale).await?;
    let found = app.engine.catalogue.seat(&sale, &seat).ok_or_else(|| Failure::not_found("seat"))?;
    let [] = read_query(&uri, [])?;
    Ok(answer::ok(&found))
}
