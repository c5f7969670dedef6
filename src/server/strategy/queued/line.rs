//! The line in Redis: two streams, of which the first is served first, with one consumer group for the workers of all
//! servers. Redis also keeps the status of each purchase, and the dead letters.
//!
//! Redis hands an entry to one worker, and remembers that until the worker says that the entry is done. The entries of
//! a server that died are handed to another server. So an entry may be worked on twice. The database makes sure that it
//! is decided once, and the status in Redis is written only after that decision.
//!
//! Somebody who can write to Redis buys nothing. Entries, statuses and the places of keys are signed for the Redis key
//! where they are kept. What is not signed by a server with our secret is removed and not believed. Older versions did
//! not sign, and kept their line under other names; what is left in that line was not sold, and its keys may be used
//! again.

use std::{sync::Arc, time::Duration};

use super::{
    entry::Entry,
    scripts::{BURY, DISCARD, FINISH, JOIN, KEEP, NOTED, READ, READ_ALL, REMOVE, TAKE, TAKE_OVER},
};
use crate::{
    model::{
        ids::{BuyerId, RequestId},
        limits::{KEPT_DEAD_LETTERS, REQUEST_TTL_MILLISECONDS},
        outcome::Code,
    },
    server::{
        redis::{NoAnswer, Redis},
        store::Decision,
    },
};

const GROUP: &str = "workers";
/// How often a request tries to join. The first try may find the place of its key taken by what is not signed by us.
const JOIN_TRIES: u32 = 2;
/// Requests that are looked at for one buyer. More than a buyer's rate lets through in the seconds that a line takes.
const MAX_NOTED: usize = 256;

/// The status of a purchase in line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    Pending,
    Decided(Decision),
}

/// The result of joining the line.
pub enum Joined {
    InLine,
    /// The key is already in line, for this earlier request with this fingerprint.
    Known(RequestId, [u8; 16]),
}

/// What an entry holds.
pub enum Content {
    Entry(Box<Entry>),
    /// A server of ours wrote it, and this version cannot read it, so its buyer is unknown.
    Unreadable,
    /// No server of ours wrote it.
    Forged,
}

/// An entry handed to this server.
pub struct Delivery {
    stream: String,
    id: String,
    pub content: Content,
    payload: Vec<u8>,
    /// How often the entry has been handed out, this time included.
    pub deliveries: u32,
}

pub struct Line {
    redis: Arc<Redis>,
    consumer: String,
    /// The stream that is served first, then the stream of all other entries.
    streams: [String; 2],
    dead_letters: String,
}

impl Line {
    /// `consumer` is the name of this server among all that work on the line.
    pub fn new(redis: Arc<Redis>, consumer: String) -> Self {
        let streams = ["line:first", "line:rest"].map(|name| redis.key(name));
        let dead_letters = redis.key("line:dead");
        Self { redis, consumer, streams, dead_letters }
    }

    /// Joins the line.
    pub async fn join(&self, entry: &Entry) -> Result<Joined, NoAnswer> {
        let (slot, known_by) = self.known_by(entry);
        let (stream, status_key) = (&self.streams[usize::from(!entry.is_first)], self.status(entry.request));
        let payload = self.redis.sign(stream, &serde_json::to_string(entry).expect("an entry is plain data"));
        let status = self.redis.sign(&status_key, &written(entry.buyer, State::Pending));
        let keys = [stream.clone(), status_key, slot, self.noted(entry.buyer)];
        let (life, again, request) = (REQUEST_TTL_MILLISECONDS, u8::from(entry.again), entry.request.to_string());
        for _ in 0..JOIN_TRIES {
            let said: Vec<u8> =
                self.redis.ask(&JOIN, &keys, &[&status, &payload, &known_by, &life, &again, &request]).await?;
            if said.is_empty() {
                return Ok(Joined::InLine);
            }
            if let Some((request, fingerprint)) = self.believed(&keys[2], &said).await.as_deref().and_then(known) {
                return Ok(Joined::Known(request, fingerprint));
            }
        }
        Err(NoAnswer::NotAsked)
    }

    /// What a server of ours wrote at a key. `None` where nothing is there, or where somebody else wrote it, which is
    /// then removed.
    async fn believed(&self, key: &str, said: &[u8]) -> Option<String> {
        if said.is_empty() {
            return None;
        }
        let text = self.redis.verified(key, said).map(str::to_owned);
        if text.is_none() {
            self.redis.run::<u8>(&REMOVE, &[key.to_owned()], &[&said]).await;
        }
        text
    }

    /// The request in line that came with a key, with its fingerprint. The outer `None` says that Redis cannot be
    /// asked, the inner that there is no such request.
    pub async fn find(&self, buyer: BuyerId, key: &str) -> Option<Option<(RequestId, [u8; 16])>> {
        let slot = self.slot(buyer, key);
        let said: Vec<u8> = self.redis.run(&READ, std::slice::from_ref(&slot), &[]).await?;
        Some(self.believed(&slot, &said).await.as_deref().and_then(known))
    }

