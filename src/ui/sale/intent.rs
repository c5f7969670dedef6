//! The keys of intents. A key names what the buyer wants, not a press of the button: until the answer has been seen, the same
//! choice has the same key, also after the page was loaded again.

use leptos::{prelude::*, web_sys::Storage};

use crate::model::ids::SaleId;

/// The keys whose answers have not been seen yet, by choice. In the browser only.
#[derive(Clone, Copy)]
pub struct Intents {
    /// What their names in the tab's storage begin with.
    sale: StoredValue<String>,
    /// The same where the browser keeps nothing for the tab.
    unstored: StoredValue<Vec<(String, String)>>,
}

impl Intents {
    pub fn new(sale: &SaleId) -> Self {
        let sale = StoredValue::new(format!("intent {sale} "));
        Self { sale, unstored: StoredValue::new(Vec::new()) }
    }

    /// The key for a choice: the one of its unseen answer, else a new one.
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
            // A tab that keeps nothing has nothing to forget.
            let _ = storage.remove_item(&name);
        }
        self.unstored.try_update_value(|unstored| unstored.retain(|(known, _)| *known != name));
    }

    fn name(self, choice: &str) -> String {
        self.sale.try_get_value().unwrap_or_default() + choice
    }
}

/// What the browser keeps for this tab over a reload; nothing where the visitor has forbidden it.
fn storage() -> Option<Storage> {
    window().session_storage().ok().flatten()
}
