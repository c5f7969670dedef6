//! Load runs.

use std::str::FromStr;

use axum::{
    extract::{Path, Request, State},
    http::{HeaderName, HeaderValue, header, request::Parts},
    response::{
        IntoResponse, Response,
        sse::{Event, Sse},
    },
};
use futures_util::{Stream, StreamExt};
use tokio::sync::watch;
use tokio_stream::wrappers::WatchStream;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    model::{
        body::SimulationBody,
        ids::{SaleId, SimulationId},
        simulation::Simulation,
    },
    server::{
        app::App,
        http::{answer, asked, body::read_json, problem::Failure},
        rehearsal,
        shutdown::Shutdown,
    },
};

/// The name of the stream's events.
const PROGRESS: &str = "progress";
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// Tells a proxy not to hold the stream back.
const UNBUFFERED: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));

/// The routes of simulations.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(create)).routes(routes!(read, cancel)).routes(routes!(stream))
}

/// Starts a load run: virtual buyers, each with a key of its own, over real sockets. The organiser may start one against a
/// rehearsal; in a demo everyone may, against rehearsals and the demo's sales. With a strategy, a rehearsal is put back as
/// it was made first, and sold by that from then on.
#[utoipa::path(
    post,
    path = "/api/v1/sales/{sale}/simulations",
    tag = "simulations",
    params(("sale" = SaleId, Path, description = "The sale's id")),
    request_body = SimulationBody,
    responses(
        (status = 201, body = Simulation, headers(("Location" = String, description = "The simulation's path"))),
        (status = 400, description = "`malformed`"),
        (status = 401, description = "`unauthenticated`"),
        (status = 403, description = "`forbidden`: no rehearsal, or not the organiser's wish"),
        (status = 404, description = "`not-found`: the sale, or the seat or tier that is the target"),
        (status = 409, description = "`step-not-allowed`: a strategy is wanted while another simulation of the sale runs"),
        (status = 413, description = "`too-large`"),
        (status = 415, description = "`unsupported-media-type`"),
        (
            status = 422,
            description = "`invalid`; `strategy-unsupported`: no rehearsal, or one that this server cannot run"
        ),
        (status = 503, description = "`overloaded`: too many simulations are running"),
    )
)]
async fn create(State(app): State<App>, Path(sale): Path<SaleId>, request: Request) -> Result<Response, Failure> {
    let (head, body) = request.into_parts();
    let body = read_json::<SimulationBody>(&head.headers, body).await;
    let is_admin = is_admin(&app, &head)?;
    let sale = rehearsal::permit(&app, is_admin, &sale).await?;
    let simulation = rehearsal::begin(&app, is_admin, sale, body?).await??;
    Ok(answer::created(&simulation, &format!("/api/v1/simulations/{}", simulation.id)))
}

/// A load run as it stands now.
#[utoipa::path(
    get,
    path = "/api/v1/simulations/{simulation}",
    tag = "simulations",
    params(("simulation" = SimulationId, Path, description = "The simulation's id")),
    responses((status = 200, body = Simulation), (status = 404, description = "`not-found`"))
)]
async fn read(State(app): State<App>, Path(simulation): Path<String>) -> Result<Response, Failure> {
    let found = app.simulations.get(id(&simulation)?).ok_or_else(unknown)?;
    Ok(answer::ok(&found))
}

/// Cancels a load run. Requests in flight finish, and what was done until then is audited.
#[utoipa::path(
    delete,
    path = "/api/v1/simulations/{simulation}",
    tag = "simulations",
    params(("simulation" = SimulationId, Path, description = "The simulation's id")),
    responses(
        (status = 200, body = Simulation, description = "The run as it ended"),
        (status = 401, description = "`unauthenticated`"),
        (status = 403, description = "`forbidden`: no rehearsal, or not the organiser's wish"),
        (status = 404, description = "`not-found`"),
    )
)]
async fn cancel(State(app): State<App>, Path(simulation): Path<String>, request: Request) -> Result<Response, Failure> {
    let (head, _) = request.into_parts();
    let ended = rehearsal::cancel(&app, is_admin(&app, &head)?, id(&simulation)?).await?;
    Ok(answer::ok(&ended))
}

/// The progress of a load run, as events named `progress` that each carry the whole simulation. The stream ends when
/// the run does.
#[utoipa::path(
    get,
    path = "/api/v1/simulations/{simulation}/stream",
    tag = "simulations",
    params(("simulation" = SimulationId, Path, description = "The simulation's id")),
    responses(
        (status = 200, body = Simulation, content_type = "text/event-stream"),
        (status = 404, description = "`not-found`"),
    )
)]
async fn stream(State(app): State<App>, Path(simulation): Path<String>) -> Result<Response, Failure> {
    let progress = app.simulations.subscribe(id(&simulation)?).ok_or_else(unknown)?;
    let events = events(progress, app.shutdown.clone());
    Ok(([(header::CACHE_CONTROL, NO_STORE), UNBUFFERED], Sse::new(events)).into_response())
}

/// The run as it stands, then each change of it, until the run or the server ends.
fn events(
    progress: watch::Receiver<Simulation>,
    shutdown: Shutdown,
) -> impl Stream<Item = Result<Event, axum::Error>> + Send {
    WatchStream::new(progress)
        .map(|simulation| Event::default().event(PROGRESS).json_data(&simulation))
        .take_until(async move { shutdown.started().await })
}

fn is_admin(app: &App, head: &Parts) -> Result<bool, Failure> {
    let asker = asked::visit(app, head).known(&app.sessions, app.engine.clock().now())?;
    Ok(asker.is_some_and(|asker| asker.is_admin))
}

/// Text that is not an id is answered like an unknown simulation.
fn id(text: &str) -> Result<SimulationId, Failure> {
    SimulationId::from_str(text).map_err(|_| unknown())
}

fn unknown() -> Failure {
    Failure::not_found("simulation")
}
