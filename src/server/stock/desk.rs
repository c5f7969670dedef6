//! What all strategies share: the store, the clock, the ids, and what happens after a commit.

use std::{
    collections::HashMap,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicI64, Ordering},
    },
};

use parking_lot::RwLock;
use tokio::sync::Notify;

use super::{
    Identifiers,
    decide::Granted,
    mirror::{Change, Commit, SaleDesk},
    record::Recorded,
    sale::Stock,
};
use crate::{
    model::{
        ids::BuyerId,
        ledger::{ChangeKind, Movement},
        time::Timestamp,
    },
    server::{
        clock::Clock,
        store::{self, ChangeRecord, Connection, SaleHead, Store, Transaction, Writer},
    },
};

/// Ledger lines that a mirror reads at once when it catches up. A mirror that is further behind reads several times.
const CHANGES_AT_A_TIME: u32 = 4_096;

type OnCommit = dyn Fn(&Arc<SaleDesk>, Commit) + Send + Sync;
type OnChange = dyn Fn(&Arc<SaleDesk>) + Send + Sync;
type OnReturn = dyn Fn(&Arc<SaleDesk>, &[(usize, u64)]) + Send + Sync;
type OnKey = dyn Fn(BuyerId, &str) + Send + Sync;

/// Who is told when a mirror changes.
pub struct Listeners {
    /// The mirror has taken a commit over. Called in the order of commits.
    pub on_commit: Box<OnCommit>,
    /// The whole mirror was read from the store again.
    pub on_reload: Box<OnChange>,
    /// An organiser changed the sale without touching its stock.
    pub on_patch: Box<OnChange>,
    /// An idempotency key was answered, or may have been, and no request of this process holds that key in flight.
    pub on_key: Box<OnKey>,
}

impl Default for Listeners {
    fn default() -> Self {
        Self {
            on_commit: Box::new(|_, _| {}),
            on_reload: Box::new(|_| {}),
            on_patch: Box::new(|_| {}),
            on_key: Box::new(|_, _| {}),
        }
    }
}

pub struct Desk {
    pub store: Store,
    pub clock: Clock,
    pub identifiers: Identifiers,
    listeners: Listeners,
    /// All sales by their rows, so that the mirrors can be read again after a fault.
    pub sales: RwLock<HashMap<i64, Arc<SaleDesk>>>,
    /// Notified when a mirror is known to be behind the database.
    pub behind: Notify,
    /// Notified after each commit of this process, so that other processes learn of the commit.
    pub changed: Notify,
    /// By how many milliseconds the store's clock is ahead of ours, as far as it is known. The embedded store has our clock.
    store_ahead_milliseconds: AtomicI64,
    /// Told when units have come back: the gate that counts units outside of the store, if there is one.
    gate: OnceLock<Box<OnReturn>>,
}

impl Desk {
    pub fn new(store: Store, clock: Clock, listeners: Listeners) -> Self {
        Self {
            store,
            clock,
            identifiers: Identifiers::default(),
            listeners,
            sales: RwLock::default(),
            behind: Notify::new(),
            changed: Notify::new(),
            store_ahead_milliseconds: AtomicI64::new(0),
            gate: OnceLock::new(),
        }
    }

    /// The store's time, as far as it is known. It decides nothing, because the store judges by its own clock.
    pub fn store_now(&self) -> Timestamp {
        self.clock.now().plus_milliseconds(self.store_ahead_milliseconds.load(Ordering::Relaxed))
    }

    /// Notes what a shared store said its time is, when it was asked at `asked_at`, a time of our clock. The answer was under
    /// way for a while, so the store's time is taken to be a little later than it is, never earlier: else holds would seem
    /// to last longer than they do.
    pub fn note_store_time(&self, asked_at: Timestamp, store_now: Timestamp) {
        if self.store.is_shared() {
            let ahead = store_now.milliseconds - asked_at.milliseconds;
            self.store_ahead_milliseconds.store(ahead, Ordering::Relaxed);
        }
    }

