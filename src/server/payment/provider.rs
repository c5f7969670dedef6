//! The calls to the provider.

use std::{collections::BTreeMap, fmt};

use form_urlencoded::byte_serialize;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;

use super::{
    amount,
    answer::Fields,
    call::Caller,
    error::ProviderError,
    event::Event,
    form::Form,
    objects::{Charge, Page, Refund, Session},
    signature::{WebhookError, verify},
};
use crate::{
    model::time::Timestamp,
    server::config::{PaymentSettings, Secret},
};

/// How many items one part of a list has; the provider gives no more at once.
const PAGE_ITEMS: u64 = 100;
/// How much of an item's name the provider takes.
const MAX_NAME_CHARACTERS: usize = 250;
const SESSIONS: &str = "/v1/checkout/sessions";
const REFUNDS: &str = "/v1/refunds";
const CHARGES: &str = "/v1/charges";

/// One line of what the buyer pays for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LineItem {
    /// What the buyer reads; the provider takes 250 characters of it, and the rest is left out.
    pub name: String,
    /// The price of one unit in minor units of the currency.
    pub price: u64,
    pub quantity: u64,
}

/// A checkout session to be made. The buyer pays the sum of its lines.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewSession {
    /// Our own reference, which the provider repeats in everything about this session; at most 200 characters.
    pub reference: String,
    /// By ISO 4217, in capital letters.
    pub currency: String,
    /// 1 to 100 lines.
    pub items: Vec<LineItem>,
    /// Where the provider sends a buyer who has paid. `{CHECKOUT_SESSION_ID}` in it becomes the session's id.
    pub success_url: String,
    /// Where it sends a buyer who turns back.
    pub cancel_url: String,
    /// Up to 50 pairs that the provider repeats in the session, the payment and the charge; names have at most 40
    /// characters, values at most 500.
    pub metadata: BTreeMap<String, String>,
    /// The buyer's address, so that the provider need not ask for it.
    pub email: Option<String>,
    /// When the session ends by itself, in seconds since 1970: 30 minutes to 24 hours from now. Left out: in 24 hours.
    pub expires_at: Option<u64>,
}

/// A refund to be made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewRefund {
    /// The payment whose money goes back.
    pub payment_intent: String,
    /// How much of it, in minor units; `None` means all that has not gone back yet.
    pub amount: Option<u64>,
    /// The currency of the payment, in capital letters.
    pub currency: String,
    pub metadata: BTreeMap<String, String>,
}

/// A payment provider. It can be cloned cheaply.
#[derive(Clone)]
pub struct Provider {
    caller: Caller,
    webhook_secret: Secret,
}

impl fmt::Debug for Provider {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Provider")
    }
}

impl Provider {
    /// Connects to nobody yet.
    ///
    /// # Errors
    /// One sentence for the operator, if the key cannot be sent or TLS cannot be used.
    pub fn new(settings: &PaymentSettings) -> Result<Self, String> {
        Ok(Self { caller: Caller::new(settings)?, webhook_secret: settings.webhook_secret.clone() })
    }

    /// Reads what the provider tells by webhook: the value of [`super::SIGNATURE_HEADER`], and the body.
    ///
    /// # Errors
    /// See [`WebhookError`].
    pub fn hear(&self, signature: &[u8], body: &[u8], now: Timestamp) -> Result<Event, WebhookError> {
        verify(signature, body, &self.webhook_secret, now)
    }

    /// Makes a checkout session. The same idempotency key makes no second one.
    ///
    /// # Errors
    /// See [`ProviderError`]; also refused, without a call, if the provider cannot express a price.
    pub async fn create_session(
        &self,
        new: &NewSession,
        idempotency_key: &str,
        deadline: Instant,
    ) -> Result<Session, ProviderError> {
        let answer = self.caller.post(SESSIONS, session_form(new)?, Some(idempotency_key), deadline).await?;
        read(&answer, Session::read)
    }

    /// The session as it is now.
    ///
    /// # Errors
    /// See [`ProviderError`]; status 404 if there is no such session.
    pub async fn session(&self, id: &str, deadline: Instant) -> Result<Session, ProviderError> {
        let answer = self.caller.get(&path(&[SESSIONS, id]), "", deadline).await?;
        read(&answer, Session::read)
    }

