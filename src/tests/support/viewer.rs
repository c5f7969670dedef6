//! One reader of the live stream. Its parser and its view of the sale share no code with the server or the page.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;
use tokio::time::timeout;

use super::{Ask, TestApp};

/// One server-sent event.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    pub kind: String,
    pub id: Option<u64>,
    pub data: Value,
}

impl Event {
    pub fn seq(&self) -> u64 {
        self.data["seq"].as_u64().unwrap_or_else(|| panic!("no seq: {self:?}"))
    }
}

/// The position that a viewer sends when it opens a stream.
#[derive(Clone, Debug, Default)]
pub struct Position {
    last_event_id: Option<Vec<u8>>,
    query: String,
}

impl Position {
    /// No position: the viewer is new.
    pub fn new() -> Self {
        Self::default()
    }

    pub fn last_event_id(id: impl ToString) -> Self {
        Self { last_event_id: Some(id.to_string().into_bytes()), query: String::new() }
    }

    /// A `Last-Event-ID` of any bytes that a header can carry.
    pub fn raw_event_id(id: &[u8]) -> Self {
        Self { last_event_id: Some(id.to_vec()), query: String::new() }
    }

    /// Adds this query string, such as `since=5`.
    pub fn query(mut self, query: &str) -> Self {
        query.clone_into(&mut self.query);
        self
    }
}

/// An open stream.
pub struct Viewer {
    response: reqwest::Response,
    buffer: Vec<u8>,
    /// The milliseconds that the server asks clients to wait before they reconnect.
    pub retry: Option<u64>,
}

impl Viewer {
    pub async fn open(app: &TestApp, sale: &str, position: Position) -> Self {
        let mut ask = Ask::get(&format!("/api/v1/sales/{sale}/stream?{}", position.query));
        if let Some(id) = position.last_event_id {
            ask = ask.header("last-event-id", id);
        }
        let response = ask.open(app).await;
        assert_eq!(response.status().as_u16(), 200);
        Self { response, buffer: Vec::new(), retry: None }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name).map(|value| value.to_str().expect("headers are text"))
    }

    /// The next event; `None` when the stream has ended.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            while let Some(block) = self.take_block() {
                if let Some(event) = self.parse(&block) {
                    return Some(event);
                }
            }
            match self.response.chunk().await {
                Ok(Some(bytes)) => self.buffer.extend_from_slice(&bytes),
                // A server that is killed resets the connection, which ends the stream like any other end.
                Ok(None) | Err(_) => return None,
            }
        }
    }

    /// The next event. Fails unless it comes within this time.
    pub async fn next_within(&mut self, patience: Duration) -> Event {
        let event = timeout(patience, self.next()).await.unwrap_or_else(|_| panic!("no event within {patience:?}"));
        event.expect("the stream goes on")
    }

    /// The next event of this kind. It skips others.
    pub async fn next_of(&mut self, kind: &str, patience: Duration) -> Event {
        let found = async {
            loop {
                let event = self.next().await.expect("the stream goes on");
                if event.kind == kind {
                    return event;
                }
            }
        };
        timeout(patience, found).await.unwrap_or_else(|_| panic!("no {kind} within {patience:?}"))
    }

    fn take_block(&mut self) -> Option<String> {
        let end = self.buffer.windows(2).position(|pair| pair == b"\n\n")?;
        let rest = self.buffer.split_off(end + 2);
        let block = std::mem::replace(&mut self.buffer, rest);
        Some(String::from_utf8(block).expect("a stream is UTF-8"))
    }

    fn parse(&mut self, block: &str) -> Option<Event> {
        let (mut kind, mut id, mut data) = (None, None, None);
        for line in block.lines().filter(|line| !line.is_empty()) {
            let (field, value) = line.split_once(':').expect("a field and its value");
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => kind = Some(value.to_owned()),
                "id" => id = Some(value.parse().expect("an id is a seq")),
                "data" => data = Some(serde_json::from_str(value).expect("data is one line of JSON")),
                "retry" => self.retry = Some(value.parse().expect("retry is a number")),
                "" => {} // a comment
                other => panic!("the field {other} is unknown"),
            }
        }
        Some(Event { kind: kind?, id, data: data? })
    }
}

