//! Waits until the visitor has seen what the page shows.

use std::time::Duration;

use gloo_timers::future::sleep;
use leptos::prelude::document;

/// What the page shows counts as seen after this time on the screen. It is longer than the pause within a double click.
const ON_THE_SCREEN: Duration = Duration::from_secs(1);

/// Waits until what the page shows now has been on the screen for a second. Time in which the page is hidden does not
/// count.
pub async fn seen() {
    sleep(ON_THE_SCREEN).await;
    while document().hidden() {
        sleep(ON_THE_SCREEN).await;
    }
}
