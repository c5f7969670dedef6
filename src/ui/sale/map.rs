//! The seat map: an ARIA grid with one tab stop, one listener for the pointer and one for the keys. Live updates only
//! change attributes of changed seats, once per animation frame. So focus and scrolling stay where they are.
//!
//! Pattern: <https://www.w3.org/WAI/ARIA/apg/patterns/grid/>

use leptos::{
    ev::KeyboardEvent,
    prelude::*,
    wasm_bindgen::JsCast,
    web_sys::{Element, Event, HtmlElement},
};

use super::{
    desk::Desk,
    map_markup::{SEAT_CLASS, marks},
    seating::Step,
};
use crate::{
    live::seat_set::{Repaint, SeatSet},
    ui::kit::document::{element_of, find, set},
};

/// The map of one desk.
#[derive(Clone, Copy)]
pub struct SeatMap {
    desk: Desk,
    /// The seat that the Tab key reaches.
    tab_stop: StoredValue<u32>,
}

impl SeatMap {
    pub fn new(desk: Desk) -> Self {
        Self { desk, tab_stop: StoredValue::new(0) }
    }

    /// Keeps the map up to date, if the sale has one.
    pub fn attend(self) {
        if let Some(grid) = grid() {
            show_middle();
            repaint(self.desk, grid);
        }
    }

    pub fn click(self, event: &Event) {
        if let Some(seat) = self.seat_under(event) {
            self.move_tab_stop(seat);
            self.desk.toggle(seat);
        }
    }

    pub fn press(self, event: &KeyboardEvent) {
        let Some(seat) = self.seat_under(event) else { return };
        if matches!(event.key().as_str(), " " | "Enter") {
            event.prevent_default();
            self.desk.toggle(seat);
        } else if let Some(step) = step(event) {
            event.prevent_default();
            self.move_tab_stop(self.desk.seating().step(seat, step));
        }
    }

    fn seat_under(self, event: &Event) -> Option<u32> {
        let label = element_of(event)?.closest("[data-seat]").ok()??.get_attribute("data-seat")?;
        self.desk.seating().index_of(&label.as_str().into())
    }

    /// Moves the tab stop and the focus.
    fn move_tab_stop(self, seat: u32) {
        let Some(grid) = grid() else { return };
        if let Some(before) = cell(&grid, self.tab_stop.get_value()) {
            set(&before, "tabindex", Some("-1"));
        }
        if let Some(cell) = cell(&grid, seat) {
            set(&cell, "tabindex", Some("0"));
            // The focus also scrolls the seat into view.
            let _ = cell.focus();
        }
        self.tab_stop.set_value(seat);
    }
}

fn grid() -> Option<Element> {
    find(".grid")
}

fn repaint(desk: Desk, grid: Element) {
    let (changes, map) = (desk.live.repaint(), grid.clone());
    Effect::new(move |_| {
        match changes.get() {
            Repaint::All => (0..desk.seating().seats()).for_each(|seat| paint(&map, desk, seat)),
            Repaint::Some(seats) => seats.into_iter().for_each(|seat| paint(&map, desk, seat)),
        }
        desk.drop_lost_seats();
    });
    let map = grid.clone();
    Effect::new(move |before: Option<SeatSet>| {
        let now = desk.picked.get();
        let before = before.unwrap_or_default();
        let given_back = before.as_slice().iter().filter(|&&seat| !now.contains(seat));
        let new = now.as_slice().iter().filter(|&&seat| !before.contains(seat));
        given_back.chain(new).for_each(|&seat| paint(&map, desk, seat));
        now
    });
    Effect::new(move |_| show_filter(&grid, desk.filter.get()));
}

/// Scrolls a map that is wider than its place to its middle, where the stage is.
fn show_middle() {
    if let Some(scroller) = find(".map-scroll") {
        scroller.set_scroll_left((scroller.scroll_width() - scroller.client_width()) / 2);
    }
}

/// The element of a seat. The browser keeps the collection as an index, so this does not search the document.
fn cell(grid: &Element, seat: u32) -> Option<HtmlElement> {
    grid.get_elements_by_class_name(SEAT_CLASS).item(seat)?.dyn_into().ok()
}

/// Brings the attributes of a seat up to date.
fn paint(grid: &Element, desk: Desk, seat: u32) {
    let is_picked = desk.picked.with_untracked(|picked| picked.contains(seat));
    let marks = desk.live.read(|view| marks(&desk.seating(), &desk.sale().tiers, view, seat, is_picked));
    let (Some(marks), Some(cell)) = (marks, cell(grid, seat)) else { return };
    set(&cell, "data-status", Some(marks.status));
    set(&cell, "aria-label", Some(&marks.name));
    set(&cell, "aria-selected", marks.is_selectable.then_some(if marks.is_selected { "true" } else { "false" }));
    set(&cell, "aria-disabled", (!marks.is_selectable).then_some("true"));
    set(&cell, "data-selected", marks.is_selected.then_some("true"));
    set(&cell, "data-tentative", marks.is_tentative.then_some("true"));
}

fn show_filter(grid: &Element, only: Option<usize>) {
    let bands = grid.get_elements_by_class_name("band");
    for band in (0..bands.length()).filter_map(|position| bands.item(position)) {
        let tier = band.get_attribute("data-tier").and_then(|tier| tier.parse::<usize>().ok());
        set(&band, "data-dimmed", (only.is_some() && tier != only).then_some("true"));
    }
}

fn step(event: &KeyboardEvent) -> Option<Step> {
    let to_end_of_all = event.ctrl_key() || event.meta_key();
    Some(match event.key().as_str() {
        "ArrowLeft" => Step::Left,
        "ArrowRight" => Step::Right,
        "ArrowUp" => Step::Up,
        "ArrowDown" => Step::Down,
        "Home" if to_end_of_all => Step::First,
        "End" if to_end_of_all => Step::Last,
        "Home" => Step::RowStart,
        "End" => Step::RowEnd,
        "PageUp" => Step::BlockBefore,
        "PageDown" => Step::BlockAfter,
        _ => return None,
    })
}
