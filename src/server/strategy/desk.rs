//! What all strategies share: the store, the clock, the ids, and what happens after a commit.

use std::{collections::HashMap, sync::Arc};

use parking_lot::RwLock;

use super::{
    Claim, Identifiers, KeyClaim, Verdict,
    decide::Grant,
    identifiers::ticket_code,
    stock::{Stock, TierStock},
};
use crate::{
    model::{
        ids::{BuyerId, OrderId, TicketId},
        order::{Order, Ticket},
        sale::TierCounts,
        seat::SeatStatus,
        time::Timestamp,
    },
    server::{
        clock::Clock,
        ledger::{Hash, hexadecimal},
        store::{self, NewTicket, Purchase, Store, Writer},
    },
};

/// One sale's place in memory. The lock is held for moments, never across an await.
pub struct SaleDesk {
    pub stock: RwLock<Stock>,
}

/// What a commit sold in one sale.
pub struct Commit {
    /// The sale's `seq` before.
    pub from: u64,
    pub seq: u64,
    pub at: Timestamp,
    pub seats: Vec<(u32, SeatStatus)>,
    pub tiers: Vec<TierCounts>,
}

/// Called after each commit, in commit order, while the writer's turn is still held.
pub type OnCommit = Box<dyn Fn(&Arc<SaleDesk>, Commit) + Send + Sync>;

/// Called when a sale's mirror was read anew from the store.
pub type OnReload = Box<dyn Fn(&Arc<SaleDesk>) + Send + Sync>;

pub struct Desk {
    pub store: Store,
    pub clock: Clock,
    pub identifiers: Identifiers,
    pub on_commit: OnCommit,
    pub on_reload: OnReload,
    /// All sales, by row, so that their mirrors can be read anew after a fault.
    pub sales: RwLock<HashMap<i64, Arc<SaleDesk>>>,
}

/// A purchase on its way: what is recorded, and the order that its buyer gets when the commit holds.
pub struct Sold {
    pub purchase: Purchase,
    pub order: Order,
    pub seats: Vec<u32>,
    pub tier_index: usize,
}

impl Desk {
    /// The writing turn. After a fault every mirror is read anew first: what the last commit did is unknown.
    pub async fn writer(&self) -> Result<Writer, sqlx::Error> {
        let mut writer = self.store.writer().await?;
        if writer.reopened {
            tracing::warn!("the database was reopened after a fault; reading all sales anew");
            let sales: Vec<_> = self.sales.read().values().cloned().collect();
            for sale in sales {
                if let Err(error) = self.reload(&mut writer, &sale).await {
                    writer.give_up();
                    return Err(error);
                }
            }
            writer.reopened = false;
        }
        Ok(writer)
    }

    /// Reads a sale's mirror anew.
    pub async fn reload(&self, writer: &mut Writer, sale: &Arc<SaleDesk>) -> Result<(), sqlx::Error> {
        let slug = sale.stock.read().id.clone();
        let record = store::find_sale(writer.connection(), slug.as_str()).await?.ok_or(sqlx::Error::RowNotFound)?;
        *sale.stock.write() = Stock::new(record);
        (self.on_reload)(sale);
        Ok(())
    }

    /// Turns a grant into the rows to be recorded and the order to be answered with.
    pub fn sell(
        &self,
        stock: &Stock,
        buyer: BuyerId,
        order: OrderId,
        grant: Grant,
        key: Option<&KeyClaim>,
        at: Timestamp,
    ) -> Sold {
        let tier = &stock.tiers[grant.tier_index];
        let seats: Vec<Option<u32>> = if grant.seats.is_empty() {
            vec![None; usize::try_from(grant.quantity).expect("a request has few units")]
        } else {
            grant.seats.iter().copied().map(Some).collect()
        };
        let new_tickets: Vec<NewTicket> = seats.into_iter().map(|seat| self.new_ticket(tier, seat, at)).collect();
        let ticket = |new: &NewTicket| Ticket {
            id: new.id,
            tier: tier.id.clone(),
            seat: new.seat_position.map(|position| stock.map.labels[position as usize].clone()),
            code: hexadecimal(&new.code),
        };
        Sold {
            order: Order {
                id: order,
                sale: stock.id.clone(),
                buyer,
                total: grant.total,
                currency: grant.currency.to_string(),
                seq: grant.seq,
                created_at: at,
                tickets: new_tickets.iter().map(ticket).collect(),
            },
            purchase: Purchase {
                order,
                buyer,
                total: grant.total,
                currency: grant.currency,
                seq: grant.seq,
                units: serde_json::to_string(&grant.units).expect("units are plain data"),
                hash: grant.hash,
                tickets: new_tickets,
                key: key.map(|key| (key.key.clone(), key.fingerprint)),
            },
            seats: grant.seats,
            tier_index: grant.tier_index,
        }
    }

    fn new_ticket(&self, tier: &TierStock, seat_position: Option<u32>, at: Timestamp) -> NewTicket {
        NewTicket { id: TicketId(self.identifiers.next(at)), tier_id: tier.tier_id, seat_position, code: ticket_code() }
    }

    /// Takes a commit over into the mirror and tells about it. Called with the writer's turn still held, so that
    /// commits are told in their order.
    pub fn committed(&self, sale: &Arc<SaleDesk>, at: Timestamp, head_hash: Hash, sold: &[&Sold]) {
        let Some(last) = sold.last() else { return };
        let mut units = Vec::<(usize, u64)>::new();
        for one in sold {
            let quantity = one.purchase.tickets.len() as u64;
            match units.iter_mut().find(|(tier_index, _)| *tier_index == one.tier_index) {
                Some((_, sum)) => *sum += quantity,
                None => units.push((one.tier_index, quantity)),
            }
        }
        let seats: Vec<u32> = sold.iter().flat_map(|one| one.seats.iter().copied()).collect();
        let commit = {
            let mut stock = sale.stock.write();
            let from = stock.seq;
            stock.apply_sold(last.purchase.seq, head_hash, &seats, &units);
            if stock.max_per_buyer.is_some() {
                for one in sold {
                    *stock.owned.entry(one.purchase.buyer).or_default() += one.purchase.tickets.len() as u64;
                }
            }
            for (tier_index, _) in &units {
                if stock.tiers[*tier_index].seated {
                    stock.skip_unavailable(*tier_index);
                }
            }
            Commit {
                from,
                seq: stock.seq,
                at,
                seats: seats.into_iter().map(|position| (position, SeatStatus::Sold)).collect(),
                tiers: units.iter().map(|(tier_index, _)| stock.tiers[*tier_index].tier_counts()).collect(),
            }
        };
        (self.on_commit)(sale, commit);
    }
}

impl Claim {
    /// Ends the claim with a verdict. The key is known from here on where an answer is stored, or may be.
    pub fn settle(self, verdict: Verdict) -> Verdict {
        if let Some(key) = &self.key
            && matches!(verdict, Verdict::Won(_) | Verdict::Unknown(_))
        {
            key.guard.remember();
        }
        verdict
    }
}