    /// Ends a session, so that nobody can pay any more.
    ///
    /// # Errors
    /// See [`ProviderError`]; status 400 if the session is not open. Then [`Self::session`] tells what has become of it.
    pub async fn expire_session(&self, id: &str, deadline: Instant) -> Result<Session, ProviderError> {
        let answer = self.caller.post(&path(&[SESSIONS, id, "expire"]), String::new(), None, deadline).await?;
        read(&answer, Session::read)
    }

    /// Gives money back. The same idempotency key gives nothing a second time.
    ///
    /// # Errors
    /// See [`ProviderError`]; code `charge_already_refunded` if nothing is left to give back.
    pub async fn refund(
        &self,
        new: &NewRefund,
        idempotency_key: &str,
        deadline: Instant,
    ) -> Result<Refund, ProviderError> {
        let answer = self.caller.post(REFUNDS, refund_form(new)?, Some(idempotency_key), deadline).await?;
        read(&answer, Refund::read)
    }

    /// The refund as it is now.
    ///
    /// # Errors
    /// See [`ProviderError`]; status 404 if there is no such refund.
    pub async fn find_refund(&self, id: &str, deadline: Instant) -> Result<Refund, ProviderError> {
        let answer = self.caller.get(&path(&[REFUNDS, id]), "", deadline).await?;
        read(&answer, Refund::read)
    }

    /// A part of the list of charges, newest first; `after` is `next` of the part before. Attempts that failed are in it.
    ///
    /// # Errors
    /// See [`ProviderError`].
    pub async fn charges(&self, after: Option<&str>, deadline: Instant) -> Result<Page<Charge>, ProviderError> {
        let answer = self.caller.get(CHARGES, &list_query(after), deadline).await?;
        read(&answer, |fields| Page::read(fields, Charge::read))
    }

    /// A part of the list of refunds, newest first; `after` is `next` of the part before.
    ///
    /// # Errors
    /// See [`ProviderError`].
    pub async fn refunds(&self, after: Option<&str>, deadline: Instant) -> Result<Page<Refund>, ProviderError> {
        let answer = self.caller.get(REFUNDS, &list_query(after), deadline).await?;
        read(&answer, |fields| Page::read(fields, Refund::read))
    }
}

