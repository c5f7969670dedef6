//! Lenient reading of the provider's objects. Fields that nobody asks for are ignored, and a field that is missing, is
//! `null` or has another type is `None`. So a new version of the provider's API breaks nothing that still makes sense.

use std::collections::BTreeMap;

use serde_json::Value;

use super::amount;

/// One of the provider's objects.
#[derive(Clone, Copy)]
pub struct Fields<'a>(pub &'a Value);

impl<'a> Fields<'a> {
    pub fn text(self, name: &str) -> Option<String> {
        self.0.get(name)?.as_str().map(str::to_owned)
    }

    /// A whole number that is not negative.
    pub fn number(self, name: &str) -> Option<u64> {
        self.0.get(name)?.as_u64()
    }

    pub fn truth(self, name: &str) -> Option<bool> {
        self.0.get(name)?.as_bool()
    }

    pub fn object(self, name: &str) -> Option<Fields<'a>> {
        self.0.get(name).filter(|value| value.is_object()).map(Fields)
    }

    /// The id of another object. The provider writes the id alone, or the whole object where it was asked to.
    pub fn id(self, name: &str) -> Option<String> {
        self.text(name).or_else(|| self.object(name)?.text("id"))
    }

    /// Pairs of texts, such as `metadata`; empty where there are none.
    pub fn texts(self, name: &str) -> BTreeMap<String, String> {
        let pairs = self.0.get(name).and_then(Value::as_object).into_iter().flatten();
        pairs.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
    }

    /// The currency in capital letters.
    pub fn currency(self) -> Option<String> {
        self.text("currency").map(|code| code.to_ascii_uppercase())
    }

    /// An amount in the minor unit of the object's currency.
    pub fn amount(self, name: &str) -> Option<u64> {
        amount::from_provider(self.number(name)?, &self.currency()?)
    }
}
