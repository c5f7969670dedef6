//! The line in Redis: two streams, of which the first is served first, with one consumer group for the workers of all
//! servers. Redis also keeps the status of each purchase, and the dead letters.
//!
//! Redis hands an entry to one worker, and remembers that until the worker says that the entry is done. The entries of
//! a server that died are handed to another server. So an entry may be worked on twice. The database makes sure that it
//! is decided once, and the status in Redis is written only after that decision.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use redis::Script;

use super::entry::Entry;
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

/// An entry handed to this server.
pub struct Delivery {
    stream: String,
    id: String,
    /// The entry; `None` where the payload cannot be read, so that its buyer is unknown.
    pub entry: Option<Entry>,
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

/// Joins the line, unless a request with the same key has. An entry that joins again, after Redis forgot it, joins in
/// any case.
static JOIN: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if ARGV[3] ~= '' then
             local known = redis.call('GET', KEYS[3])
             if known and ARGV[5] == '0' then return known end
             redis.call('SET', KEYS[3], ARGV[3], 'PX', ARGV[4])
         end
         redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[4])
         redis.call('XADD', KEYS[1], '*', 'payload', ARGV[2])
         return ''",
    )
});

/// Reads what is kept for a key or a request. Empty where nothing is.
static READ: LazyLock<Script> = LazyLock::new(|| Script::new("return redis.call('GET', KEYS[1]) or ''"));

/// Reads the status of these requests. Empty for each request that is not known.
static READ_ALL: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local said = redis.call('MGET', unpack(KEYS))
         for place = 1, #KEYS do said[place] = said[place] or '' end
         return said",
    )
});

/// The beginning of the two scripts that hand out entries. Its function adds one entry to the result: stream, id,
/// payload, deliveries.
const HAND_OUT: &str = "
    local got = {}
    local function hand_out(place, entry, deliveries)
        local payload = ''
        for at = 1, #entry[2], 2 do
            if entry[2][at] == 'payload' then payload = entry[2][at + 1] end
        end
        for _, value in ipairs({ tostring(place), entry[1], payload, tostring(deliveries) }) do
            table.insert(got, value)
        end
    end ";

/// Hands out entries that nobody has had yet. Makes the consumer group where it is missing, as after a flush.
static TAKE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&format!(
        "{HAND_OUT}
         for place, stream in ipairs(KEYS) do
             local wanted = tonumber(ARGV[3]) - #got / 4
             if wanted > 0 then
                 local function read()
                     return redis.pcall('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', wanted, 'STREAMS', stream, '>')
                 end
                 local said = read()
                 if said and said.err then
                     redis.call('XGROUP', 'CREATE', stream, ARGV[1], '0', 'MKSTREAM')
                     said = read()
                 end
                 if said then
                     for _, entry in ipairs(said[1][2]) do hand_out(place, entry, 1) end
                 end
             end
         end
         return got"
    ))
});

/// Hands out entries whose worker has been silent for at least this long.
static TAKE_OVER: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&format!(
        "{HAND_OUT}
         for place, stream in ipairs(KEYS) do
             local wanted = tonumber(ARGV[3]) - #got / 4
             if wanted > 0 then
                 local left = redis.pcall('XPENDING', stream, ARGV[1], 'IDLE', ARGV[4], '-', '+', wanted)
                 for _, one in ipairs(left.err and {{}} or left) do
                     for _, entry in ipairs(redis.call('XCLAIM', stream, ARGV[1], ARGV[2], ARGV[4], one[1])) do
                         hand_out(place, entry, one[4] + 1)
                     end
                 end
             end
         end
         return got"
    ))
});

/// Tells Redis that this server still works on an entry, if the entry still belongs to this server.
static KEEP: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local pending = redis.pcall('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1)
         if pending.err or not pending[1] or pending[1][2] ~= ARGV[2] then return 0 end
         redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[3], 'JUSTID')
         return 1",
    )
});

/// Writes the outcome of a request, and takes its entry out of the line. The key of a refused request may be used
/// again.
static FINISH: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[4])
         if ARGV[5] ~= '' and redis.call('GET', KEYS[3]) == ARGV[5] then redis.call('DEL', KEYS[3]) end
         redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
         return redis.call('XDEL', KEYS[1], ARGV[2])",
    )
});

/// Puts an entry with the dead letters, and takes it out of the line. Where the entry can be read, writes the outcome
/// for its buyer.
static BURY: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[5], '*', 'payload', ARGV[3], 'reason', ARGV[4])
         if ARGV[6] ~= '' then redis.call('SET', KEYS[3], ARGV[6], 'PX', ARGV[7]) end
         if ARGV[8] ~= '' and redis.call('GET', KEYS[4]) == ARGV[8] then redis.call('DEL', KEYS[4]) end
         redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
         redis.call('XDEL', KEYS[1], ARGV[2])
         return redis.call('XLEN', KEYS[2])",
    )
});

