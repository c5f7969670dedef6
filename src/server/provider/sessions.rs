//! Checkout sessions: made, looked at, ended.

use serde_json::Value;

use super::{
    api_error::ApiError,
    book::Book,
    book_entries::{Entry, Session, SessionState},
    desk::{Draft, Plan},
    form_reader::FormReader,
    sessions_form::WantedSession,
    written,
};

/// Makes a session.
pub fn create(draft: &mut Draft<'_>, form: FormReader) -> Result<Value, ApiError> {
    let created = draft.now_seconds();
    let wanted = WantedSession::read(form, created)?;
    let session = Session {
        id: draft.id("cs_test_"),
        state: SessionState::Open,
        is_paid: false,
        items: wanted.items,
        amount_total: wanted.amount_total,
        currency: wanted.currency,
        client_reference_id: wanted.client_reference_id,
        customer_email: wanted.customer_email,
        metadata: wanted.metadata,
        payment_metadata: wanted.payment_metadata,
        success_url: wanted.success_url,
        cancel_url: wanted.cancel_url,
        payment: None,
        created,
        expires_at: wanted.expires_at,
    };
    let answer = written::session(&session, draft.base_url);
    draft.put(Entry::Session(session));
    Ok(answer)
}

/// The session with this id.
pub fn find<'a>(book: &'a Book, id: &str) -> Result<&'a Session, ApiError> {
    book.sessions.get(id).ok_or_else(|| ApiError::no_such("checkout.session", id, "session"))
}

/// Ends an open session. Its time need not be over.
pub fn expire(draft: &mut Draft<'_>, id: &str) -> Result<Value, ApiError> {
    let session = find(draft.book, id)?.clone();
    if session.state != SessionState::Open {
        let state = if session.state == SessionState::Complete { "complete" } else { "expired" };
        return Err(ApiError::invalid(format!(
            "Only Checkout Sessions with a status in [\"open\"] can be expired. This Checkout Session has a status of \
             `{state}`."
        )));
    }
    Ok(end(draft, session))
}

/// Ends every session whose time is over.
pub fn expire_ended(draft: &mut Draft<'_>) {
    for session in draft.book.ended_sessions(draft.now_seconds()) {
        end(draft, session);
    }
}

fn end(draft: &mut Draft<'_>, session: Session) -> Value {
    let ended = Session { state: SessionState::Expired, ..session };
    let answer = written::session(&ended, draft.base_url);
    draft.put(Entry::Session(ended));
    draft.tell("checkout.session.expired", &answer, Plan::default());
    answer
}
