//! An independent model that judges a run: from the answers that the buyers got, and from what the server then says of
//! itself. It shares no code with the engine.

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

/// Contradictions that a simulation tells one by one. A strategy that guards nothing has thousands, and a hundred runs are kept.
const TOLD_CONTRADICTIONS: usize = 100;

/// A purchase that a virtual buyer was told it made.
#[derive(Clone, Debug)]
pub struct Win {
    pub order: Order,
    /// When the request was about to be sent, since the start of the run.
    pub sent: Duration,
    /// When the whole answer had been read, since the start of the run.
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
    /// A purchase was acknowledged, and the ledger has no such line.
    MissingFromLedger {
        seq: u64,
        order: OrderId,
    },
    /// The ledger does not go on by one from where the sale stood.
    GapInLedger {
        expected: u64,
        found: u64,
    },
    /// `later` was sent after `earlier` had been answered, and yet it stands before it in the ledger.
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

/// The first of these as sentences, and how many more there are.
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

/// Everything that is wrong with a run. `before` is the sale before the first request, `ledger` its lines since then.
/// Purchases of others in the same time are no contradiction.
pub fn contradictions(before: &Sale, wins: &[Win], ledger: &[LedgerLine], audit: &Audit) -> Vec<Contradiction> {
    let mut found = Vec::new();
    // A reset, a release or new stock during the run makes units sellable again. Only the ledger can judge such a run.
    if ledger.iter().all(|line| line.kind == ChangeKind::Buy) {
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
        // Units held before the run may have come free during it.
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
        ledger.iter().filter(|line| line.kind == ChangeKind::Buy).map(|line| (line.seq, line.reference)).collect();
    for Win { order, .. } in wins {
        if bought.get(&order.seq) != Some(&Some(order.id.0)) {
            found.push(Contradiction::MissingFromLedger { seq: order.seq, order: order.id });
        }
    }
}

/// If one answer was received before another request was sent, its seq is smaller.
fn real_time_order(wins: &[Win], found: &mut Vec<Contradiction>) {
    let mut by_seq: Vec<&Win> = wins.iter().collect();
    by_seq.sort_by_key(|win| win.order.seq);
    // The loop walks the ledger backwards. This is the earliest answer among the orders seen so far.
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
