//! Repeats requests whose answer was lost, and says in one sentence what went wrong.

use std::{future::poll_fn, pin::pin, task::Poll, time::Duration};

use gloo_timers::future::sleep;
use leptos::prelude::ServerFnError;

use crate::model::retry::{MAX_RETRIES, pause_before};

/// How long one answer may take.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Waits for a future, but not longer than the limit.
pub async fn within<F: Future>(limit: Duration, future: F) -> Option<F::Output> {
    let (mut future, mut timer) = (pin!(future), pin!(sleep(limit)));
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => timer.as_mut().poll(context).map(|()| None),
    })
    .await
}

/// Calls an idempotent server function, and calls it again if the answer was lost.
pub async fn ask<T, F>(call: impl Fn() -> F) -> Result<T, String>
where
    F: Future<Output = Result<T, ServerFnError>>,
{
    let mut retry = 0;
    loop {
        let answer = ask_once(call()).await;
        match answer {
            Err(lost) if lost.is_lost && retry < MAX_RETRIES => retry += 1,
            answer => return answer.map_err(|lost| lost.told),
        }
        sleep(pause_before(retry)).await;
    }
}

/// Why a call of a server function failed.
pub struct Trouble {
    /// Whether no answer of the server came back. The call may have had its effect.
    pub is_lost: bool,
    /// One sentence for the visitor.
    pub told: String,
}

/// Waits for the answer to one call.
pub async fn ask_once<T>(call: impl Future<Output = Result<T, ServerFnError>>) -> Result<T, Trouble> {
    match within(ANSWER_TIMEOUT, call).await {
        Some(answer) => answer.map_err(|error| trouble(&error)),
        None => Err(Trouble { is_lost: true, told: "The server did not answer in time.".to_owned() }),
    }
}

fn trouble(error: &ServerFnError) -> Trouble {
    let lost = |told: &str| Trouble { is_lost: true, told: told.to_owned() };
    match error {
        ServerFnError::ServerError(told) => Trouble { is_lost: false, told: told.clone() },
        ServerFnError::Request(_) => lost("The server cannot be reached."),
        // The answer is a proxy's page, in HTML.
        _ => lost("A proxy answered in the server's place: it could not reach the server, or got no answer in time."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_proxy_are_told_in_one_sentence_and_those_of_the_server_as_they_are() {
        let page = "<html><head><title>502 Bad Gateway</title></head></html>".to_owned();
        let told = trouble(&ServerFnError::Deserialization(page));
        assert!(told.is_lost && told.told.starts_with("A proxy answered") && !told.told.contains('<'), "{}", told.told);
        assert!(trouble(&ServerFnError::Request("TypeError: Failed to fetch".to_owned())).is_lost);
        let told = trouble(&ServerFnError::ServerError("Overloaded".to_owned()));
        assert_eq!((told.is_lost, told.told.as_str()), (false, "Overloaded"));
    }
}
