//! Waits until a change on the page counts as seen by the visitor: at least a second has passed, and the page is visible.

use std::time::Duration;

use gloo_timers::future::sleep;
use leptos::prelude::document;

/// How long to wait before looking whether the page is visible. It is longer than the pause within a double click, so the
/// second click comes before the change counts as seen.
const ON_THE_SCREEN: Duration = Duration::from_secs(1);

/// Waits for a second. If the page is hidden at its end, waits for further seconds until the page is visible at the end of
/// one.
pub async fn seen() {
    sleep(ON_THE_SCREEN).await;
    while document().hidden() {
        sleep(ON_THE_SCREEN).await;
    }
}
