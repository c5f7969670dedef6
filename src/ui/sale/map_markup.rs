//! The seat map's first drawing as one string of markup, and what each seat shows then and later. Pure.
//!
//! It is one string, because one component per seat takes seconds with thousands of seats. The curve of a row comes
//! from classes, because the content security policy forbids inline styles.

use super::{
    legend::with_hue,
    seating::{Block, Seating},
};
use crate::{
    live::reducer::{SeatFace, View},
    model::{ids::SeatLabel, sale::Tier},
    ui::kit::{
        html::{Html, html},
        money::money,
    },
};

/// The class of all seats. Elements with this class are in the order of the seat list.
pub const SEAT_CLASS: &str = "seat";
/// The deepest bend of a row, in steps of the style sheet (`.b0` to `.b8`).
const MAX_BEND: f64 = 8.0;
/// What one seat shows, as attributes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Marks {
    pub status: &'static str,
    /// The accessible name: label, tier, price and state. A price that changes with the stock is told beside the map only.
    pub name: String,
    pub is_selectable: bool,
    pub is_selected: bool,
    pub is_tentative: bool,
}

/// What a seat shows now. `None` for an index beyond the map.
pub fn marks(seating: &Seating, tiers: &[Tier], view: &View, seat: u32, is_selected: bool) -> Option<Marks> {
    let label = seating.label(seat)?;
    let tier_index = seating.tier_index(seat)?;
    let name_and_price = name_and_price(tiers.get(tier_index)?, tier_index, view);
    let (face, is_tentative) = (view.face(seat), view.is_tentative(seat));
    Some(Marks {
        status: face.name(),
        name: format!("{label}, {name_and_price}, {}", state(face, is_tentative, is_selected)),
        is_selectable: face == SeatFace::Available,
        is_selected,
        is_tentative,
    })
}

/// The state of a seat, as its accessible name says it.
const fn state(face: SeatFace, is_tentative: bool, is_selected: bool) -> &'static str {
    match face {
        _ if is_tentative => "being taken for you",
        SeatFace::Available if is_selected => "selected",
        SeatFace::Available => "available",
        SeatFace::Held => "held",
        SeatFace::Sold => "sold",
        SeatFace::Mine => "yours",
    }
}

fn name_and_price(tier: &Tier, tier_index: usize, view: &View) -> String {
    match fixed_price(tier, tier_index, view) {
        Some(price) => format!("{}, {price}", tier.name),
        None => tier.name.clone(),
    }
}

/// What a seat costs, if that does not change with the stock. The map is not drawn anew when a price changes.
fn fixed_price(tier: &Tier, tier_index: usize, view: &View) -> Option<String> {
    view.price(tier_index).is_none().then(|| money(tier.price, &tier.currency, tier.currency_digits))
}

/// The content of the grid element. The first seat is the tab stop.
pub fn map_markup(seating: &Seating, tiers: &[Tier], view: &View) -> Html {
    let mut markup = Html::with_capacity(seating.seats() as usize * 220 + 1024);
    let drawing = Drawing { seating, tiers, view };
    for band in seating.bands() {
        drawing.push_band(&mut markup, band);
    }
    markup
}

/// The data from which the whole map is drawn.
#[derive(Clone, Copy)]
struct Drawing<'a> {
    seating: &'a Seating,
    tiers: &'a [Tier],
    view: &'a View,
}

