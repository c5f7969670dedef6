//! What the server tells its operators: log lines and metrics. Nothing of it is ever told per purchase at level info.

pub mod logs; // where log lines go and how they look; panics become one
pub mod metrics; // the names of all figures, and the text a Prometheus reads
