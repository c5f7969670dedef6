//! A new session's form: what a merchant may ask for.

use super::{
    api_error::ApiError,
    book_entries::{Item, Metadata},
    form_reader::FormReader,
};
use crate::server::currency;
use url::Url;

/// Bounds of the provider's API.
const MAX_ITEMS: usize = 100;
const MAX_AMOUNT: u64 = 99_999_999;
const MAX_REFERENCE_CHARACTERS: usize = 200;
const MAX_NAME_CHARACTERS: usize = 250;
const MAX_URL_CHARACTERS: usize = 5_000;
const MAX_METADATA_PAIRS: usize = 50;
const MAX_METADATA_NAME_CHARACTERS: usize = 40;
const MAX_METADATA_VALUE_CHARACTERS: usize = 500;
/// How long a session may last, in seconds.
const SHORTEST_SECONDS: i64 = 30 * 60;
const LONGEST_SECONDS: i64 = 24 * 60 * 60;
/// How many seconds early or late the clock of a merchant may be.
const CLOCK_TOLERANCE_SECONDS: i64 = 60;

/// Parameters that the provider knows and the stand-in does nothing with.
const IGNORED: [&str; 13] = [
    "allow_promotion_codes",
    "automatic_tax",
    "billing_address_collection",
    "consent_collection",
    "custom_text",
    "customer_creation",
    "expand",
    "invoice_creation",
    "locale",
    "payment_method_types",
    "phone_number_collection",
    "submit_type",
    "ui_mode",
];

/// A session as a merchant wants it.
#[derive(Debug)]
pub struct WantedSession {
    pub items: Vec<Item>,
    pub amount_total: u64,
    pub currency: String,
    pub client_reference_id: Option<String>,
    pub customer_email: Option<String>,
    pub metadata: Metadata,
    pub payment_metadata: Metadata,
    pub success_url: String,
    pub cancel_url: Option<String>,
    /// Seconds since 1970.
    pub expires_at: i64,
}

impl WantedSession {
    /// Reads the form of a session that begins `now`, in seconds since 1970.
    ///
    /// # Errors
    /// As the provider's API gives them.
    pub fn read(mut form: FormReader, now: i64) -> Result<Self, ApiError> {
        let mode = form.require("mode")?;
        if mode != "payment" {
            return Err(ApiError::invalid(format!("Invalid mode: must be payment, not {mode}")).param("mode"));
        }
        let success_url = web_address(&form.require("success_url")?, "success_url")?;
        let cancel_url = form.take("cancel_url").map(|url| web_address(&url, "cancel_url")).transpose()?;
        let client_reference_id = form.take("client_reference_id");
        at_most(client_reference_id.as_deref(), MAX_REFERENCE_CHARACTERS, "client_reference_id")?;
        let customer_email = form.take("customer_email");
        if customer_email.as_ref().is_some_and(|email| !email.contains('@')) {
            let message = "Invalid email address";
            return Err(ApiError::invalid(message).code("email_invalid").param("customer_email"));
        }
        let (items, currency) = items(form.take_items("line_items"))?;
        let metadata = metadata(form.take_below("metadata"))?;
        let mut of_payment = form.take_below("payment_intent_data");
        let payment_metadata = self::metadata(of_payment.take_below("metadata"))?;
        of_payment.ignore(&["description", "capture_method", "statement_descriptor", "receipt_email"]);
        of_payment.finish()?;
        let expires_at = expiry(form.take_number("expires_at")?, now)?;
        form.ignore(&IGNORED);
        form.finish()?;
        let amount_total = total(&items)?;
        Ok(Self {
            items,
            amount_total,
            currency,
            client_reference_id,
            customer_email,
            metadata,
            payment_metadata,
            success_url,
            cancel_url,
            expires_at,
        })
    }
}

