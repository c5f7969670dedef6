//! Webhooks on their way: signed anew at each try, and tried again with growing pauses until somebody answers with
//! success.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request, Uri, header};
use sha2::{Digest, Sha256};
use tokio::{task::JoinSet, time::Instant};

use super::{
    book_entries::{Delivery, Entry},
    desk::Desk,
    sessions,
};
use crate::server::{
    config::Secret,
    payment::{HttpClient, SIGNATURE_HEADER, sign},
    shutdown::Shutdown,
};

/// How many webhooks are sent at once.
const AT_ONCE: usize = 16;
/// How long an answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// The pause after the first failure. It doubles with each further one.
const FIRST_PAUSE_MILLISECONDS: i64 = 500;
const LONGEST_PAUSE_MILLISECONDS: i64 = 60 * 1_000;
/// After so long nobody is told any more.
const GIVE_UP_SECONDS: i64 = 3 * 24 * 60 * 60;
/// How often sessions are looked at whose time may be over.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Where webhooks go, and what they are signed with.
#[derive(Clone)]
pub struct Receiver {
    http: HttpClient,
    address: Uri,
    secret: Secret,
}

impl Receiver {
    /// # Errors
    /// One sentence, if the address cannot be used.
    pub fn new(address: &str, secret: Secret) -> Result<Self, String> {
        let uri: Uri = address.parse().map_err(|_| format!("{address:?} is no address for webhooks"))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none_or(str::is_empty) {
            return Err(format!("{address:?} is no address for webhooks, such as http://127.0.0.1:3000/webhook"));
        }
        Ok(Self { http: HttpClient::for_url(address)?, address: uri, secret })
    }

    /// Sends one webhook. Returns the status of the answer, if there is one.
    async fn send(&self, delivery: &Delivery, desk: &Desk) -> Option<u16> {
        let body = Bytes::from(delivery.body.clone());
        let signature = match delivery.is_forged {
            true => sign(&body, &forgers_secret(&self.secret), desk.clock.now()),
            false => sign(&body, &self.secret, desk.clock.now()),
        };
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.address.clone();
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json; charset=utf-8"));
        headers.insert(header::USER_AGENT, header::HeaderValue::from_static("onsale-provider"));
        headers.insert(SIGNATURE_HEADER, signature.parse().ok()?);
        let reply = self.http.send(request, Instant::now() + ANSWER_TIMEOUT).await;
        reply.inspect_err(|error| tracing::debug!(%error, "a webhook was not taken")).ok().map(|reply| reply.status)
    }
}

/// A secret that nobody has agreed on.
fn forgers_secret(secret: &Secret) -> Secret {
    Secret::new(hex::encode(Sha256::digest(secret.expose())))
}

/// Sends webhooks when they are due, until the stand-in stops.
pub async fn deliver_all(desk: Arc<Desk>, receiver: Receiver, shutdown: Shutdown) {
    let mut under_way = JoinSet::new();
    let mut busy = BTreeSet::new();
    loop {
        let (due, next) = due(&desk, &busy);
        for delivery in due {
            busy.insert(delivery.number);
            under_way.spawn(deliver(desk.clone(), receiver.clone(), delivery));
        }
        tokio::select! {
            () = shutdown.started() => return,
            () = desk.bell.notified() => {}
            Some(done) = under_way.join_next() => {
                let _ = done.map(|number| busy.remove(&number));
            }
            () = tokio::time::sleep(next) => {}
        }
    }
}

/// The webhooks that are due, as many as may be sent now, and how long it is until the next one is.
fn due(desk: &Desk, busy: &BTreeSet<u64>) -> (Vec<Delivery>, Duration) {
    let now = desk.now();
    let places = AT_ONCE.saturating_sub(busy.len());
    desk.look(|book| {
        let mut waiting = book.by_due().filter(|delivery| !busy.contains(&delivery.number)).peekable();
        let due =
            std::iter::from_fn(|| waiting.next_if(|delivery| delivery.due <= now)).take(places).cloned().collect();
        // Where all places are taken, the end of a delivery wakes the loop.
        let next = waiting.peek().map(|delivery| delivery.due).filter(|due| *due > now);
        let pause = next.map_or(LOOK_INTERVAL, |next| Duration::from_millis((next - now).unsigned_abs()));
        (due, pause.min(LOOK_INTERVAL))
    })
}

/// Sends one webhook, and remembers what has become of it.
async fn deliver(desk: Arc<Desk>, receiver: Receiver, delivery: Delivery) -> u64 {
    let number = delivery.number;
    let last_status = receiver.send(&delivery, &desk).await;
    let has_arrived = last_status.is_some_and(|status| (200..300).contains(&status));
    let tries = delivery.tries + 1;
    // A change that cannot be remembered has been logged. The webhook is then sent again.
    let _ = desk.change(|draft| {
        let is_given_up = draft.now_seconds() - delivery.created > GIVE_UP_SECONDS;
        let is_done = has_arrived || delivery.is_forged || is_given_up;
        let due = draft.now + pause_milliseconds(tries);
        draft.put(Entry::Delivery(Delivery { tries, last_status, is_done, due, ..delivery }));
        Ok(())
    });
    number
}

fn pause_milliseconds(tries: u32) -> i64 {
    let doubled = FIRST_PAUSE_MILLISECONDS.checked_shl(tries.saturating_sub(1)).unwrap_or(i64::MAX);
    if tries > 10 { LONGEST_PAUSE_MILLISECONDS } else { doubled.min(LONGEST_PAUSE_MILLISECONDS) }
}

/// Ends sessions whose time is over, until the stand-in stops.
pub async fn expire_sessions(desk: Arc<Desk>, shutdown: Shutdown) {
    loop {
        let _ = desk.change(|draft| {
            sessions::expire_ended(draft);
            Ok(())
        });
        tokio::select! {
            () = shutdown.started() => return,
            () = tokio::time::sleep(LOOK_INTERVAL) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_minute() {
        let pauses: Vec<_> = (1..=9).map(pause_milliseconds).collect();
        assert_eq!(pauses, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
        assert_eq!(pause_milliseconds(u32::MAX), 60_000);
    }

    #[test]
    fn a_webhook_goes_to_a_web_address() {
        for address in ["", "127.0.0.1:3000", "ftp://a.example/", "http://", "/webhook", "http://a b"] {
            assert!(Receiver::new(address, Secret::new("s")).is_err(), "{address}");
        }
        assert!(Receiver::new("http://127.0.0.1:3000/api/v1/payments/webhook", Secret::new("s")).is_ok());
    }
}
