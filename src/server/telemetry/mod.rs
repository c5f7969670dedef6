//! What the server tells its operators: log lines and metrics. At level info there is never a log line per purchase.

pub mod client_faults; // bounds the log lines that clients can cause
pub mod logs; // where log lines go and how they look; panics become one
pub mod metrics; // the names of all metrics, and the text that Prometheus reads