/// The lines, and their common currency in small letters.
fn items(forms: Vec<FormReader>) -> Result<(Vec<Item>, String), ApiError> {
    if forms.is_empty() {
        return Err(ApiError::missing("line_items"));
    }
    if forms.len() > MAX_ITEMS {
        return Err(ApiError::invalid(format!("At most {MAX_ITEMS} line items are allowed")).param("line_items"));
    }
    let mut common: Option<String> = None;
    let mut items = Vec::with_capacity(forms.len());
    for form in forms {
        let (item, currency) = item(form)?;
        if common.get_or_insert_with(|| currency.clone()) != &currency {
            return Err(ApiError::invalid("All line items must have the same currency").param("line_items"));
        }
        items.push(item);
    }
    Ok((items, common.unwrap_or_default()))
}

fn item(mut form: FormReader) -> Result<(Item, String), ApiError> {
    let quantity = form.require_number("quantity")?;
    if quantity == 0 {
        let full = form.full("quantity");
        return Err(ApiError::invalid("Quantity must be at least 1").code("parameter_invalid_integer").param(&full));
    }
    let mut price = form.take_below("price_data");
    let currency = price.require("currency")?.to_ascii_lowercase();
    if !currency::can_be_a_price(&currency.to_ascii_uppercase()) {
        let full = price.full("currency");
        return Err(ApiError::invalid(format!("Invalid currency: {currency}")).param(&full));
    }
    let unit_amount = price.require_number("unit_amount")?;
    let mut product = price.take_below("product_data");
    let name = product.require("name")?;
    at_most(Some(&name), MAX_NAME_CHARACTERS, &product.full("name"))?;
    product.ignore(&["description", "images", "metadata", "tax_code"]);
    product.finish()?;
    price.ignore(&["tax_behavior"]);
    price.finish()?;
    form.ignore(&["adjustable_quantity", "tax_rates"]);
    form.finish()?;
    Ok((Item { name, unit_amount, quantity }, currency))
}

fn total(items: &[Item]) -> Result<u64, ApiError> {
    let sum = items.iter().try_fold(0_u64, |sum, item| sum.checked_add(item.unit_amount.checked_mul(item.quantity)?));
    match sum {
        Some(0) => Err(ApiError::invalid("The total amount due must be more than 0").code("amount_too_small")),
        Some(sum) if sum <= MAX_AMOUNT => Ok(sum),
        _ => Err(ApiError::invalid(format!("The total amount due must be no more than {MAX_AMOUNT}"))
            .code("amount_too_large")),
    }
}

pub fn metadata(form: FormReader) -> Result<Metadata, ApiError> {
    let pairs = form.into_pairs();
    if pairs.len() > MAX_METADATA_PAIRS {
        return Err(ApiError::invalid(format!("Metadata has more than {MAX_METADATA_PAIRS} keys")).param("metadata"));
    }
    for (name, value) in &pairs {
        if name.is_empty() || name.contains(['[', ']']) {
            return Err(ApiError::invalid("Metadata keys have no square brackets").param("metadata"));
        }
        at_most(Some(name), MAX_METADATA_NAME_CHARACTERS, "metadata")?;
        at_most(Some(value), MAX_METADATA_VALUE_CHARACTERS, &["metadata[", name, "]"].concat())?;
    }
    Ok(pairs)
}

fn expiry(wanted: Option<u64>, now: i64) -> Result<i64, ApiError> {
    let Some(wanted) = wanted else { return Ok(now + LONGEST_SECONDS) };
    let wanted = i64::try_from(wanted).unwrap_or(i64::MAX);
    let earliest = now + SHORTEST_SECONDS - CLOCK_TOLERANCE_SECONDS;
    let latest = now + LONGEST_SECONDS + CLOCK_TOLERANCE_SECONDS;
    if (earliest..=latest).contains(&wanted) {
        return Ok(wanted);
    }
    let message =
        "The `expires_at` timestamp must be at least 30 minutes and less than 24 hours from Checkout Session creation.";
    Err(ApiError::invalid(message).param("expires_at"))
}

