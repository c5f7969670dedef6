//! The live holds of a sale in memory: whose they are, how many units each has, and when the first may be released.

use rustc_hash::FxHashMap;
use uuid::Uuid;

use crate::{
    model::{
        ids::{BuyerId, HoldId},
        ledger::Shift,
        limits::{COOLING_OFF_MILLISECONDS, UNPAID_HOLDS_IN_A_ROW},
        seat::SeatStatus,
        time::Timestamp,
    },
    server::store::LiveHoldRecord,
};

/// When the unpaid holds of so many buyers are remembered, those of all who are free to hold again are forgotten.
const REMEMBERED_BUYERS: usize = 65_536;

/// The live holds of a sale as of a commit. They follow from the ledger: what is held for a hold and neither given back nor
/// sold is live.
#[derive(Clone, Debug, Default)]
pub struct LiveHolds {
    by_hold: FxHashMap<HoldId, Live>,
    by_buyer: FxHashMap<BuyerId, u32>,
    unpaid: FxHashMap<BuyerId, Unpaid>,
    /// With how many buyers those who are free again are looked for the next time: seldom enough that this costs nothing.
    tidy_at: usize,
    /// No hold may be released before this time, by the clock of the store. `None` where nothing is held. It may be too
    /// early, never too late.
    first_due: Option<Timestamp>,
    /// While the store is asked for that time: the earliest such time of the holds that have come meanwhile.
    come_meanwhile: Option<Option<Timestamp>>,
}

#[derive(Clone, Copy, Debug)]
struct Live {
    buyer: BuyerId,
    units: u64,
}

/// The holds of a buyer that ended unpaid, one after the other.
#[derive(Clone, Copy, Debug)]
struct Unpaid {
    row: Row,
    last_hold: HoldId,
    /// How it was before the last hold ended; `None` where there was none.
    before: Option<Row>,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    in_a_row: u32,
    /// When the last of them ended, by the clock of the store.
    last: Timestamp,
}

impl LiveHolds {
    pub fn new(records: &[LiveHoldRecord]) -> Self {
        let mut holds = Self::default();
        for record in records {
            holds.add(record.hold, record.buyer, record.units);
            holds.expect(record.due_at);
        }
        holds
    }

    /// How many live holds a buyer has.
    pub fn of_buyer(&self, buyer: BuyerId) -> u32 {
        self.by_buyer.get(&buyer).copied().unwrap_or_default()
    }

    /// How many units a hold has; none where it is not live.
    pub fn units_of(&self, hold: HoldId) -> u64 {
        self.by_hold.get(&hold).map_or(0, |live| live.units)
    }

    /// No hold may be released before this time. `None` where nothing is held.
    pub const fn first_due(&self) -> Option<Timestamp> {
        self.first_due
    }

    /// Notes that a hold may be released from this time on.
    pub fn expect(&mut self, due_at: Timestamp) {
        self.first_due = earlier(self.first_due, Some(due_at));
        self.come_meanwhile = self.come_meanwhile.map(|first| earlier(first, Some(due_at)));
    }

    /// Begins to ask the store for the time before which no hold may be released. One asks at a time.
    pub fn begin_asking(&mut self) {
        self.come_meanwhile = Some(None);
    }

    /// Sets the time before which no hold may be released, as the store says it. The store may not have known the holds
    /// that have come since it was asked. Where everything was read anew meanwhile, nothing changes.
    pub fn end_asking(&mut self, told: Option<Timestamp>) {
        if let Some(meanwhile) = self.come_meanwhile.take() {
            self.first_due = earlier(told, meanwhile);
        }
    }

    /// Takes over which buyers' holds ended unpaid, which cannot be read from the store.
    pub fn remember_unpaid_of(&mut self, other: &mut Self) {
        self.unpaid = std::mem::take(&mut other.unpaid);
        self.tidy_at = other.tidy_at;
    }

    /// Forgets when the first hold may be released: a fault that tests plant.
    #[cfg(test)]
    pub fn forget_first_due(&mut self) {
        self.first_due = None;
    }

