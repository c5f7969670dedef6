//! The seats of new rows, both when a sale is made and when stock is added to it.

use crate::{
    model::seat::{SeatRow, SeatStatus, row_letters},
    server::{stock::Stock, store::NewSeatRecord},
};

/// All seats of these rows, available.
pub fn new_seats(rows: &[SeatRow]) -> Vec<NewSeatRecord> {
    rows.iter()
        .flat_map(|row| {
            row.labels().map(|(number, label)| NewSeatRecord {
                tier_index: row.tier_index,
                section: row.section.clone(),
                row: row.row.clone(),
                number,
                label: label.0,
                status: SeatStatus::Available,
            })
        })
        .collect()
}

/// Seats to be added to a tier: in rows as long as the tier's longest, in its last section. The letters go on after the
/// sale's last row, so that no seat sold before changes its place or its name.
pub fn added_seats(stock: &Stock, tier_index: usize, add: u64) -> Vec<NewSeatRecord> {
    if !stock.tiers[tier_index].seated {
        return Vec::new();
    }
    let tier_index = u32::try_from(tier_index).expect("tiers are few");
    let last = stock.map.rows.iter().rfind(|row| row.tier_index == tier_index).expect("a seated tier has rows");
    let per_row = stock.map.rows.iter().filter(|row| row.tier_index == tier_index).map(|row| row.seats).max();
    let per_row = per_row.expect("a seated tier has rows");
    let first_row = next_row_position(&stock.map.rows);
    let mut left = u32::try_from(add).expect("a sale has few seats");
    let mut rows = Vec::new();
    for position in first_row.. {
        let seats = left.min(per_row);
        rows.push(SeatRow { row: row_letters(position), seats, ..last.clone() });
        left -= seats;
        if left == 0 {
            break;
        }
    }
    new_seats(&rows)
}

/// The position of the first row letters after those of every row in the sale.
fn next_row_position(rows: &[SeatRow]) -> u32 {
    (0..)
        .find(|position| {
            let letters = row_letters(*position);
            let later = |row: &SeatRow| (row.row.len(), row.row.as_str()) >= (letters.len(), letters.as_str());
            !rows.iter().any(later)
        })
        .expect("letters do not run out")
}
