//! Requests to the public API, each without the visitor's identity, and what the browser knows of their time.

use gloo_net::http::Request;
use leptos::{
    prelude::window,
    wasm_bindgen::JsCast,
    web_sys::{Performance, PerformanceResourceTiming, RequestCredentials},
};
use serde::de::DeserializeOwned;

use crate::{
    model::{outcome::Problem, tally::Latencies},
    wire::json,
};

/// Entries that the browser keeps about finished requests, until they are collected.
const TIMING_BUFFER_ENTRIES: u32 = 20_000;

/// Gets `path` and parses it; a refusal is told in the server's words.
pub async fn get<T: DeserializeOwned>(path: &str) -> Result<T, String> {
    let response = Request::get(path).credentials(RequestCredentials::Omit).send().await.map_err(told)?;
    let (is_ok, status) = (response.ok(), response.status());
    let text = response.text().await.map_err(told)?;
    if is_ok {
        return json::read(&text).ok_or_else(|| format!("{path} cannot be read."));
    }
    Err(json::read::<Problem>(&text).map_or_else(|| format!("{path} answered {status}."), |problem| problem.detail))
}

fn told(error: gloo_net::Error) -> String {
    error.to_string()
}

/// The browser's own stopwatch, in milliseconds.
pub fn now_ms() -> f64 {
    window().performance().map_or(0.0, |performance| performance.now())
}

/// What the browser notes about each request to one address: how long it kept it waiting, and how long the server took.
pub struct Timings {
    performance: Option<Performance>,
    address: String,
    /// From the first byte sent to the last byte read.
    pub server: Latencies,
    /// From the wish to send to the first byte sent: the wait for one of the browser's few connections.
    pub queue: Latencies,
}

impl Timings {
    /// Begins to note the requests to `path`. Notes that other parts of the page have made until now are dropped.
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

    /// Takes in what was noted since the last time.
    pub fn collect(&mut self) {
        let Some(performance) = &self.performance else { return };
        let entries = performance.get_entries_by_name_with_entry_type(&self.address, "resource");
        performance.clear_resource_timings();
        for entry in entries.iter().filter_map(|entry| entry.dyn_into::<PerformanceResourceTiming>().ok()) {
            // A browser that keeps the details to itself says zero.
            if entry.request_start() > 0.0 {
                self.server.record(microseconds(entry.response_end() - entry.request_start()));
                self.queue.record(microseconds(entry.request_start() - entry.start_time()));
            }
        }
    }
}

/// A span of the browser's stopwatch in whole microseconds; a negative one is none.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a span of a run is far below 2⁵³ µs
pub fn microseconds(milliseconds: f64) -> u64 {
    (milliseconds.max(0.0) * 1000.0).round() as u64
}
