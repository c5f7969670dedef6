//! The seat map as one string of markup, the same on the server and in the browser. Pure.
//!
//! One string, because a component per seat takes seconds at thousands of seats; and no inline style, because the content
//! security policy forbids it: the curve of a row comes from classes.

use std::fmt::Write;

use super::seating::{Block, Seating};
use crate::{
    live::reducer::{SeatFace, View},
    model::sale::Tier,
    ui::kit::{markup::escape, money::money},
};

/// The class by which seats are found in the document, in the order of the seat list.
pub const SEAT_CLASS: &str = "seat";
/// The deepest bend of a row, in steps of the style sheet (`.b0` to `.b8`).
const MAX_BEND: f64 = 8.0;
/// Hues that the style sheet gives to tiers, over and over again.
const TIER_HUES: usize = 4;

/// What one seat shows, as attributes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Marks {
    pub status: &'static str,
    /// The accessible name: place, tier, price, state.
    pub name: String,
    pub is_selectable: bool,
    pub is_selected: bool,
    pub is_tentative: bool,
}

/// What a seat shows now. `None` for an index beyond the map.
pub fn marks(seating: &Seating, tiers: &[Tier], view: &View, seat: u32, is_selected: bool) -> Option<Marks> {
    let label = seating.label(seat)?;
    let tier = tiers.get(seating.tier_index(seat)?)?;
    let (face, is_tentative) = (view.face(seat), view.is_tentative(seat));
    let state = match face {
        _ if is_tentative => "being bought",
        SeatFace::Available if is_selected => "selected",
        SeatFace::Available => "available",
        SeatFace::Held => "held",
        SeatFace::Sold => "sold",
        SeatFace::Mine => "yours",
    };
    Some(Marks {
        status: face.name(),
        name: format!("{label}, {}, {}, {state}", tier.name, money(tier.price, &tier.currency)),
        is_selectable: face == SeatFace::Available,
        is_selected,
        is_tentative,
    })
}

/// The rows of the grid, without the grid element itself. The first seat takes the tab stop.
pub fn map_markup(seating: &Seating, tiers: &[Tier], view: &View) -> String {
    let mut markup = String::with_capacity(seating.seats() as usize * 220 + 1024);
    for band in seating.bands() {
        let Some((tier_index, tier)) =
            band.first().and_then(|block| Some((block.tier_index, tiers.get(block.tier_index)?)))
        else {
            continue;
        };
        let (name, price) = (escape(&tier.name), escape(&money(tier.price, &tier.currency)));
        let hue = tier_index % TIER_HUES;
        write!(
            markup,
            r#"<div class="band hue-{hue}" data-tier="{tier_index}"><p class="band-name" aria-hidden="true"><span>{name}</span> <span class="figures">{price}</span></p><div class="band-blocks">"#
        )
        .expect("a string takes all");
        for (position, block) in band.iter().enumerate() {
            push_block(&mut markup, seating, tiers, view, band, position, &name, block);
        }
        markup.push_str("</div></div>");
    }
    markup
}

