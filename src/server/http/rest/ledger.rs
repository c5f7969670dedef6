//! The exported ledger: one line per change, read page by page, so that a long ledger needs no more memory.

use std::sync::Arc;

use axum::{
    body::{Body, Bytes},
    extract::{Path, State},
    http::{HeaderValue, Uri, header},
    response::Response,
};
use futures_util::{Stream, stream};

use super::{require_sale, unknown_sale};
use crate::{
    model::{ids::SaleId, ledger::LedgerLine, limits::LEDGER_PAGE_LINES},
    server::{
        app::App,
        engine::{Engine, EngineError},
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
    // The first page decides the status. After that, only breaking the connection off can show a failure.
    let first = app.engine.recount.ledger(&sale, after, LEDGER_PAGE_LINES).await?.ok_or_else(unknown_sale)?;
    let mut response = Response::new(Body::from_stream(pages(app.engine.clone(), sale, first)));
    response.headers_mut().insert(header::CONTENT_TYPE, NEWLINE_DELIMITED_JSON);
    Ok(response)
}

/// The pages from `first` on, each as text. An error ends the stream and breaks the connection off, so that a client
/// cannot take a part for the whole ledger.
fn pages(
    engine: Arc<Engine>,
    sale: SaleId,
    first: Vec<LedgerLine>,
) -> impl Stream<Item = Result<Bytes, std::io::Error>> + Send {
    stream::try_unfold(Some(first), move |page| {
        let (engine, sale) = (Arc::clone(&engine), sale.clone());
        async move {
            let Some(lines) = page else { return Ok(None) };
            let Some(last) = lines.last() else { return Ok(None) };
            let is_full = lines.len() == LEDGER_PAGE_LINES as usize;
            let next = if is_full {
                engine.recount.ledger(&sale, last.seq, LEDGER_PAGE_LINES).await.map_err(broken)?
            } else {
                None
            };
            Ok(Some((Bytes::from(text(&lines)?), next)))
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

fn broken(error: EngineError) -> std::io::Error {
    tracing::error!(?error, "a ledger export broke off");
    std::io::Error::other("the ledger cannot be read")
}
