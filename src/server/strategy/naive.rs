//! `naive`: reads how many are left, and later writes what it read, less one. **It oversells.** Rehearsals only.
//!
//! **How it works.** Each claim reads the counter or the seat without a lock. If that says "available", the claim takes
//! the unit in a transaction of its own, and sets the counter to the value that it read less its own units. Two buyers
//! who both read before either writes get the same unit. Tickets of this strategy are left out of the index that keeps
//! a seat from having two owners, so that the overselling happens and the audit finds it.
//!
//! **What it guarantees.** Nothing. The ledger still has one line for each purchase, because it must show what happened.
//!
//! **While it does not know.** It never notices: it takes what it has read for true until it has written.
//!
//! **What it costs.** Your reputation, at the door.
//!
//! **Where it is used.** In more shops than would like to know. Here it is the control: a test suite that does not
//! catch this strategy overselling would catch no other.

use std::sync::Arc;

use super::{
    Claim, Deciding, Strategy, Verdict, Won,
    one_by_one::sold,
    wanted::{Wanted, WantedUnits},
};
use crate::{
    model::{seat::SeatStatus, strategy::StrategyKind},
    server::{
        stock::{Desk, decide::Place, sold_out},
        store::{self, Purchase},
    },
};

pub struct Naive {
    desk: Arc<Desk>,
}

/// What was read, and is taken for true until the write, which is too long.
struct Read {
    /// What was left of each tier.
    available: Vec<u64>,
    /// Free seats for each part of the wish.
    seats: Vec<Vec<u32>>,
}

impl Naive {
    pub const fn new(desk: Arc<Desk>) -> Self {
        Self { desk }
    }

    async fn decide(&self, claim: Claim) -> Verdict {
        let wanted = Wanted::of(&claim);
        let verdict = match self.try_to(&claim, &wanted).await {
            Ok(Some(verdict)) => verdict,
            Ok(None) => Verdict::RefusedByDatabase(claim.gone(Vec::new())),
            Err(error) if store::is_key_taken(&error) => Verdict::Repeated,
            Err(error) => Verdict::Unknown(error),
        };
        claim.settle(verdict)
    }

    async fn try_to(&self, claim: &Claim, wanted: &Wanted) -> Result<Option<Verdict>, sqlx::Error> {
        let Some(read) = self.read(wanted).await? else { return Ok(None) };
        let mut writer = self.desk.writer().await?;
        let at = self.desk.clock.now();
        let mut transaction = writer.begin().await?;
        let Some((seq, previous)) = store::next_seq(transaction.connection(), wanted.sale_id).await? else {
            return Ok(Some(Verdict::RefusedByDatabase(sold_out(&claim.sale.stock.read().id))));
        };
        let place = Place { at, written_at: &at.to_string(), seq, previous: &previous };
        let sold = sold(&self.desk, claim, wanted.grant(claim, read.seats), &place);
        for (tier, available) in wanted.tiers.iter().zip(read.available) {
            let left = available - tier.quantity;
            store::write_available(transaction.connection(), wanted.sale_id, tier.tier_id, left).await?;
        }
        let seats: Vec<_> = sold.parts.iter().flat_map(|part| part.seats.iter().copied()).collect();
        store::write_sold(transaction.connection(), wanted.sale_id, &seats).await?;
        let without_tickets = Purchase { tickets: Vec::new(), ..sold.purchase.clone() };
        store::record(transaction.connection(), wanted.sale_id, at, sold.kind, &[&without_tickets]).await?;
        store::record_unguarded(transaction.connection(), wanted.sale_id, &sold.purchase).await?;
        transaction.commit().await?;
        writer.settle();
        drop(writer);
        // The counters do not follow from what was sold, so the mirror is read from the store again.
        let mut reader = self.desk.store.reader().await?;
        self.desk.read_anew(&mut reader.begin().await?, &claim.sale).await?;
        self.desk.changed.notify_one();
        Ok(Some(Verdict::Won(Won::Order(Box::new(sold.order(&claim.sale.stock.read()))))))
    }

    /// Reads what seems to be left. `None` where that is too little.
    async fn read(&self, wanted: &Wanted) -> Result<Option<Read>, sqlx::Error> {
        let mut reader = self.desk.store.reader().await?;
        let mut read = Read { available: Vec::new(), seats: Vec::new() };
        for tier in &wanted.tiers {
            let (_, available) = store::read_tier(reader.connection(), tier.tier_id).await?;
            if available < tier.quantity {
                return Ok(None);
            }
            read.available.push(available);
        }
        for part in &wanted.parts {
            let (seats, quantity) = match &part.what {
                WantedUnits::Counted(_) => (Vec::new(), 0),
                WantedUnits::Named(positions) => {
                    let read = store::read_seats(reader.connection(), wanted.sale_id, positions).await?;
                    let free = read.into_iter().filter(|(.., status)| *status == SeatStatus::Available);
                    (free.map(|(position, ..)| position).collect(), positions.len())
                }
                WantedUnits::Seats(quantity) => {
                    let (sale_id, tier_id) = (wanted.sale_id, part.tier_id);
                    let free = store::free_seats(reader.connection(), sale_id, tier_id, *quantity, false).await?;
                    let quantity = usize::try_from(*quantity).expect("a wish is for few units");
                    (free.into_iter().map(|(position, _)| position).collect::<Vec<_>>(), quantity)
                }
            };
            if seats.len() < quantity {
                return Ok(None);
            }
            read.seats.push(seats);
        }
        Ok(Some(read))
    }
}

impl Strategy for Naive {
    fn kind(&self) -> StrategyKind {
        StrategyKind::Naive
    }

    fn claim(&self, claim: Claim) -> Deciding<'_> {
        Box::pin(self.decide(claim))
    }
}
