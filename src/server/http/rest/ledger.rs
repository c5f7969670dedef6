//! The exported ledger: one line per change, read page by page, so that a long ledger needs no more memory.

use std::time::Duration;

use axum::{
    body::{Body, Bytes},
    extract::{Path, State},
    http::{HeaderValue, Uri, header},
    response::Response,
};
use futures_util::{Stream, stream};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::{require_sale, unknown_sale};
use crate::{
    model::{
        ids::SaleId,
        ledger::LedgerLine,
        limits::{EXPORT_PATIENCE_MILLISECONDS, LEDGER_PAGE_LINES},
        outcome::Code,
    },
    server::{
        app::App,
        http::{
            body::{read_query, whole_number},
            problem::Failure,
        },
    },
};

const NEWLINE_DELIMITED_JSON: HeaderValue = HeaderValue::from_static("application/x-ndjson");

/// All changes of a sale's stock in their order, one JSON object per line, chained by their hashes.
#[utoipa::path(
    get,
    path = "/api/v1/sales/{sale}/ledger",
    tag = "proof",
    params(
        ("sale" = SaleId, Path, description = "The sale's id"),
        ("after" = Option<u64>, Query, description = "Only the lines with a greater seq"),
    ),
    responses(
        (status = 200, body = LedgerLine, content_type = "application/x-ndjson", description = "Lines of this shape"),
        (status = 400, description = "`malformed`: a parameter stands twice"),
        (status = 403, description = "`forbidden`: a page of another site made a browser ask"),
        (status = 404, description = "`not-found`"),
        (status = 422, description = "`invalid`: an unknown parameter, or no seq"),
        (status = 503, description = "`overloaded`"),
    )
)]
pub async fn export(State(app): State<App>, Path(sale): Path<SaleId>, uri: Uri) -> Result<Response, Failure> {
    require_sale(&app.engine, &sale).await?;
    let [after] = read_query(&uri, ["after"])?;
    let after =
        after.map_or(Some(0), |text| whole_number(&text)).ok_or_else(|| Failure::invalid("after must be a seq."))?;
    // Held until the export ends or its client goes away.
    let slot = app.exports.clone().try_acquire_owned().map_err(|_| too_many())?;
    // The first page decides the status. After that, only breaking the connection off can show a failure.
    let first = app.engine.recount.ledger(&sale, after, LEDGER_PAGE_LINES).await?.ok_or_else(unknown_sale)?;
    let (pages, written) = mpsc::channel(1);
    tokio::spawn(write_pages(app, sale, first, pages, slot));
    let mut response = Response::new(Body::from_stream(read_pages(written)));
    response.headers_mut().insert(header::CONTENT_TYPE, NEWLINE_DELIMITED_JSON);
    Ok(response)
}

fn too_many() -> Failure {
    Failure::new(Code::Overloaded, "Too many ledgers are being exported; ask again in a moment.")
}

/// What the writer of an export tells its reader.
enum Written {
    Page(Bytes),
    End,
}

/// Writes the pages from `first` on. Ends as well when the client goes away, or takes no page for long: an export that
/// nobody reads must not take another one's slot. Between two pages it has no connection to the database.
async fn write_pages(
    app: App,
    sale: SaleId,
    first: Vec<LedgerLine>,
    pages: mpsc::Sender<Written>,
    _slot: OwnedSemaphorePermit,
) {
    const PATIENCE: Duration = Duration::from_millis(EXPORT_PATIENCE_MILLISECONDS);
    let mut page = Some(first);
    while let Some(lines) = page {
        let (last, is_last) = (lines.last().map(|line| line.seq), lines.len() < LEDGER_PAGE_LINES as usize);
        let writing = app.long_answers.run(async move { text(&lines) });
        let written = match writing.await {
            Ok(text) => Written::Page(text.into()),
            Err(error) => return tracing::error!(%error, "a ledger's page cannot be written"),
        };
        if pages.send_timeout(written, PATIENCE).await.is_err() {
            return;
        }
        page = match last.filter(|_| !is_last) {
            None => None,
            Some(seq) => match app.engine.recount.ledger(&sale, seq, LEDGER_PAGE_LINES).await {
                Ok(page) => page,
                Err(error) => return tracing::error!(?error, "a ledger export broke off"),
            },
        };
    }
    // A client that went away needs no end.
    let _ = pages.send_timeout(Written::End, PATIENCE).await;
}

/// The pages as they are written. If the writer ends without saying so, the connection is broken off, so that a client
/// cannot take a part for the whole ledger.
fn read_pages(written: mpsc::Receiver<Written>) -> impl Stream<Item = Result<Bytes, std::io::Error>> + Send {
    stream::try_unfold(written, |mut written| async move {
        match written.recv().await {
            Some(Written::Page(text)) => Ok(Some((text, written))),
            Some(Written::End) => Ok(None),
            None => Err(std::io::Error::other("the ledger was not written to its end")),
        }
    })
}

fn text(lines: &[LedgerLine]) -> Result<Vec<u8>, std::io::Error> {
    /// Bytes of a usual line.
    const USUAL_LINE: usize = 320;
    let mut text = Vec::with_capacity(lines.len() * USUAL_LINE);
    for line in lines {
        serde_json::to_writer(&mut text, line)?;
        text.push(b'\n');
    }
    Ok(text)
}
