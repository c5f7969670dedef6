//! Purchases by buyers other than the visitor: buyer cards and simulated buyers. These requests send no cookies.

use gloo_net::http::{Request, Response};
use leptos::{server_fn::ServerFn, web_sys::RequestCredentials};

use super::{orders::AskBuy, receipts::follow};
use crate::{
    model::{
        body::BuyBody,
        ids::SaleId,
        outcome::{BuyOutcome, Code, Refusal},
        retry::unexpected_status,
    },
    wire::{json, write},
};

/// The answer's header that holds a new guest's token.
const SESSION_HEADER: &str = "x-onsale-session";
/// The status of an overloaded server. Its body need not be a `BuyOutcome`.
const OVERLOADED: u16 = 503;

/// What a guest was told.
pub struct GuestAnswer {
    pub outcome: BuyOutcome,
    /// For a new guest only: the Bearer token with which later requests come from the same guest.
    pub token: Option<String>,
}

/// Buys as the guest of `token`. Without a token, `key` stands for the guest: the same key comes from the same guest.
/// If the purchase waits in line, this waits for its outcome. `Err` says why the outcome is not known: no answer came,
/// or an unreadable one.
///
/// This calls the server function and not the REST route, because the server function returns a refusal as a value. The
/// REST route answers 409, which a browser writes to its console as an error of the page.
pub async fn buy_as_guest(
    sale: SaleId,
    body: BuyBody,
    key: String,
    token: Option<&str>,
) -> Result<GuestAnswer, String> {
    let request = match token {
        Some(token) => post().header("Authorization", &format!("Bearer {token}")),
        None => post().header("Idempotency-Key", &key),
    };
    let body = write(&AskBuy { sale, body, key }).map_err(|error| error.to_string())?;
    let body = String::from_utf8(body).map_err(|error| error.to_string())?;
    let response = request.body(body).map_err(told)?.send().await.map_err(told)?;
    let introduced = response.headers().get(SESSION_HEADER);
    let outcome = match read(response).await? {
        BuyOutcome::Waiting { request } => follow(request, introduced.as_deref().or(token)).await?,
        outcome => outcome,
    };
    Ok(GuestAnswer { outcome, token: introduced })
}

/// Where `buy_as_guest` sends its requests: the path of the server function that buys.
pub fn purchase_path() -> &'static str {
    AskBuy::url()
}

fn post() -> gloo_net::http::RequestBuilder {
    Request::post(purchase_path()).credentials(RequestCredentials::Omit).header("Content-Type", "application/json")
}

async fn read(response: Response) -> Result<BuyOutcome, String> {
    match response.status() {
        OVERLOADED => Ok(BuyOutcome::Refused(Refusal::new(Code::Overloaded, Code::Overloaded.title()))),
        _ if response.ok() => {
            json::read(&response.text().await.map_err(told)?).ok_or_else(|| unexpected_status(response.status()))
        }
        // The request was refused before it reached the server function: the body is a problem document.
        status => {
            let refusal = response.text().await.ok().and_then(|text| json::read(&text));
            refusal.map(BuyOutcome::Refused).ok_or_else(|| unexpected_status(status))
        }
    }
}

fn told(error: gloo_net::Error) -> String {
    error.to_string()
}
