//! The units held from one address.

use std::sync::LazyLock;

use super::*;
use crate::server::config::Flags;

/// How many units each hold has, as a server knows it.
#[derive(Default)]
struct Shop {
    live: Mutex<FxHashMap<HoldId, u64>>,
}

impl Shop {
    fn set(&self, number: u128, units: u64) {
        self.live.lock().insert(hold(number), units);
    }

    fn standing(&self, hold: HoldId) -> Standing {
        Standing::Has(self.live.lock().get(&hold).copied().unwrap_or_default())
    }

    fn reserve(&self, held: &Arc<HeldUnits>, address: IpAddr, asked: Asked<'_>) -> Result<Reservation, TooMuch> {
        held.reserve(address, asked, |_, hold| self.standing(hold))
    }

    /// Holds units, where there is room.
    fn hold(&self, held: &Arc<HeldUnits>, address: IpAddr, number: u128, units: u64) -> Result<(), TooMuch> {
        let reservation = self.reserve(held, address, new(units))?;
        self.set(number, units);
        reservation.keep(sale(), hold(number), self.standing(hold(number)));
        Ok(())
    }
}

fn held(demo: bool, most: u32) -> Option<Arc<HeldUnits>> {
    let file = format!("[limits]\nmax_held_per_address = {most}");
    HeldUnits::new(&Config::from_sources(Flags { demo, ..Flags::default() }, |_| None, &file).unwrap())
}

fn five() -> (Arc<HeldUnits>, Shop) {
    (held(false, 5).unwrap(), Shop::default())
}

const fn hold(number: u128) -> HoldId {
    HoldId(uuid::Uuid::from_u128(number))
}

fn sale() -> SaleId {
    THEATRE.clone()
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

static THEATRE: LazyLock<SaleId> = LazyLock::new(|| "theatre".into());

fn new(units: u64) -> Asked<'static> {
    Asked { sale: &THEATRE, units, change_of: None }
}

fn change(number: u128, units: u64) -> Asked<'static> {
    Asked { sale: &THEATRE, units, change_of: Some(hold(number)) }
}

#[test]
fn an_address_holds_so_many_units_and_what_has_ended_makes_room() {
    let ((held, shop), one) = (five(), address("203.0.113.7"));
    assert_eq!(shop.hold(&held, one, 1, 3), Ok(()));
    assert_eq!(shop.hold(&held, one, 2, 3), Err(TooMuch { most: 5 }));
    assert_eq!(shop.hold(&held, one, 2, 2), Ok(()));
    assert_eq!(shop.hold(&held, address("203.0.113.8"), 3, 5), Ok(()), "another address has room of its own");
    shop.set(1, 1);
    assert_eq!(shop.hold(&held, one, 4, 2), Ok(()), "two of the first three were given back");
    shop.set(1, 0);
    shop.set(2, 0);
    assert_eq!(shop.hold(&held, one, 5, 3), Ok(()));
    assert_eq!(held.book.lock().by_customer[&one].holds.len(), 2, "holds that have ended are forgotten");
}

#[test]
fn an_ipv6_customer_is_counted_by_network() {
    let (held, shop) = five();
    assert_eq!(shop.hold(&held, address("2001:db8:1:2::1"), 1, 3), Ok(()));
    assert!(shop.hold(&held, address("2001:db8:1:2:ffff::1"), 2, 3).is_err());
    assert_eq!(shop.hold(&held, address("2001:db8:1:3::1"), 2, 3), Ok(()));
}

#[test]
fn what_is_not_held_gives_its_room_back() {
    let ((held, shop), one) = (five(), address("203.0.113.7"));
    let reservation = shop.reserve(&held, one, new(4)).unwrap();
    assert!(shop.reserve(&held, one, new(2)).is_err());
    drop(reservation);
    assert!(shop.reserve(&held, one, new(6)).is_err());
    assert_eq!(held.customers(), 0, "who holds nothing is forgotten");
    assert!(shop.reserve(&held, one, new(u64::MAX)).is_err());
    assert_eq!(shop.hold(&held, one, 1, 5), Ok(()));
}

#[test]
fn requests_at_the_same_time_do_not_pass_together() {
    let ((held, shop), one) = (five(), address("203.0.113.7"));
    let passed = std::thread::scope(|scope| {
        let (shop, held) = (&shop, &held);
        let asking: Vec<_> =
            (0..32).map(|number| scope.spawn(move || shop.hold(held, one, number, 1).is_ok())).collect();
        asking.into_iter().map(|asking| asking.join().unwrap()).filter(|passed| *passed).count()
    });
    assert_eq!(passed, 5);
}

