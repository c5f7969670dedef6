//! The provider's objects, as far as we use them.

use std::collections::BTreeMap;

use super::answer::Fields;

/// What has become of a checkout session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SessionStatus {
    /// The buyer can still pay.
    Open,
    /// The buyer has gone through the whole page. [`Session::payment_status`] says whether the money has come.
    Complete,
    /// Nobody can pay any more, and nobody has paid.
    Expired,
    /// A word that we do not know, or none.
    Unknown,
}

/// Whether the money has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PaymentStatus {
    Unpaid,
    Paid,
    /// There is nothing to pay.
    NotRequired,
    /// A word that we do not know, or none.
    Unknown,
}

/// A page of the provider on which a buyer pays one amount once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Session {
    pub id: String,
    pub status: SessionStatus,
    pub payment_status: PaymentStatus,
    /// The address of the page; left out by the provider when the session is over.
    pub url: Option<String>,
    /// The payment, by which it can be refunded; missing before the buyer has tried to pay.
    pub payment_intent: Option<String>,
    /// What the buyer pays, in minor units of the currency.
    pub amount_total: Option<u64>,
    /// In capital letters.
    pub currency: Option<String>,
    /// The reference that we gave the session.
    pub reference: Option<String>,
    pub metadata: BTreeMap<String, String>,
    /// Seconds since 1970.
    pub created: Option<u64>,
    pub expires_at: Option<u64>,
}

impl Session {
    /// Whether the money has come, or none is needed.
    pub fn is_paid(&self) -> bool {
        self.status == SessionStatus::Complete
            && matches!(self.payment_status, PaymentStatus::Paid | PaymentStatus::NotRequired)
    }

    /// Reads a session; `None` if it has no id.
    pub(super) fn read(fields: Fields<'_>) -> Option<Self> {
        Some(Self {
            id: fields.text("id")?,
            status: match fields.text("status").as_deref() {
                Some("open") => SessionStatus::Open,
                Some("complete") => SessionStatus::Complete,
                Some("expired") => SessionStatus::Expired,
                _ => SessionStatus::Unknown,
            },
            payment_status: match fields.text("payment_status").as_deref() {
                Some("unpaid") => PaymentStatus::Unpaid,
                Some("paid") => PaymentStatus::Paid,
                Some("no_payment_required") => PaymentStatus::NotRequired,
                _ => PaymentStatus::Unknown,
            },
            url: fields.text("url"),
            payment_intent: fields.id("payment_intent"),
            amount_total: fields.amount("amount_total"),
            currency: fields.currency(),
            reference: fields.text("client_reference_id"),
            metadata: fields.texts("metadata"),
            created: fields.number("created"),
            expires_at: fields.number("expires_at"),
        })
    }
}

/// Money that was taken from a buyer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Charge {
    pub id: String,
    pub payment_intent: Option<String>,
    /// In minor units of the currency.
    pub amount: u64,
    /// The part of it that was given back, in minor units.
    pub amount_refunded: u64,
    /// In capital letters.
    pub currency: String,
    /// What we gave the session as metadata.
    pub metadata: BTreeMap<String, String>,
    /// Seconds since 1970.
    pub created: Option<u64>,
    /// Whether money was taken. The provider also keeps attempts that failed.
    pub is_paid: bool,
}

impl Charge {
    /// Reads a charge; `None` if it has no id, amount or currency.
    pub(super) fn read(fields: Fields<'_>) -> Option<Self> {
        let is_paid = fields.truth("paid").unwrap_or(true) && fields.text("status").is_none_or(|it| it == "succeeded");
        Some(Self {
            id: fields.text("id")?,
            payment_intent: fields.id("payment_intent"),
            amount: fields.amount("amount")?,
            amount_refunded: fields.amount("amount_refunded").unwrap_or(0),
            currency: fields.currency()?,
            metadata: fields.texts("metadata"),
            created: fields.number("created"),
            is_paid,
        })
    }
}

/// What has become of a refund.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RefundStatus {
    /// The money is on its way to the buyer's bank, or has to wait for something.
    Pending,
    Succeeded,
    /// The money has not gone. Another refund is needed.
    Failed,
}

/// Money that goes back to a buyer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refund {
    pub id: String,
    pub status: RefundStatus,
    pub payment_intent: Option<String>,
    pub charge: Option<String>,
    /// In minor units of the currency.
    pub amount: u64,
    /// In capital letters.
    pub currency: String,
    pub metadata: BTreeMap<String, String>,
    /// Seconds since 1970.
    pub created: Option<u64>,
}

