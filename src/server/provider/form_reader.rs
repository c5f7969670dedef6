//! Reads forms with brackets in their names: `line_items[0][price_data][currency]=eur`. Every parameter has to be asked
//! for; one that nobody asked for is an error, because the provider says so of parameters that it does not know.

use std::collections::BTreeMap;

use super::api_error::ApiError;

/// Parameters that have not been read yet, below a common name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FormReader {
    /// The common name, for messages; empty at the top.
    name: String,
    /// Values by the rest of their names, such as `mode` or `price_data[currency]`.
    values: BTreeMap<String, String>,
}

impl FormReader {
    /// Reads a form. Of a parameter that stands twice the last one counts.
    pub fn parse(form: &[u8]) -> Self {
        Self { name: String::new(), values: form_urlencoded::parse(form).into_owned().collect() }
    }

    /// The parameters in an order of their own, for comparing two requests.
    pub fn canonical(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.values).finish()
    }

    /// A value; an empty one counts as missing.
    pub fn take(&mut self, name: &str) -> Option<String> {
        self.values.remove(name).filter(|value| !value.is_empty())
    }

    pub fn require(&mut self, name: &str) -> Result<String, ApiError> {
        self.take(name).ok_or_else(|| ApiError::missing(&self.full(name)))
    }

    /// A whole number that is not negative.
    pub fn take_number(&mut self, name: &str) -> Result<Option<u64>, ApiError> {
        let Some(text) = self.take(name) else { return Ok(None) };
        let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|_| is_plain);
        number.map(Some).ok_or_else(|| {
            let full = self.full(name);
            ApiError::invalid(format!("Invalid integer: {text}")).code("parameter_invalid_integer").param(&full)
        })
    }

    pub fn require_number(&mut self, name: &str) -> Result<u64, ApiError> {
        self.take_number(name)?.ok_or_else(|| ApiError::missing(&self.full(name)))
    }

    /// What stands below a name: of `metadata[a]` and `metadata[b]` the parameters `a` and `b`.
    pub fn take_below(&mut self, name: &str) -> Self {
        // An empty value in the place of pairs means that there are none.
        if self.values.get(name).is_some_and(String::is_empty) {
            self.values.remove(name);
        }
        let prefix = [name, "["].concat();
        let below = |full: &String| full.starts_with(&prefix);
        let (taken, kept): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.values).into_iter().partition(|(full, _)| below(full));
        self.values = kept.into_iter().collect();
        let values = taken.into_iter().map(|(full, value)| {
            let rest = &full[prefix.len()..];
            let short = rest.split_once(']').map_or_else(|| rest.to_owned(), |(first, rest)| [first, rest].concat());
            (short, value)
        });
        Self { values: values.collect(), name: self.full(name) }
    }

    /// The items of a list, in the order of their numbers.
    pub fn take_items(&mut self, name: &str) -> Vec<Self> {
        let mut below = self.take_below(name);
        let number = |full: &String| full.split('[').next().unwrap_or_default().to_owned();
        let mut numbers: Vec<String> = below.values.keys().map(number).collect();
        numbers.dedup();
        numbers.sort_by_key(|number| (number.parse::<u64>().unwrap_or(u64::MAX), number.clone()));
        numbers.dedup();
        numbers.iter().map(|number| below.take_below(number)).collect()
    }

    /// All that is left, as pairs: for metadata, whose names anybody may choose.
    pub fn into_pairs(self) -> BTreeMap<String, String> {
        self.values
    }

    /// Passes over parameters that the provider knows and the stand-in does nothing with.
    pub fn ignore(&mut self, names: &[&str]) {
        let first = |full: &String| full.split('[').next().unwrap_or_default().to_owned();
        self.values.retain(|full, _| !names.contains(&first(full).as_str()));
    }

    /// # Errors
    /// If a parameter is left that nobody asked for.
    pub fn finish(self) -> Result<(), ApiError> {
        match self.values.keys().next() {
            None => Ok(()),
            Some(unknown) => {
                let full = self.full(unknown);
                let message = format!("Received unknown parameter: {full}");
                Err(ApiError::invalid(message).code("parameter_unknown").param(&full))
            }
        }
    }

    /// The whole name of a parameter, for messages.
    pub fn full(&self, name: &str) -> String {
        match (self.name.as_str(), name.split_once('[')) {
            ("", _) => name.to_owned(),
            (above, Some((first, rest))) => format!("{above}[{first}][{rest}"),
            (above, None) => format!("{above}[{name}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_lead_to_what_stands_below() {
        let mut form = FormReader::parse(
            b"mode=payment&line_items[1][quantity]=2&line_items[0][price_data][currency]=eur&line_items%5B10%5D%5Bquantity%5D=3\
              &metadata[a]=1&metadata[b][c]=2&empty=",
        );
        assert_eq!(form.take("mode").as_deref(), Some("payment"));
        assert_eq!(form.take("empty"), None);
        let mut items = form.take_items("line_items");
        assert_eq!(items.len(), 3);
        let mut price = items[0].take_below("price_data");
        assert_eq!(price.take("currency").as_deref(), Some("eur"));
        assert_eq!(items[1].take_number("quantity"), Ok(Some(2)));
        assert_eq!(items[2].take_number("quantity"), Ok(Some(3)));
        assert_eq!(price.require("unit_amount"), Err(ApiError::missing("line_items[0][price_data][unit_amount]")));
        let metadata = form.take_below("metadata").into_pairs();
        assert_eq!(
            metadata.into_iter().collect::<Vec<_>>(),
            [("a", "1"), ("b[c]", "2")].map(|(a, b)| (a.to_owned(), b.to_owned()))
        );
        assert_eq!(form.finish(), Ok(()));
    }

    #[test]
    fn what_nobody_asked_for_is_told_by_its_whole_name() {
        let mut form = FormReader::parse(b"line_items[0][adjustable][x]=1&locale=de");
        form.ignore(&["locale"]);
        let item = form.take_items("line_items").remove(0);
        let unknown = "line_items[0][adjustable][x]";
        let message = format!("Received unknown parameter: {unknown}");
        assert_eq!(item.finish(), Err(ApiError::invalid(message).code("parameter_unknown").param(unknown)));
    }

    #[test]
    fn strange_names_and_numbers_harm_nobody() {
        for form in ["a[", "a[b", "a]b[", "[a]=1", "a[[b]]=1", "=", "%", "a[0][", "line_items[]=", "line_items[é"] {
            let mut reader = FormReader::parse(form.as_bytes());
            let items = reader.take_items("line_items").len() + reader.take_items("a").len();
            assert!(items <= 1, "{form}");
        }
        for number in ["-1", "1.5", "1e3", "x", "+5", "99999999999999999999"] {
            assert!(FormReader::parse(format!("n={number}").as_bytes()).take_number("n").is_err(), "{number}");
        }
    }
}
