//! The provider's form encoding: nested values have their path in brackets, as in
//! `line_items[0][price_data][currency]=eur`.

use form_urlencoded::Serializer;

/// A form under construction.
pub struct Form(Serializer<'static, String>);

impl Form {
    pub fn new() -> Self {
        Self(Serializer::new(String::new()))
    }

    pub fn set(&mut self, name: &str, value: &str) {
        self.0.append_pair(name, value);
    }

    pub fn set_number(&mut self, name: &str, value: u64) {
        self.set(name, &value.to_string());
    }

    /// Sets a value only where there is one.
    pub fn set_some(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.set(name, value);
        }
    }

    /// Sets each pair under a common name: `metadata[hold]=…`.
    pub fn set_all<'a>(&mut self, name: &str, pairs: impl IntoIterator<Item = (&'a String, &'a String)>) {
        for (key, value) in pairs {
            self.set(&format!("{name}[{key}]"), value);
        }
    }

    pub fn finish(mut self) -> String {
        self.0.finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn nested_names_stand_in_brackets_and_every_sign_is_escaped() {
        let mut form = Form::new();
        form.set("mode", "payment");
        form.set_number("line_items[0][quantity]", 3);
        form.set_some("customer_email", None);
        form.set_all("metadata", &BTreeMap::from([("hold".to_owned(), "a&b=c d+é{}".to_owned())]));
        assert_eq!(
            form.finish(),
            "mode=payment&line_items%5B0%5D%5Bquantity%5D=3&metadata%5Bhold%5D=a%26b%3Dc+d%2B%C3%A9%7B%7D"
        );
    }
}
