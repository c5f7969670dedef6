//! The idempotency keys of what the visitor wants. A key belongs to an intent and not to one press of a button: the same
//! choice has the same key until its answer has been seen, even after the page was reloaded. So no press buys or pays
//! twice.

use leptos::{prelude::*, web_sys::Storage};

/// The keys whose answers have not been seen yet, by the visitor's choice. In the browser only.
#[derive(Clone, Copy)]
pub struct Intents {
    /// The prefix of the keys' names in the tab's storage.
    prefix: StoredValue<String>,
    /// The keys themselves, if the browser offers no storage for the tab.
    unstored: StoredValue<Vec<(String, String)>>,
}

impl Intents {
    /// The keys of what is wanted of `what`: a sale or a hold.
    pub fn new(what: &str) -> Self {
        Self { prefix: StoredValue::new(prefix(what)), unstored: StoredValue::new(Vec::new()) }
    }

    /// The answers to all that was wanted of `what` on an earlier page have been seen.
    pub fn forget_all(what: &str) {
        let Some(storage) = storage() else { return };
        let prefix = prefix(what);
        let names = (0..storage.length().unwrap_or_default()).filter_map(|index| storage.key(index).ok().flatten());
        for name in names.filter(|name| name.starts_with(&prefix)).collect::<Vec<_>>() {
            let _ = storage.remove_item(&name);
        }
    }

    /// The key for a choice. It is the earlier key if its answer has not been seen yet, else a new key.
    pub fn key(self, choice: &str) -> String {
        let name = self.name(choice);
        let known = match storage() {
            Some(storage) => storage.get_item(&name).ok().flatten(),
            None => self
                .unstored
                .with_value(|unstored| unstored.iter().find(|(known, _)| *known == name).map(|(_, key)| key.clone())),
        };
        known.unwrap_or_else(|| {
            let key = uuid::Uuid::now_v7().to_string();
            let is_stored = storage().is_some_and(|storage| storage.set_item(&name, &key).is_ok());
            if !is_stored {
                self.unstored.update_value(|unstored| unstored.push((name, key.clone())));
            }
            key
        })
    }

    /// The answer to this choice has been seen: the next press is a new purchase.
    pub fn forget(self, choice: &str) {
        let name = self.name(choice);
        if let Some(storage) = storage() {
            // This fails only where the tab has no storage, and then no key is stored there.
            let _ = storage.remove_item(&name);
        }
        self.unstored.try_update_value(|unstored| unstored.retain(|(known, _)| *known != name));
    }

    fn name(self, choice: &str) -> String {
        self.prefix.try_get_value().unwrap_or_default() + choice
    }
}

fn prefix(what: &str) -> String {
    format!("intent {what} ")
}

/// The browser's storage for this tab, which survives a reload. `None` if the visitor has forbidden it.
fn storage() -> Option<Storage> {
    window().session_storage().ok().flatten()
}
