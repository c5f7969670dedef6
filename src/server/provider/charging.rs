//! What a buyer's press does.

use serde_json::Value;

use super::{
    api_error::ApiError,
    book_entries::{Charge, Entry, Failure, Payment, Session, SessionState},
    desk::{Draft, Plan},
    faults::PaymentFaults,
    identifiers::choose,
    sessions::find,
    written,
};

/// Why a card may be declined: a code, and a sentence for the buyer.
const FAILURES: [(&str, &str); 4] = [
    ("card_declined", "Your card was declined."),
    ("card_declined", "Your card has insufficient funds."),
    ("expired_card", "Your card has expired."),
    ("processing_error", "An error occurred while processing your card. Try again in a little bit."),
];
/// How far apart webhooks are that arrive in the wrong order, and how much earlier a forged one is.
const APART_MILLISECONDS: i64 = 700;
/// How long the only webhook of a press waits for later ones to overtake it.
const OVERTAKEN_MILLISECONDS: i64 = 3_000;
/// What stands for the session's id in the address for buyers who have paid.
const SESSION_PLACE: &str = "{CHECKOUT_SESSION_ID}";

/// What has become of a press.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Pressed {
    /// The buyer goes to this address.
    Paid(String),
    /// The buyer stays, and may try again.
    Declined,
    /// Nobody can pay any more.
    Expired,
}

/// What happened, in the order in which it did: the provider's word and the object.
type Happened = Vec<(&'static str, Value)>;

/// Where a buyer goes who has paid.
pub fn paid_url(session: &Session) -> String {
    session.success_url.replace(SESSION_PLACE, &session.id)
}

/// The buyer pays. A buyer who has paid already pays nothing more.
pub fn pay(draft: &mut Draft<'_>, id: &str, faults: PaymentFaults, declines: bool) -> Result<Pressed, ApiError> {
    let session = find(draft.book, id)?.clone();
    let location = paid_url(&session);
    match session.state {
        SessionState::Complete => return Ok(Pressed::Paid(location)),
        SessionState::Expired => return Ok(Pressed::Expired),
        SessionState::Open if declines => return fail(draft, session, faults),
        SessionState::Open => {}
    }
    let mut happened = Happened::new();
    let mut session = session;
    if faults.reorder {
        // A first card fails, so that there is something that can be told too late.
        let failed = attempt(draft, &mut session, true);
        happened.push(("payment_intent.payment_failed", written::payment(&failed)));
    }
    attempt(draft, &mut session, faults.bounced);
    let complete = Session { state: SessionState::Complete, is_paid: !faults.bounced, ..session };
    let written = written::session(&complete, draft.base_url);
    happened.push(("checkout.session.completed", written.clone()));
    if faults.bounced {
        happened.push(("checkout.session.async_payment_failed", written.clone()));
    }
    let mut opposite = written;
    opposite["status"] = "expired".into();
    opposite["payment_status"] = "unpaid".into();
    draft.put(Entry::Session(complete));
    tell(draft, happened, ("checkout.session.expired", opposite), faults);
    Ok(Pressed::Paid(location))
}

/// The buyer's card is declined.
pub fn decline(draft: &mut Draft<'_>, id: &str, faults: PaymentFaults) -> Result<Pressed, ApiError> {
    let session = find(draft.book, id)?.clone();
    match session.state {
        SessionState::Complete => Ok(Pressed::Declined),
        SessionState::Expired => Ok(Pressed::Expired),
        SessionState::Open => fail(draft, session, faults),
    }
}

fn fail(draft: &mut Draft<'_>, mut session: Session, faults: PaymentFaults) -> Result<Pressed, ApiError> {
    let payment = attempt(draft, &mut session, true);
    let mut opposite = written::session(&session, draft.base_url);
    opposite["status"] = "complete".into();
    opposite["payment_status"] = "paid".into();
    draft.put(Entry::Session(session));
    let happened = vec![("payment_intent.payment_failed", written::payment(&payment))];
    tell(draft, happened, ("checkout.session.completed", opposite), faults);
    Ok(Pressed::Declined)
}

/// One attempt to take the money. The session names the payment from then on.
fn attempt(draft: &mut Draft<'_>, session: &mut Session, fails: bool) -> Payment {
    let charge_id = draft.id("ch_");
    let failure = fails.then(|| {
        let (code, message) = *choose(draft.seed, &charge_id, &FAILURES);
        Failure { code: code.to_owned(), message: message.to_owned() }
    });
    let created = draft.now_seconds();
    let payment_id = session.payment.clone().unwrap_or_else(|| draft.id("pi_"));
    let first = draft.book.payments.get(&payment_id).map_or(created, |before| before.created);
    session.payment = Some(payment_id.clone());
    let payment = Payment {
        id: payment_id.clone(),
        amount: session.amount_total,
        currency: session.currency.clone(),
        metadata: session.payment_metadata.clone(),
        has_succeeded: !fails,
        failure: failure.clone(),
        latest_charge: charge_id.clone(),
        created: first,
    };
    draft.put(Entry::Charge(Charge {
        id: charge_id,
        payment: payment_id,
        amount: session.amount_total,
        amount_refunded: 0,
        currency: session.currency.clone(),
        metadata: session.payment_metadata.clone(),
        failure,
        created,
    }));
    draft.put(Entry::Payment(payment.clone()));
    payment
}

/// Plans the webhooks of a press.
fn tell(draft: &mut Draft<'_>, mut happened: Happened, forgery: (&str, Value), faults: PaymentFaults) {
    let mut delay = i64::try_from(faults.late.as_millis()).unwrap_or(i64::MAX);
    if faults.forged {
        let (kind, object) = forgery;
        draft.tell(kind, &object, Plan { delay, is_forged: true, ..Plan::default() });
        delay += APART_MILLISECONDS;
    }
    if faults.reorder && happened.len() == 1 {
        delay += OVERTAKEN_MILLISECONDS;
    } else if faults.reorder {
        happened.reverse();
    }
    for (kind, object) in happened {
        draft.tell(kind, &object, Plan { delay, is_doubled: faults.double, ..Plan::default() });
        delay += APART_MILLISECONDS;
    }
}
