//! An independent model that judges a run: it compares the buyers' answers with each other, and with the ledger and the
//! audit that the server gives afterwards. It shares no code with the engine, so a bug there cannot hide itself here.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    time::Duration,
};

use uuid::Uuid;

use crate::model::{
    audit::Audit,
    ids::{OrderId, SeatLabel, TierId},
    ledger::{ChangeKind, LedgerLine},
    order::Order,
    sale::Sale,
};

/// The most contradictions of one run that are listed. A strategy that guarantees nothing causes thousands, and the server
/// keeps a hundred runs in memory.
const TOLD_CONTRADICTIONS: usize = 100;

/// A purchase that the server told a virtual buyer it had made.
#[derive(Clone, Debug)]
pub struct Win {
    pub order: Order,
    /// The moment just before the request was first sent, counted from the start of the run.
    pub sent: Duration,
    /// The moment when the whole answer had been read, counted from the start of the run.
    pub answered: Duration,
}

/// Something that cannot happen if the sale is exact.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Contradiction {
    SeatSoldTwice(SeatLabel),
    OrderAnsweredTwice(OrderId),
    MoreSoldThanThereWas {
        tier: TierId,
        won: u64,
        available: u64,
    },
    SeqUsedTwice(u64),
    /// A buyer was told of a purchase, but the ledger has no line for it.
    MissingFromLedger {
        seq: u64,
        order: OrderId,
    },
    /// A line of the ledger does not have the position after that of the line before it.
    GapInLedger {
        expected: u64,
        found: u64,
    },
    /// The order at position `later` was asked for after the order at `earlier` had been answered, but its position is
    /// the smaller one.
    OrderInverted {
        earlier: u64,
        later: u64,
    },
    AuditNotClean,
    AuditSoldFewerThanWon {
        won: u64,
        sold: u64,
    },
}

/// The first contradictions as sentences, up to `TOLD_CONTRADICTIONS` of them, and then how many more there are.
pub fn sentences(contradictions: &[Contradiction]) -> Vec<String> {
    let told = contradictions.iter().take(TOLD_CONTRADICTIONS).map(ToString::to_string);
    let more = contradictions.len().saturating_sub(TOLD_CONTRADICTIONS);
    told.chain((more > 0).then(|| format!("and {more} more"))).collect()
}

impl fmt::Display for Contradiction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SeatSoldTwice(seat) => write!(formatter, "seat {seat} was sold twice"),
            Self::OrderAnsweredTwice(order) => write!(formatter, "two buyers were given the same order {order}"),
            Self::MoreSoldThanThereWas { tier, won, available } => {
                write!(formatter, "{won} units of {tier} were sold, and there were {available}")
            }
            Self::SeqUsedTwice(seq) => write!(formatter, "two orders have the ledger position {seq}"),
            Self::MissingFromLedger { seq, order } => {
                write!(formatter, "order {order} is not in the ledger at {seq}")
            }
            Self::GapInLedger { expected, found } => {
                write!(formatter, "the ledger goes on with {found} where {expected} should stand")
            }
            Self::OrderInverted { earlier, later } => write!(
                formatter,
                "order {later} was asked for after order {earlier} had been answered, and stands before it"
            ),
            Self::AuditNotClean => formatter.write_str("the audit is not clean"),
            Self::AuditSoldFewerThanWon { won, sold } => {
                write!(formatter, "buyers won {won} units, and the audit counts {sold} as sold")
            }
        }
    }
}

/// Everything that is wrong with a run; empty if nothing is. `before` is the sale before the first request, and `ledger`
/// holds the sale's lines since then. Others may buy during the run: their purchases are no contradiction.
pub fn contradictions(before: &Sale, wins: &[Win], ledger: &[LedgerLine], audit: &Audit) -> Vec<Contradiction> {
    let mut found = Vec::new();
    // A reset, a refund or new stock can make a unit sellable once more. Comparing what
    // the buyers won with the stock then proves nothing, so it is left out.
    if ledger.iter().all(|line| sells_once(line.kind)) {
        sold_twice(wins, &mut found);
        sold_too_many(before, wins, &mut found);
        let won: u64 = wins.iter().map(|win| win.order.tickets.len() as u64).sum();
        if audit.sold < won {
            found.push(Contradiction::AuditSoldFewerThanWon { won, sold: audit.sold });
        }
    }
    positions(wins, &mut found);
    against_ledger(before, wins, ledger, &mut found);
    real_time_order(wins, &mut found);
    if !audit.clean {
        found.push(Contradiction::AuditNotClean);
    }
    found
}

