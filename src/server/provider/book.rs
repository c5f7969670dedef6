//! Everything that the stand-in remembers.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    iter,
};

use super::book_entries::{Change, Charge, Delivery, Entry, KeyedAnswer, Payment, Refund, Session, SessionState};

/// How many webhooks that have arrived are still told of.
const KEPT_DELIVERIES: usize = 1_000;

/// Objects in the order in which they were made, and by their ids.
#[derive(Debug)]
pub struct Series<T> {
    all: Vec<T>,
    places: HashMap<String, usize>,
}

impl<T> Default for Series<T> {
    fn default() -> Self {
        Self { all: Vec::new(), places: HashMap::new() }
    }
}

impl<T> Series<T> {
    pub fn get(&self, id: &str) -> Option<&T> {
        self.place(id).map(|place| &self.all[place])
    }

    pub fn place(&self, id: &str) -> Option<usize> {
        self.places.get(id).copied()
    }

    /// All, the oldest first.
    pub fn all(&self) -> &[T] {
        &self.all
    }

    fn put(&mut self, id: &str, object: T) {
        match self.place(id) {
            Some(place) => self.all[place] = object,
            None => {
                self.places.insert(id.to_owned(), self.all.len());
                self.all.push(object);
            }
        }
    }
}

#[derive(Debug, Default)]
pub struct Book {
    pub ids: u64,
    pub sessions: HashMap<String, Session>,
    pub payments: HashMap<String, Payment>,
    pub charges: Series<Charge>,
    pub refunds: Series<Refund>,
    keyed_answers: HashMap<String, KeyedAnswer>,
    /// Webhooks that have not arrived.
    pub waiting: BTreeMap<u64, Delivery>,
    /// When each of them is due, by its number.
    dues: BTreeSet<(i64, u64)>,
    /// Webhooks that are not tried again, the latest last.
    pub done: VecDeque<Delivery>,
    /// When each open session ends.
    ends: BTreeSet<(i64, String)>,
}

impl Book {
    pub fn apply(&mut self, change: Change) {
        self.ids = self.ids.max(change.ids);
        for entry in change.entries {
            self.put(entry);
        }
    }

    fn put(&mut self, entry: Entry) {
        match entry {
            Entry::Session(session) => {
                let end = (session.expires_at, session.id.clone());
                match session.state {
                    SessionState::Open => self.ends.insert(end),
                    SessionState::Complete | SessionState::Expired => self.ends.remove(&end),
                };
                self.sessions.insert(session.id.clone(), session);
            }
            Entry::Payment(payment) => drop(self.payments.insert(payment.id.clone(), payment)),
            Entry::Charge(charge) => self.charges.put(&charge.id.clone(), charge),
            Entry::Refund(refund) => self.refunds.put(&refund.id.clone(), refund),
            Entry::KeyedAnswer(answer) => drop(self.keyed_answers.insert(answer.key.clone(), answer)),
            Entry::Delivery(delivery) => self.put_delivery(delivery),
        }
    }

    fn put_delivery(&mut self, delivery: Delivery) {
        if let Some(before) = self.waiting.remove(&delivery.number) {
            self.dues.remove(&(before.due, before.number));
        }
        if !delivery.is_done {
            self.dues.insert((delivery.due, delivery.number));
            self.waiting.insert(delivery.number, delivery);
            return;
        }
        self.done.push_back(delivery);
        if self.done.len() > KEPT_DELIVERIES {
            self.done.pop_front();
        }
    }

    /// Webhooks that have not arrived, in the order in which they are due.
    pub fn by_due(&self) -> impl Iterator<Item = &Delivery> {
        self.dues.iter().filter_map(|(_, number)| self.waiting.get(number))
    }

    /// The answer that was given to this idempotency key, unless it is older than `oldest`, in seconds since 1970.
    pub fn keyed_answer(&self, key: &str, oldest: i64) -> Option<&KeyedAnswer> {
        self.keyed_answers.get(key).filter(|answer| answer.created >= oldest)
    }

    /// Open sessions whose time is over at `now`, in seconds since 1970.
    pub fn ended_sessions(&self, now: i64) -> Vec<Session> {
        let ended = self.ends.iter().take_while(|(end, _)| *end <= now);
        ended.filter_map(|(_, id)| self.sessions.get(id).cloned()).collect()
    }

    /// Everything as one change, from which the same book can be made. Answers that are older than `oldest` are left
    /// out.
    pub fn whole(&self, oldest: i64) -> Change {
        let answers = self.keyed_answers.values().filter(|answer| answer.created >= oldest);
        let entries = iter::empty()
            .chain(self.sessions.values().cloned().map(Entry::Session))
            .chain(self.payments.values().cloned().map(Entry::Payment))
            .chain(self.charges.all().iter().cloned().map(Entry::Charge))
            .chain(self.refunds.all().iter().cloned().map(Entry::Refund))
            .chain(answers.cloned().map(Entry::KeyedAnswer))
            .chain(self.done.iter().chain(self.waiting.values()).cloned().map(Entry::Delivery));
        Change { ids: self.ids, entries: entries.collect() }
    }
}
