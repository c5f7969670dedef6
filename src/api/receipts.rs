//! Polls for the outcome of purchases in line, as a purchase's own page does.

use std::time::Duration;

use gloo_net::http::{Request, Response};
use gloo_timers::future::sleep;
use leptos::web_sys::RequestCredentials;
use serde::de::DeserializeOwned;

use crate::{
    model::{
        ids::RequestId,
        order::Order,
        outcome::{BuyOutcome, Refusal},
        request::{Receipt, RequestState, RequestStatus},
    },
    wire::json,
};

/// The wait before the first request. It doubles with each request, up to `LONGEST_WAIT`.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_millis(800);
/// After this many failed requests in a row the outcome counts as unknown.
const MAX_FAILURES: u32 = 20;
const NOT_FOUND: u16 = 404;

/// Waits until a purchase in line is decided. It asks as the guest of `token`, or without a token as the visitor. `Err`
/// says why the outcome is not known. It is safe to buy again with the same key: the same key never buys twice.
pub async fn follow(request: RequestId, token: Option<&str>) -> Result<BuyOutcome, String> {
    let RequestStatus { order, code, .. } = decision(request, token).await?;
    if let Some(code) = code {
        return Ok(BuyOutcome::Refused(Refusal::new(code, "")));
    }
    let order = order.ok_or("no order")?;
    let order = get(&format!("/api/v1/orders/{order}"), token).await.map_err(|error| error.to_string())?;
    let order: Order = read(order).await.ok_or("unreadable answer")?;
    Ok(BuyOutcome::Bought { order, replayed: false })
}

/// Asks until the request is decided.
async fn decision(request: RequestId, token: Option<&str>) -> Result<RequestStatus, String> {
    let Receipt { status_url, .. } = Receipt::new(request);
    let (mut wait, mut failures) = (FIRST_WAIT, 0);
    while failures < MAX_FAILURES {
        sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
        let Ok(response) = get(&status_url, token).await else {
            failures += 1;
            continue;
        };
        if response.status() == NOT_FOUND {
            return Err("The server has forgotten the request.".to_owned());
        }
        match read::<RequestStatus>(response).await {
            None => failures += 1,
            Some(found) if found.status != RequestState::Pending => return Ok(found),
            Some(_) => failures = 0,
        }
    }
    Err("No answer came back.".to_owned())
}

async fn get(path: &str, token: Option<&str>) -> Result<Response, gloo_net::Error> {
    let request = match token {
        Some(token) => {
            Request::get(path).credentials(RequestCredentials::Omit).header("Authorization", &format!("Bearer {token}"))
        }
        None => Request::get(path),
    };
    request.send().await
}

async fn read<T: DeserializeOwned>(response: Response) -> Option<T> {
    let text = response.text().await.ok()?;
    json::read(&text)
}
