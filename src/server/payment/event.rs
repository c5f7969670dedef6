//! What the provider tells by webhook. Kinds that mean nothing to us are [`EventKind::Other`], and unknown fields are
//! ignored.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    answer::Fields,
    objects::{Charge, Refund, Session},
};

/// One event. The provider may send it several times, and later than events that happened after it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// The same whenever the same event is sent again.
    pub id: String,
    /// When it happened, in seconds since 1970.
    pub created: Option<u64>,
    pub kind: EventKind,
}

/// What has happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EventKind {
    /// A buyer has gone through the whole page. [`Session::is_paid`] says whether the money has come with it.
    SessionCompleted(Session),
    /// Money that was announced by a completed session has come.
    SessionPaidLater(Session),
    /// Money that was announced by a completed session will not come.
    SessionFailedLater(Session),
    /// Nobody can pay in this session any more, and nobody has.
    SessionExpired(Session),
    /// One attempt failed. The session stays open: another card may work.
    PaymentFailed {
        payment_intent: String,
        /// The metadata of the payment, which are those of its session.
        metadata: BTreeMap<String, String>,
        /// The reason for people.
        reason: Option<String>,
    },
    /// A refund was made, or has changed.
    Refunded(Refund),
    /// Money of a charge went back.
    ChargeRefunded(Charge),
    /// Something that means nothing to us, with the provider's word for it.
    Other(String),
}

impl Event {
    /// Reads a body whose signature was checked before.
    pub(super) fn parse(body: &[u8]) -> Result<Self, String> {
        let value: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        let event = Fields(&value);
        let missing = |what: &str| format!("it has no {what}");
        let id = event.text("id").ok_or_else(|| missing("id"))?;
        let kind = event.text("type").ok_or_else(|| missing("type"))?;
        let object = event.object("data").and_then(|data| data.object("object"));
        let kind = EventKind::read(kind, object).ok_or_else(|| missing("object of its type"))?;
        Ok(Self { id, created: event.number("created"), kind })
    }
}

impl EventKind {
    /// Reads the object that an event of this type is about; `None` if it is not of that kind.
    fn read(kind: String, object: Option<Fields<'_>>) -> Option<Self> {
        let session = || object.and_then(Session::read);
        Some(match kind.as_str() {
            "checkout.session.completed" => Self::SessionCompleted(session()?),
            "checkout.session.async_payment_succeeded" => Self::SessionPaidLater(session()?),
            "checkout.session.async_payment_failed" => Self::SessionFailedLater(session()?),
            "checkout.session.expired" => Self::SessionExpired(session()?),
            "payment_intent.payment_failed" => {
                let intent = object?;
                Self::PaymentFailed {
                    payment_intent: intent.text("id")?,
                    metadata: intent.texts("metadata"),
                    reason: intent.object("last_payment_error").and_then(|error| error.text("message")),
                }
            }
            "refund.created" | "refund.updated" | "refund.failed" => Self::Refunded(Refund::read(object?)?),
            "charge.refunded" => Self::ChargeRefunded(Charge::read(object?)?),
            _ => Self::Other(kind),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(kind: &str, object: &Value) -> Result<EventKind, String> {
        let body = json!({ "id": "evt_1", "type": kind, "created": 5, "data": { "object": object }, "new": {} });
        Event::parse(body.to_string().as_bytes()).map(|event| event.kind)
    }

    #[test]
    fn each_kind_is_read_with_its_object() {
        let session = json!({ "id": "cs_1", "status": "complete", "payment_status": "paid" });
        assert!(
            matches!(parse("checkout.session.completed", &session), Ok(EventKind::SessionCompleted(s)) if s.is_paid())
        );
        assert!(matches!(parse("checkout.session.expired", &session), Ok(EventKind::SessionExpired(_))));
        let late = parse("checkout.session.async_payment_failed", &session);
        assert!(matches!(late, Ok(EventKind::SessionFailedLater(_))));
        let late = parse("checkout.session.async_payment_succeeded", &session);
        assert!(matches!(late, Ok(EventKind::SessionPaidLater(_))));
        let intent = json!({ "id": "pi_1", "metadata": { "hold": "h" }, "last_payment_error": { "message": "No." } });
        let Ok(EventKind::PaymentFailed { payment_intent, metadata, reason }) =
            parse("payment_intent.payment_failed", &intent)
        else {
            panic!("a failed payment")
        };
        assert_eq!((payment_intent.as_str(), metadata["hold"].as_str(), reason.as_deref()), ("pi_1", "h", Some("No.")));
        let money = json!({ "id": "x_1", "amount": 5, "currency": "eur" });
        assert!(matches!(parse("refund.created", &money), Ok(EventKind::Refunded(_))));
        assert!(matches!(parse("charge.refunded", &money), Ok(EventKind::ChargeRefunded(_))));
    }

    #[test]
    fn what_we_do_not_know_is_passed_over_and_what_is_broken_is_told() {
        for object in [json!({}), json!(null), json!([])] {
            assert_eq!(parse("invoice.paid", &object), Ok(EventKind::Other("invoice.paid".to_owned())));
            for known in ["checkout.session.completed", "payment_intent.payment_failed", "refund.created"] {
                assert!(parse(known, &object).is_err(), "{known} {object}");
            }
        }
    }
}