fn read<T>(answer: &Value, read: impl Fn(Fields<'_>) -> Option<T>) -> Result<T, ProviderError> {
    read(Fields(answer)).ok_or_else(|| ProviderError::Unreadable("a field that is needed is missing".to_owned()))
}

/// A path whose parts behind the first one may hold any signs.
fn path(parts: &[&str]) -> String {
    let escaped = |part: &&str| byte_serialize(part.as_bytes()).collect::<String>();
    let (first, rest) = parts.split_first().unwrap_or((&"", &[]));
    rest.iter().map(escaped).fold((*first).to_owned(), |path, part| path + "/" + &part)
}

fn list_query(after: Option<&str>) -> String {
    let mut query = Form::new();
    query.set_number("limit", PAGE_ITEMS);
    query.set_some("starting_after", after);
    query.finish()
}

fn counted(minor_units: u64, currency: &str) -> Result<u64, ProviderError> {
    amount::to_provider(minor_units, currency).ok_or_else(|| ProviderError::Refused {
        status: 400,
        code: Some("invalid_amount".to_owned()),
        message: format!("an amount of {minor_units} in {currency} cannot be charged"),
    })
}

fn session_form(new: &NewSession) -> Result<String, ProviderError> {
    let mut form = Form::new();
    form.set("mode", "payment");
    // Money that comes days later is of no use for what is held for minutes.
    form.set("payment_method_types[0]", "card");
    form.set("client_reference_id", &new.reference);
    form.set("success_url", &new.success_url);
    form.set("cancel_url", &new.cancel_url);
    form.set_some("customer_email", new.email.as_deref());
    form.set_some("expires_at", new.expires_at.map(|seconds| seconds.to_string()).as_deref());
    let currency = new.currency.to_ascii_lowercase();
    for (position, item) in new.items.iter().enumerate() {
        let name = |field: &str| format!("line_items[{position}]{field}");
        form.set_number(&name("[quantity]"), item.quantity);
        form.set(&name("[price_data][currency]"), &currency);
        form.set_number(&name("[price_data][unit_amount]"), counted(item.price, &new.currency)?);
        let shown: String = item.name.chars().take(MAX_NAME_CHARACTERS).collect();
        form.set(&name("[price_data][product_data][name]"), &shown);
    }
    form.set_all("metadata", &new.metadata);
    // The provider does not copy the session's metadata to the charge, by which money is compared with tickets.
    form.set_all("payment_intent_data[metadata]", &new.metadata);
    Ok(form.finish())
}

fn refund_form(new: &NewRefund) -> Result<String, ProviderError> {
    let mut form = Form::new();
    form.set("payment_intent", &new.payment_intent);
    if let Some(amount) = new.amount {
        form.set_number("amount", counted(amount, &new.currency)?);
    }
    form.set_all("metadata", &new.metadata);
    Ok(form.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new_session(currency: &str, price: u64) -> NewSession {
        NewSession {
            reference: "hold".to_owned(),
            currency: currency.to_owned(),
            items: vec![LineItem { name: "Stalls A-1 & A-2".to_owned(), price, quantity: 2 }],
            success_url: "https://shop.example/checkout/hold?session={CHECKOUT_SESSION_ID}".to_owned(),
            cancel_url: "https://shop.example/checkout/hold".to_owned(),
            metadata: BTreeMap::from([("hold".to_owned(), "h".to_owned())]),
            email: None,
            expires_at: Some(5),
        }
    }

    fn pairs(form: &str) -> BTreeMap<String, String> {
        form_urlencoded::parse(form.as_bytes()).into_owned().collect()
    }

    #[test]
    fn a_session_is_written_as_the_provider_reads_it() {
        let written = pairs(&session_form(&new_session("EUR", 1_050)).unwrap());
        for (name, value) in [
            ("mode", "payment"),
            ("client_reference_id", "hold"),
            ("success_url", "https://shop.example/checkout/hold?session={CHECKOUT_SESSION_ID}"),
            ("expires_at", "5"),
            ("line_items[0][quantity]", "2"),
            ("line_items[0][price_data][currency]", "eur"),
            ("line_items[0][price_data][unit_amount]", "1050"),
            ("line_items[0][price_data][product_data][name]", "Stalls A-1 & A-2"),
            ("metadata[hold]", "h"),
            ("payment_intent_data[metadata][hold]", "h"),
        ] {
            assert_eq!(written.get(name).map(String::as_str), Some(value), "{name}");
        }
        assert!(!written.contains_key("customer_email"));
        let mut long = new_session("EUR", 1_050);
        long.items[0].name = "é".repeat(300);
        let written = pairs(&session_form(&long).unwrap());
        assert_eq!(written["line_items[0][price_data][product_data][name]"], "é".repeat(250));
    }

    #[test]
    fn amounts_are_written_as_the_provider_counts_them() {
        let written = pairs(&session_form(&new_session("ISK", 5_000)).unwrap());
        assert_eq!(written["line_items[0][price_data][unit_amount]"], "500000");
        assert!(session_form(&new_session("MGA", 150)).unwrap_err().is_final());
        let refund = |amount, currency: &str| {
            let (payment_intent, currency) = ("pi_1".to_owned(), currency.to_owned());
            refund_form(&NewRefund { payment_intent, amount, currency, metadata: BTreeMap::new() })
        };
        assert_eq!(refund(Some(7), "UGX").unwrap(), "payment_intent=pi_1&amount=700");
        assert_eq!(refund(None, "EUR").unwrap(), "payment_intent=pi_1");
    }

    #[test]
    fn an_id_never_leaves_its_place_in_the_path() {
        assert_eq!(path(&[SESSIONS, "cs_1", "expire"]), "/v1/checkout/sessions/cs_1/expire");
        assert_eq!(path(&[SESSIONS, "../a?b#c"]), "/v1/checkout/sessions/..%2Fa%3Fb%23c");
    }
}
