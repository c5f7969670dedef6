//! How many requests each route answered, with which status, and how long they took.

use std::time::Duration;

use axum::http::StatusCode;
use metrics::{Counter, Histogram, counter, histogram};
use rustc_hash::FxHashMap;

use crate::server::telemetry::metrics::{REQUEST_DURATION, REQUESTS};

/// Label of requests that match no route. Clients choose paths, so a path must not become a label.
const NO_ROUTE: &str = "none";

/// One meter per route, made at start, so that the hot path looks up a route and never a metric.
pub struct Meters {
    routes: FxHashMap<String, Meter>,
    no_route: Meter,
}

impl Meters {
    /// Must be called after the recorder is installed. `routes` are path templates.
    pub fn new<'a>(routes: impl Iterator<Item = &'a str>) -> Self {
        Self {
            routes: routes.map(|route| (route.to_owned(), Meter::new(route))).collect(),
            no_route: Meter::new(NO_ROUTE),
        }
    }

    pub fn of(&self, route: Option<&str>) -> &Meter {
        route.and_then(|route| self.routes.get(route)).unwrap_or(&self.no_route)
    }
}

pub struct Meter {
    duration_seconds: Histogram,
    /// Counted by the first digit of the status, from 1.
    answers: [Counter; 5],
}

impl Meter {
    fn new(route: &str) -> Self {
        Self {
            duration_seconds: histogram!(REQUEST_DURATION, "route" => route.to_owned()),
            answers: ["1xx", "2xx", "3xx", "4xx", "5xx"]
                .map(|status| counter!(REQUESTS, "route" => route.to_owned(), "status" => status)),
        }
    }

    pub fn record(&self, status: StatusCode, duration: Duration) {
        self.duration_seconds.record(duration);
        if let Some(counter) = self.answers.get(usize::from(status.as_u16() / 100).saturating_sub(1)) {
            counter.increment(1);
        }
    }
}