    /// Whether a purchase of this buyer is in line. `None` says that Redis cannot be asked.
    pub async fn has_in_line(&self, buyer: BuyerId) -> Option<bool> {
        let noted: Vec<String> = self.redis.run(&NOTED, &[self.noted(buyer)], &[]).await?;
        // What is noted is not signed, so it only says which requests to look at.
        for request in noted.iter().take(MAX_NOTED).filter_map(|request| request.parse().ok()) {
            if self.look(request).await? == Some((buyer, State::Pending)) {
                return Some(true);
            }
        }
        Some(false)
    }

    /// The owner and the status of a request. The outer `None` says that Redis cannot be asked, the inner that it does
    /// not know the request.
    pub async fn look(&self, request: RequestId) -> Option<Option<(BuyerId, State)>> {
        let key = self.status(request);
        let said: Vec<u8> = self.redis.run(&READ, std::slice::from_ref(&key), &[]).await?;
        Some(self.believed(&key, &said).await.as_deref().and_then(read))
    }

    /// The status of each of these requests, `None` for each that Redis does not know. The outer `None` says that Redis
    /// cannot be asked.
    pub async fn look_at_all(&self, requests: &[RequestId]) -> Option<Vec<Option<State>>> {
        let keys: Vec<_> = requests.iter().map(|request| self.status(*request)).collect();
        let said: Vec<Vec<u8>> = self.redis.run(&READ_ALL, &keys, &[]).await?;
        let mut states = Vec::with_capacity(keys.len());
        for (key, said) in keys.iter().zip(&said) {
            states.push(self.believed(key, said).await.as_deref().and_then(read).map(|(_, state)| state));
        }
        Some(states)
    }

    /// Takes up to this many entries that nobody has had yet, those that are served first in front.
    pub async fn take(&self, entries: usize) -> Vec<Delivery> {
        let said = self.redis.run(&TAKE, &self.streams, &[&GROUP, &self.consumer, &entries]).await;
        self.deliveries(said)
    }

    /// Takes up to this many entries whose worker has been silent for at least `silent_for`.
    pub async fn take_over(&self, entries: usize, silent_for: Duration) -> Vec<Delivery> {
        let milliseconds = u64::try_from(silent_for.as_millis()).unwrap_or(u64::MAX);
        let said = self.redis.run(&TAKE_OVER, &self.streams, &[&GROUP, &self.consumer, &entries, &milliseconds]).await;
        self.deliveries(said)
    }