    /// Takes over what a commit moved for a hold. `now` is a time of the store.
    pub fn apply(&mut self, shift: Shift, hold: HoldId, buyer: BuyerId, units: u64, now: Timestamp) {
        if shift.to == SeatStatus::Held {
            self.add(hold, buyer, units);
        } else if shift.from == SeatStatus::Held && self.take(hold, units) {
            self.remember_end(hold, buyer, shift.to == SeatStatus::Sold, now);
        }
    }

    /// Until when a buyer may hold nothing more, because too many holds ended unpaid.
    pub fn cooling_off_until(&self, buyer: BuyerId) -> Option<Timestamp> {
        let row = self.unpaid.get(&buyer)?.row;
        (row.in_a_row >= UNPAID_HOLDS_IN_A_ROW).then(|| row.last.plus_milliseconds(COOLING_OFF_MILLISECONDS))
    }

    fn add(&mut self, hold: HoldId, buyer: BuyerId, units: u64) {
        // A hold whose content is replaced ends for a moment, and goes on with the next line.
        if let Some(Unpaid { before, .. }) = self.unpaid.get(&buyer).filter(|unpaid| unpaid.last_hold == hold).copied()
        {
            match before {
                Some(row) => drop(self.unpaid.insert(buyer, Unpaid { row, last_hold: NONE, before: None })),
                None => drop(self.unpaid.remove(&buyer)),
            }
        }
        let holds = &mut self.by_buyer;
        let live = self.by_hold.entry(hold).or_insert_with(|| {
            *holds.entry(buyer).or_default() += 1;
            Live { buyer, units: 0 }
        });
        live.units += units;
    }

    /// Takes units off a hold. `true` where nothing is left of it.
    fn take(&mut self, hold: HoldId, units: u64) -> bool {
        let Some(live) = self.by_hold.get_mut(&hold) else { return false };
        live.units = live.units.saturating_sub(units);
        if live.units > 0 {
            return false;
        }
        let buyer = live.buyer;
        self.by_hold.remove(&hold);
        if let Some(holds) = self.by_buyer.get_mut(&buyer) {
            *holds -= 1;
            if *holds == 0 {
                self.by_buyer.remove(&buyer);
            }
        }
        if self.by_hold.is_empty() {
            self.first_due = None;
        }
        true
    }

    fn remember_end(&mut self, hold: HoldId, buyer: BuyerId, is_paid: bool, now: Timestamp) {
        if is_paid {
            self.unpaid.remove(&buyer);
            return;
        }
        if self.unpaid.len() >= self.tidy_at.max(REMEMBERED_BUYERS) {
            let oldest = now.plus_milliseconds(-COOLING_OFF_MILLISECONDS);
            self.unpaid.retain(|_, unpaid| unpaid.row.last > oldest);
            self.tidy_at = 2 * self.unpaid.len();
        }
        let before = self.unpaid.get(&buyer).map(|unpaid| unpaid.row);
        let in_a_row = before.map_or(0, |row| row.in_a_row);
        // A buyer who has waited begins anew.
        let has_waited = self.cooling_off_until(buyer).is_some_and(|until| now >= until);
        let row = Row { in_a_row: if has_waited { 1 } else { in_a_row + 1 }, last: now };
        self.unpaid.insert(buyer, Unpaid { row, last_hold: hold, before });
    }
}

/// The id of no hold.
const NONE: HoldId = HoldId(Uuid::nil());

fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    [one, other].into_iter().flatten().min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ledger::{ChangeKind, Movement};

    const BUYER: BuyerId = BuyerId(Uuid::from_u128(1));

    const fn hold(number: u128) -> HoldId {
        HoldId(Uuid::from_u128(number))
    }

    const fn at(seconds: i64) -> Timestamp {
        Timestamp::from_milliseconds(seconds * 1_000)
    }

    fn shift(kind: ChangeKind) -> Shift {
        let Movement::Between(shift) = kind.movement() else { panic!("units of holds go from one state to another") };
        shift
    }

    #[test]
    fn a_hold_is_live_until_its_last_unit_is_given_back_or_sold() {
        let mut holds = LiveHolds::default();
        holds.apply(shift(ChangeKind::Hold), hold(1), BUYER, 3, at(0));
        holds.apply(shift(ChangeKind::Hold), hold(2), BUYER, 1, at(0));
        assert_eq!(holds.of_buyer(BUYER), 2);
        assert_eq!((holds.units_of(hold(1)), holds.units_of(hold(3))), (3, 0));
        holds.apply(shift(ChangeKind::Release), hold(1), BUYER, 2, at(1));
        holds.apply(shift(ChangeKind::Hold), hold(1), BUYER, 1, at(1));
        assert_eq!(holds.of_buyer(BUYER), 2, "a changed hold is the same hold");
        holds.apply(shift(ChangeKind::Confirm), hold(1), BUYER, 2, at(2));
        assert_eq!((holds.of_buyer(BUYER), holds.units_of(hold(1))), (1, 0));
    }

    #[test]
    fn the_first_end_is_never_later_than_that_of_any_hold() {
        let mut holds = LiveHolds::default();
        assert_eq!(holds.first_due(), None);
        for (number, due) in [(1, 50), (2, 40), (3, 60)] {
            holds.apply(shift(ChangeKind::Hold), hold(number), BUYER, 1, at(0));
            holds.expect(at(due));
        }
        assert_eq!(holds.first_due(), Some(at(40)));
        holds.begin_asking();
        holds.expect(at(45));
        holds.end_asking(None);
        assert_eq!(holds.first_due(), Some(at(45)), "a hold came while the store was asked");
        holds.begin_asking();
        holds.end_asking(Some(at(60)));
        assert_eq!(holds.first_due(), Some(at(60)));
        holds.begin_asking();
        let mut read_anew = LiveHolds::default();
        read_anew.expect(at(50));
        read_anew.end_asking(None);
        assert_eq!(read_anew.first_due(), Some(at(50)), "the whole sale was read while the store was asked");
    }

    #[test]
    fn after_three_unpaid_holds_in_a_row_a_buyer_waits() {
        let mut holds = LiveHolds::default();
        let mut end = |number, kind, seconds| {
            holds.apply(shift(ChangeKind::Hold), hold(number), BUYER, 1, at(seconds));
            holds.apply(shift(kind), hold(number), BUYER, 1, at(seconds));
            holds.cooling_off_until(BUYER)
        };
        assert_eq!(end(1, ChangeKind::Expire, 0), None);
        assert_eq!(end(2, ChangeKind::Release, 1), None);
        assert_eq!(end(3, ChangeKind::Confirm, 2), None, "a paid one begins the row anew");
        assert_eq!(end(4, ChangeKind::Release, 3), None);
        assert_eq!(end(5, ChangeKind::Expire, 4), None);
        assert_eq!(end(6, ChangeKind::Expire, 5), Some(at(65)));
        assert_eq!(end(7, ChangeKind::Expire, 65), None, "after the wait the row begins anew");
    }

    #[test]
    fn a_hold_whose_content_is_replaced_has_not_ended() {
        let mut holds = LiveHolds::default();
        holds.apply(shift(ChangeKind::Hold), hold(1), BUYER, 1, at(0));
        for second in 1..5 {
            holds.apply(shift(ChangeKind::Release), hold(1), BUYER, 1, at(second));
            holds.apply(shift(ChangeKind::Hold), hold(1), BUYER, 1, at(second));
        }
        assert_eq!((holds.of_buyer(BUYER), holds.cooling_off_until(BUYER)), (1, None));
    }

    #[test]
    fn a_hold_whose_content_is_replaced_does_not_make_its_buyer_wait_longer() {
        let mut holds = LiveHolds::default();
        holds.apply(shift(ChangeKind::Hold), hold(9), BUYER, 1, at(0));
        for number in 1..=3 {
            holds.apply(shift(ChangeKind::Hold), hold(number), BUYER, 1, at(0));
            holds.apply(shift(ChangeKind::Release), hold(number), BUYER, 1, at(1));
        }
        assert_eq!(holds.cooling_off_until(BUYER), Some(at(61)));
        for second in [30, 40] {
            holds.apply(shift(ChangeKind::Release), hold(9), BUYER, 1, at(second));
            holds.apply(shift(ChangeKind::Hold), hold(9), BUYER, 2, at(second));
            holds.apply(shift(ChangeKind::Release), hold(9), BUYER, 1, at(second));
            assert_eq!(holds.cooling_off_until(BUYER), Some(at(61)));
        }
    }
}