    /// Lets a gate know when units of a sale have come back. There is at most one such gate.
    pub fn tell_of_returns(&self, gate: impl Fn(&Arc<SaleDesk>, &[(usize, u64)]) + Send + Sync + 'static) {
        let is_first = self.gate.set(Box::new(gate)).is_ok();
        assert!(is_first, "a desk has one gate");
    }

    /// Tells that these units, by tier, are available again.
    pub fn came_back(&self, sale: &Arc<SaleDesk>, units: &[(usize, u64)]) {
        if let Some(gate) = self.gate.get() {
            gate(sale, units);
        }
    }

    /// A connection for writing. After a fault every mirror is read again first, because the outcome of the last commit
    /// is unknown.
    pub async fn writer(&self) -> Result<Writer, sqlx::Error> {
        self.trusted(self.store.writer().await?).await
    }

    /// As [`Desk::writer`], for a caller that writes again and again from one thread.
    pub async fn steady_writer(&self) -> Result<Writer, sqlx::Error> {
        self.trusted(self.store.steady_writer().await?).await
    }

    async fn trusted(&self, mut writer: Writer) -> Result<Writer, sqlx::Error> {
        if writer.is_reopened() {
            tracing::warn!("the database was reopened after a fault; reading all sales anew");
            let sales: Vec<_> = self.sales.read().values().cloned().collect();
            for sale in sales {
                if let Err(error) = self.reload(&mut writer, &sale).await {
                    writer.give_up();
                    return Err(error);
                }
            }
            writer.trust();
        }
        Ok(writer)
    }

    /// Reads a sale's mirror from the store again, and locks the sale so that nobody changes it meanwhile.
    pub async fn reload(&self, writer: &mut Writer, sale: &Arc<SaleDesk>) -> Result<(), sqlx::Error> {
        let mut transaction = writer.begin().await?;
        store::lock_sale(transaction.connection(), sale.sale_id).await?;
        self.read_anew(&mut transaction, sale).await?;
        transaction.rollback().await?;
        writer.settle();
        Ok(())
    }

    /// Reads a sale's mirror from the store again, inside a transaction that sees the sale as of one moment.
    pub async fn read_anew(&self, transaction: &mut Transaction<'_>, sale: &Arc<SaleDesk>) -> Result<(), sqlx::Error> {
        let slug = sale.slug();
        let record =
            store::find_sale(transaction.connection(), slug.as_str()).await?.ok_or(sqlx::Error::RowNotFound)?;
        self.replace(sale, Stock::new(record));
        Ok(())
    }

    /// Replaces the mirror by a newer state of the whole sale. An older state is dropped.
    pub fn replace(&self, sale: &Arc<SaleDesk>, stock: Stock) {
        if sale.replace(stock, || (self.listeners.on_reload)(sale)) {
            self.behind.notify_one();
        }
    }

    /// Takes over settings that an organiser changed without touching the stock.
    pub fn patch(&self, sale: &Arc<SaleDesk>, stock: Stock) {
        if sale.patch(stock, || (self.listeners.on_patch)(sale)) {
            self.behind.notify_one();
        }
    }

    /// Brings the mirror up to date from the ledger. `false` where a line cannot be applied, so that the rows must be
    /// read.
    pub async fn catch_up(&self, mut connection: Connection<'_>, sale: &Arc<SaleDesk>) -> Result<bool, sqlx::Error> {
        loop {
            let seq = sale.stock.read().seq;
            let lines = store::changes_after(connection.again(), sale.sale_id, seq, CHANGES_AT_A_TIME).await?;
            if lines.is_empty() {
                return Ok(true);
            }
            let merged = merge(&sale.stock.read(), &lines);
            let Some(changes) = merged else { return Ok(false) };
            changes.into_iter().for_each(|change| self.take(sale, change));
        }
    }

    /// Brings the mirror up to date with the database. `false` where it already was.
    pub async fn bring_up(&self, sale: &Arc<SaleDesk>, head: &SaleHead) -> Result<bool, sqlx::Error> {
        let (seq, revision) = {
            let stock = sale.stock.read();
            (stock.seq, stock.revision)
        };
        if head.revision <= revision && head.seq <= seq {
            return Ok(false);
        }
        let mut reader = self.store.reader().await?;
        let is_up = head.revision <= revision
            && self.catch_up(reader.connection(), sale).await?
            && sale.stock.read().seq >= head.seq;
        if !is_up {
            let mut transaction = reader.begin().await?;
            self.read_anew(&mut transaction, sale).await?;
        }
        Ok(true)
    }

