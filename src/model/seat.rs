//! Seats: their states, their labels and their order.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ids::{SeatLabel, TierId};

/// One named place of a seated tier.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Seat {
    pub seat: SeatLabel,
    pub tier: TierId,
    pub section: String,
    pub row: String,
    pub number: u32,
    pub status: SeatStatus,
    /// Minor units of the tier's currency.
    pub price: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SeatList {
    pub seq: u64,
    pub seats: Vec<Seat>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SeatStatus {
    Available,
    Held,
    Sold,
}

impl SeatStatus {
    pub const ALL: [Self; 3] = [Self::Available, Self::Held, Self::Sold];

    /// The letter of this state in a snapshot's seat string.
    pub const fn letter(self) -> u8 {
        match self {
            Self::Available => b'A',
            Self::Held => b'H',
            Self::Sold => b'S',
        }
    }

    pub fn from_letter(letter: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.letter() == letter)
    }

    /// Whether a seat in this state belongs to somebody, as held or sold.
    pub const fn is_had(self) -> bool {
        !matches!(self, Self::Available)
    }

    /// The name used in JSON and in markup.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Held => "held",
            Self::Sold => "sold",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// How the seats of one tier are laid out. Every section of a tier has the same rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SeatLayout {
    #[schema(minimum = 1)]
    pub sections: u32,
    #[schema(minimum = 1)]
    pub rows: u32,
    #[schema(minimum = 1)]
    pub per_row: u32,
}

impl SeatLayout {
    /// Seats of the whole layout; `None` if the number does not fit into 64 bits.
    pub fn seats(self) -> Option<u64> {
        u64::from(self.sections).checked_mul(u64::from(self.rows))?.checked_mul(u64::from(self.per_row))
    }
}

/// One row of seats. A sale's seats, in the order of the seat list, are the seats of its rows one after the other.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct SeatRow {
    /// Position of the tier inside the sale, from 0.
    pub tier_index: u32,
    pub section: String,
    pub row: String,
    /// The seats of the row are numbered from 1 to this number.
    pub seats: u32,
    /// Whether labels contain the section. They do if the sale has more than one section.
    pub section_in_label: bool,
}

impl SeatRow {
    pub fn label(&self, number: u32) -> SeatLabel {
        if self.section_in_label {
            SeatLabel(format!("{}-{}-{number}", self.section, self.row))
        } else {
            SeatLabel(format!("{}-{number}", self.row))
        }
    }

    /// Whether this row stands right behind `before`, the previous row in the seat list: it does if both are in one
    /// section.
    pub fn is_right_behind(&self, before: &Self) -> bool {
        (self.tier_index, &self.section) == (before.tier_index, &before.section)
    }

    /// The numbers and labels of this row's seats, in order.
    pub fn labels(&self) -> impl Iterator<Item = (u32, SeatLabel)> {
        (1..=self.seats).map(|number| (number, self.label(number)))
    }
}

/// The number of the first section. The following sections count up from it.
const FIRST_SECTION: u32 = 101;

/// The letters of the row at a position, counted from 0: A … Z, AA, AB, …
pub fn row_letters(position: u32) -> String {
    let mut letters = Vec::new();
    let mut rest = position;
    loop {
        letters.push(b'A' + u8::try_from(rest % 26).expect("a remainder of 26 fits"));
        rest /= 26;
        if rest == 0 {
            break;
        }
        rest -= 1;
    }
    letters.reverse();
    String::from_utf8(letters).expect("letters are ASCII")
}

/// All rows of a new sale, ordered by tier, section and row. `layouts` has one entry per tier, `None` for general
/// admission. Row letters continue from tier to tier. Labels contain the section if the whole sale has more than one.
pub fn seat_rows(layouts: &[Option<SeatLayout>]) -> Vec<SeatRow> {
    let section_in_label = layouts.iter().flatten().map(|layout| layout.sections).sum::<u32>() > 1;
    let mut rows = Vec::new();
    let (mut next_section, mut first_row) = (FIRST_SECTION, 0);
    for (tier_index, layout) in (0..).zip(layouts) {
        let Some(layout) = layout else { continue };
        for section in next_section..next_section + layout.sections {
            rows.extend((first_row..first_row + layout.rows).map(|row| SeatRow {
                tier_index,
                section: section.to_string(),
                row: row_letters(row),
                seats: layout.per_row,
                section_in_label,
            }));
        }
        next_section += layout.sections;
        first_row += layout.rows;
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(layouts: &[Option<SeatLayout>]) -> Vec<String> {
        seat_rows(layouts).iter().flat_map(|row| row.labels().map(|(_, label)| label.0).collect::<Vec<_>>()).collect()
    }

    #[test]
    fn rows_run_from_a_to_z_and_on() {
        let letters: Vec<String> = [0, 25, 26, 27, 51, 52, 701, 702].into_iter().map(row_letters).collect();
        assert_eq!(letters, ["A", "Z", "AA", "AB", "AZ", "BA", "ZZ", "AAA"]);
    }

    #[test]
    fn one_section_needs_no_number_in_front() {
        assert_eq!(
            labels(&[Some(SeatLayout { sections: 1, rows: 2, per_row: 3 }), None]),
            ["A-1", "A-2", "A-3", "B-1", "B-2", "B-3"]
        );
    }

    #[test]
    fn sections_and_rows_count_on_through_the_tiers() {
        let layouts = [
            Some(SeatLayout { sections: 2, rows: 1, per_row: 1 }),
            None,
            Some(SeatLayout { sections: 1, rows: 2, per_row: 1 }),
        ];
        assert_eq!(labels(&layouts), ["101-A-1", "102-A-1", "103-B-1", "103-C-1"]);
        assert_eq!(seat_rows(&layouts)[2].tier_index, 2);
    }
}
