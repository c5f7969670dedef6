//! What the lines tell, played again: every unit is somewhere, none is moved from where it is not.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

use crate::model::{
    ids::{SeatLabel, TierId},
    ledger::{ChangeKind, LedgerLine, Units},
    limits::MAX_GENERAL_ADMISSION_UNITS,
    sale::Counts,
    seat::SeatStatus,
};

/// The stock as the lines so far leave it.
#[derive(Default)]
pub struct Replay {
    tiers: BTreeMap<TierId, Counts>,
    /// Seats that have moved; every other one is available.
    seats: HashMap<SeatLabel, SeatStatus>,
}

/// A line that moves units from where they are not.
#[derive(PartialEq, Eq, Debug)]
pub enum Impossible {
    TooFew { kind: ChangeKind, tier: TierId, quantity: u64, there: u64 },
    Seat { kind: ChangeKind, seat: SeatLabel, status: SeatStatus },
    SeatQuantity { seat: SeatLabel, quantity: u64 },
    TooMuchStock { tier: TierId, quantity: u64 },
}

impl fmt::Display for Impossible {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooFew { kind, tier, quantity, there } => {
                write!(formatter, "{} of {quantity} units of {tier} where {there} are to be had", kind.name())
            }
            Self::Seat { kind, seat, status } => {
                write!(formatter, "{} of seat {seat}, which is {}", kind.name(), status.name())
            }
            Self::SeatQuantity { seat, quantity } => write!(formatter, "seat {seat} stands for {quantity} units"),
            Self::TooMuchStock { tier, quantity } => {
                write!(formatter, "{quantity} units are added to {tier}, more than a tier can have")
            }
        }
    }
}

impl fmt::Display for Replay {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (tier, counts)) in self.tiers.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            let Counts { available, held, sold } = counts;
            write!(formatter, "{separator}{tier}: {available} available, {held} held, {sold} sold")?;
        }
        Ok(())
    }
}

/// Where a change takes units from, and where it puts them.
const fn movement(kind: ChangeKind) -> Option<(SeatStatus, SeatStatus)> {
    use SeatStatus::{Available, Held, Sold};
    match kind {
        ChangeKind::Stock | ChangeKind::Reset => None,
        ChangeKind::Buy => Some((Available, Sold)),
        ChangeKind::Hold => Some((Available, Held)),
        ChangeKind::Release | ChangeKind::Expire => Some((Held, Available)),
        ChangeKind::Confirm => Some((Held, Sold)),
        ChangeKind::Refund => Some((Sold, Available)),
    }
}

const fn slot(counts: &mut Counts, status: SeatStatus) -> &mut u64 {
    match status {
        SeatStatus::Available => &mut counts.available,
        SeatStatus::Held => &mut counts.held,
        SeatStatus::Sold => &mut counts.sold,
    }
}

impl Replay {
    pub fn apply(&mut self, line: &LedgerLine) -> Result<(), Impossible> {
        match (line.kind, movement(line.kind)) {
            (kind, Some((from, to))) => line.units.iter().try_for_each(|units| self.shift(kind, units, from, to)),
            (ChangeKind::Reset, None) => {
                self.reset();
                Ok(())
            }
            (_, None) => line.units.iter().try_for_each(|units| self.add(units)),
        }
    }

    fn add(&mut self, Units { tier, quantity, .. }: &Units) -> Result<(), Impossible> {
        let counts = self.tiers.entry(tier.clone()).or_default();
        if counts.capacity().checked_add(*quantity).is_none_or(|capacity| capacity > MAX_GENERAL_ADMISSION_UNITS) {
            return Err(Impossible::TooMuchStock { tier: tier.clone(), quantity: *quantity });
        }
        counts.available += quantity;
        Ok(())
    }

    /// Puts the stock back as it was made.
    fn reset(&mut self) {
        self.seats.clear();
        for counts in self.tiers.values_mut() {
            *counts = Counts { available: counts.capacity(), held: 0, sold: 0 };
        }
    }

    fn shift(&mut self, kind: ChangeKind, units: &Units, from: SeatStatus, to: SeatStatus) -> Result<(), Impossible> {
        let Units { tier, seat, quantity } = units;
        let counts = self.tiers.entry(tier.clone()).or_default();
        let there = *slot(counts, from);
        if there < *quantity {
            return Err(Impossible::TooFew { kind, tier: tier.clone(), quantity: *quantity, there });
        }
        *slot(counts, from) -= quantity;
        *slot(counts, to) += quantity;
        let Some(seat) = seat else { return Ok(()) };
        if *quantity != 1 {
            return Err(Impossible::SeatQuantity { seat: seat.clone(), quantity: *quantity });
        }
        let status = self.seats.insert(seat.clone(), to).unwrap_or(SeatStatus::Available);
        if status != from {
            return Err(Impossible::Seat { kind, seat: seat.clone(), status });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::Timestamp;

    fn line(kind: ChangeKind, seat: Option<&str>, quantity: u64) -> LedgerLine {
        LedgerLine {
            seq: 1,
            at: Timestamp::from_milliseconds(0),
            kind,
            units: vec![Units { tier: "ga".into(), seat: seat.map(Into::into), quantity }],
            reference: None,
            prev: String::new(),
            hash: String::new(),
        }
    }

    fn play(lines: &[LedgerLine]) -> Result<Counts, Impossible> {
        let mut replay = Replay::default();
        lines.iter().try_for_each(|line| replay.apply(line))?;
        Ok(replay.tiers[&"ga".into()])
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
        assert_eq!(play(&lines), Ok(Counts { available: 6, held: 2, sold: 2 }));
        let with_reset = [&lines[..], &[line(ChangeKind::Reset, None, 10)]].concat();
        assert_eq!(play(&with_reset), Ok(Counts { available: 10, held: 0, sold: 0 }));
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
}
