//! Holding stock, and what is held.

use super::{
    answered::Outcome,
    desk::Selling,
    request::{Body, Request, Room},
};
use crate::{
    model::{
        body::HoldBody,
        hold::{Hold, HoldList, HoldStatus},
        ids::{BuyerId, HoldId, SaleId, SeatLabel},
        outcome::HoldOutcome,
        sale::ContactRule,
    },
    server::{
        engine::{error::EngineError, keys::IdempotencyKey},
        store::{self, FoundHold},
        strategy::Won,
    },
};

/// What a buyer wants to have set aside, and what bounds it.
pub struct Holding<'a> {
    pub sale: &'a SaleId,
    pub buyer: BuyerId,
    pub body: HoldBody,
    pub key: Option<IdempotencyKey>,
    /// Whether a buyer may hold only so much at once.
    pub is_limited: bool,
    /// `None` where nobody has to be asked for room.
    pub room: Option<&'a dyn Room>,
}

impl Selling {
    /// Sets aside what is wanted, or says why not. A request whose key was answered before gets the same answer again.
    ///
    /// # Errors
    /// As [`Selling::buy`].
    pub async fn hold(&self, holding: Holding<'_>) -> Result<HoldOutcome, EngineError> {
        let Holding { sale, buyer, body, key, is_limited, room } = holding;
        let key = key.map(|key| self.core.keys.kept(&key));
        let request = Request { sale, buyer, body: Body::Hold { body: &body, is_limited }, key: key.as_ref(), room };
        Ok(match self.ask(&request).await? {
            Outcome::Won { won: Won::Hold(hold), is_replayed } => {
                HoldOutcome::Held { hold: *hold, replayed: is_replayed }
            }
            Outcome::Won { won: Won::Order(_), .. } => unreachable!("a purchase is another request"),
            Outcome::Refused(refusal) => HoldOutcome::Refused(refusal),
            Outcome::Waiting(request) => HoldOutcome::Waiting { request },
        })
    }

    /// A buyer's holds that can still be paid, the oldest first, in all sales or in one. `None` where there is no such sale.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn holds(&self, buyer: BuyerId, sale: Option<&SaleId>) -> Result<Option<HoldList>, EngineError> {
        let sale_id = match sale {
            None => None,
            Some(sale) => match self.core.find(sale).await? {
                Some(desk) => Some(desk.sale_id),
                None => return Ok(None),
            },
        };
        let holds = self.live_holds(buyer, sale_id).await?;
        let live = holds.into_iter().map(as_told).filter(|hold| hold.status.is_live()).collect();
        Ok(Some(HoldList { holds: live }))
    }

    /// A hold, if it is `buyer`'s. With `None` it may be anybody's; only an admin may ask so. One that has ended is told for
    /// some time.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn find_hold(&self, buyer: Option<BuyerId>, hold: HoldId) -> Result<Option<Hold>, EngineError> {
        Ok(self.look_up(buyer, hold).await?.map(|found| found.hold))
    }

    /// As [`Selling::find_hold`], with what is told to nobody.
    ///
    /// # Errors
    /// Where the store fails.
    pub(super) async fn look_up(&self, buyer: Option<BuyerId>, hold: HoldId) -> Result<Option<FoundHold>, EngineError> {
        let found = self.lookups.find(hold).await?;
        let is_theirs = |found: &FoundHold| buyer.is_none_or(|buyer| found.buyer == buyer);
        Ok(found.filter(is_theirs).map(|found| FoundHold { hold: as_told(found.hold), ..found }))
    }

    /// The buyer's own live hold that has one of these seats. They would not want another seat instead.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn held_already(
        &self,
        sale: &SaleId,
        buyer: BuyerId,
        seats: &[SeatLabel],
    ) -> Result<Option<Hold>, EngineError> {
        if seats.is_empty() {
            return Ok(None);
        }
        let has_one =
            |hold: &Hold| hold.items.iter().any(|item| item.seat.as_ref().is_some_and(|seat| seats.contains(seat)));
        let held = self.holds(buyer, Some(sale)).await?;
        Ok(held.and_then(|list| list.holds.into_iter().find(has_one)))
    }

    /// A buyer's own hold, and whether they are asked how they can be reached. `None` where they have no such hold.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn hold_to_pay(&self, buyer: BuyerId, hold: HoldId) -> Result<Option<(Hold, ContactRule)>, EngineError> {
        Ok(self.look_up(Some(buyer), hold).await?.map(|found| (found.hold, found.contact)))
    }

    /// How many units a hold has, as far as this process knows; none where it has ended. Reads memory only.
    pub fn units_held(&self, sale: &SaleId, hold: HoldId) -> u64 {
        self.core.known(sale).map_or(0, |desk| desk.stock.read().live_holds.units_of(hold))
    }

    /// Whether other processes hold and sell too, so that what this one knows may be a moment old.
    pub fn has_neighbours(&self) -> bool {
        self.core.desk.store.is_shared()
    }

    /// A buyer's live holds, in all sales or in the sale of this row, even if their time is over.
    pub(super) async fn live_holds(&self, buyer: BuyerId, sale_id: Option<i64>) -> Result<Vec<Hold>, EngineError> {
        let mut reader = self.core.desk.store.reader().await?;
        Ok(store::live_holds_of(reader.connection(), buyer, sale_id, self.core.clock().now()).await?)
    }
}

/// A hold as its buyer is told. An active hold whose time is over can do nothing any more, even if nobody has released its
/// units yet.
pub(super) fn as_told(hold: Hold) -> Hold {
    let is_over = hold.status == HoldStatus::Active && hold.expires_at <= hold.server_now;
    Hold { status: if is_over { HoldStatus::Expired } else { hold.status }, ..hold }
}