impl Line {
    /// `consumer` is the name of this server among all that work on the line.
    pub fn new(redis: Arc<Redis>, consumer: String) -> Self {
        let streams = ["queue:first", "queue:rest"].map(|name| redis.key(name));
        let dead_letters = redis.key("queue:dead");
        Self { redis, consumer, streams, dead_letters }
    }

    /// Joins the line.
    pub async fn join(&self, entry: &Entry) -> Result<Joined, NoAnswer> {
        let (slot, known_by) = self.known_by(entry);
        let keys = [self.streams[usize::from(!entry.is_first)].clone(), self.status(entry.request), slot];
        let payload = serde_json::to_string(entry).expect("an entry is plain data");
        let status = written(entry.buyer, State::Pending);
        let said: String = self
            .redis
            .ask(&JOIN, &keys, &[&status, &payload, &known_by, &REQUEST_TTL_MILLISECONDS, &u8::from(entry.again)])
            .await?;
        Ok(known(&said).map_or(Joined::InLine, |(request, fingerprint)| Joined::Known(request, fingerprint)))
    }

    /// The request in line that came with a key, with its fingerprint. The outer `None` says that Redis cannot be
    /// asked, the inner that there is no such request.
    pub async fn find(&self, buyer: BuyerId, key: &str) -> Option<Option<(RequestId, [u8; 16])>> {
        let said: String = self.redis.run(&READ, &[self.slot(buyer, key)], &[]).await?;
        Some(known(&said))
    }

    /// The owner and the status of a request. The outer `None` says that Redis cannot be asked, the inner that it does
    /// not know the request.
    pub async fn look(&self, request: RequestId) -> Option<Option<(BuyerId, State)>> {
        let said: String = self.redis.run(&READ, &[self.status(request)], &[]).await?;
        Some(read(&said))
    }

    /// The status of each of these requests, `None` for each that Redis does not know. The outer `None` says that Redis
    /// cannot be asked.
    pub async fn look_at_all(&self, requests: &[RequestId]) -> Option<Vec<Option<State>>> {
        let keys: Vec<_> = requests.iter().map(|request| self.status(*request)).collect();
        let said: Vec<String> = self.redis.run(&READ_ALL, &keys, &[]).await?;
        Some(said.iter().map(|said| read(said).map(|(_, state)| state)).collect())
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
        let delivery = |fields: &[Vec<u8>]| Delivery {
            stream: self.streams[usize::from(fields[0] != b"1")].clone(),
            id: text(&fields[1]),
            entry: serde_json::from_slice(&fields[2]).ok(),
            payload: fields[2].clone(),
            deliveries: text(&fields[3]).parse().unwrap_or(u32::MAX),
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
        let keys = [delivery.stream.clone(), self.status(entry.request), slot];
        let forgotten = if matches!(decision, Decision::Refused(_)) { known_by } else { String::new() };
        let status = written(entry.buyer, State::Decided(decision));
        self.redis
            .run::<u8>(&FINISH, &keys, &[&GROUP, &delivery.id, &status, &REQUEST_TTL_MILLISECONDS, &forgotten])
            .await
            .map(|_| ())
    }

    /// The Redis key under which the entry's idempotency key is in line, and the value there. The value is empty where
    /// the entry has no idempotency key; the Redis key is then a stand-in.
    fn known_by(&self, entry: &Entry) -> (String, String) {
        match &entry.key {
            Some(key) => {
                (self.slot(entry.buyer, &key.key), format!("{} {}", entry.request, hexadecimal(key.fingerprint)))
            }
            None => (self.status(entry.request), String::new()),
        }
    }

    /// Puts a delivery with the dead letters, writes the decision for its buyer, and returns how many dead letters
    /// there are now.
    pub async fn bury(&self, delivery: &Delivery, decision: Decision, reason: &str) -> Option<u64> {
        let (stream, letters) = (delivery.stream.clone(), self.dead_letters.clone());
        let (keys, status, known_by) = match &delivery.entry {
            Some(entry) => {
                let (slot, known_by) = self.known_by(entry);
                let status = written(entry.buyer, State::Decided(decision));
                ([stream, letters, self.status(entry.request), slot], status, known_by)
            }
            None => ([stream, letters.clone(), letters.clone(), letters], String::new(), String::new()),
        };
        let (id, payload, kept, life) = (&delivery.id, &delivery.payload, KEPT_DEAD_LETTERS, REQUEST_TTL_MILLISECONDS);
        self.redis.run(&BURY, &keys, &[&GROUP, id, payload, &reason, &kept, &status, &life, &known_by]).await
    }

    fn status(&self, request: RequestId) -> String {
        self.redis.key(&format!("queue:request:{request}"))
    }

    fn slot(&self, buyer: BuyerId, key: &str) -> String {
        self.redis.key(&format!("queue:key:{buyer}:{key}"))
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
