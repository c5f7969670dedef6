//! The cost of picking four adjacent seats out of 50,000, compared with a purchase in the same run. Seats are picked
//! under a lock that all buyers of a sale share, so picking must take a small part of their time.

use std::{hint::black_box, time::Instant};

use onsale::{
    model::{
        limits::MAX_GENERAL_ADMISSION_UNITS,
        seat::{SeatLayout, SeatStatus, seat_rows},
    },
    server::stock::FreeSeats,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::{
    buying::{CONNECTIONS, guests, purchases},
    load::{Pace, run},
    report::{Goal, sample},
    server::Server,
    settings::{Measured, Settings},
};

const LAYOUT: SeatLayout = SeatLayout { sections: 10, rows: 100, per_row: 50 };
const SEATS: u32 = 50_000;
const TOGETHER: u64 = 4;
/// How often seats are picked and given back, for each share below.
const PICKS: u32 = 20_000;
/// Shares of the seats that are free, from an empty house to one where four adjacent free seats are hard to find.
const FREE: [f64; 4] = [1.0, 0.5, 0.2, 0.05];

/// Microseconds for one pick, which includes marking its seats as taken, averaged over all shares of free seats.
fn microseconds_per_pick() -> f64 {
    let mut random = StdRng::seed_from_u64(1);
    let rows = seat_rows(&[Some(LAYOUT)]);
    let (mut seconds, mut picks) = (0.0, 0.0);
    for free in FREE {
        let status = |_| if random.random_bool(free) { SeatStatus::Available } else { SeatStatus::Sold };
        let seats: Vec<_> = (0..SEATS).map(status).collect();
        let mut free_seats = FreeSeats::new(1, &rows, &seats);
        let mut taken = std::collections::VecDeque::new();
        let started = Instant::now();
        for _ in 0..PICKS {
            let picked = black_box(free_seats.pick(0, TOGETHER)).map(|best| best.seats);
            picked.iter().for_each(|seats| free_seats.set(0, seats, false));
            taken.extend(picked);
            // The oldest picks are given back, so that the share of free seats stays about the same.
            if taken.len() > 1_000 {
                let back = taken.pop_front().expect("a thousand were taken");
                free_seats.set(0, &back, true);
            }
        }
        seconds += started.elapsed().as_secs_f64();
        picks += f64::from(PICKS);
    }
    seconds / picks * 1e6
}

pub fn measure(settings: &Settings) -> Measured {
    let server = Server::start()?;
    let sale = server.general_admission("Beside the picks", MAX_GENERAL_ADMISSION_UNITS)?;
    let buyers = guests(&server)?;
    let buying = run(server.address, CONNECTIONS, settings.duration, Pace::Closed, purchases(&server, &sale, &buyers))?;
    let microseconds_per_purchase = 1e6 / buying.rate(201)?;
    server.require_clean(&sale, buying.count(201))?;
    let pick = microseconds_per_pick();
    Ok(vec![
        sample("four together of 50,000 seats, one pick", pick, "µs", Goal::None),
        sample("one pick, share of a purchase", pick / microseconds_per_purchase, "", Goal::AtMost(0.1)),
    ])
}