impl Drawing<'_> {
    fn push_band(self, markup: &mut Html, band: &[Block]) {
        let Some(tier_index) = band.first().map(|block| block.tier_index) else { return };
        let Some(tier) = self.tiers.get(tier_index) else { return };
        markup.push(html!(
            r#"<div class="{class}" data-tier="{tier_index}"><p class="band-name" aria-hidden="true">"#,
            class = with_hue("band", tier_index),
            tier_index = tier_index,
        ));
        markup.push(html!(
            r#"<span>{name}</span> <span class="figures">{price}</span></p><div class="band-blocks">"#,
            name = tier.name,
            price = fixed_price(tier, tier_index, self.view).unwrap_or_default(),
        ));
        for position in 0..band.len() {
            self.push_block(markup, band, position, &tier.name);
        }
        markup.push(Html::trusted("</div></div>"));
    }

    fn push_block(self, markup: &mut Html, band: &[Block], position: usize, tier_name: &str) {
        let block = &band[position];
        markup.push(html!(
            r#"<div class="block" role="rowgroup" aria-label="{tier_name}, section {section}">"#,
            tier_name = tier_name,
            section = block.section,
        ));
        if band.len() > 1 {
            let section = &block.section;
            markup.push(html!(r#"<p class="block-name" aria-hidden="true">{section}</p>"#, section = section));
        }
        for offset in 0..block.rows.len() {
            self.push_row(markup, band, position, offset);
        }
        markup.push(Html::trusted("</div>"));
    }

    fn push_row(self, markup: &mut Html, band: &[Block], position: usize, offset: usize) {
        let row_position = band[position].rows.start + offset;
        let row = self.seating.row(row_position);
        let (before, whole) = arc(self.seating, band, position, offset);
        // A row's letters are visible at both ends of the whole line. Between blocks only screen readers get them.
        let class = if position == 0 { "row-name" } else { "visually-hidden" };
        markup.push(html!(
            r#"<div class="row" role="row"><span class="{class}" role="rowheader">{row}</span>"#,
            class = class,
            row = row.row,
        ));
        let tier_index = row.tier_index as usize;
        let tier = self.tiers.get(tier_index);
        let name_and_price = tier.map(|tier| name_and_price(tier, tier_index, self.view)).unwrap_or_default();
        let name_and_price = Html::escape(&name_and_price);
        for ((number, label), column) in row.labels().zip(0..) {
            let seat = self.seating.first_seat(row_position) + number - 1;
            self.push_seat(markup, seat, &label, &name_and_price, bend(before + column, whole));
        }
        if position + 1 == band.len() {
            markup.push(html!(r#"<span class="row-name" aria-hidden="true">{row}</span>"#, row = row.row));
        }
        markup.push(Html::trusted("</div>"));
    }

    /// `name_and_price` are the tier's, written once for all seats of a row.
    fn push_seat(self, markup: &mut Html, seat: u32, label: &SeatLabel, name_and_price: &Html, bend: u8) {
        let (face, is_tentative) = (self.view.face(seat), self.view.is_tentative(seat));
        let label = Html::escape(label.as_str());
        markup.push(html!(
            r#"<span class="{class} b{bend}" role="gridcell" data-testid="seat" data-seat="{label}""#,
            class = SEAT_CLASS,
            bend = bend,
            label = label,
        ));
        markup.push(html!(
            r#" data-status="{status}" aria-label="{label}, {name_and_price}, {state}" tabindex="{tab}"{selectable}></span>"#,
            status = face.name(),
            label = label,
            name_and_price = name_and_price,
            state = state(face, is_tentative, false),
            tab = if seat == 0 { "0" } else { "-1" },
            selectable = Html::trusted(match face {
                SeatFace::Available => r#" aria-selected="false""#,
                SeatFace::Held | SeatFace::Sold | SeatFace::Mine => r#" aria-disabled="true""#,
            }),
        ));
    }
}

/// How many seats the line has before this block, and in all its blocks together.
fn arc(seating: &Seating, band: &[Block], position: usize, offset: usize) -> (u32, u32) {
    let width = |block: &Block| {
        let row = block.rows.start + offset;
        if block.rows.contains(&row) { seating.row(row).seats } else { 0 }
    };
    (band[..position].iter().map(width).sum(), band.iter().map(width).sum())
}

/// How far a seat is set back from the stage. Rows are curved around the stage, and their middle is set back the
/// farthest.
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
        seat::{SeatLayout, SeatRow, seat_rows},
        time::Timestamp,
    };

    fn tier(name: &str) -> Tier {
        Tier {
            id: "vip".into(),
            name: name.into(),
            price: 10_000,
            price_steps: Vec::new(),
            currency: "USD".into(),
            currency_digits: 2,
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
        map_markup(&Seating::new(rows), &[tier(name)], &view(letters, owned)).into_string()
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
    fn a_section_and_a_row_that_are_markup_stay_text() {
        const EVIL: &str = "<img src=x onerror=alert(1)>\"";
        let row =
            SeatRow { tier_index: 0, section: EVIL.to_owned(), row: EVIL.to_owned(), seats: 2, section_in_label: true };
        let markup = map_markup(&Seating::new(vec![row]), &[tier("VIP")], &view("AA", &[])).into_string();
        assert!(!markup.contains("<img") && markup.contains("&lt;img src=x onerror=alert(1)&gt;&quot;"), "{markup}");
        assert!(!markup.contains(r#"(1)>""#), "{markup}");
    }

    #[test]
    fn rows_bend_deepest_in_their_middle() {
        let bends: Vec<u8> = (0..9).map(|column| bend(column, 9)).collect();
        assert_eq!(bends, [0, 1, 2, 3, 3, 3, 2, 1, 0]);
        assert_eq!((bend(0, 1), bend(50, 101)), (0, 8));
    }
}
