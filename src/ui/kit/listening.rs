//! What the visitor does, heard in one place for the whole page: live parts come and go, listeners stay. An element says with
//! `data-do` what is meant, and with `data-of` what it is about.

use leptos::{
    prelude::*,
    wasm_bindgen::{JsCast, closure::Closure},
    web_sys::{Element, Event, EventTarget},
};

/// Listens at the document, for as long as it stands. In the browser only.
pub fn listen(event: &str, hear: impl Fn(&Event) + 'static) {
    listen_at(&document(), event, Box::new(hear));
}

/// Listens at one element that stays.
pub fn listen_at(target: &EventTarget, event: &str, hear: Box<dyn Fn(&Event)>) {
    let listener = Closure::<dyn Fn(Event)>::new(move |event: Event| hear(&event));
    // Cannot fail: the event has a name.
    let _ = target.add_event_listener_with_callback(event, listener.as_ref().unchecked_ref());
    listener.forget();
}

/// What is meant by an event, and what it is about: the `data-do` and `data-of` nearest to where it happened.
pub fn meaning(event: &Event) -> Option<(String, u32)> {
    let element = element_of(event)?.closest("[data-do]").ok()??;
    let about = element.get_attribute("data-of").and_then(|about| about.parse().ok()).unwrap_or_default();
    Some((element.get_attribute("data-do")?, about))
}

/// The element where an event happened.
pub fn element_of(event: &Event) -> Option<Element> {
    event.target()?.dyn_into().ok()
}
