//! Replays the lines of a ledger: every unit is in one state, and no line may move a unit from a state in which it is
//! not. Used by the audit and by the offline check alike.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

use uuid::Uuid;

use crate::model::{
    ids::{SeatLabel, TierId},
    ledger::{ChangeKind, Movement, Shift, Units},
    limits::MAX_GENERAL_ADMISSION_UNITS,
    seat::SeatStatus,
};

/// The stock after the lines replayed so far.
#[derive(Default)]
pub struct Replay {
    tiers: BTreeMap<TierId, Balance>,
    /// Seats that have moved. Every other seat is available.
    seats: HashMap<SeatLabel, SeatStatus>,
    /// What each hold has, by the hold, tier and seat. Nothing stands here that has been given back or sold.
    held: HashMap<(Option<Uuid>, TierId, Option<SeatLabel>), i64>,
}

/// The units of a tier by their state. A ledger that sells more units than there are takes a state below zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Balance {
    pub available: i64,
    pub held: i64,
    pub sold: i64,
}

/// Why a line is impossible.
#[derive(PartialEq, Eq, Debug)]
pub enum Impossible {
    TooFew { kind: ChangeKind, tier: TierId, quantity: u64, there: i64 },
    Seat { kind: ChangeKind, seat: SeatLabel, status: SeatStatus },
    SeatQuantity { seat: SeatLabel, quantity: u64 },
    NotOfThisHold { kind: ChangeKind, reference: Option<Uuid>, tier: TierId, quantity: u64, held: i64 },
    TooMuchStock { tier: TierId, quantity: u64 },
    NotAllPutBack { tier: TierId, quantity: u64, capacity: i64 },
}

impl fmt::Display for Impossible {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooFew { kind, tier, quantity, there } => {
                write!(formatter, "{} of {quantity} units of {tier}, but only {there} are there", kind.name())
            }
            Self::Seat { kind, seat, status } => {
                write!(formatter, "{} of seat {seat}, which is {}", kind.name(), status.name())
            }
            Self::SeatQuantity { seat, quantity } => write!(formatter, "seat {seat} stands for {quantity} units"),
            Self::NotOfThisHold { kind, reference, tier, quantity, held } => {
                let hold = reference.map_or_else(|| "no hold".to_owned(), |hold| format!("hold {hold}"));
                write!(formatter, "{} of {quantity} units of {tier} by {hold}, which has {held}", kind.name())
            }
            Self::TooMuchStock { tier, quantity } => {
                write!(formatter, "{quantity} units of {tier}, more than a tier can have")
            }
            Self::NotAllPutBack { tier, quantity, capacity } => {
                write!(formatter, "{quantity} units of {tier} are put back, but it has {capacity}")
            }
        }
    }
}

impl fmt::Display for Replay {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (tier, balance)) in self.tiers.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            let Balance { available, held, sold } = balance;
            write!(formatter, "{separator}{tier}: {available} available, {held} held, {sold} sold")?;
        }
        Ok(())
    }
}

impl Balance {
    pub const fn capacity(self) -> i64 {
        self.available + self.held + self.sold
    }

    const fn of(&mut self, status: SeatStatus) -> &mut i64 {
        match status {
            SeatStatus::Available => &mut self.available,
            SeatStatus::Held => &mut self.held,
            SeatStatus::Sold => &mut self.sold,
        }
    }
}

impl Replay {
    /// Applies a line, and returns everything about the line that is impossible. An impossible move is counted all the
    /// same where the numbers allow it, so that a caller that goes on learns by how much the ledger is wrong.
    pub fn apply(&mut self, kind: ChangeKind, units: &[Units], reference: Option<Uuid>) -> Vec<Impossible> {
        let mut impossible = Vec::new();
        match kind.movement() {
            Movement::Made => impossible.extend(units.iter().filter_map(|units| self.add(units))),
            Movement::Between(shift) => {
                for units in units {
                    self.shift(kind, shift, units, &mut impossible);
                    impossible.extend(self.shift_of_hold(kind, shift, units, reference));
                }
            }
            Movement::AllPutBack => {
                impossible.extend(units.iter().filter_map(|units| self.is_all(units)));
                self.put_all_back();
            }
        }
        impossible
    }

    /// The units of a tier. All zero where no line names the tier.
    pub fn balance(&self, tier: &TierId) -> Balance {
        self.tiers.get(tier).copied().unwrap_or_default()
    }

