//! Who asks for what in a load run. The plan is drawn from a seed and is the same on the server, in the terminal and in
//! the browser.
//!
//! The random numbers here only order requests. They are not fit for secrets.

use std::collections::HashMap;

use super::{
    body::BuyBody,
    ids::{SeatLabel, TierId},
    sale::Sale,
    seat::{Seat, SeatStatus},
    simulation::Target,
};

/// The stock that buyers can ask for: seats and general-admission tiers, as they were when the run began.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Stock {
    pub seats: Vec<SeatLabel>,
    /// General-admission tiers with their units.
    pub tiers: Vec<(TierId, u64)>,
}

/// The target names a seat or tier that the sale does not have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UnknownTarget;

impl Stock {
    /// The stock that `target` means. Only available units are used, so that a run with at least as many buyers sells
    /// out. If none is available, all units are used, and every buyer is refused.
    pub fn aimed_at(target: &Target, sale: &Sale, seats: &[Seat]) -> Result<Self, UnknownTarget> {
        if let Target::Seat(label) = target {
            let known = seats.iter().any(|seat| seat.seat == *label);
            return if known { Ok(Self { seats: vec![label.clone()], tiers: Vec::new() }) } else { Err(UnknownTarget) };
        }
        let in_target = |tier: &TierId| match target {
            Target::Tier(wanted) => wanted == tier,
            _ => true,
        };
        if !sale.tiers.iter().any(|tier| in_target(&tier.id)) {
            return Err(UnknownTarget);
        }
        let free = Self {
            seats: labels(seats.iter().filter(|seat| in_target(&seat.tier) && seat.status == SeatStatus::Available)),
            tiers: units(sale, &in_target, |tier| tier.available),
        };
        if free.count() > 0 {
            return Ok(free);
        }
        Ok(Self {
            seats: labels(seats.iter().filter(|seat| in_target(&seat.tier))),
            tiers: units(sale, &in_target, |tier| tier.capacity),
        })
    }

    /// Units in all.
    pub fn count(&self) -> u64 {
        self.seats.len() as u64 + self.tiers.iter().map(|(_, units)| units).sum::<u64>()
    }

    /// The request for the unit at `position`, counted through seats first and then tiers.
    fn wish(&self, position: u64) -> BuyBody {
        let seats = self.seats.len() as u64;
        if position < seats {
            return BuyBody::seat(self.seats[usize::try_from(position).expect("a seat's position fits")].clone());
        }
        let mut rest = position - seats;
        for (tier, units) in &self.tiers {
            if rest < *units {
                return BuyBody::tier(tier.clone(), 1);
            }
            rest -= units;
        }
        unreachable!("positions are drawn below the count")
    }
}

fn labels<'a>(seats: impl Iterator<Item = &'a Seat>) -> Vec<SeatLabel> {
    seats.map(|seat| seat.seat.clone()).collect()
}

fn units(
    sale: &Sale,
    in_target: &impl Fn(&TierId) -> bool,
    count: impl Fn(&super::sale::Tier) -> u64,
) -> Vec<(TierId, u64)> {
    let general_admission = sale.tiers.iter().filter(|tier| !tier.seated && in_target(&tier.id));
    general_admission.map(|tier| (tier.id.clone(), count(tier))).filter(|(_, units)| *units > 0).collect()
}

/// One request per buyer, in the order of arrival. All units are used once, then again, until every buyer has a
/// request. So each unit is wanted at least once if there are as many buyers as units. The requests are then shuffled,
/// so that the last unit goes late, and buyers compete for units from the beginning. Empty if the stock has no unit.
pub fn wishes(stock: &Stock, buyers: u32, seed: u64) -> Vec<BuyBody> {
    let units = stock.count();
    if units == 0 {
        return Vec::new();
    }
    let mut random = SplitMix64(seed);
    let mut wishes = Vec::with_capacity(buyers as usize);
    let mut missing = u64::from(buyers);
    while missing > 0 {
        let round = missing.min(units);
        wishes.extend(shuffled(units, round, &mut random).map(|position| stock.wish(position)));
        missing -= round;
    }
    shuffle(&mut wishes, &mut random);
    wishes
}

/// Endless numbers below `bound`. The same seed draws the same numbers.
pub fn draws_below(bound: u64, seed: u64) -> impl Iterator<Item = u64> {
    // A sequence of its own, so that it does not follow the wishes that the same seed draws.
    let mut random = SplitMix64(seed ^ u64::MAX);
    std::iter::repeat_with(move || random.below(bound))
}

/// The shuffle of Fisher and Yates.
fn shuffle<T>(items: &mut [T], random: &mut SplitMix64) {
    for index in (1..items.len()).rev() {
        let chosen = random.below(index as u64 + 1);
        items.swap(index, usize::try_from(chosen).expect("an index fits"));
    }
}

/// The first `take` positions of a shuffled `0..units`, without holding all of them: Fisher and Yates on a sparse
/// array.
fn shuffled(units: u64, take: u64, random: &mut SplitMix64) -> impl Iterator<Item = u64> {
    let mut moved: HashMap<u64, u64> = HashMap::new();
    (0..take).map(move |index| {
        let chosen = index + random.below(units - index);
        let displaced = moved.get(&index).copied().unwrap_or(index);
        let drawn = moved.insert(chosen, displaced).unwrap_or(chosen);
        if chosen == index { displaced } else { drawn }
    })
}

