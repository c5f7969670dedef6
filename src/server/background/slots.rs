//! Costly work runs on threads of its own, a bounded number of pieces at once, and ends when nobody waits for it.

use std::sync::Arc;

use tokio::{runtime::Handle, sync::Semaphore, task::JoinError};
use tokio_util::task::AbortOnDropHandle;

/// A place for such work. A clone is the same place.
#[derive(Clone)]
pub struct Background {
    threads: Handle,
    /// How much more may run now. Who finds nothing free waits in turn.
    slots: Arc<Semaphore>,
}

impl Background {
    /// Work on the threads of this runtime, at most `at_once` at a time.
    pub fn new(threads: Handle, at_once: usize) -> Self {
        Self { threads, slots: Arc::new(Semaphore::new(at_once)) }
    }

    /// Runs `work` when it is its turn, and returns its result. Dropping the returned future ends the work at its next
    /// `await`, or takes it out of the line.
    pub async fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T {
        let slot = self.slots.clone().acquire_owned().await.expect("the semaphore is never closed");
        let working = async move {
            // The slot belongs to the work and not to the caller: work that a caller gave up keeps its slot until it
            // has ended.
            let _slot = slot;
            work.await
        };
        match AbortOnDropHandle::new(self.threads.spawn(working)).await {
            Ok(result) => result,
            Err(error) => never_done(error).await,
        }
    }
}

/// Passes a panic on. Otherwise the runtime is being dropped: the process ends, and nobody waits for an answer.
async fn never_done<T>(error: JoinError) -> T {
    match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        time::Duration,
    };

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn no_more_runs_at_once_than_may() {
        let background = Background::new(Handle::current(), 2);
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let work = || {
            let (running, most) = (running.clone(), most.clone());
            background.run(async move {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(2)).await;
                running.fetch_sub(1, Ordering::SeqCst);
            })
        };
        futures_util::future::join_all((0..20).map(|_| work())).await;
        assert_eq!(most.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn work_that_nobody_waits_for_ends_and_frees_its_slot() {
        let background = Background::new(Handle::current(), 1);
        let (ended, end) = oneshot::channel::<()>();
        let endless = background.run(async move {
            let _ended = ended;
            std::future::pending::<()>().await;
        });
        assert!(tokio::time::timeout(Duration::from_millis(20), endless).await.is_err());
        end.await.expect_err("the work was dropped, and with it the sender");
        assert_eq!(background.run(async { 7 }).await, 7);
    }
}
