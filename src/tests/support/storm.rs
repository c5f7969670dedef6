//! Many buyers at once. Each has its own session and connection, and all send at the same moment.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use onsale::{
    model::{body::BuyBody, outcome::Code, tally::Answer},
    server::simulator::client::Connection,
};
use tokio::{sync::Barrier, task::JoinSet};
use uuid::Uuid;

use super::TestApp;

/// One buyer's request and its answer.
pub struct Shot {
    pub answer: Answer,
    pub sent: Instant,
    pub answered: Instant,
}

impl Shot {
    pub fn latency(&self) -> Duration {
        self.answered - self.sent
    }

    pub fn has_won(&self) -> bool {
        matches!(self.answer, Answer::Won(_))
    }

    pub fn is_refused_with(&self, code: Code) -> bool {
        matches!(self.answer, Answer::Refused(refused) if refused == code)
    }
}

pub fn wishes_for_seat(label: &str, buyers: usize) -> Vec<BuyBody> {
    vec![BuyBody::seat(label.into()); buyers]
}

pub fn wishes_for_tier(tier: &str, quantity: u32, buyers: usize) -> Vec<BuyBody> {
    vec![BuyBody::tier(tier.into(), quantity); buyers]
}

/// Sends one request per wish, all at once. All connections are open before the first request is sent.
pub async fn storm(app: &TestApp, sale: &str, wishes: Vec<BuyBody>) -> Vec<Shot> {
    let server = Arc::new(app.server());
    let start = Arc::new(Barrier::new(wishes.len()));
    let path: Arc<str> = format!("/api/v1/sales/{sale}/buy").into();
    let mut buyers = JoinSet::new();
    for wish in wishes {
        let connection = Connection::open(server.clone()).await.expect("a connection per buyer");
        buyers.spawn(shoot(connection, path.clone(), wish, start.clone()));
    }
    buyers.join_all().await
}

async fn shoot(mut connection: Connection, path: Arc<str>, wish: BuyBody, start: Arc<Barrier>) -> Shot {
    let key = Uuid::now_v7().to_string();
    let body = Bytes::from(serde_json::to_vec(&wish).expect("a wish is plain data"));
    start.wait().await;
    let sent = Instant::now();
    let answer = match connection.post(&path, Some(&key), body).await {
        Ok(reply) => Answer::read(reply.status.as_u16(), &reply.body),
        Err(fault) => Answer::Failed(fault.to_string()),
    };
    Shot { answer, sent, answered: Instant::now() }
}