/// SplitMix64 (Steele, Lea and Flood, 2014): small, and the same sequence on every machine.
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`. The bias of the multiplication is below 2⁻⁴⁰ for any stock that a sale can have.
    fn below(&mut self, bound: u64) -> u64 {
        u64::try_from((u128::from(self.next()) * u128::from(bound)) >> 64).expect("the upper half fits")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::model::{
        ids::SaleId,
        sale::{Checkout, ContactRule, SaleStatus, Tier},
        strategy::StrategyKind,
        time::Timestamp,
    };

    fn stock(seats: usize, general_admission: u64) -> Stock {
        Stock {
            seats: (1..=seats).map(|number| SeatLabel(format!("A-{number}"))).collect(),
            tiers: vec![("ga".into(), general_admission)],
        }
    }

    fn tier(id: &str, seated: bool, capacity: u64, available: u64) -> Tier {
        let sold = capacity - available;
        Tier {
            id: id.into(),
            name: id.to_owned(),
            price: 1000,
            price_steps: Vec::new(),
            currency: "USD".to_owned(),
            currency_digits: 2,
            seated,
            capacity,
            available,
            held: 0,
            sold,
        }
    }

    fn sale_with_one_seat_left() -> (Sale, Vec<Seat>) {
        let tiers = vec![tier("stalls", true, 2, 1), tier("ga", false, 3, 0)];
        let sale = Sale {
            id: SaleId::from("rehearsal"),
            name: "Rehearsal".to_owned(),
            status: SaleStatus::Open,
            strategy: StrategyKind::GroupCommit,
            rehearsal: true,
            opens_at: None,
            message: None,
            server_now: Timestamp::from_milliseconds(0),
            seq: 0,
            max_per_buyer: None,
            checkout: Checkout::Instant,
            contact: ContactRule::Optional,
            hold_ttl_seconds: 600,
            hold_extension_seconds: 60,
            hold_extensions: 10,
            payment_grace_seconds: 300,
            capacity: 5,
            available: 1,
            held: 0,
            sold: 4,
            tiers,
        };
        let seat = |number: u32, status| Seat {
            seat: SeatLabel(format!("A-{number}")),
            tier: "stalls".into(),
            section: "101".to_owned(),
            row: "A".to_owned(),
            number,
            status,
            price: 1000,
        };
        (sale, vec![seat(1, SeatStatus::Sold), seat(2, SeatStatus::Available)])
    }

    #[test]
    fn the_same_seed_draws_the_same_wishes() {
        let stock = stock(50, 50);
        assert_eq!(wishes(&stock, 500, 7), wishes(&stock, 500, 7));
        assert_ne!(wishes(&stock, 500, 7), wishes(&stock, 500, 8));
    }

    #[test]
    fn as_many_buyers_as_units_wish_for_every_unit_once() {
        let wishes = wishes(&stock(100, 100), 200, 1);
        let seats: HashSet<_> = wishes.iter().filter_map(|wish| wish.seat.clone()).collect();
        let general_admission = wishes.iter().filter(|wish| wish.tier.is_some()).count();
        assert_eq!((seats.len(), general_admission), (100, 100));
    }

    #[test]
    fn more_buyers_than_units_go_around_again() {
        let wishes = wishes(&stock(3, 0), 10, 1);
        let mut times: HashMap<SeatLabel, u32> = HashMap::new();
        for wish in wishes {
            *times.entry(wish.seat.unwrap()).or_default() += 1;
        }
        assert_eq!(times.values().sum::<u32>(), 10);
        assert!(times.values().all(|times| (3..=4).contains(times)), "{times:?}");
    }

    #[test]
    fn units_go_over_the_whole_run_and_not_all_to_those_who_come_first() {
        let wishes = wishes(&stock(200, 0), 500, 1);
        let wanted_by =
            |buyers: usize| wishes[..buyers].iter().map(|wish| wish.seat.clone()).collect::<HashSet<_>>().len();
        assert!((100..190).contains(&wanted_by(250)), "{}", wanted_by(250));
        assert_eq!(wanted_by(500), 200);
    }

    #[test]
    fn a_huge_tier_is_drawn_from_without_listing_it() {
        assert_eq!(wishes(&stock(0, 10_000_000), 1_000, 3).len(), 1_000);
        assert_eq!(shuffled(10_000_000, 1_000, &mut SplitMix64(3)).collect::<HashSet<_>>().len(), 1_000);
    }

    #[test]
    fn no_stock_means_no_wishes() {
        assert!(wishes(&Stock::default(), 10, 1).is_empty());
    }

    #[test]
    fn free_units_are_preferred_to_gone_ones() {
        let (sale, seats) = sale_with_one_seat_left();
        let free = Stock::aimed_at(&Target::Any, &sale, &seats).unwrap();
        assert_eq!(free, Stock { seats: vec!["A-2".into()], tiers: vec![] });
        let gone = Stock::aimed_at(&Target::Tier("ga".into()), &sale, &seats).unwrap();
        assert_eq!(gone, Stock { seats: vec![], tiers: vec![("ga".into(), 3)] });
        let one = Stock::aimed_at(&Target::Seat("A-1".into()), &sale, &seats).unwrap();
        assert_eq!(one.seats, ["A-1".into()]);
    }

    #[test]
    fn a_target_that_the_sale_does_not_have_is_unknown() {
        let (sale, seats) = sale_with_one_seat_left();
        for target in [Target::Seat("Z-1".into()), Target::Tier("vip".into())] {
            assert_eq!(Stock::aimed_at(&target, &sale, &seats), Err(UnknownTarget), "{target}");
        }
    }
}
