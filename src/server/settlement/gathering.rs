//! Pieces of work that wait until one task takes all of them at once.

use std::{collections::VecDeque, panic::AssertUnwindSafe};

use futures_util::FutureExt;
use parking_lot::Mutex;

/// Pieces of work that wait. At most one task works on them; who adds the first starts it.
pub struct Gathering<T>(Mutex<Waiting<T>>);

struct Waiting<T> {
    queue: VecDeque<T>,
    /// Whether a task will look at the queue again.
    is_worked_on: bool,
}

impl<T> Default for Gathering<T> {
    fn default() -> Self {
        Self(Mutex::new(Waiting { queue: VecDeque::new(), is_worked_on: false }))
    }
}

impl<T> Gathering<T> {
    /// Adds a piece of work. `true` where the caller has to start the task that works on all of them.
    pub fn add(&self, piece: T) -> bool {
        let mut waiting = self.0.lock();
        waiting.queue.push_back(piece);
        !std::mem::replace(&mut waiting.is_worked_on, true)
    }

    /// Works on all that waits, as many pieces together as `choose` takes off the front. A failed assertion ends those, and
    /// not the others.
    pub async fn work<F: Future<Output = ()>>(
        &self,
        choose: impl Fn(&mut VecDeque<T>) -> Vec<T>,
        together: impl Fn(Vec<T>) -> F,
    ) {
        while let Some(pieces) = self.next(&choose) {
            let _ = AssertUnwindSafe(together(pieces)).catch_unwind().await;
        }
    }

    /// The next pieces of work. `None` where nothing waits; the task ends then.
    fn next(&self, choose: impl FnOnce(&mut VecDeque<T>) -> Vec<T>) -> Option<Vec<T>> {
        let mut waiting = self.0.lock();
        if waiting.queue.is_empty() {
            waiting.is_worked_on = false;
            return None;
        }
        Some(choose(&mut waiting.queue))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_task_works_on_all_that_waits_and_is_started_again_for_more() {
        let gathering = Gathering::default();
        assert!(gathering.add(1), "somebody has to begin");
        assert!(!gathering.add(2));
        let two = |queue: &mut VecDeque<i32>| queue.drain(..2.min(queue.len())).collect();
        assert_eq!(gathering.next(two), Some(vec![1, 2]));
        assert!(!gathering.add(3), "the task looks again");
        assert_eq!(gathering.next(two), Some(vec![3]));
        assert_eq!(gathering.next(two), None);
        assert!(gathering.add(4));
    }

    #[tokio::test]
    async fn what_fails_takes_nothing_else_along() {
        let gathering = Gathering::default();
        let first: Vec<bool> = (1..=3).map(|piece| gathering.add(piece)).collect();
        assert_eq!(first, [true, false, false]);
        let done = Mutex::new(Vec::new());
        let one = |queue: &mut VecDeque<i32>| queue.drain(..1).collect();
        let together = async |pieces: Vec<i32>| {
            assert_ne!(pieces, [2], "a planted failure");
            done.lock().extend(pieces);
        };
        gathering.work(one, together).await;
        assert_eq!(*done.lock(), [1, 3]);
        assert!(gathering.add(4));
    }
}
