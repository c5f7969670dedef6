//! A buyer's own session over the REST API: no cookie goes out, and the Bearer of the first answer is kept.

use gloo_net::http::{Request, Response};
use leptos::web_sys::RequestCredentials;

use crate::model::{
    body::BuyBody,
    ids::SaleId,
    order::Order,
    outcome::{Problem, Refusal},
};

/// Where a new guest's token stands.
const SESSION_HEADER: &str = "x-onsale-session";

/// What came of one purchase.
pub enum Answer {
    Bought(Order),
    Refused(Refusal),
    /// No answer, or one that cannot be read.
    Lost,
}

/// Buys under `token`, or as a new guest. Returns the token to be the same buyer again with, where there is a new one.
pub async fn buy(sale: &SaleId, body: &BuyBody, token: Option<String>) -> (Answer, Option<String>) {
    match send(sale, body, token).await {
        Ok(response) => {
            let token = response.headers().get(SESSION_HEADER);
            (read(response).await, token)
        }
        Err(_) => (Answer::Lost, None),
    }
}

async fn send(sale: &SaleId, body: &BuyBody, token: Option<String>) -> Result<Response, gloo_net::Error> {
    let mut request = Request::post(&format!("/api/v1/sales/{sale}/buy"))
        .credentials(RequestCredentials::Omit)
        .header("Idempotency-Key", &uuid::Uuid::now_v7().to_string());
    if let Some(token) = token {
        request = request.header("Authorization", &format!("Bearer {token}"));
    }
    request.json(body)?.send().await
}

async fn read(response: Response) -> Answer {
    if response.ok() {
        return response.json::<Order>().await.map_or(Answer::Lost, Answer::Bought);
    }
    match response.json::<Problem>().await {
        Ok(problem) => Answer::Refused(Refusal::new(problem.code, problem.detail)),
        Err(_) => Answer::Lost,
    }
}
