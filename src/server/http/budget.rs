//! The bytes of long answers that wait to be sent, bounded for the whole server. Otherwise many clients who ask for long
//! answers and do not read them could fill the memory.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    body::{Body, Bytes, HttpBody},
    response::Response,
};
use hyper::body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::problem::Failure;
use crate::model::{
    limits::{ANSWER_BUDGET_BYTES, COUNTED_ANSWER_BYTES},
    outcome::Code,
};

/// Bytes are counted in units, because a semaphore's count is a 32-bit number.
const UNIT_BYTES: usize = 1024;

/// What is left of the budget.
#[derive(Clone)]
pub struct Budget {
    units: Arc<Semaphore>,
}

impl Budget {
    pub fn new() -> Self {
        Self::of(ANSWER_BUDGET_BYTES)
    }

    fn of(bytes: usize) -> Self {
        Self { units: Arc::new(Semaphore::new(bytes / UNIT_BYTES)) }
    }

    /// Counts a long answer until it has been sent or given up; a short answer passes.
    ///
    /// # Errors
    /// If the budget is used up.
    pub fn spend(&self, answer: Response) -> Result<Response, Failure> {
        let bytes = answer.body().size_hint().lower();
        if bytes < COUNTED_ANSWER_BYTES as u64 {
            return Ok(answer);
        }
        let units = u32::try_from(bytes / UNIT_BYTES as u64).unwrap_or(u32::MAX);
        match Arc::clone(&self.units).try_acquire_many_owned(units) {
            Ok(permit) => Ok(answer.map(|body| Body::new(Counted { body, _permit: permit }))),
            Err(_) => Err(Failure::new(Code::Overloaded, "Too many long answers wait to be read; ask again later.")),
        }
    }
}

/// A body that gives its part of the budget back when it is dropped.
struct Counted {
    body: Body,
    _permit: OwnedSemaphorePermit,
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(bytes: usize) -> Response {
        Response::new(Body::from(vec![0; bytes]))
    }

    #[tokio::test]
    async fn long_answers_share_a_budget_and_give_it_back() {
        let budget = Budget::of(3 * COUNTED_ANSWER_BYTES);
        let open: Vec<Response> = (0..3).map(|_| budget.spend(answer(COUNTED_ANSWER_BYTES)).unwrap()).collect();
        assert_eq!(budget.spend(answer(COUNTED_ANSWER_BYTES)).unwrap_err().status(), 503);
        assert!(budget.spend(answer(COUNTED_ANSWER_BYTES - 1)).is_ok(), "short answers are not counted");
        for response in open {
            assert_eq!(
                axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap().len(),
                COUNTED_ANSWER_BYTES
            );
        }
        assert!(budget.spend(answer(3 * COUNTED_ANSWER_BYTES)).is_ok());
    }
}
