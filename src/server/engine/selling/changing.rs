//! Replacing what a hold has.

use std::sync::Arc;

use super::{
    desk::Selling,
    request::{Body, Room, wish_to_hold},
    settling::unknown_hold,
};
use crate::{
    model::{
        body::HoldBody,
        hold::Hold,
        ids::{BuyerId, HoldId},
        outcome::{Code, Refusal},
    },
    server::{
        engine::{answer::Decided, error::EngineError},
        settlement::{Changed, MAX_DECISIONS, change, may_be_freed},
        stock::{SaleDesk, Wish, decide::Bounds},
    },
};

impl Selling {
    /// Makes a buyer's hold have what `body` names, and nothing else. A refusal leaves the hold and its time as they were.
    /// `room` is `None` where nobody has to be asked for room.
    pub async fn change_hold(
        &self,
        hold: HoldId,
        buyer: BuyerId,
        body: HoldBody,
        room: Option<&dyn Room>,
    ) -> Decided<Hold> {
        let Some(found) = self.find_hold(Some(buyer), hold).await? else { return Ok(Err(unknown_hold())) };
        let Some(sale) = self.core.find(&found.sale).await? else { return Ok(Err(unknown_hold())) };
        let bounds = Bounds { active_holds: None, max_total: body.max_total };
        let mut tries = 0;
        loop {
            let came_back = sale.stock.read().came_back;
            let wish = match wish_to_hold(&sale.stock.read(), &body) {
                Ok(wish) => wish,
                Err(refusal) => return Ok(Err(refusal)),
            };
            let changed = match room.map_or(Ok(()), |room| room.make(&found.sale, wish.quantity())) {
                Ok(()) => self.change_once(sale.clone(), (hold, buyer), wish, bounds).await?,
                Err(refusal) if found.status.is_live() => Changed::Refused(refusal),
                // One that has ended is told as such, whatever is asked for.
                Err(_) => Changed::TooLate,
            };
            let refusal = match changed {
                Changed::Done => {
                    let hold = self.find_hold(Some(buyer), hold).await?;
                    return Ok(hold.ok_or_else(unknown_hold));
                }
                Changed::TooLate => return self.not_changed(buyer, hold).await.map(Err),
                Changed::Refused(refusal) => refusal,
            };
            tries += 1;
            if tries > MAX_DECISIONS || !may_be_freed(&self.core.desk, &sale, &refusal, came_back).await? {
                let asked = Body::Hold { body: &body, is_limited: false };
                return Ok(Err(self.explain(&sale, buyer, asked, refusal).await));
            }
        }
    }

    /// A change may take units like a claim, so it has a place among them. Once begun it goes on, even if the client
    /// goes away.
    async fn change_once(
        &self,
        sale: Arc<SaleDesk>,
        (hold, buyer): (HoldId, BuyerId),
        wish: Wish,
        bounds: Bounds,
    ) -> Result<Changed, EngineError> {
        let Ok(place) = self.places.clone().try_acquire_owned() else { return Err(EngineError::Overloaded) };
        let desk = self.core.desk.clone();
        let changing = tokio::spawn(async move {
            let _place = place;
            change(&desk, &sale, (hold, buyer), &wish, bounds).await
        });
        Ok(changing.await.map_err(|_| sqlx::Error::WorkerCrashed)??)
    }

    /// Why a hold cannot be changed now.
    async fn not_changed(&self, buyer: BuyerId, hold: HoldId) -> Result<Refusal, EngineError> {
        match self.find_hold(Some(buyer), hold).await? {
            Some(found) if found.status.is_live() => {
                Ok(Refusal::new(Code::StepNotAllowed, "A payment for this hold is under way."))
            }
            _ => self.too_late(buyer, hold).await,
        }
    }
}
