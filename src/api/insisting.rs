//! Asks the server again where no answer came, always with the same key, before the visitor is told so.

use std::time::Duration;

use gloo_timers::future::sleep;
use leptos::prelude::ServerFnError;

use super::refusal_of;
use crate::model::outcome::{Code, Refusal};

/// How often one thing is asked for.
const TRIES: u32 = 3;
/// How often it is asked for if the server answers that it is still deciding. That happens after the page was reloaded
/// meanwhile.
const TRIES_IN_FLIGHT: u32 = 12;
/// The wait before the second try. It doubles with each try, up to `LONGEST_WAIT`.
const FIRST_WAIT: Duration = Duration::from_millis(400);
const LONGEST_WAIT: Duration = Duration::from_millis(1_600);

/// The answer to `ask`, or the refusal of a request that did not reach its server function. `ask` gives `None` while the
/// server is still deciding. `None` if the outcome is still unknown after the last try.
pub async fn insist<T>(ask: impl AsyncFn() -> Result<Option<T>, ServerFnError>) -> Option<Result<T, Refusal>> {
    let (mut wait, mut tries, mut most) = (FIRST_WAIT, 0, TRIES);
    loop {
        match ask().await {
            Ok(Some(answer)) => return Some(Ok(answer)),
            Ok(None) => most = TRIES_IN_FLIGHT,
            Err(error) => {
                if let Some(refusal) = refusal_of(&error) {
                    // An earlier try may have been decided, which this refusal says nothing of.
                    if tries > 0 && refusal.code == Code::RateLimited {
                        return None;
                    }
                    return Some(Err(refusal));
                }
            }
        }
        tries += 1;
        if tries >= most {
            return None;
        }
        sleep(wait).await;
        wait = LONGEST_WAIT.min(wait * 2);
    }
}
