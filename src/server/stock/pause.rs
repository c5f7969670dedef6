//! The pause before a transaction is tried again that met another one.

use std::time::Duration;

/// Waits before the next try, when there were `tries` before this one. The first pause is at most `longest_first`, and each
/// further one may be twice as long. How long it is in between is left to chance, so that those who met do not meet again.
pub async fn pause_before_retry(longest_first: Duration, tries: u32) {
    tokio::time::sleep((longest_first * 2_u32.pow(tries)).mul_f64(rand::random())).await;
}
