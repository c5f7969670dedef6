//! Seats for claims that take the nearest free ones instead of those that are gone, for the strategies that decide each
//! claim in a transaction of its own.
//!
//! The mirror says which seats a claim gets, and the strategy then decides about exactly these. Where somebody else was
//! quicker, the claim gets others. Claims of this process get different seats, because seats of claims on their way to
//! the database are not given to others. They are not gone either, because such a claim may fail. So a claim that could
//! only have seats on their way waits until they are settled, and a claim that names one waits for that one.

use std::{
    collections::{HashMap, HashSet},
    future::Future,
    sync::Arc,
};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{Claim, Deciding, Strategy, Verdict};
use crate::{
    model::{
        outcome::{Code, Refusal},
        strategy::StrategyKind,
    },
    server::stock::{Desk, FreeSeats, Stock, Wish, contended},
};

/// How often a claim gets other seats because somebody else was quicker. Each time somebody has got a seat.
const MAX_TRIES: u32 = 64;

/// The seats of claims on their way to the database, by sale.
#[derive(Default)]
pub struct Substitutes {
    sales: Mutex<HashMap<i64, Arc<OnTheWay>>>,
}

/// The seats of one sale's claims on their way.
#[derive(Default)]
struct OnTheWay {
    /// Positions of the seats.
    seats: Mutex<HashSet<u32>>,
    /// Wakes the claims that wait, when seats are not on their way any more.
    settled: Notify,
}

/// A wish for certain seats. They count as on their way until this is dropped.
struct Certain {
    on_the_way: Arc<OnTheWay>,
    wish: Wish,
}

impl Substitutes {
    /// Decides a claim by `decide`. If the claim may have other seats than it names, `decide` gets it with certain seats,
    /// and again with others where these were gone.
    pub async fn decide<F: Future<Output = Verdict> + Send>(
        &self,
        desk: &Desk,
        claim: Claim,
        decide: impl Fn(Claim) -> F + Send + Sync,
    ) -> Verdict {
        if !claim.wish.is_flexible() {
            return decide(claim).await;
        }
        let on_the_way = self.sales.lock().entry(claim.sale.sale_id).or_default().clone();
        // Seats that the database refused while the mirror says that they are free.
        let mut missed = HashSet::new();
        for tries in 0..MAX_TRIES {
            let certain = match OnTheWay::choose(&on_the_way, &claim, &missed).await {
                Ok(certain) => certain,
                Err(refusal) if tries > 0 => return Verdict::RefusedByDatabase(refusal),
                Err(refusal) => return Verdict::Refused(refusal),
            };
            let verdict = decide(claim.with_wish(certain.wish.clone())).await;
            drop(certain);
            let (Verdict::Refused(refusal) | Verdict::RefusedByDatabase(refusal)) = &verdict else { return verdict };
            if !matches!(refusal.code, Code::SeatTaken | Code::SoldOut) {
                return verdict;
            }
            let map = claim.sale.stock.read().map.clone();
            missed.extend(refusal.seats.iter().filter_map(|label| map.positions.get(label)));
            if desk.store.is_shared()
                && let Err(error) = desk.bring_up_now(&claim.sale).await
            {
                return Verdict::Unknown(error);
            }
        }
        Verdict::RefusedByDatabase(contended())
    }
}

impl OnTheWay {
    /// Chooses the seats of a claim, as soon as they do not depend on claims on their way.
    async fn choose(on_the_way: &Arc<Self>, claim: &Claim, missed: &HashSet<u32>) -> Result<Certain, Refusal> {
        loop {
            let settled = on_the_way.settled.notified();
            if let Some(wish) = on_the_way.try_to_choose(claim, missed)? {
                return Ok(Certain { on_the_way: on_the_way.clone(), wish });
            }
            settled.await;
        }
    }

    /// Chooses the seats of a claim and puts them on their way. `None` where the claim has to wait.
    fn try_to_choose(&self, claim: &Claim, missed: &HashSet<u32>) -> Result<Option<Wish>, Refusal> {
        let stock = claim.sale.stock.read();
        if let Some(refusal) = claim.wish.refusal(&stock) {
            return Err(refusal);
        }
        let mut on_the_way = self.seats.lock();
        if claim.wish.seats().any(|position| on_the_way.contains(&position)) {
            return Ok(None);
        }
        let mut free_seats = stock.free_seats.clone();
        stock.map.set_free(&mut free_seats, &missed.iter().copied().collect::<Vec<_>>(), false);
        // What cannot be had even with the seats on their way certainly cannot be had.
        claim.wish.certain(&stock, &mut free_seats)?;
        stock.map.set_free(&mut free_seats, &on_the_way.iter().copied().collect::<Vec<_>>(), false);
        let Ok(wish) = claim.wish.certain(&stock, &mut free_seats) else { return Ok(None) };
        on_the_way.extend(wish.seats());
        Ok(Some(wish))
    }
}

impl Drop for Certain {
    fn drop(&mut self) {
        let mut on_the_way = self.on_the_way.seats.lock();
        for position in self.wish.seats() {
            on_the_way.remove(&position);
        }
        drop(on_the_way);
        self.on_the_way.settled.notify_waiters();
    }
}

impl Wish {
    /// The wish with certain seats.
    ///
    /// # Errors
    /// The refusal where too few are free, or too few units are left beside them.
    fn certain(&self, stock: &Stock, free_seats: &mut FreeSeats) -> Result<Self, Refusal> {
        let wish = self.with_certain_seats(stock, free_seats, |tier| stock.price_of(tier))?.into_owned();
        wish.refusal(stock).map_or(Ok(wish), Err)
    }
}

impl Claim {
    /// The same claim for another wish. It has no place in the queue, because this claim keeps it.
    fn with_wish(&self, wish: Wish) -> Self {
        let Self { sale, buyer, taking, key, contact, request, .. } = self;
        Self {
            sale: sale.clone(),
            buyer: *buyer,
            taking: *taking,
            wish,
            key: key.clone(),
            contact: contact.clone(),
            place: None,
            request: *request,
        }
    }
}

/// A strategy that decides about certain seats, with other seats for claims whose seats are gone.
pub struct WithSubstitutes<S> {
    desk: Arc<Desk>,
    strategy: S,
    substitutes: Substitutes,
}

impl<S: Strategy> WithSubstitutes<S> {
    pub fn new(desk: Arc<Desk>, strategy: S) -> Self {
        Self { desk, strategy, substitutes: Substitutes::default() }
    }
}

impl<S: Strategy> Strategy for WithSubstitutes<S> {
    fn kind(&self) -> StrategyKind {
        self.strategy.kind()
    }

    fn goes_on_alone(&self) -> bool {
        self.strategy.goes_on_alone()
    }

    fn claim(&self, claim: Claim) -> Deciding<'_> {
        Box::pin(self.substitutes.decide(&self.desk, claim, |claim| self.strategy.claim(claim)))
    }
}
