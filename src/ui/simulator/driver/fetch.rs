//! Requests to the public API, each without the visitor's identity, and the browser's notes on how long they took.

use std::time::Duration;

use gloo_net::http::Request;
use gloo_timers::future::sleep;
use leptos::{
    prelude::window,
    wasm_bindgen::JsCast,
    web_sys::{Performance, PerformanceResourceTiming, RequestCredentials},
};
use serde::de::DeserializeOwned;

use super::asking::{ANSWER_TIMEOUT, within};
use crate::{
    model::{
        outcome::Problem,
        retry::{MAX_RETRIES, leaves_outcome_open, pause_before, unexpected_status},
        tally::Latencies,
    },
    wire::json,
};

/// How many finished requests the browser keeps timings of until they are collected.
const TIMING_BUFFER_ENTRIES: u32 = 20_000;

/// Gets `path` and parses the answer. If the answer is lost, it tries again up to `MAX_RETRIES` times. The error is the
/// server's own sentence where the server refused.
pub async fn get<T: DeserializeOwned>(path: &str) -> Result<T, String> {
    let mut retry = 0;
    loop {
        let told = match within(ANSWER_TIMEOUT, text(path)).await {
            Some(Ok((status, text))) if (200..300).contains(&status) => match json::read(&text) {
                Some(answer) => return Ok(answer),
                None => unexpected_status(status),
            },
            Some(Ok((status, text))) => match json::read::<Problem>(&text) {
                Some(problem) => return Err(problem.detail),
                None if !leaves_outcome_open(status) => return Err(unexpected_status(status)),
                None => unexpected_status(status),
            },
            Some(Err(_)) => "The server cannot be reached.".to_owned(),
            None => "The server did not answer in time.".to_owned(),
        };
        if retry == MAX_RETRIES {
            return Err(told);
        }
        retry += 1;
        sleep(pause_before(retry)).await;
    }
}

/// Status and text of one answer.
async fn text(path: &str) -> Result<(u16, String), gloo_net::Error> {
    let response = Request::get(path).credentials(RequestCredentials::Omit).send().await?;
    Ok((response.status(), response.text().await?))
}

/// The browser's own stopwatch, in milliseconds.
pub fn now_ms() -> f64 {
    window().performance().map_or(0.0, |performance| performance.now())
}

/// The browser's notes on each request to one address: how long the request waited in the browser, and how long the
/// server took.
pub struct Timings {
    performance: Option<Performance>,
    address: String,
    /// From the first byte sent to the last byte read.
    pub server: Latencies,
    /// From the call to the first byte sent: the wait for one of the browser's few connections.
    pub queue: Latencies,
}

impl Timings {
    /// Starts recording the requests to `path`. Earlier timings of other parts of the page are dropped.
    pub fn begin(path: &str) -> Self {
        let performance = window().performance();
        if let Some(performance) = &performance {
            performance.set_resource_timing_buffer_size(TIMING_BUFFER_ENTRIES);
            performance.clear_resource_timings();
        }
        let origin = window().location().origin().unwrap_or_default();
        let (server, queue) = (Latencies::default(), Latencies::default());
        Self { performance, address: format!("{origin}{path}"), server, queue }
    }

    /// Collects the timings since the last call.
    pub fn collect(&mut self) {
        let Some(performance) = &self.performance else { return };
        let entries = performance.get_entries_by_name_with_entry_type(&self.address, "resource");
        performance.clear_resource_timings();
        for entry in entries.iter().filter_map(|entry| entry.dyn_into::<PerformanceResourceTiming>().ok()) {
            // The browser reports zero if it does not disclose the time.
            if entry.request_start() > 0.0 {
                self.server.record(microseconds(entry.response_end() - entry.request_start()));
                self.queue.record(microseconds(entry.request_start() - entry.start_time()));
            }
        }
    }
}

/// Converts a span of the browser's stopwatch into whole microseconds. A negative span counts as zero.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a span of a run is far below 2⁵³ µs
pub fn microseconds(milliseconds: f64) -> u64 {
    (milliseconds.max(0.0) * 1000.0).round() as u64
}

/// Converts a time into milliseconds, the unit of the browser's stopwatch.
pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