    /// Labels of the seats in this state. `wanted` must not be `available`, because seats that never moved are not
    /// kept.
    pub fn seats(&self, wanted: SeatStatus) -> impl Iterator<Item = &SeatLabel> {
        self.seats.iter().filter(move |(_, status)| **status == wanted).map(|(seat, _)| seat)
    }

    fn add(&mut self, Units { tier, quantity, .. }: &Units) -> Option<Impossible> {
        let balance = self.tiers.entry(tier.clone()).or_default();
        match countable(*quantity) {
            Some(units) if balance.capacity() + units <= MOST_UNITS => {
                balance.available += units;
                None
            }
            _ => Some(Impossible::TooMuchStock { tier: tier.clone(), quantity: *quantity }),
        }
    }

    /// Checks that a line that puts everything back names all units of the tier.
    fn is_all(&self, Units { tier, quantity, .. }: &Units) -> Option<Impossible> {
        let capacity = self.balance(tier).capacity();
        let is_all = countable(*quantity) == Some(capacity);
        (!is_all).then(|| Impossible::NotAllPutBack { tier: tier.clone(), quantity: *quantity, capacity })
    }

    fn put_all_back(&mut self) {
        self.seats.clear();
        self.held.clear();
        for balance in self.tiers.values_mut() {
            *balance = Balance { available: balance.capacity(), held: 0, sold: 0 };
        }
    }

    fn shift(&mut self, kind: ChangeKind, Shift { from, to }: Shift, units: &Units, impossible: &mut Vec<Impossible>) {
        let Units { tier, seat, quantity } = units;
        let balance = self.tiers.entry(tier.clone()).or_default();
        let Some(moved) = countable(*quantity) else {
            impossible.push(Impossible::TooMuchStock { tier: tier.clone(), quantity: *quantity });
            return;
        };
        let there = *balance.of(from);
        if there < moved {
            impossible.push(Impossible::TooFew { kind, tier: tier.clone(), quantity: *quantity, there });
        }
        *balance.of(from) -= moved;
        *balance.of(to) += moved;
        let Some(seat) = seat else { return };
        if *quantity != 1 {
            impossible.push(Impossible::SeatQuantity { seat: seat.clone(), quantity: *quantity });
        }
        let status = self.seats.insert(seat.clone(), to).unwrap_or(SeatStatus::Available);
        if status != from {
            impossible.push(Impossible::Seat { kind, seat: seat.clone(), status });
        }
    }
}

impl Replay {
    /// Counts what a line does to the hold that it names. A hold gives back or sells no more than it has.
    fn shift_of_hold(
        &mut self,
        kind: ChangeKind,
        Shift { from, to }: Shift,
        Units { tier, seat, quantity }: &Units,
        reference: Option<Uuid>,
    ) -> Option<Impossible> {
        let moved = countable(*quantity)?;
        let of_hold = (reference, tier.clone(), seat.clone());
        if to == SeatStatus::Held {
            *self.held.entry(of_hold).or_default() += moved;
        } else if from == SeatStatus::Held {
            let held = self.held.remove(&of_hold).unwrap_or_default();
            if held > moved {
                self.held.insert(of_hold, held - moved);
            }
            let (tier, quantity) = (tier.clone(), *quantity);
            return (held < moved).then_some(Impossible::NotOfThisHold { kind, reference, tier, quantity, held });
        }
        None
    }
}

#[allow(clippy::cast_possible_wrap)] // far below 2⁶³
const MOST_UNITS: i64 = MAX_GENERAL_ADMISSION_UNITS as i64;

