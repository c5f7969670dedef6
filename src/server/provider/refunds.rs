//! Money that goes back.

use serde_json::Value;

use super::{
    api_error::ApiError,
    book::Book,
    book_entries::{Charge, Entry, Refund},
    desk::{Draft, Plan},
    form_reader::FormReader,
    sessions_form::metadata,
    written,
};

const REASONS: [&str; 3] = ["duplicate", "fraudulent", "requested_by_customer"];

/// Gives the money of a charge back, or a part of it.
pub fn create(draft: &mut Draft<'_>, mut form: FormReader) -> Result<Value, ApiError> {
    let (payment, charge) = (form.take("payment_intent"), form.take("charge"));
    let wanted = form.take_number("amount")?;
    let reason = form.take("reason");
    if reason.as_ref().is_some_and(|reason| !REASONS.contains(&reason.as_str())) {
        return Err(ApiError::invalid("Invalid reason").param("reason"));
    }
    let metadata = metadata(form.take_below("metadata"))?;
    form.ignore(&["expand", "reverse_transfer", "refund_application_fee"]);
    form.finish()?;
    let charge = find_charge(draft.book, payment.as_deref(), charge.as_deref())?.clone();
    let amount = refundable(&charge, wanted)?;
    let refund = Refund {
        id: draft.id("re_"),
        charge: charge.id.clone(),
        payment: charge.payment.clone(),
        amount,
        currency: charge.currency.clone(),
        reason,
        metadata,
        created: draft.now_seconds(),
    };
    let charge = Charge { amount_refunded: charge.amount_refunded + amount, ..charge };
    let answer = written::refund(&refund);
    draft.tell("refund.created", &answer, Plan::default());
    draft.tell("charge.refunded", &written::charge(&charge), Plan::default());
    draft.put(Entry::Charge(charge));
    draft.put(Entry::Refund(refund));
    Ok(answer)
}

fn find_charge<'a>(book: &'a Book, payment: Option<&str>, charge: Option<&str>) -> Result<&'a Charge, ApiError> {
    let charge = match (payment, charge) {
        (Some(id), None) => {
            let no_such = || ApiError::no_such("payment_intent", id, "payment_intent");
            let payment = book.payments.get(id).ok_or_else(no_such)?;
            if !payment.has_succeeded {
                let message = "This PaymentIntent does not have a successful charge to refund.";
                return Err(ApiError::invalid(message).param("payment_intent"));
            }
            book.charges.get(&payment.latest_charge).ok_or_else(no_such)?
        }
        (None, Some(id)) => book.charges.get(id).ok_or_else(|| ApiError::no_such("charge", id, "charge"))?,
        (Some(_), Some(_)) => {
            return Err(ApiError::invalid("You may only specify one of these parameters: charge, payment_intent."));
        }
        (None, None) => {
            return Err(ApiError::invalid(
                "One of the following params should be provided for this request: payment_intent or charge.",
            ));
        }
    };
    if charge.failure.is_some() {
        return Err(ApiError::invalid("This charge has failed, so it cannot be refunded.").param("charge"));
    }
    Ok(charge)
}

/// How much goes back.
fn refundable(charge: &Charge, wanted: Option<u64>) -> Result<u64, ApiError> {
    let left = charge.amount - charge.amount_refunded;
    if left == 0 {
        let message = format!("Charge {} has already been refunded.", charge.id);
        return Err(ApiError::invalid(message).code("charge_already_refunded"));
    }
    match wanted {
        None => Ok(left),
        Some(0) => Err(ApiError::invalid("Invalid positive integer").code("parameter_invalid_integer").param("amount")),
        Some(amount) if amount > left => {
            let message = format!("Refund amount ({amount}) is greater than unrefunded amount on charge ({left})");
            Err(ApiError::invalid(message).param("amount"))
        }
        Some(amount) => Ok(amount),
    }
}
