//! When something that a page shows has been seen.

use std::time::Duration;

use gloo_timers::future::sleep;
use leptos::prelude::document;

/// How long it has to stand on the screen. It is longer than the two clicks of a double click are apart.
const ON_THE_SCREEN: Duration = Duration::from_secs(1);

/// Waits until what is shown now has been on the screen for a second; a hidden page shows nothing.
pub async fn seen() {
    sleep(ON_THE_SCREEN).await;
    while document().hidden() {
        sleep(ON_THE_SCREEN).await;
    }
}