/// An address that a browser may be sent to. No other schemes: a link to one may run code.
fn web_address(text: &str, param: &str) -> Result<String, ApiError> {
    at_most(Some(text), MAX_URL_CHARACTERS, param)?;
    let is_web = Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    // Whatever the address is, it has to fit into a header.
    if is_web && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(text.to_owned());
    }
    Err(ApiError::invalid("Not a valid URL").code("url_invalid").param(param))
}

fn at_most(text: Option<&str>, characters: usize, param: &str) -> Result<(), ApiError> {
    if text.is_none_or(|text| text.chars().count() <= characters) {
        return Ok(());
    }
    let message = format!("Invalid string: it must be at most {characters} characters");
    Err(ApiError::invalid(message).code("parameter_invalid_string").param(param))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000;
    const GOOD: &str = "mode=payment&success_url=https://shop.example/done?s={CHECKOUT_SESSION_ID}&cancel_url=http://127.0.0.1:3000/\
        &line_items[0][quantity]=2&line_items[0][price_data][currency]=EUR&line_items[0][price_data][unit_amount]=1050\
        &line_items[0][price_data][product_data][name]=Stalls&client_reference_id=hold&metadata[hold]=h\
        &payment_intent_data[metadata][hold]=h&payment_method_types[0]=card&locale=de";

    fn read(form: &str) -> Result<WantedSession, String> {
        WantedSession::read(FormReader::parse(form.as_bytes()), NOW).map_err(|error| format!("{error:?}"))
    }

    #[test]
    fn a_good_form_is_a_session() {
        let session = read(GOOD).unwrap();
        assert_eq!((session.amount_total, session.currency.as_str()), (2_100, "eur"));
        assert_eq!(session.metadata, session.payment_metadata);
        assert_eq!(session.expires_at, NOW + 24 * 60 * 60);
        assert!(session.success_url.ends_with("{CHECKOUT_SESSION_ID}"));
    }

    #[test]
    fn each_mistake_is_told_with_its_parameter() {
        let long = "x".repeat(501);
        for (more, param) in [
            ("&mode=subscription", "mode"),
            ("&mode=", "mode"),
            ("&success_url=javascript:alert(1)", "success_url"),
            ("&success_url=/done", "success_url"),
            ("&success_url=https://a.example/%0d%0ax:y", "success_url"),
            ("&cancel_url=data:text/html,x", "cancel_url"),
            ("&line_items[0][quantity]=0", "line_items[0][quantity]"),
            ("&line_items[0][quantity]=-1", "line_items[0][quantity]"),
            ("&line_items[0][price_data][currency]=xxx", "line_items[0][price_data][currency]"),
            ("&line_items[0][price_data][unit_amount]=1.5", "line_items[0][price_data][unit_amount]"),
            ("&line_items[0][price_data][unit_amount]=0", "amount_too_small"),
            ("&line_items[0][price_data][unit_amount]=50000000", "amount_too_large"),
            ("&line_items[0][price_data][unit_amount]=18446744073709551615", "amount_too_large"),
            ("&line_items[0][price_data][product_data][name]=", "line_items[0][price_data][product_data][name]"),
            ("&line_items[1][quantity]=1", "line_items[1][price_data][currency]"),
            ("&customer_email=nobody", "customer_email"),
            ("&expires_at=1", "expires_at"),
            ("&expires_at=1700000600", "expires_at"),
            ("&expires_at=99999999999999", "expires_at"),
            ("&metadata[a][b]=1", "metadata"),
            (&format!("&metadata[a]={long}"), "metadata[a]"),
            ("&payment_intent_data[x]=1", "payment_intent_data[x]"),
            ("&amount=5", "amount"),
        ] {
            let error = read(&[GOOD, more].concat()).unwrap_err();
            assert!(error.contains(&format!("\"{param}\"")), "{more}: {error}");
        }
        let two = "&line_items[1][quantity]=1&line_items[1][price_data][currency]=usd\
                   &line_items[1][price_data][unit_amount]=5&line_items[1][price_data][product_data][name]=x";
        assert!(read(&[GOOD, two].concat()).unwrap_err().contains("same currency"));
        assert!(read("").is_err() && read("mode=payment&success_url=https://a.example").is_err());
    }
}
