//! How a request with a key begins, and the answers that are kept for keys.

use sha2::{Digest, Sha256};

use super::{
    core::Core,
    error::EngineError,
    keys::{Begun, InFlight, KeptKey, oldest_answer},
};
use crate::{
    model::{
        ids::BuyerId,
        outcome::{Code, Refusal},
    },
    server::{
        stock::key_reused,
        store::{self, StoredAnswer, StoredBody},
    },
};

/// How a keyed request begins.
pub enum Started {
    New {
        guard: InFlight,
        /// Whether the store was asked for an answer.
        looked_up: bool,
    },
    Answered(StoredBody),
    Refused(Refusal),
}

impl Core {
    /// Begins a keyed request: it is new, was answered before, or is refused because of its key. `fingerprint` is
    /// called only where there is a stored answer to compare it with.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn begin(
        &self,
        buyer: BuyerId,
        key: &KeptKey,
        fingerprint: impl FnOnce() -> [u8; 16],
    ) -> Result<Started, EngineError> {
        let guard = match self.keys.begin(buyer, key) {
            Begun::Unknown(guard) => return Ok(Started::New { guard, looked_up: false }),
            Begun::MaybeKnown(guard) => guard,
            Begun::InFlight => {
                let detail = "A request with this key has not been answered yet.";
                return Ok(Started::Refused(Refusal::new(Code::IdempotencyInFlight, detail)));
            }
        };
        self.look_up(buyer, key, fingerprint, guard).await
    }

    /// Begins a keyed request whose key may have been answered.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn look_up(
        &self,
        buyer: BuyerId,
        key: &KeptKey,
        fingerprint: impl FnOnce() -> [u8; 16],
        guard: InFlight,
    ) -> Result<Started, EngineError> {
        match Box::pin(self.stored_answer(buyer, key)).await? {
            None => Ok(Started::New { guard, looked_up: true }),
            Some(answer) if answer.fingerprint == fingerprint() => Ok(Started::Answered(answer.body)),
            Some(_) => Ok(Started::Refused(key_reused())),
        }
    }

    /// The answer kept for a key. An expired answer is deleted and not returned.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn stored_answer(&self, buyer: BuyerId, key: &KeptKey) -> Result<Option<StoredAnswer>, EngineError> {
        let mut reader = self.desk.store.reader().await?;
        let answer = store::find_answer(reader.connection(), buyer, key.as_str()).await?;
        drop(reader);
        match answer {
            Some(answer) if answer.created_at < oldest_answer(self.clock().now()) => {
                self.forget_answers(&[(answer.buyer, key.as_str().to_owned())]).await?;
                Ok(None)
            }
            answer => Ok(answer),
        }
    }

    /// Deletes these answers, in one transaction.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn forget_answers(&self, answers: &[(BuyerId, String)]) -> Result<(), EngineError> {
        let mut writer = self.desk.writer().await?;
        let mut transaction = writer.begin().await?;
        store::forget_answers(transaction.connection(), answers).await?;
        transaction.commit().await?;
        writer.settle();
        Ok(())
    }
}

/// Identifies the request that a key came with: the first 16 bytes of the SHA-256 of route and body.
pub fn fingerprint(route: &str, body: &impl serde::Serialize) -> [u8; 16] {
    let mut hasher = Sha256::new();
    hasher.update(route.as_bytes());
    hasher.update([0]);
    hasher.update(serde_json::to_vec(body).expect("a body is plain data"));
    let digest = hasher.finalize();
    digest[..16].try_into().expect("a SHA-256 has 32 bytes")
}