#[expect(clippy::too_many_arguments, reason = "the pieces of one page, handed on one level")]
fn push_block(
    markup: &mut String,
    seating: &Seating,
    tiers: &[Tier],
    view: &View,
    band: &[Block],
    position: usize,
    tier_name: &str,
    block: &Block,
) {
    let section = escape(&block.section);
    write!(markup, r#"<div class="block" role="rowgroup" aria-label="{tier_name}, section {section}">"#)
        .expect("a string takes all");
    if band.len() > 1 {
        write!(markup, r#"<p class="block-name" aria-hidden="true">{section}</p>"#).expect("a string takes all");
    }
    for (offset, row) in block.rows.clone().enumerate() {
        let (before, whole) = arc(seating, band, position, offset);
        let letters = &seating.row(row).row;
        // Letters stand at both ends of the whole line; between blocks they are only heard.
        let seen = |is_outer: bool| if is_outer { "row-name" } else { "visually-hidden" };
        let class = seen(position == 0);
        write!(markup, r#"<div class="row" role="row"><span class="{class}" role="rowheader">{letters}</span>"#)
            .expect("a string takes all");
        for column in 0..seating.row(row).seats {
            push_seat(markup, seating, tiers, view, seating.first_seat(row) + column, bend(before + column, whole));
        }
        if position + 1 == band.len() {
            write!(markup, r#"<span class="row-name" aria-hidden="true">{letters}</span>"#)
                .expect("a string takes all");
        }
        markup.push_str("</div>");
    }
    markup.push_str("</div>");
}

fn push_seat(markup: &mut String, seating: &Seating, tiers: &[Tier], view: &View, seat: u32, bend: u8) {
    let (Some(label), Some(marks)) = (seating.label(seat), marks(seating, tiers, view, seat, false)) else { return };
    let tab = if seat == 0 { 0 } else { -1 };
    write!(
        markup,
        r#"<span class="{SEAT_CLASS} b{bend}" role="gridcell" data-testid="seat" data-seat="{label}" data-status="{}" aria-label="{}" tabindex="{tab}""#,
        marks.status,
        escape(&marks.name),
    )
    .expect("a string takes all");
    markup.push_str(if marks.is_selectable {
        r#" aria-selected="false"></span>"#
    } else {
        r#" aria-disabled="true"></span>"#
    });
}

/// Seats of this line of the band that stand before the block, and in all.
fn arc(seating: &Seating, band: &[Block], position: usize, offset: usize) -> (u32, u32) {
    let width = |block: &Block| {
        let row = block.rows.start + offset;
        if block.rows.contains(&row) { seating.row(row).seats } else { 0 }
    };
    (band[..position].iter().map(width).sum(), band.iter().map(width).sum())
}

/// How far a seat is set back from the stage: rows lie around it, so their middle is farthest.
fn bend(column: u32, whole: u32) -> u8 {
    if whole < 2 {
        return 0;
    }
    let from_middle = f64::from(column) / f64::from(whole - 1) * 2.0 - 1.0;
    let depth = (f64::from(whole) / 3.0).min(MAX_BEND);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and MAX_BEND")]
    {
        (depth * (1.0 - from_middle * from_middle)).round() as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        frame::Snapshot,
        sale::SaleStatus,
        seat::{SeatLayout, seat_rows},
        time::Timestamp,
    };

    fn tier(name: &str) -> Tier {
        Tier {
            id: "vip".into(),
            name: name.into(),
            price: 10_000,
            currency: "USD".into(),
            seated: true,
            capacity: 4,
            available: 2,
            held: 1,
            sold: 1,
        }
    }

    fn view(letters: &str, owned: &[u32]) -> View {
        let snapshot = Snapshot {
            seq: 1,
            epoch: "first".into(),
            at: Timestamp::from_milliseconds(0),
            status: SaleStatus::Open,
            seats: letters.into(),
            tiers: Vec::new(),
        };
        View::new(snapshot, None, None, owned)
    }

    fn markup(name: &str, letters: &str, owned: &[u32]) -> String {
        let rows = seat_rows(&[Some(SeatLayout { sections: 1, rows: 2, per_row: 2 })]);
        map_markup(&Seating::new(rows), &[tier(name)], &view(letters, owned))
    }

    #[test]
    fn every_seat_shows_its_state_and_one_takes_the_tab_stop() {
        let markup = markup("VIP", "AHSS", &[3]);
        for (label, status, name) in [
            ("A-1", "available", "A-1, VIP, $100.00, available"),
            ("A-2", "held", "A-2, VIP, $100.00, held"),
            ("B-1", "sold", "B-1, VIP, $100.00, sold"),
            ("B-2", "mine", "B-2, VIP, $100.00, yours"),
        ] {
            let attributes = format!(r#"data-seat="{label}" data-status="{status}" aria-label="{name}""#);
            assert!(markup.contains(&attributes), "{attributes} in {markup}");
        }
        assert_eq!(markup.matches(r#"data-testid="seat""#).count(), 4);
        assert_eq!(markup.matches(r#"tabindex="0""#).count(), 1);
        assert_eq!(markup.matches(r#"role="row""#).count(), 2);
    }

    #[test]
    fn names_are_escaped_and_styles_are_never_inline() {
        let markup = markup("<script>\"VIP\"", "AAAA", &[]);
        assert!(!markup.contains("<script>") && markup.contains("&lt;script&gt;&quot;VIP&quot;"));
        assert!(!markup.contains("style="));
    }

    #[test]
    fn rows_bend_deepest_in_their_middle() {
        let bends: Vec<u8> = (0..9).map(|column| bend(column, 9)).collect();
        assert_eq!(bends, [0, 1, 2, 3, 3, 3, 2, 1, 0]);
        assert_eq!((bend(0, 1), bend(50, 101)), (0, 8));
    }
}
