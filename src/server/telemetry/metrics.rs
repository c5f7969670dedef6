//! The names of all metrics, and the text that Prometheus reads. Code that counts uses the macros of the `metrics`
//! crate with these names. Unless [`install`] was called, the macros do nothing.

use std::{sync::OnceLock, time::Duration};

use metrics::{Counter, Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use parking_lot::{Mutex, RwLock};
use rustc_hash::FxHashMap;

/// Answers to requests for stock, by `outcome`: `bought`, `replayed`, or the code of the refusal.
pub const PURCHASES: &str = "onsale_purchases_total";
/// HTTP answers, by `route` (its template) and `status` (`2xx`, …).
pub const REQUESTS: &str = "onsale_requests_total";
/// Time from a request's head to its answer's head, by `route`.
pub const REQUEST_DURATION: &str = "onsale_request_duration_seconds";
/// Claims that wait for the sequencer.
pub const QUEUE_LENGTH: &str = "onsale_queue_length";
/// Claims decided in one transaction.
pub const BATCH_SIZE: &str = "onsale_batch_size";
/// Time of one transaction, from its first statement to the flushed commit.
pub const COMMIT_DURATION: &str = "onsale_commit_duration_seconds";
/// Bytes of the embedded database's write-ahead log.
pub const STORE_LOG_BYTES: &str = "onsale_store_log_bytes";
/// Calls that Redis did not answer.
pub const REDIS_FAILURES: &str = "onsale_redis_failures_total";
/// Entries in Redis that were not believed, because no server of ours signed them.
pub const FORGED_ENTRIES: &str = "onsale_redis_forged_entries_total";
/// Claims that gave up because others held the lease. This says nothing about stock.
pub const LEASES_CONTENDED: &str = "onsale_leases_contended_total";
/// Claims refused by a gate in front of the database.
pub const GATE_REFUSALS: &str = "onsale_gate_refusals_total";
/// Purchases that wait in the queue with a receipt of this server.
pub const WAITING_REQUESTS: &str = "onsale_waiting_requests";
/// Decisions of this server on purchases from that queue, by `outcome`: `confirmed` or the code of the refusal.
pub const QUEUE_DECISIONS: &str = "onsale_queue_decisions_total";
/// Decisions on purchases from that queue that had to be tried again.
pub const QUEUE_RETRIES: &str = "onsale_queue_retries_total";
/// Purchases of that queue that were given up and kept as dead letters, and how many of those are kept now.
pub const DEAD_LETTERS: &str = "onsale_dead_letters_total";
pub const KEPT_DEAD_LETTERS: &str = "onsale_dead_letters_kept";
/// Audits made. One that several asked for counts once.
pub const AUDITS: &str = "onsale_audits_total";
/// Open connections, and those refused because there were too many.
pub const CONNECTIONS: &str = "onsale_connections";
pub const CONNECTIONS_REFUSED: &str = "onsale_connections_refused_total";
/// Requests refused because a client came too often or would hold too much, by `rate`: `requests`, `new_guests`,
/// `purchases`, `wrong_tokens`, `held_units`.
pub const RATE_LIMITED: &str = "onsale_rate_limited_total";
/// Open live streams.
pub const VIEWERS: &str = "onsale_viewers";
/// Frames encoded, by `event`. A frame counts once, however many viewers it goes to.
pub const FRAMES: &str = "onsale_frames_total";
/// Snapshots handed to viewers, by `reason`: `new`, `unknown_position`, `other_epoch`, `lagged`, `stalled`.
pub const SNAPSHOTS: &str = "onsale_snapshots_total";
/// Viewers who came back and were sent only what they had missed.
pub const RESUMES: &str = "onsale_resumes_total";

/// Upper bounds in seconds: from a refusal decided in memory up to a time limit.
const DURATION_BUCKETS: &[f64] =
    &[0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Upper bounds in claims.
const BATCH_BUCKETS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];

/// Time between two runs of the histograms' upkeep.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

static PROMETHEUS: OnceLock<PrometheusHandle> = OnceLock::new();

/// Starts counting for the whole process. Further calls do nothing.
pub fn install() -> Result<(), BuildError> {
    static INSTALLING: Mutex<()> = Mutex::new(());
    let _alone = INSTALLING.lock();
    if PROMETHEUS.get().is_none() {
        let handle = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), DURATION_BUCKETS)?
            .set_buckets_for_metric(Matcher::Full(BATCH_SIZE.to_owned()), BATCH_BUCKETS)?
            .install_recorder()?;
        describe();
        PROMETHEUS.get_or_init(|| handle);
    }
    Ok(())
}