/// Whether a change of this kind sells units.
const fn is_sale(kind: ChangeKind) -> bool {
    matches!(kind, ChangeKind::Buy | ChangeKind::Confirm)
}

/// Whether a unit is sold at most once in a ledger of changes of this kind. What is held and comes back was not sold.
const fn sells_once(kind: ChangeKind) -> bool {
    is_sale(kind) || matches!(kind, ChangeKind::Hold | ChangeKind::Release | ChangeKind::Expire)
}

fn sold_twice(wins: &[Win], found: &mut Vec<Contradiction>) {
    let mut seats = HashSet::new();
    for seat in wins.iter().flat_map(|win| &win.order.tickets).filter_map(|ticket| ticket.seat.as_ref()) {
        if !seats.insert(seat) {
            found.push(Contradiction::SeatSoldTwice(seat.clone()));
        }
    }
}

fn sold_too_many(before: &Sale, wins: &[Win], found: &mut Vec<Contradiction>) {
    let mut won: HashMap<&TierId, u64> = HashMap::new();
    for ticket in wins.iter().flat_map(|win| &win.order.tickets) {
        *won.entry(&ticket.tier).or_default() += 1;
    }
    for (tier, won) in won {
        // Held units count as available, so that a hold that ends during the run is not taken for an error.
        let available =
            before.tiers.iter().find(|known| known.id == *tier).map_or(0, |known| known.available + known.held);
        if won > available {
            found.push(Contradiction::MoreSoldThanThereWas { tier: tier.clone(), won, available });
        }
    }
}

fn positions(wins: &[Win], found: &mut Vec<Contradiction>) {
    let (mut positions, mut orders) = (HashSet::new(), HashSet::new());
    for win in wins {
        if !orders.insert(win.order.id) {
            found.push(Contradiction::OrderAnsweredTwice(win.order.id));
        } else if !positions.insert(win.order.seq) {
            found.push(Contradiction::SeqUsedTwice(win.order.seq));
        }
    }
}

fn against_ledger(before: &Sale, wins: &[Win], ledger: &[LedgerLine], found: &mut Vec<Contradiction>) {
    for (expected, line) in (before.seq + 1..).zip(ledger) {
        if line.seq != expected {
            found.push(Contradiction::GapInLedger { expected, found: line.seq });
            break;
        }
    }
    let bought: HashMap<u64, Option<Uuid>> =
        ledger.iter().filter(|line| is_sale(line.kind)).map(|line| (line.seq, line.reference)).collect();
    for Win { order, .. } in wins {
        if bought.get(&order.seq) != Some(&Some(order.id.0)) {
            found.push(Contradiction::MissingFromLedger { seq: order.seq, order: order.id });
        }
    }
}

/// Checks the ledger against real time: if one answer was received before another request was sent, its `seq` has to be
/// the smaller one.
fn real_time_order(wins: &[Win], found: &mut Vec<Contradiction>) {
    let mut by_seq: Vec<&Win> = wins.iter().collect();
    by_seq.sort_by_key(|win| win.order.seq);
    // The loop goes through the orders from the last position to the first. This is the order that was answered earliest
    // among those already visited.
    let mut earliest: Option<&Win> = None;
    for win in by_seq.into_iter().rev() {
        if let Some(behind) = earliest
            && behind.answered < win.sent
            && behind.order.seq > win.order.seq
        {
            found.push(Contradiction::OrderInverted { earlier: behind.order.seq, later: win.order.seq });
        }
        if earliest.is_none_or(|behind| win.answered < behind.answered) {
            earliest = Some(win);
        }
    }
}

#[cfg(test)]
mod tests;
