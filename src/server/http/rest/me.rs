//! Who asks.

use axum::{
    extract::{Request, State},
    response::Response,
};

use crate::{
    model::order::Me,
    server::{
        app::App,
        http::{answer, asked, body::read_query, problem::Failure},
    },
};

/// The buyer behind this request; a new guest where it names none.
#[utoipa::path(
    get,
    path = "/api/v1/me",
    tag = "buyers",
    responses(
        (status = 200, body = Me, headers(("X-Onsale-Session" = String, description = "A new guest's token"))),
        (status = 401, description = "`unauthenticated`: the Bearer cannot be read"),
    )
)]
pub async fn me(State(app): State<App>, request: Request) -> Result<Response, Failure> {
    let (head, _) = request.into_parts();
    let [] = read_query(&head.uri, [])?;
    let asker = asked::buyer(&app, &head)?;
    let me = Me { buyer: asker.buyer, kind: asker.kind(), name: None };
    Ok(asker.introduce(answer::ok(&me)))
}
