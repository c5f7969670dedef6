//! An `EventSource` that is closed when dropped. Only this file touches an `EventSource`.

use leptos::{
    wasm_bindgen::{JsCast, closure::Closure},
    web_sys::{Event, EventSource, MessageEvent},
};

use super::reducer::Frame;
use crate::wire::json;

/// What the stream says.
pub enum Heard {
    /// The stream is open. No event need follow soon: if nothing has changed, the server sends nothing.
    Opened,
    /// An event, as it came.
    Event { name: &'static str, text: String },
    /// The stream has ended or was refused.
    Ended,
}

/// The named events of the stream.
const EVENTS: [&str; 4] = ["snapshot", "delta", "status", "heartbeat"];

pub struct Source {
    stream: EventSource,
    /// Kept alive because the stream calls them.
    _listeners: Vec<Closure<dyn Fn(Event)>>,
}

impl Source {
    /// Opens the stream and passes everything that comes to `hear`. `None` if the browser refuses.
    pub fn open(address: &str, hear: impl Fn(Heard) + Clone + 'static) -> Option<Self> {
        let stream = EventSource::new(address).ok()?;
        let mut listeners = Vec::with_capacity(EVENTS.len() + 2);
        for name in EVENTS {
            let hear = hear.clone();
            let listener = Closure::<dyn Fn(Event)>::new(move |event: Event| {
                let text = event.dyn_ref::<MessageEvent>().and_then(|message| message.data().as_string());
                hear(Heard::Event { name, text: text.unwrap_or_default() });
            });
            stream.add_event_listener_with_callback(name, listener.as_ref().unchecked_ref()).ok()?;
            listeners.push(listener);
        }
        let opened = hear.clone();
        let listener = Closure::<dyn Fn(Event)>::new(move |_: Event| opened(Heard::Opened));
        stream.add_event_listener_with_callback("open", listener.as_ref().unchecked_ref()).ok()?;
        listeners.push(listener);
        let listener = Closure::<dyn Fn(Event)>::new(move |_: Event| hear(Heard::Ended));
        stream.add_event_listener_with_callback("error", listener.as_ref().unchecked_ref()).ok()?;
        listeners.push(listener);
        Some(Self { stream, _listeners: listeners })
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.stream.close();
    }
}

/// Reads an event by its name. The caller treats an unreadable event like a missed one.
pub fn parse(name: &str, text: &str) -> Option<Frame> {
    match name {
        "snapshot" => json::read(text).map(Frame::Snapshot),
        "delta" => json::read(text).map(Frame::Delta),
        "status" => json::read(text).map(Frame::Status),
        "heartbeat" => json::read(text).map(Frame::Heartbeat),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_by_the_name_of_their_event() {
        let delta = r#"{"from":1,"seq":2,"at":"2026-11-20T20:00:00.000Z","seats":[[3,"S"]],"tiers":[]}"#;
        assert!(matches!(parse("delta", delta), Some(Frame::Delta(delta)) if delta.seats == [(3, 'S')]));
        assert_eq!(parse("snapshot", delta), None);
        assert_eq!(parse("gossip", delta), None);
    }
}
