//! A buyer who holds.

use onsale::model::hold::Hold;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Ask, Reply, TestApp};

/// A guest with a session of their own.
pub struct Guest<'a> {
    pub app: &'a TestApp,
    pub token: String,
}

/// So many units of admission.
pub fn ga(quantity: i64) -> Value {
    json!({ "items": [{ "tier": "ga", "quantity": quantity }] })
}

/// So many of the best seats.
pub fn floor(quantity: i64) -> Value {
    json!({ "best": { "tier": "floor", "quantity": quantity } })
}

/// The seats of a hold.
pub fn labels(hold: &Hold) -> Vec<&str> {
    hold.items.iter().filter_map(|item| Some(item.seat.as_ref()?.as_str())).collect()
}

impl<'a> Guest<'a> {
    pub async fn new(app: &'a TestApp) -> Self {
        let token = app.get("/api/v1/me").await.expect(200).session().expect("a new guest").to_owned();
        Self { app, token }
    }

    pub async fn ask(&self, ask: Ask) -> Reply {
        ask.bearer(&self.token).send(self.app).await
    }

    pub async fn take(&self, sale: &str, body: Value) -> Reply {
        self.ask(Ask::post(&format!("/api/v1/sales/{sale}/holds")).json(body)).await
    }

    /// Holds what must be free.
    pub async fn hold(&self, sale: &str, body: Value) -> Hold {
        self.take(sale, body).await.expect(201).read()
    }

    pub async fn read(&self, hold: &Hold) -> Hold {
        self.ask(Ask::get(&path(hold))).await.expect(200).read()
    }

    pub async fn change(&self, hold: &Hold, body: Value) -> Reply {
        self.ask(Ask::new(Method::PUT, &path(hold)).json(body)).await
    }

    /// Extends or confirms.
    pub async fn post(&self, hold: &Hold, step: &str, body: Option<Value>) -> Reply {
        let ask = Ask::post(&format!("{}{step}", path(hold)));
        self.ask(body.into_iter().fold(ask, Ask::json)).await
    }

    /// The request that gives a hold back.
    pub fn delete(hold: &Hold) -> Ask {
        Ask::new(Method::DELETE, &path(hold))
    }
}

pub fn path(hold: &Hold) -> String {
    format!("/api/v1/holds/{}", hold.id)
}
