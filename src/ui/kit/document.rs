//! Access to the browser's document, for what a `view!` cannot express. In the browser only.

use leptos::{
    prelude::*,
    wasm_bindgen::JsCast,
    web_sys::{Element, Event, FocusOptions, HtmlElement},
};

/// Where the focus can be moved to: the button that buys or holds, the button that sends simulated buyers, and the page's
/// content.
pub const BUY: &str = ".buy";
pub const SIMULATE: &str = "[data-testid='simulate']";
pub const MAIN: &str = "#main";

/// The first element of the document that matches a selector.
pub fn find(selector: &str) -> Option<Element> {
    document().query_selector(selector).ok().flatten()
}

/// Whether the browser keeps cookies for this page.
pub fn keeps_cookies() -> bool {
    let keeps = js_sys::Reflect::get(&window().navigator(), &"cookieEnabled".into());
    keeps.is_ok_and(|keeps| keeps.is_truthy())
}

/// The element on which an event happened.
pub fn element_of(event: &Event) -> Option<Element> {
    event.target()?.dyn_into().ok()
}

/// Moves the focus before the element that has it is removed. If the focus is inside an element that matches `from`, it
/// goes to the first element that one of the selectors `to` finds. Nothing is scrolled. Without this the focus would
/// fall back to the page, and the next Tab would start at its top.
pub fn hand_focus_on(from: &str, to: &[&str]) {
    let is_inside = |focused: Element| focused.closest(from).ok().flatten().is_some();
    if !document().active_element().is_some_and(is_inside) {
        return;
    }
    let next = to.iter().find_map(|selector| find(selector)).and_then(|next| next.dyn_into::<HtmlElement>().ok());
    if let Some(next) = next {
        let options = FocusOptions::new();
        options.set_prevent_scroll(true);
        // If the element cannot take the focus, the focus stays where it is.
        let _ = next.focus_with_options(&options);
    }
}

/// Sets or removes an attribute. An attribute that is right already is not touched, so that the browser need not
/// compute styles again.
pub fn set(element: &Element, name: &str, value: Option<&str>) {
    if element.get_attribute(name).as_deref() == value {
        return;
    }
    // Neither call can fail: the names come from our own source and are well-formed.
    let _ = match value {
        Some(value) => element.set_attribute(name, value),
        None => element.remove_attribute(name),
    };
}
