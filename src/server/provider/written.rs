//! Objects as JSON, with the provider's names.

use serde_json::{Value, json};

use super::book_entries::{Charge, Payment, Refund, Session, SessionState};

/// The version of the API that is spoken.
const API_VERSION: &str = "2024-06-20";

/// Where a buyer pays this session.
pub fn pay_url(base_url: &str, session: &str) -> String {
    [base_url, "/pay/", session].concat()
}

pub fn session(session: &Session, base_url: &str) -> Value {
    let url = (session.state == SessionState::Open).then(|| pay_url(base_url, &session.id));
    let email = session.customer_email.as_deref();
    json!({
        "id": session.id,
        "object": "checkout.session",
        "amount_subtotal": session.amount_total,
        "amount_total": session.amount_total,
        "cancel_url": session.cancel_url,
        "client_reference_id": session.client_reference_id,
        "created": session.created,
        "currency": session.currency,
        "customer": null,
        "customer_details": email.map(|email| json!({ "email": email, "name": null })),
        "customer_email": email,
        "expires_at": session.expires_at,
        "livemode": false,
        "metadata": session.metadata,
        "mode": "payment",
        "payment_intent": session.payment,
        "payment_method_types": ["card"],
        "payment_status": if session.is_paid { "paid" } else { "unpaid" },
        "status": match session.state {
            SessionState::Open => "open",
            SessionState::Complete => "complete",
            SessionState::Expired => "expired",
        },
        "success_url": session.success_url,
        "ui_mode": "hosted",
        "url": url,
    })
}

pub fn payment(payment: &Payment) -> Value {
    let failure = payment.failure.as_ref().map(|failure| {
        json!({ "type": "card_error", "code": failure.code, "message": failure.message, "charge": payment.latest_charge })
    });
    json!({
        "id": payment.id,
        "object": "payment_intent",
        "amount": payment.amount,
        "amount_received": if payment.has_succeeded { payment.amount } else { 0 },
        "created": payment.created,
        "currency": payment.currency,
        "last_payment_error": failure,
        "latest_charge": payment.latest_charge,
        "livemode": false,
        "metadata": payment.metadata,
        "status": if payment.has_succeeded { "succeeded" } else { "requires_payment_method" },
    })
}

pub fn charge(charge: &Charge) -> Value {
    let is_paid = charge.failure.is_none();
    let taken = if is_paid { charge.amount } else { 0 };
    json!({
        "id": charge.id,
        "object": "charge",
        "amount": charge.amount,
        "amount_captured": taken,
        "amount_refunded": charge.amount_refunded,
        "captured": is_paid,
        "created": charge.created,
        "currency": charge.currency,
        "failure_code": charge.failure.as_ref().map(|failure| &failure.code),
        "failure_message": charge.failure.as_ref().map(|failure| &failure.message),
        "livemode": false,
        "metadata": charge.metadata,
        "paid": is_paid,
        "payment_intent": charge.payment,
        "refunded": is_paid && charge.amount_refunded == charge.amount,
        "status": if is_paid { "succeeded" } else { "failed" },
    })
}

pub fn refund(refund: &Refund) -> Value {
    json!({
        "id": refund.id,
        "object": "refund",
        "amount": refund.amount,
        "charge": refund.charge,
        "created": refund.created,
        "currency": refund.currency,
        "metadata": refund.metadata,
        "payment_intent": refund.payment,
        "reason": refund.reason,
        "status": "succeeded",
    })
}

pub fn event(id: &str, kind: &str, created: i64, object: &Value) -> Value {
    json!({
        "id": id,
        "object": "event",
        "api_version": API_VERSION,
        "created": created,
        "data": { "object": object },
        "livemode": false,
        "pending_webhooks": 1,
        "request": { "id": null, "idempotency_key": null },
        "type": kind,
    })
}
