//! The document that the browser shows, for what a `view!` cannot say. In the browser only.

use leptos::{
    prelude::*,
    wasm_bindgen::JsCast,
    web_sys::{Element, Event, FocusOptions, HtmlElement},
};

/// The button that buys, the button that sends simulated buyers, and the page's own content: where the focus goes on.
pub const BUY: &str = "[data-testid='buy']";
pub const SIMULATE: &str = "[data-testid='simulate']";
pub const MAIN: &str = "#main";

/// The first element of the document that a selector means.
pub fn find(selector: &str) -> Option<Element> {
    document().query_selector(selector).ok().flatten()
}

/// Whether the browser keeps cookies for this page.
pub fn keeps_cookies() -> bool {
    let keeps = js_sys::Reflect::get(&window().navigator(), &"cookieEnabled".into());
    keeps.is_ok_and(|keeps| keeps.is_truthy())
}

/// The element where an event happened.
pub fn element_of(event: &Event) -> Option<Element> {
    event.target()?.dyn_into().ok()
}

/// Hands the focus on before what has it is taken away: from inside of what `from` means to the first element that one of the
/// selectors `to` means. Nothing is scrolled. Without this the focus would fall to the page, and the next Tab start at its top.
pub fn hand_focus_on(from: &str, to: &[&str]) {
    let is_inside = |focused: Element| focused.closest(from).ok().flatten().is_some();
    if !document().active_element().is_some_and(is_inside) {
        return;
    }
    let next = to.iter().find_map(|selector| find(selector)).and_then(|next| next.dyn_into::<HtmlElement>().ok());
    if let Some(next) = next {
        let options = FocusOptions::new();
        options.set_prevent_scroll(true);
        // An element that cannot take it leaves the focus where it is.
        let _ = next.focus_with_options(&options);
    }
}

/// Sets or removes an attribute, and leaves it alone where it is right already: an untouched attribute costs no style.
pub fn set(element: &Element, name: &str, value: Option<&str>) {
    if element.get_attribute(name).as_deref() == value {
        return;
    }
    // Neither can fail: the names are ours and well-formed.
    let _ = match value {
        Some(value) => element.set_attribute(name, value),
        None => element.remove_attribute(name),
    };
}
