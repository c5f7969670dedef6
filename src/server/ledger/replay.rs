//! Replays the lines of a ledger: every unit is in one state, and no line may move a unit from a state in which it is
//! not. Used by the audit and by the offline check alike.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

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
    pub fn apply(&mut self, kind: ChangeKind, units: &[Units]) -> Vec<Impossible> {
        let mut impossible = Vec::new();
        match kind.movement() {
            Movement::Made => impossible.extend(units.iter().filter_map(|units| self.add(units))),
            Movement::Between(shift) => {
                units.iter().for_each(|units| self.shift(kind, shift, units, &mut impossible));
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
            if let Some(impossible) = replay.apply(*kind, std::slice::from_ref(units)).into_iter().next() {
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
            replay.apply(kind, &[units]);
        }
        assert_eq!(replay.balance(&"ga".into()), Balance { available: -2, held: 0, sold: 3 });
        let (reset, units) = line(ChangeKind::Reset, None, 2);
        let wrong = replay.apply(reset, &[units]);
        assert_eq!(wrong, [Impossible::NotAllPutBack { tier: "ga".into(), quantity: 2, capacity: 1 }]);
        assert_eq!(replay.balance(&"ga".into()), Balance { available: 1, held: 0, sold: 0 });
    }
}