/// All metrics in the Prometheus text format; empty if counting was not started.
pub fn render() -> String {
    PROMETHEUS.get().map(PrometheusHandle::render).unwrap_or_default()
}

/// Merges recorded values into the histograms every few seconds, for ever. Without this, recorded values pile up in
/// memory until somebody reads the metrics.
pub async fn keep_tidy() {
    loop {
        tokio::time::sleep(UPKEEP_INTERVAL).await;
        if let Some(handle) = PROMETHEUS.get() {
            handle.run_upkeep();
        }
    }
}

/// Counts requests for stock by outcome. Each counter is looked up by its labels only once.
#[derive(Default)]
pub struct PurchaseCounters {
    by_outcome: RwLock<FxHashMap<&'static str, Counter>>,
}

impl PurchaseCounters {
    pub fn count(&self, outcome: &'static str) {
        if let Some(counter) = self.by_outcome.read().get(outcome) {
            return counter.increment(1);
        }
        let mut by_outcome = self.by_outcome.write();
        by_outcome.entry(outcome).or_insert_with(|| metrics::counter!(PURCHASES, "outcome" => outcome)).increment(1);
    }
}

fn describe() {
    describe_counter!(PURCHASES, "Answers to requests for stock, by outcome");
    describe_counter!(REQUESTS, "Answers, by route and status");
    describe_histogram!(REQUEST_DURATION, Unit::Seconds, "Time from a request's head to its answer's head");
    describe_gauge!(QUEUE_LENGTH, "Claims that wait for the sequencer");
    describe_histogram!(BATCH_SIZE, "Claims decided in one transaction");
    describe_histogram!(COMMIT_DURATION, Unit::Seconds, "Time of one transaction, up to the flushed commit");
    describe_gauge!(STORE_LOG_BYTES, Unit::Bytes, "Size of the embedded database's write-ahead log");
    describe_counter!(REDIS_FAILURES, "Calls that Redis did not answer");
    describe_counter!(FORGED_ENTRIES, "Entries in Redis that were not believed, because no server of ours signed them");
    describe_counter!(LEASES_CONTENDED, "Claims that gave up because others held the lease");
    describe_counter!(GATE_REFUSALS, "Claims refused by a gate in front of the database");
    describe_gauge!(WAITING_REQUESTS, "Purchases that wait in the queue with a receipt of this server");
    describe_counter!(QUEUE_DECISIONS, "Decisions on purchases from the queue, by outcome");
    describe_counter!(QUEUE_RETRIES, "Decisions on purchases from the queue that had to be tried again");
    describe_counter!(DEAD_LETTERS, "Purchases of the queue that were given up and kept");
    describe_gauge!(KEPT_DEAD_LETTERS, "Purchases of the queue that were given up and can be read");
    describe_counter!(AUDITS, "Audits made; one that several asked for counts once");
    describe_gauge!(CONNECTIONS, "Open connections");
    describe_counter!(CONNECTIONS_REFUSED, "Connections refused because there were too many");
    describe_counter!(RATE_LIMITED, "Requests refused because a client came too often or would hold too much, by rate");
    describe_gauge!(VIEWERS, "Open live streams");
    describe_counter!(FRAMES, "Frames encoded, by event");
    describe_counter!(SNAPSHOTS, "Snapshots handed to viewers, by reason");
    describe_counter!(RESUMES, "Viewers who came back and were told only what they had missed");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_rendered_with_its_buckets() {
        install().unwrap();
        install().unwrap();
        metrics::histogram!(COMMIT_DURATION).record(0.003);
        metrics::gauge!(QUEUE_LENGTH).set(7.0);
        let text = render();
        assert!(text.contains("# HELP onsale_queue_length"), "{text}");
        assert!(text.contains("onsale_commit_duration_seconds_bucket{le=\"0.005\"}"), "{text}");
    }
}
