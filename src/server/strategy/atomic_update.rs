//! `atomic_update`: one conditional update per request.
//!
//! **How it works.** Each claim is a transaction of its own: `UPDATE … SET available = available - n WHERE … AND
//! available >= n`, first the seat, then the tier, last the sale's row that hands out `seq`; whichever changes no row
//! ends it with a refusal.
//!
//! **What it guarantees.** No phantom and no leak, on any store: the database evaluates the condition on the row that it
//! locks. It needs nothing in memory to be right.
//!
//! **What it costs.** A flush per purchase, and all buyers of a sale in line behind one row.
//!
//! **Where it is used.** The textbook answer, and enough for most shops.

use std::sync::Arc;

use super::{
    Claim, Deciding, Desk, Strategy, Verdict, Wish,
    decide::{Grant, check_open},
    desk::Sold,
    limit_reached, seat_taken, sold_out,
};
use crate::{
    model::{
        ids::OrderId,
        ledger::{ChangeKind, Units},
        outcome::Refusal,
        strategy::StrategyKind,
        time::Timestamp,
    },
    server::{
        ledger::{self, Hash},
        store::{self, Taken},
    },
};

pub struct AtomicUpdate {
    desk: Arc<Desk>,
}

impl AtomicUpdate {
    pub fn new(desk: Arc<Desk>) -> Self {
        Self { desk }
    }

    async fn decide(&self, claim: Claim) -> Verdict {
        let mut writer = match self.desk.writer().await {
            Ok(writer) => writer,
            Err(error) => return claim.settle(Verdict::Unknown(error)),
        };
        let at = self.desk.clock.now();
        let open = check_open(&claim.sale.stock.read(), at);
        if let Err(refusal) = open {
            return claim.settle(Verdict::Refused(refusal));
        }
        let decided = async {
            let mut transaction = writer.begin().await?;
            match self.try_in(&mut transaction, &claim, at).await? {
                Ok(done) => transaction.commit().await.map(|()| Ok(done)),
                Err(refusal) => transaction.rollback().await.map(|()| Err(refusal)),
            }
        };
        match decided.await {
            Ok(Ok((sold, head_hash))) => {
                self.desk.committed(&claim.sale, at, head_hash, &[&sold]);
                writer.settle();
                claim.settle(Verdict::Won(Box::new(sold.order)))
            }
            Ok(Err(refusal)) => {
                writer.settle();
                claim.settle(Verdict::Refused(refusal))
            }
            Err(error) => claim.settle(Verdict::Unknown(error)),
        }
    }

    /// The conditional updates, and the record of the purchase where all of them took.
    async fn try_in(
        &self,
        connection: &mut sqlx::SqliteConnection,
        claim: &Claim,
        at: Timestamp,
    ) -> Result<Result<(Sold, Hash), Refusal>, sqlx::Error> {
        let (sale_id, limit, tier_index, tier_id, seat, quantity) = {
            let stock = claim.sale.stock.read();
            let (tier_index, seat, quantity) = match claim.wish {
                Wish::Seat { position } => (stock.map.places[position as usize].0 as usize, Some(position), 1),
                Wish::Units { tier_index, quantity } => (tier_index, None, quantity),
            };
            (stock.sale_id, stock.max_per_buyer, tier_index, stock.tiers[tier_index].tier_id, seat, quantity)
        };
        let refusal = || {
            let stock = claim.sale.stock.read();
            match seat {
                Some(position) => seat_taken(stock.map.labels[position as usize].as_str()),
                None => sold_out(&stock.id),
            }
        };
        if store::take_one_by_one(connection, sale_id, tier_id, seat, quantity).await? == Taken::Nothing {
            return Ok(Err(refusal()));
        }
        let seated = claim.sale.stock.read().tiers[tier_index].seated;
        let seats = match seat {
            Some(position) => vec![position],
            None if seated => store::take_any_seats(connection, sale_id, tier_id, quantity).await?,
            None => Vec::new(),
        };
        if seated && seats.len() as u64 != quantity {
            return Ok(Err(refusal()));
        }
        if let Some(limit) = limit {
            let owned = store::units_owned(connection, sale_id, claim.buyer).await?;
            if owned + quantity > u64::from(limit) {
                return Ok(Err(limit_reached(limit)));
            }
        }
        let Some((seq, previous)) = store::sale_head(connection, sale_id, quantity).await? else {
            return Ok(Err(refusal()));
        };
        let sold = {
            let stock = claim.sale.stock.read();
            let tier = &stock.tiers[tier_index];
            let label = |position: &u32| Some(stock.map.labels[*position as usize].clone());
            let units = if seats.is_empty() {
                vec![Units { tier: tier.id.clone(), seat: None, quantity }]
            } else {
                seats.iter().map(|seat| Units { tier: tier.id.clone(), seat: label(seat), quantity: 1 }).collect()
            };
            let order = OrderId(self.desk.identifiers.next(at));
            let hash = ledger::hash(seq, &at.to_string(), ChangeKind::Buy, &units, Some(order.0), &previous);
            let (total, currency) = (tier.price * quantity, tier.currency.clone());
            let grant = Grant { seq, hash, tier_index, seats, quantity, units, total, currency };
            self.desk.sell(&stock, claim.buyer, order, grant, claim.key.as_ref(), at)
        };
        let head_hash = sold.purchase.hash;
        store::set_head(connection, sale_id, seq, &head_hash).await?;
        store::record(connection, sale_id, at, &[&sold.purchase]).await?;
        Ok(Ok((sold, head_hash)))
    }
}

impl Strategy for AtomicUpdate {
    fn kind(&self) -> StrategyKind {
        StrategyKind::AtomicUpdate
    }

    fn claim(&self, claim: Claim) -> Deciding<'_> {
        Box::pin(self.decide(claim))
    }
}