    fn deliveries(&self, said: Option<Vec<Vec<u8>>>) -> Vec<Delivery> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let delivery = |fields: &[Vec<u8>]| {
            let stream = &self.streams[usize::from(fields[0] != b"1")];
            let content = match self.redis.verified(stream, &fields[2]) {
                Some(payload) => {
                    serde_json::from_str(payload).map_or(Content::Unreadable, |entry| Content::Entry(Box::new(entry)))
                }
                None => Content::Forged,
            };
            Delivery {
                stream: stream.clone(),
                id: text(&fields[1]),
                content,
                payload: fields[2].clone(),
                deliveries: text(&fields[3]).parse().unwrap_or(u32::MAX),
            }
        };
        said.unwrap_or_default().chunks_exact(4).map(delivery).collect()
    }

    /// Tells Redis that this server still works on a delivery. `false` where Redis has given it to another server
    /// meanwhile; `None` where Redis cannot be asked.
    pub async fn keep(&self, delivery: &Delivery) -> Option<bool> {
        self.redis
            .run::<u8>(&KEEP, std::slice::from_ref(&delivery.stream), &[&GROUP, &self.consumer, &delivery.id])
            .await
            .map(|kept| kept == 1)
    }

    /// Writes the outcome of a delivery's request. `None` where Redis cannot be asked now.
    pub async fn finish(&self, delivery: &Delivery, entry: &Entry, decision: Decision) -> Option<()> {
        let (slot, known_by) = self.known_by(entry);
        let status_key = self.status(entry.request);
        let status = self.redis.sign(&status_key, &written(entry.buyer, State::Decided(decision)));
        let keys = [delivery.stream.clone(), status_key, slot, self.noted(entry.buyer)];
        let forgotten = if matches!(decision, Decision::Refused(_)) { known_by } else { String::new() };
        let (life, request) = (REQUEST_TTL_MILLISECONDS, entry.request.to_string());
        self.redis
            .run::<u8>(&FINISH, &keys, &[&GROUP, &delivery.id, &status, &life, &forgotten, &request])
            .await
            .map(|_| ())
    }

    /// The Redis key under which the entry's idempotency key is in line, and the value there. The value is empty where
    /// the entry has no idempotency key; the Redis key is then a stand-in.
    fn known_by(&self, entry: &Entry) -> (String, String) {
        match &entry.key {
            Some(key) => {
                let slot = self.slot(entry.buyer, &key.key);
                let known_by = format!("{} {}", entry.request, hexadecimal(key.fingerprint));
                let signed = self.redis.sign(&slot, &known_by);
                (slot, signed)
            }
            None => (self.status(entry.request), String::new()),
        }
    }

    /// Puts a delivery with the dead letters, writes the decision for its buyer, and returns how many dead letters
    /// there are now.
    pub async fn bury(&self, delivery: &Delivery, decision: Decision, reason: &str) -> Option<u64> {
        let (stream, letters) = (delivery.stream.clone(), self.dead_letters.clone());
        let (keys, status, known_by) = match &delivery.content {
            Content::Entry(entry) => {
                let (slot, known_by) = self.known_by(entry);
                let status_key = self.status(entry.request);
                let status = self.redis.sign(&status_key, &written(entry.buyer, State::Decided(decision)));
                ([stream, letters, status_key, slot], status, known_by)
            }
            Content::Unreadable | Content::Forged => {
                ([stream, letters.clone(), letters.clone(), letters], String::new(), String::new())
            }
        };
        let (id, payload, kept, life) = (&delivery.id, &delivery.payload, KEPT_DEAD_LETTERS, REQUEST_TTL_MILLISECONDS);
        self.redis.run(&BURY, &keys, &[&GROUP, id, payload, &reason, &kept, &status, &life, &known_by]).await
    }

    /// Takes a delivery out of the line that no server of ours wrote. `None` where Redis cannot be asked now.
    pub async fn discard(&self, delivery: &Delivery) -> Option<()> {
        let stream = std::slice::from_ref(&delivery.stream);
        self.redis.run::<u8>(&DISCARD, stream, &[&GROUP, &delivery.id]).await.map(|_| ())
    }

    fn status(&self, request: RequestId) -> String {
        self.redis.key(&format!("line:request:{request}"))
    }

    /// The Redis key of the requests that are noted with a buyer.
    fn noted(&self, buyer: BuyerId) -> String {
        self.redis.key(&format!("line:buyer:{buyer}"))
    }

    fn slot(&self, buyer: BuyerId, key: &str) -> String {
        self.redis.key(&format!("line:key:{}:{key}", buyer.key_owner()))
    }
}

/// A status as Redis keeps it: owner, state, and the order or the code of the refusal.
fn written(owner: BuyerId, state: State) -> String {
    match state {
        State::Pending => format!("{owner} pending"),
        State::Decided(Decision::Confirmed(order)) => format!("{owner} confirmed {order}"),
        State::Decided(Decision::Refused(code)) => format!("{owner} refused {code}"),
    }
}

fn read(said: &str) -> Option<(BuyerId, State)> {
    let mut words = said.split(' ');
    let owner = words.next()?.parse().ok()?;
    let state = match (words.next()?, words.next()) {
        ("pending", None) => State::Pending,
        ("confirmed", Some(order)) => State::Decided(Decision::Confirmed(order.parse().ok()?)),
        ("refused", Some(code)) => State::Decided(Decision::Refused(Code::from_name(code)?)),
        _ => return None,
    };
    Some((owner, state))
}

fn hexadecimal(fingerprint: [u8; 16]) -> String {
    crate::server::ledger::hexadecimal(&fingerprint)
}

/// Reads a key's request and fingerprint, as [`Line::join`] writes them.
fn known(said: &str) -> Option<(RequestId, [u8; 16])> {
    let (request, fingerprint) = said.split_once(' ')?;
    let fingerprint = u128::from_str_radix(fingerprint, 16).ok()?;
    Some((request.parse().ok()?, fingerprint.to_be_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::OrderId;

    #[test]
    fn a_status_is_read_as_it_was_written() {
        let owner = BuyerId(uuid::Uuid::from_u128(7));
        let order = OrderId(uuid::Uuid::from_u128(8));
        let decisions = [Decision::Confirmed(order), Decision::Refused(Code::SoldOut)];
        for state in decisions.map(State::Decided).into_iter().chain([State::Pending]) {
            assert_eq!(read(&written(owner, state)), Some((owner, state)));
        }
        for damaged in ["", "pending", "x pending", "7 refused sold-out", "refused"] {
            assert_eq!(read(damaged), None, "{damaged}");
        }
    }

    #[test]
    fn a_keys_place_is_read_as_it_was_written() {
        let request = RequestId(uuid::Uuid::from_u128(9));
        let fingerprint = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255];
        assert_eq!(known(&format!("{request} {}", hexadecimal(fingerprint))), Some((request, fingerprint)));
        assert_eq!(known(""), None);
    }
}
