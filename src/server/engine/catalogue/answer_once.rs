//! Makes an organiser's request with a key happen once, and gives every repeat the same answer.

use super::desk::Catalogue;
use crate::{
    model::{
        ids::BuyerId,
        outcome::{Code, Refusal},
        time::Timestamp,
    },
    server::{
        engine::{
            answer::{Answer, Decided, Keyed},
            error::EngineError,
            keyed::{Started, fingerprint},
            keys::{InFlight, KeptKey},
        },
        stock::KeyGuard,
        store::{self, StoredBody, Transaction},
    },
};

/// The statuses of answers: after a sale or stock was made, and after a sale was reset.
pub const CREATED: u16 = 201;
pub const OK: u16 = 200;

/// A request with a key that has begun: its key, its fingerprint and the guard that holds the key in flight.
pub struct Begun {
    buyer: BuyerId,
    key: KeptKey,
    fingerprint: [u8; 16],
    guard: InFlight,
}

impl Catalogue {
    /// Answers an organiser's request: with the stored answer where its key was answered before, else with the result
    /// of `change`.
    pub(super) async fn answer_once<T, Change: Future<Output = Decided<T>>>(
        &self,
        keyed: Option<Keyed>,
        route: &str,
        body: &impl serde::Serialize,
        change: impl FnOnce(Option<Begun>) -> Change,
    ) -> Decided<Answer<T>> {
        let Some(keyed) = keyed else { return Ok(change(None).await?.map(Answer::Fresh)) };
        let fingerprint = fingerprint(route, body);
        let (buyer, key) = (keyed.buyer, self.core.keys.kept(&keyed.key));
        match self.begin(buyer, &key, fingerprint).await? {
            Started::New { guard, .. } => {
                Ok(change(Some(Begun { buyer, key, fingerprint, guard })).await?.map(Answer::Fresh))
            }
            Started::Answered(StoredBody::Sent { status, body }) => Ok(Ok(Answer::Replayed { status, body })),
            Started::Answered(StoredBody::Order(_) | StoredBody::Hold(_)) => {
                Ok(Err(Refusal::new(Code::IdempotencyKeyReused, "This key came before with a purchase.")))
            }
            Started::Refused(refusal) => Ok(Err(refusal)),
        }
    }

    async fn begin(&self, buyer: BuyerId, key: &KeptKey, fingerprint: [u8; 16]) -> Result<Started, EngineError> {
        match self.core.begin(buyer, key, || fingerprint).await? {
            // Another process may have answered this key, so the store is asked.
            Started::New { guard, .. } if self.core.desk.store.is_shared() => {
                self.core.look_up(buyer, key, || fingerprint, guard).await
            }
            started => Ok(started),
        }
    }
}

/// Stores the answer to a keyed request in the transaction that makes it true. From here on the key counts as perhaps
/// answered: if the commit fails, nobody can say that it was never answered.
pub async fn keep(
    transaction: &mut Transaction<'_>,
    begun: Option<&Begun>,
    status: u16,
    answer: &impl serde::Serialize,
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    let Some(begun) = begun else { return Ok(()) };
    begun.guard.remember();
    let body = serde_json::to_string(answer).expect("an answer is plain data");
    let key = (begun.buyer, begun.key.as_str());
    store::keep_body(transaction.connection(), key, begun.fingerprint, (status, &body), at).await
}
