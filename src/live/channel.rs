//! What the pages of one browser tell each other. The only code that touches a `BroadcastChannel`.

use leptos::{
    wasm_bindgen::{JsCast, JsValue, closure::Closure},
    web_sys::{BroadcastChannel, Event, MessageEvent},
};

const NAME: &str = "onsale";

/// From the page that leads a sale: it is there. Its text is empty while it has no stream. Frames that it passes on are named
/// like the events of the stream.
pub const BEAT: &str = "beat";
/// The visitor has bought something of the sale.
pub const PURCHASE: &str = "purchase";
/// From a page that has a stream of its own, where no locks are: its text is the page's number.
pub const VIEWER: &str = "viewer";

pub struct Channel {
    channel: BroadcastChannel,
    /// Kept for as long as the channel may call it.
    _listener: Closure<dyn Fn(Event)>,
}

impl Channel {
    /// Joins the other pages and tells `hear` their messages. `None` where the browser refuses.
    pub fn join(hear: impl Fn(&str) + 'static) -> Option<Self> {
        let channel = BroadcastChannel::new(NAME).ok()?;
        let listener = Closure::<dyn Fn(Event)>::new(move |event: Event| {
            if let Some(message) = event.dyn_ref::<MessageEvent>().and_then(|message| message.data().as_string()) {
                hear(&message);
            }
        });
        channel.set_onmessage(Some(listener.as_ref().unchecked_ref()));
        Some(Self { channel, _listener: listener })
    }

    /// Tells the other pages of this browser.
    pub fn tell(&self, kind: &str, sale: &str, text: &str) {
        // A channel that was closed tells nobody.
        let _ = self.channel.post_message(&JsValue::from_str(&format!("{kind} {sale} {text}")));
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.channel.close();
    }
}

/// Takes a message apart: its kind, its sale, its text.
pub fn read(message: &str) -> Option<(&str, &str, &str)> {
    let (kind, rest) = message.split_once(' ')?;
    let (sale, text) = rest.split_once(' ')?;
    Some((kind, sale, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_its_kind_its_sale_and_its_text() {
        assert_eq!(read("delta club-night {\"from\": 1}"), Some(("delta", "club-night", "{\"from\": 1}")));
        assert_eq!(read("beat club-night "), Some((BEAT, "club-night", "")));
        assert_eq!(read("beat"), None);
        assert_eq!(read(""), None);
    }
}
