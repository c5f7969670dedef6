//! The seat map: an ARIA grid with one tab stop, one listener for the pointer and one for the keys. Live changes touch the
//! attributes of changed seats only, once per animation frame, so that focus and scrolling stay where they are.
//!
//! Pattern: <https://www.w3.org/WAI/ARIA/apg/patterns/grid/>

use std::collections::BTreeSet;

use leptos::{
    ev::{KeyboardEvent, MouseEvent},
    html,
    prelude::*,
    wasm_bindgen::JsCast,
    web_sys::{Element, HtmlElement},
};

use super::{
    desk::Desk,
    map_markup::{SEAT_CLASS, map_markup, marks},
    seating::Step,
};
use crate::live::reducer::Repaint;

#[component]
pub fn SeatMap(desk: Desk) -> impl IntoView {
    let grid = NodeRef::<html::Div>::new();
    let scroller = NodeRef::<html::Div>::new();
    let tab_stop = StoredValue::new(0_u32);
    let markup = desk.live.read(|view| map_markup(&desk.seating(), &desk.sale().tiers, view));

    let density = density(desk.seating().widest_line());

    let repaint = desk.live.repaint();
    Effect::new(move |_| {
        let Some(grid) = grid.get() else { return };
        match repaint.get() {
            Repaint::All => (0..desk.seating().seats()).for_each(|seat| paint(&grid, desk, seat)),
            Repaint::Some(seats) => seats.into_iter().for_each(|seat| paint(&grid, desk, seat)),
        }
        desk.drop_lost_seats();
    });

    let picked = desk.picked();
    Effect::new(move |before: Option<BTreeSet<u32>>| {
        let now = picked.get();
        if let Some(grid) = grid.get() {
            before.unwrap_or_default().symmetric_difference(&now).for_each(|&seat| paint(&grid, desk, seat));
        }
        now
    });

    // A map wider than its place shows its middle first: there the stage is.
    Effect::new(move |_| {
        if let Some(scroller) = scroller.get() {
            scroller.set_scroll_left((scroller.scroll_width() - scroller.client_width()) / 2);
        }
    });

    Effect::new(move |_| {
        let only = desk.filter.get();
        if let Some(grid) = grid.get() {
            show_filter(&grid, only);
        }
    });

    let on_click = move |event: MouseEvent| {
        let Some((grid, seat)) = grid.get_untracked().and_then(|grid| Some((grid, seat_under(&event, desk)?))) else {
            return;
        };
        move_tab_stop(&grid, tab_stop, seat);
        desk.toggle(seat);
    };
    let on_keydown = move |event: KeyboardEvent| {
        let Some((grid, seat)) = grid.get_untracked().and_then(|grid| Some((grid, seat_under(&event, desk)?))) else {
            return;
        };
        if matches!(event.key().as_str(), " " | "Enter") {
            event.prevent_default();
            desk.toggle(seat);
        } else if let Some(step) = step(&event) {
            event.prevent_default();
            move_tab_stop(&grid, tab_stop, desk.seating().step(seat, step));
        }
    };

    view! {
        <div class="map">
            <p class="stage" aria-hidden="true"><span>"Stage"</span></p>
            <div class="map-scroll" node_ref=scroller>
                <div
                    class="grid"
                    data-density=density
                    role="grid"
                    aria-label="Seat map"
                    aria-multiselectable="true"
                    aria-describedby="map-keys"
                    node_ref=grid
                    on:click=on_click
                    on:keydown=on_keydown
                    inner_html=markup
                ></div>
            </div>
            <p id="map-keys" class="map-keys">
                "Arrow keys move, Space picks, Page Up and Page Down change the section."
            </p>
            <MapKey />
        </div>
    }
    .into_any()
}

/// How close seats stand, so that the widest line fits beside the panel where the pointer is fine enough.
const fn density(widest_line: u32) -> &'static str {
    match widest_line {
        0..=26 => "wide",
        27..=34 => "middling",
        _ => "close",
    }
}

/// What the shapes mean.
#[component]
fn MapKey() -> impl IntoView {
    let entry = |status: &'static str, is_selected: Option<&'static str>, text: &'static str| {
        view! {
            <li>
                <span class="seat key-seat" data-status=status data-selected=is_selected aria-hidden="true"></span>
                {text}
            </li>
        }
    };
    view! {
        <ul class="map-key" role="list" aria-label="What the shapes mean">
            {entry("available", None, "Available")}
            {entry("available", Some("true"), "Picked")}
            {entry("held", None, "Held")}
            {entry("sold", None, "Sold")}
            {entry("mine", None, "Yours")}
        </ul>
    }
    .into_any()
}

/// The element of a seat. The collection is the browser's own index: no walk through the document.
fn cell(grid: &Element, seat: u32) -> Option<HtmlElement> {
    grid.get_elements_by_class_name(SEAT_CLASS).item(seat)?.dyn_into().ok()
}

/// Makes a seat's attributes say what is true now.
fn paint(grid: &Element, desk: Desk, seat: u32) {
    let is_picked = desk.picked().with_untracked(|picked| picked.contains(&seat));
    let marks = desk.live.read(|view| marks(&desk.seating(), &desk.sale().tiers, view, seat, is_picked));
    let (Some(marks), Some(cell)) = (marks, cell(grid, seat)) else { return };
    set(&cell, "data-status", Some(marks.status));
    set(&cell, "aria-label", Some(&marks.name));
    set(&cell, "aria-selected", marks.is_selectable.then_some(if marks.is_selected { "true" } else { "false" }));
    set(&cell, "aria-disabled", (!marks.is_selectable).then_some("true"));
    set(&cell, "data-selected", marks.is_selected.then_some("true"));
    set(&cell, "data-tentative", marks.is_tentative.then_some("true"));
}

/// Sets or removes an attribute, and leaves it alone where it is right already: an untouched attribute costs no style.
fn set(cell: &Element, name: &str, value: Option<&str>) {
    if cell.get_attribute(name).as_deref() == value {
        return;
    }
    // Neither can fail: the names are ours and well-formed.
    let _ = match value {
        Some(value) => cell.set_attribute(name, value),
        None => cell.remove_attribute(name),
    };
}

fn show_filter(grid: &Element, only: Option<usize>) {
    let bands = grid.get_elements_by_class_name("band");
    for band in (0..bands.length()).filter_map(|position| bands.item(position)) {
        let tier = band.get_attribute("data-tier").and_then(|tier| tier.parse::<usize>().ok());
        set(&band, "data-dimmed", (only.is_some() && tier != only).then_some("true"));
    }
}

fn seat_under(event: &leptos::web_sys::Event, desk: Desk) -> Option<u32> {
    let element: Element = event.target()?.dyn_into().ok()?;
    let label = element.closest("[data-seat]").ok()??.get_attribute("data-seat")?;
    desk.seating().index_of(&label.as_str().into())
}

/// Moves the tab stop and the focus.
fn move_tab_stop(grid: &Element, tab_stop: StoredValue<u32>, seat: u32) {
    if let Some(before) = cell(grid, tab_stop.get_value()) {
        set(&before, "tabindex", Some("-1"));
    }
    if let Some(cell) = cell(grid, seat) {
        set(&cell, "tabindex", Some("0"));
        // Brings it into view as well.
        let _ = cell.focus();
    }
    tab_stop.set_value(seat);
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