/// The quantity, where a tier can have so many units.
fn countable(quantity: u64) -> Option<i64> {
    i64::try_from(quantity).ok().filter(|units| *units <= MOST_UNITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Line = (ChangeKind, Units);

    fn line(kind: ChangeKind, seat: Option<&str>, quantity: u64) -> Line {
        (kind, Units { tier: "ga".into(), seat: seat.map(Into::into), quantity })
    }

    /// Replays lines up to the first impossible one.
    fn play(lines: &[Line]) -> Result<Balance, Impossible> {
        let mut replay = Replay::default();
        for (kind, units) in lines {
            if let Some(impossible) = replay.apply(*kind, std::slice::from_ref(units), None).into_iter().next() {
                return Err(impossible);
            }
        }
        Ok(replay.balance(&"ga".into()))
    }

    #[test]
    fn units_go_where_each_kind_of_change_takes_them() {
        let lines = [
            line(ChangeKind::Stock, None, 10),
            line(ChangeKind::Buy, None, 2),
            line(ChangeKind::Hold, None, 5),
            line(ChangeKind::Confirm, None, 1),
            line(ChangeKind::Release, None, 1),
            line(ChangeKind::Expire, None, 1),
            line(ChangeKind::Refund, None, 1),
        ];
        assert_eq!(play(&lines), Ok(Balance { available: 6, held: 2, sold: 2 }));
        let with_reset = [&lines[..], &[line(ChangeKind::Reset, None, 10)]].concat();
        assert_eq!(play(&with_reset), Ok(Balance { available: 10, held: 0, sold: 0 }));
    }

    #[test]
    fn a_seat_is_bought_once_until_a_reset() {
        let buy = line(ChangeKind::Buy, Some("A-1"), 1);
        let stock = line(ChangeKind::Stock, None, 3);
        let twice = play(&[stock.clone(), buy.clone(), buy.clone()]);
        let (kind, status) = (ChangeKind::Buy, SeatStatus::Sold);
        assert_eq!(twice, Err(Impossible::Seat { kind, seat: "A-1".into(), status }));
        assert!(play(&[stock, buy.clone(), line(ChangeKind::Reset, None, 3), buy]).is_ok());
    }

    #[test]
    fn more_than_there_is_cannot_be_bought_confirmed_or_refunded() {
        for kind in [ChangeKind::Buy, ChangeKind::Confirm, ChangeKind::Refund] {
            let result = play(&[line(ChangeKind::Stock, None, 3), line(kind, None, 4)]);
            assert!(matches!(result, Err(Impossible::TooFew { quantity: 4, .. })), "{result:?}");
        }
        let endless = play(&[line(ChangeKind::Stock, None, 3), line(ChangeKind::Stock, None, u64::MAX)]);
        assert!(matches!(endless, Err(Impossible::TooMuchStock { .. })), "{endless:?}");
    }

    #[test]
    fn what_cannot_be_is_counted_all_the_same() {
        let mut replay = Replay::default();
        for (kind, units) in [line(ChangeKind::Stock, None, 1), line(ChangeKind::Buy, None, 3)] {
            replay.apply(kind, &[units], None);
        }
        assert_eq!(replay.balance(&"ga".into()), Balance { available: -2, held: 0, sold: 3 });
        let (reset, units) = line(ChangeKind::Reset, None, 2);
        let wrong = replay.apply(reset, &[units], None);
        assert_eq!(wrong, [Impossible::NotAllPutBack { tier: "ga".into(), quantity: 2, capacity: 1 }]);
        assert_eq!(replay.balance(&"ga".into()), Balance { available: 1, held: 0, sold: 0 });
    }

    #[test]
    fn a_hold_gives_back_and_sells_no_more_than_it_has() {
        let [one, other] = [1, 2].map(|hold| Some(Uuid::from_u128(hold)));
        let mut replay = Replay::default();
        let mut apply = |(kind, units): Line, hold| replay.apply(kind, &[units], hold);
        assert!(apply(line(ChangeKind::Stock, None, 20), None).is_empty());
        assert!(apply(line(ChangeKind::Hold, None, 3), one).is_empty());
        assert!(apply(line(ChangeKind::Hold, Some("A-1"), 1), other).is_empty());
        assert!(apply(line(ChangeKind::Hold, None, 5), other).is_empty());
        assert!(apply(line(ChangeKind::Release, None, 2), one).is_empty());
        let tier = || TierId::from("ga");
        let too_much = apply(line(ChangeKind::Confirm, None, 2), one);
        let (kind, quantity) = (ChangeKind::Confirm, 2);
        assert_eq!(too_much, [Impossible::NotOfThisHold { kind, reference: one, tier: tier(), quantity, held: 1 }]);
        let not_theirs = apply(line(ChangeKind::Expire, Some("A-1"), 1), one);
        let (kind, quantity) = (ChangeKind::Expire, 1);
        assert_eq!(not_theirs, [Impossible::NotOfThisHold { kind, reference: one, tier: tier(), quantity, held: 0 }]);
    }
}