/// A viewer's view of the sale, made from the events that it has received.
#[derive(Clone, PartialEq, Debug)]
pub struct Fold {
    pub epoch: String,
    pub seq: u64,
    pub seats: Vec<u8>,
    /// For each tier: available, held, sold.
    pub tiers: BTreeMap<String, [u64; 3]>,
    order: Vec<String>,
}

impl Fold {
    /// The view that the snapshot at the beginning of a stream gives.
    pub fn begin(event: &Event) -> Self {
        assert_eq!(event.kind, "snapshot", "{event:?}");
        assert_eq!(event.id, Some(event.seq()), "{event:?}");
        let data = &event.data;
        let seats = data["seats"].as_str().expect("seats").as_bytes().to_vec();
        assert!(seats.iter().all(|letter| b"AHS".contains(letter)), "{event:?}");
        assert!(data["at"].is_string() && data["status"].is_string(), "{event:?}");
        let mut fold = Self {
            epoch: data["epoch"].as_str().expect("an epoch").to_owned(),
            seq: event.seq(),
            seats,
            tiers: BTreeMap::new(),
            order: Vec::new(),
        };
        fold.take_tiers(data);
        fold
    }

    /// Applies the next event. A delta has to start at this view's `seq`.
    pub fn take(&mut self, event: &Event) {
        match event.kind.as_str() {
            "snapshot" => *self = Self::begin(event),
            "delta" => self.take_delta(event),
            "heartbeat" => self.compare(event),
            "status" => {}
            other => panic!("the event {other} is unknown"),
        }
    }

    fn take_delta(&mut self, event: &Event) {
        let data = &event.data;
        assert_eq!(data["from"].as_u64(), Some(self.seq), "a delta leads on from the frame before: {event:?}");
        assert!(event.seq() > self.seq && event.id == Some(event.seq()), "{event:?}");
        for change in data["seats"].as_array().expect("both lists are always there") {
            let index = usize::try_from(change[0].as_u64().expect("an index")).expect("a small index");
            self.seats[index] = change[1].as_str().expect("a letter").as_bytes()[0];
        }
        self.take_tiers(data);
        self.seq = event.seq();
    }

    fn take_tiers(&mut self, data: &Value) {
        for tier in data["tiers"].as_array().expect("tiers") {
            let id = tier["id"].as_str().expect("an id").to_owned();
            let counts =
                ["available", "held", "sold"].map(|name| tier[name].as_u64().expect("a listed tier is complete"));
            if self.tiers.insert(id.clone(), counts).is_none() {
                self.order.push(id);
            }
        }
    }

    /// Checks that a heartbeat with the same `seq` has the same digest.
    fn compare(&self, event: &Event) {
        if event.seq() == self.seq {
            assert_eq!(event.data["digest"].as_str(), Some(self.digest().as_str()), "{self:?}");
        }
    }

    /// The contract's digest: CRC-32 of the seat string followed by `;id:available,held,sold` for each tier.
    pub fn digest(&self) -> String {
        let mut text = String::from_utf8(self.seats.clone()).expect("letters");
        for id in &self.order {
            let [available, held, sold] = self.tiers[id];
            text.push_str(&format!(";{id}:{available},{held},{sold}"));
        }
        format!("{:08x}", crc32fast::hash(text.as_bytes()))
    }

    /// Compares this view with the sale and its seats as REST shows them. Nothing may change meanwhile.
    pub async fn assert_equals_database(&self, app: &TestApp, sale: &str) {
        let (told, list) = (app.read_sale(sale).await, app.seats(sale).await);
        assert_eq!((self.seq, list.seq), (told.seq, told.seq));
        let letters: Vec<u8> = list.seats.iter().map(|seat| seat.status.letter()).collect();
        assert_eq!(String::from_utf8_lossy(&self.seats), String::from_utf8_lossy(&letters));
        for tier in &told.tiers {
            assert_eq!(self.tiers[tier.id.as_str()], [tier.available, tier.held, tier.sold], "{}", tier.id);
        }
    }
}
