//! What was bought.

use axum::{
    extract::{Path, Request, State},
    response::{IntoResponse, Response},
};

use super::paging::Paging;
use crate::{
    model::{
        ids::OrderId,
        order::{Order, OrderList},
    },
    server::{
        app::App,
        auth::Asker,
        http::{answer, asked, body::read_query, problem::Failure},
    },
};

/// The buyer's own orders, the newest first: all of them, or with a `limit` a page.
#[utoipa::path(
    get,
    path = "/api/v1/orders",
    tag = "buyers",
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1_000, description = "At most so many"),
        ("after" = Option<OrderId>, Query, description = "Only those behind this order: the `next` of the page before"),
    ),
    responses(
        (status = 200, body = OrderList),
        (status = 400, description = "`malformed`: a parameter stands twice"),
        (status = 401, description = "`unauthenticated`"),
        (status = 422, description = "`invalid`: an unknown parameter, no limit that is allowed, or no id of an order"),
        (status = 503, description = "`overloaded`"),
    )
)]
pub async fn list(State(app): State<App>, request: Request) -> Result<Response, Failure> {
    let (head, _) = request.into_parts();
    let Paging { limit, after } = Paging::read(&head.uri)?;
    let after: Option<OrderId> =
        after.map(|id| id.parse().map_err(|_| Failure::invalid("after is the id of an order."))).transpose()?;
    let asker = asked::buyer(&app, &head)?;
    let orders = app.engine.selling.orders(asker.buyer, after, limit).await?;
    Ok(asker.introduce(answer::ok(&orders)))
}

/// One order: the buyer's own, or anybody's for an admin. Another buyer's order is as unknown as one that never was.
#[utoipa::path(
    get,
    path = "/api/v1/orders/{order}",
    tag = "buyers",
    params(("order" = OrderId, Path, description = "The order's id")),
    responses(
        (status = 200, body = Order),
        (status = 401, description = "`unauthenticated`"),
        (status = 404, description = "`not-found`"),
    )
)]
pub async fn read(State(app): State<App>, Path(order): Path<String>, request: Request) -> Result<Response, Failure> {
    let (head, _) = request.into_parts();
    let [] = read_query(&head.uri, [])?;
    let asker = asked::buyer(&app, &head)?;
    let found = find(&app, &asker, &order).await;
    Ok(asker.introduce(found.map_or_else(IntoResponse::into_response, |order| answer::ok(&order))))
}

async fn find(app: &App, asker: &Asker, order: &str) -> Result<Order, Failure> {
    let unknown = || Failure::not_found("order");
    let order: OrderId = order.parse().map_err(|_| unknown())?;
    let owner = (!asker.is_admin).then_some(asker.buyer);
    app.engine.selling.order(owner, order).await?.ok_or_else(unknown)
}
