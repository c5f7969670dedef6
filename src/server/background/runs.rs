//! Who asks for a piece of work shares it with others who ask for the same, and never gets one that began before they
//! asked.

use std::{hash::Hash, sync::Arc};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared, WeakShared},
};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;

/// A run, shared by all who wait for it. It goes on only while somebody waits; the last one who leaves ends it.
type Run<T> = Shared<BoxFuture<'static, T>>;

/// Runs by what they are about, such as a sale: of each at most one goes on, and at most one waits for its end.
///
/// Whoever asks joins the run that has not begun yet, so everybody who asks while one run goes on shares the next one.
/// A run that goes on already may have read what was true before they asked: a purchase that was answered meanwhile
/// would be missing.
pub struct Runs<Key, T: Clone> {
    lines: Mutex<FxHashMap<Key, Arc<Line<T>>>>,
}

struct Line<T: Clone> {
    /// Held by the run that goes on.
    turn: Arc<tokio::sync::Mutex<()>>,
    /// The run that has not begun, as long as somebody waits for it.
    next: Mutex<Option<WeakShared<BoxFuture<'static, T>>>>,
}

impl<Key, T: Clone> Default for Runs<Key, T> {
    fn default() -> Self {
        Self { lines: Mutex::default() }
    }
}

impl<Key: Eq + Hash, T: Clone + Send + Sync + 'static> Runs<Key, T> {
    /// The result of a run about `key` that begins after this call. `start` makes the run: it is given [`Begun`], and
    /// must report to it before it reads anything.
    pub async fn share<Running>(&self, key: Key, start: impl FnOnce(Begun<T>) -> Running) -> T
    where
        Running: Future<Output = T> + Send + 'static,
    {
        let line = self.lines.lock().entry(key).or_default().clone();
        let run = line.join(start);
        run.await
    }
}

impl<T: Clone> Default for Line<T> {
    fn default() -> Self {
        Self { turn: Arc::default(), next: Mutex::default() }
    }
}

impl<T: Clone + Send + Sync + 'static> Line<T> {
    /// The run that has not begun, or a new one.
    fn join<Running>(self: &Arc<Self>, start: impl FnOnce(Begun<T>) -> Running) -> Run<T>
    where
        Running: Future<Output = T> + Send + 'static,
    {
        let mut next = self.next.lock();
        if let Some(run) = next.as_ref().and_then(WeakShared::upgrade) {
            return run;
        }
        let running = start(Begun(self.clone()));
        let turn = self.turn.clone();
        let in_turn = async move {
            let _turn = turn.lock_owned().await;
            running.await
        };
        let run = in_turn.boxed().shared();
        *next = run.downgrade();
        run
    }
}

/// Where a run reports that it begins.
pub struct Begun<T: Clone>(Arc<Line<T>>);

impl<T: Clone> Begun<T> {
    /// From now on nobody joins the run.
    pub fn report(self) {
        *self.0.next.lock() = None;
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicU64, Ordering},
        time::Duration,
    };

    use tokio::sync::Semaphore;

    use super::*;

    /// Runs that each wait for a permit after they have begun, and return how many began before them.
    struct House {
        runs: Runs<&'static str, u64>,
        begun: Arc<AtomicU64>,
        permits: Arc<Semaphore>,
    }

    impl House {
        fn new() -> Arc<Self> {
            Arc::new(Self { runs: Runs::default(), begun: Arc::default(), permits: Arc::new(Semaphore::new(0)) })
        }

        async fn ask(&self) -> u64 {
            let (begun, permits) = (self.begun.clone(), self.permits.clone());
            let run = |report: Begun<u64>| async move {
                report.report();
                let number = begun.fetch_add(1, Ordering::SeqCst);
                permits.acquire().await.unwrap().forget();
                number
            };
            self.runs.share("sale", run).await
        }

        fn askers(self: &Arc<Self>, count: usize) -> Vec<tokio::task::JoinHandle<u64>> {
            let ask = |house: Arc<Self>| async move { house.ask().await };
            (0..count).map(|_| tokio::spawn(ask(self.clone()))).collect()
        }
    }

    /// Lets every other task come as far as it can: the tests' runtime has one thread.
    async fn settle() {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn all_who_ask_while_a_run_goes_on_share_the_next_one() {
        let house = House::new();
        let first = house.askers(1);
        settle().await;
        let others = house.askers(50);
        settle().await;
        assert_eq!(house.begun.load(Ordering::SeqCst), 1, "one goes on, the next waits");
        house.permits.add_permits(2);
        for asker in first {
            assert_eq!(asker.await.unwrap(), 0);
        }
        for asker in others {
            assert_eq!(asker.await.unwrap(), 1, "a run that began after it was asked for");
        }
        assert_eq!(house.begun.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_run_ends_with_the_last_who_waits_for_it() {
        let house = House::new();
        let first = house.askers(1);
        settle().await;
        let others = house.askers(3);
        settle().await;
        first.iter().for_each(tokio::task::JoinHandle::abort);
        settle().await;
        assert_eq!(house.begun.load(Ordering::SeqCst), 2, "the first ended, and the next began");
        others.iter().for_each(tokio::task::JoinHandle::abort);
        settle().await;
        // Without a permit a run given up would hold its turn for ever.
        house.permits.add_permits(1);
        let number = tokio::time::timeout(Duration::from_secs(5), house.ask()).await;
        assert_eq!(number.expect("its turn came"), 2);
    }

    #[tokio::test]
    async fn who_leaves_takes_nothing_from_those_who_stay() {
        let house = House::new();
        let first = house.askers(1);
        settle().await;
        let mut others = house.askers(3);
        settle().await;
        others.remove(0).abort();
        house.permits.add_permits(1);
        settle().await;
        assert_eq!(house.begun.load(Ordering::SeqCst), 2);
        others.remove(0).abort();
        house.permits.add_permits(1);
        for (number, asker) in (0..).zip(first.into_iter().chain(others)) {
            assert_eq!(asker.await.unwrap(), number);
        }
        assert_eq!(house.begun.load(Ordering::SeqCst), 2);
    }
}