#[test]
fn a_change_counts_once() {
    let ((held, shop), one) = (five(), address("203.0.113.7"));
    assert_eq!(shop.hold(&held, one, 1, 3), Ok(()));
    let change_to = |units| {
        let reservation = shop.reserve(&held, one, change(1, units))?;
        shop.set(1, units);
        reservation.keep(sale(), hold(1), Standing::Has(units));
        Ok::<_, TooMuch>(())
    };
    assert_eq!(change_to(5), Ok(()));
    assert_eq!(change_to(6), Err(TooMuch { most: 5 }));
    assert_eq!(change_to(4), Ok(()));
    assert_eq!(held.book.lock().by_customer[&one].holds.len(), 1);
    assert_eq!(shop.hold(&held, one, 2, 2), Err(TooMuch { most: 5 }));
    assert_eq!(shop.hold(&held, one, 2, 1), Ok(()));
}

#[test]
fn what_was_held_elsewhere_counts_once_it_is_changed_here_and_may_always_become_less() {
    let ((held, shop), one) = (five(), address("203.0.113.7"));
    shop.set(1, 8);
    assert!(shop.reserve(&held, one, change(1, 9)).is_err());
    let reservation = shop.reserve(&held, one, change(1, 6)).unwrap();
    shop.set(1, 6);
    reservation.keep(sale(), hold(1), Standing::Has(6));
    assert!(shop.reserve(&held, one, new(1)).is_err());
    assert_eq!(shop.hold(&held, address("203.0.113.8"), 2, 5), Ok(()));
}

#[test]
fn a_repeated_answer_counts_its_hold_once() {
    let ((held, shop), one) = (five(), address("203.0.113.7"));
    assert_eq!(shop.hold(&held, one, 1, 4), Ok(()));
    held.note(one, sale(), hold(1), Standing::Has(4));
    assert!(shop.reserve(&held, one, new(1)).is_ok());
    held.note(one, sale(), hold(2), Standing::Has(0));
    assert_eq!(held.book.lock().by_customer[&one].holds.len(), 1, "what has ended is not noted");
    shop.set(3, 1);
    held.note(one, sale(), hold(3), Standing::Has(1));
    assert!(shop.reserve(&held, one, new(1)).is_err());
}

#[test]
fn what_is_in_line_counts_until_it_is_decided() {
    let ((held, shop), one) = (five(), address("203.0.113.7"));
    shop.reserve(&held, one, new(5)).unwrap().keep(sale(), hold(1), Standing::Undecided);
    let ask = |standing| held.reserve(one, new(1), move |_, _| standing).is_ok();
    assert!(!ask(Standing::Undecided));
    assert!(!ask(Standing::Has(5)));
    assert!(ask(Standing::Has(0)), "it was refused, or has ended");
}

#[test]
fn what_this_server_has_not_heard_of_yet_counts_for_a_while() {
    let expected = |units| Some(Expected { units, missed_at: None });
    let (start, mut counted) = (Instant::now(), Counted { sale: sale(), hold: hold(1), expected: expected(5) });
    assert_eq!(counted.units(Standing::Had(0), start), 5);
    assert_eq!(counted.units(Standing::Had(5), start + PATIENCE / 2), 5);
    assert_eq!(counted.units(Standing::Had(0), start + PATIENCE / 2), 0, "it was seen, so now it has ended");
    counted.expected = expected(5);
    assert_eq!(counted.units(Standing::Had(0), start), 5);
    assert_eq!(counted.units(Standing::Had(0), start + PATIENCE), 0, "it was never seen");
}

#[test]
fn those_who_hold_nothing_any_more_are_forgotten() {
    let (held, shop) = five();
    let of = |number: u32| IpAddr::from(number.to_be_bytes());
    for number in 0..=RATE_ENTRIES as u32 {
        assert_eq!(shop.hold(&held, of(number), number.into(), 1), Ok(()));
        shop.set(number.into(), u64::from(number % 64 == 0));
    }
    assert_eq!(held.customers(), RATE_ENTRIES / 64 + 1);
    assert!(shop.reserve(&held, of(64), new(5)).is_err(), "who holds something is remembered");
}

#[test]
fn a_demo_and_a_zero_limit_nothing() {
    assert!(held(true, 5).is_none() && held(false, 0).is_none() && held(false, 1).is_some());
}