    /// Asks the database how far the sale is, and brings the mirror up to date. `false` where it already was.
    pub async fn bring_up_now(&self, sale: &Arc<SaleDesk>) -> Result<bool, sqlx::Error> {
        let heads = {
            let mut reader = self.store.reader().await?;
            store::heads(reader.connection()).await?
        };
        match heads.iter().find(|head| head.sale_id == sale.sale_id) {
            Some(head) => self.bring_up(sale, head).await,
            None => Ok(false),
        }
    }

    /// Takes a commit over into the mirror and tells the listeners, as soon as all earlier commits are there.
    pub fn take(&self, sale: &Arc<SaleDesk>, change: Change) {
        if sale.take(change, self.store_now(), |commit| (self.listeners.on_commit)(sale, commit)) {
            self.behind.notify_one();
        }
    }

    /// Tells the listeners that a key was answered, or may have been.
    pub fn know(&self, buyer: BuyerId, key: &str) {
        (self.listeners.on_key)(buyer, key);
    }

    /// Takes committed decisions of one kind over into the mirror. `recorded` has those of one transaction in the order of
    /// `seq`; holds began at `begun_at`, a time of the store.
    pub fn committed(&self, sale: &Arc<SaleDesk>, at: Timestamp, recorded: &[&Recorded], begun_at: Timestamp) {
        let (Some(first), Some(last)) = (recorded.first(), recorded.last()) else { return };
        let Movement::Between(shift) = first.kind().movement() else {
            unreachable!("a buyer takes units from somewhere")
        };
        let mut change = Change::new(first.line().0 - 1, at, shift);
        for one in recorded {
            let (buyer, reference) = one.owner();
            for Granted { tier_index, seats, quantity, .. } in one.parts() {
                change.add(*tier_index, *quantity, seats, Some((buyer, Some(reference))));
            }
            if let Recorded::Held(held) = one {
                change.expect(begun_at.plus_milliseconds(held.new.life_milliseconds));
            }
        }
        (change.seq, change.head_hash) = last.line();
        if matches!(first, Recorded::Held(_)) {
            self.note_store_time(at, begun_at);
        }
        self.take(sale, change);
        self.changed.notify_one();
    }
}

/// Turns ledger lines into changes: one change for each run of lines that move units between the same two states.
///
/// `None` where the lines are not enough and the rows must be read: a line does not follow the one before it, does not
/// move units between states (such as added stock or a reset), or names a tier or seat that the mirror does not know.
pub fn merge(stock: &Stock, lines: &[ChangeRecord]) -> Option<Vec<Change>> {
    let mut changes: Vec<Change> = Vec::new();
    let mut seq = stock.seq;
    for ChangeRecord { line, buyer } in lines {
        let Movement::Between(shift) = line.kind.movement() else { return None };
        if line.seq != seq + 1 {
            return None;
        }
        if changes.last().is_none_or(|change| change.shift() != shift) {
            changes.push(Change::new(seq, line.at, shift));
        }
        let change = changes.last_mut().expect("one was just made");
        for units in &line.units {
            let tier_index = stock.tier_index(&units.tier)?;
            let seat = match &units.seat {
                Some(label) => Some(*stock.map.positions.get(label)?),
                None => None,
            };
            let owner = buyer.map(|buyer| (buyer, line.reference));
            change.add(tier_index, units.quantity, seat.as_slice(), owner);
        }
        if line.kind == ChangeKind::Hold {
            // The line does not say how long it lasts. The store is asked when somebody needs to know.
            change.expect(Timestamp::from_milliseconds(0));
        }
        (change.seq, change.at, change.head_hash) = (line.seq, line.at, line.hash);
        seq = line.seq;
    }
    Some(changes)
}
