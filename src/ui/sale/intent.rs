//! The idempotency keys of purchases. A key belongs to what the visitor wants and not to one press of the button: the
//! same choice has the same key until its answer has been seen, even after the page was reloaded. So no press buys
//! twice.

use leptos::{prelude::*, web_sys::Storage};

use crate::model::ids::SaleId;

/// The keys whose answers have not been seen yet, by the visitor's choice. In the browser only.
#[derive(Clone, Copy)]
pub struct Intents {
    /// The prefix of the keys' names in the tab's storage.
    sale: StoredValue<String>,
    /// The keys themselves, if the browser offers no storage for the tab.
    unstored: StoredValue<Vec<(String, String)>>,
}

impl Intents {
    pub fn new(sale: &SaleId) -> Self {
        let sale = StoredValue::new(format!("intent {sale} "));
        Self { sale, unstored: StoredValue::new(Vec::new()) }
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
        self.sale.try_get_value().unwrap_or_default() + choice
    }
}

/// The browser's storage for this tab, which survives a reload. `None` if the visitor has forbidden it.
fn storage() -> Option<Storage> {
    window().session_storage().ok().flatten()
}
