//! Messages between the pages of one browser. The only code that touches a `BroadcastChannel`.

use leptos::{
    wasm_bindgen::{JsCast, JsValue, closure::Closure},
    web_sys::{BroadcastChannel, Event, MessageEvent},
};

const NAME: &str = "onsale";

/// The page that leads a sale says that it is still there. The text is empty while its stream is silent. Frames that
/// this page passes on are sent under the names of the stream's events.
pub const BEAT: &str = "beat";
/// What the visitor has of the sale has changed: bought, held or given back.
pub const PURCHASE: &str = "purchase";
/// A page without locks says that it has a stream of its own. The text is the page's number.
pub const VIEWER: &str = "viewer";

pub struct Channel {
    channel: BroadcastChannel,
    /// Kept alive because the channel calls it.
    _listener: Closure<dyn Fn(Event)>,
}

impl Channel {
    /// Joins the channel and passes the other pages' messages to `hear`. `None` if the browser refuses.
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

    /// Sends a message to the other pages of this browser.
    pub fn tell(&self, kind: &str, sale: &str, text: &str) {
        // This fails only on a closed channel, and then nobody is left to tell.
        let _ = self.channel.post_message(&JsValue::from_str(&format!("{kind} {sale} {text}")));
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.channel.close();
    }
}

/// Tells the other pages of this browser that the visitor has bought or held something of this sale, or given it back.
pub fn tell_purchase(sale: &str) {
    if let Some(channel) = Channel::join(|_| {}) {
        channel.tell(PURCHASE, sale, "");
    }
}

/// Splits a message into its kind, its sale and its text.
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