impl Refund {
    /// Reads a refund; `None` if it has no id, amount or currency.
    pub(super) fn read(fields: Fields<'_>) -> Option<Self> {
        Some(Self {
            id: fields.text("id")?,
            status: match fields.text("status").as_deref() {
                Some("failed" | "canceled") => RefundStatus::Failed,
                Some("pending" | "requires_action") => RefundStatus::Pending,
                _ => RefundStatus::Succeeded,
            },
            payment_intent: fields.id("payment_intent"),
            charge: fields.id("charge"),
            amount: fields.amount("amount")?,
            currency: fields.currency()?,
            metadata: fields.texts("metadata"),
            created: fields.number("created"),
        })
    }
}

/// A part of a list, newest first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// What to ask for the next part with; `None` at the end of the list.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// Reads a list with the reader of its items; `None` if it is no list, or if an item cannot be read.
    pub(super) fn read(fields: Fields<'_>, read: impl Fn(Fields<'_>) -> Option<T>) -> Option<Self> {
        let data = fields.0.get("data")?.as_array()?;
        let items: Vec<T> = data.iter().map(|item| read(Fields(item))).collect::<Option<_>>()?;
        let has_more = fields.truth("has_more").unwrap_or(false);
        let next = data.last().filter(|_| has_more).and_then(|last| Fields(last).text("id"));
        Some(Self { items, next })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_is_read_whatever_else_is_in_it() {
        let value = json!({
            "id": "cs_1", "status": "complete", "payment_status": "paid", "amount_total": 1050, "currency": "eur",
            "payment_intent": { "id": "pi_1", "object": "payment_intent" }, "url": null, "new_field": [1],
            "metadata": { "hold": "h", "odd": 5 }, "client_reference_id": "h",
        });
        let session = Session::read(Fields(&value)).unwrap();
        assert!(session.is_paid());
        assert_eq!((session.amount_total, session.currency.as_deref()), (Some(1050), Some("EUR")));
        assert_eq!((session.payment_intent.as_deref(), session.url), (Some("pi_1"), None));
        assert_eq!(session.metadata, BTreeMap::from([("hold".to_owned(), "h".to_owned())]));
        let least = json!({ "id": "cs_1" });
        let session = Session::read(Fields(&least)).unwrap();
        assert_eq!((session.status, session.payment_status), (SessionStatus::Unknown, PaymentStatus::Unknown));
        assert!(!session.is_paid());
        assert_eq!(Session::read(Fields(&json!({ "status": "complete" }))), None);
        assert_eq!(Session::read(Fields(&json!([1]))), None);
    }

    #[test]
    fn a_session_is_paid_only_when_it_is_complete_and_the_money_has_come() {
        for (status, payment_status, is_paid) in [
            ("complete", "paid", true),
            ("complete", "no_payment_required", true),
            ("complete", "unpaid", false),
            ("open", "paid", false),
            ("expired", "unpaid", false),
            ("complete", "later", false),
        ] {
            let value = json!({ "id": "cs_1", "status": status, "payment_status": payment_status });
            assert_eq!(Session::read(Fields(&value)).unwrap().is_paid(), is_paid, "{status} {payment_status}");
        }
    }

    #[test]
    fn a_failed_charge_is_no_money() {
        let charge = |status: &str, paid: bool| {
            let value = json!({ "id": "ch_1", "amount": 5, "currency": "isk", "status": status, "paid": paid });
            Charge::read(Fields(&value)).map(|charge| charge.is_paid)
        };
        assert_eq!(charge("succeeded", true), None, "five hundredths of a króna are no amount");
        let value = json!({ "id": "ch_1", "amount": 500, "currency": "isk", "status": "failed", "paid": false });
        let charge = Charge::read(Fields(&value)).unwrap();
        assert_eq!((charge.amount, charge.is_paid), (5, false));
    }

    #[test]
    fn a_list_tells_where_its_rest_begins() {
        let item = |id: &str| json!({ "id": id, "amount": 5, "currency": "eur" });
        let value = json!({ "data": [item("re_2"), item("re_1")], "has_more": true });
        let page = Page::read(Fields(&value), Refund::read).unwrap();
        assert_eq!((page.items.len(), page.next.as_deref()), (2, Some("re_1")));
        let value = json!({ "data": [item("re_2")], "has_more": false });
        assert_eq!(Page::read(Fields(&value), Refund::read).unwrap().next, None);
        let value = json!({ "data": [{ "id": "re_2" }] });
        assert_eq!(Page::read(Fields(&value), Refund::read), None, "an amount that is not known is not passed over");
        assert_eq!(Page::read(Fields(&json!({})), Refund::read), None);
    }
}
