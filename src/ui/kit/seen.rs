//! Waits until the visitor has seen what the page shows.

use std::time::Duration;

use gloo_timers::future::sleep;
use leptos::prelude::document;

/// What the page shows counts as seen after this time on the screen. It is longer than the pause within a double click.
const ON_THE_SCREEN: Duration = Duration::from_secs(1);

/// Waits for a second, and if the page is hidden then, for further seconds until one ends with the page visible.
pub async fn seen() {
    sleep(ON_THE_SCREEN).await;
    while document().hidden() {
        sleep(ON_THE_SCREEN).await;
    }
}
