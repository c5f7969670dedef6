//! More time for a hold.

use super::{
    desk::Selling,
    holding::as_told,
    settling::{Begun, ended, unknown_hold},
};
use crate::{
    model::{
        hold::{Hold, HoldStatus},
        ids::{BuyerId, HoldId},
        outcome::{Code, Refusal},
    },
    server::{
        engine::{
            answer::{Answer, Decided},
            keys::IdempotencyKey,
        },
        stock::{KeyClaim, key_reused},
        store::{self, StoredBody},
    },
};

/// The status of the answer to an extension.
const OK: u16 = 200;

impl Selling {
    /// Extends a hold once more, if its time is not over.
    pub async fn extend(&self, hold: HoldId, buyer: BuyerId, key: Option<IdempotencyKey>) -> Decided<Answer<Hold>> {
        if self.find_hold(Some(buyer), hold).await?.is_none() {
            return Ok(Err(unknown_hold()));
        }
        let keyed = self.keyed(key, &format!("POST /holds/{hold}/extend"), &());
        let key = match self.begin(buyer, keyed).await? {
            Begun::New(key) => key,
            Begun::Answered(StoredBody::Sent { status, body }) => return Ok(Ok(Answer::Replayed { status, body })),
            Begun::Answered(StoredBody::Order(_) | StoredBody::Hold(_)) => return Ok(Err(key_reused())),
            Begun::Refused(refusal) => return Ok(Err(refusal)),
        };
        let place = self.settlement_place()?;
        let (desk, repeated) = (self.core.desk.clone(), key.clone());
        // Once begun it goes on, even if the client goes away.
        let extending = tokio::spawn(async move {
            let _place = place;
            let mut writer = desk.writer().await?;
            // The time is judged once nobody else decides about the hold any more.
            let now = desk.clock.now();
            let mut transaction = writer.begin().await?;
            store::lock_holds(transaction.connection(), &[hold]).await?;
            let is_extended = store::extend_hold(transaction.connection(), hold, buyer, now).await?;
            let extended = store::find_hold(transaction.connection(), hold, Some(buyer), now).await?.map(as_told);
            if let (true, Some(key), Some(extended)) = (is_extended, &key, &extended) {
                key.guard.remember();
                let body = serde_json::to_string(extended).expect("a hold is plain data");
                let kept = (buyer, key.key.as_str());
                store::keep_body(transaction.connection(), kept, key.fingerprint, (OK, &body), now).await?;
            }
            transaction.commit().await?;
            writer.settle();
            Ok::<_, sqlx::Error>(extended.map(|extended| (is_extended, extended)))
        });
        let extended = match extending.await.map_err(|_| sqlx::Error::WorkerCrashed)? {
            Ok(extended) => extended,
            // Another server was asked with the same key at the same time, and answered first.
            Err(error) if store::is_key_taken(&error) => return self.replay_extension(buyer, repeated).await,
            Err(error) => return Err(error.into()),
        };
        Ok(match extended {
            Some((true, hold)) => Ok(Answer::Fresh(hold)),
            Some((false, hold)) => match self.answered_meanwhile(buyer, repeated.as_ref()).await? {
                Some(StoredBody::Sent { status, body }) => Ok(Answer::Replayed { status, body }),
                _ => Err(not_extended(&hold)),
            },
            None => Err(unknown_hold()),
        })
    }

    /// The answer that another request for an extension with the same key got meanwhile.
    async fn replay_extension(&self, buyer: BuyerId, key: Option<KeyClaim>) -> Decided<Answer<Hold>> {
        Ok(match self.answered_meanwhile(buyer, key.as_ref()).await? {
            Some(StoredBody::Sent { status, body }) => Ok(Answer::Replayed { status, body }),
            _ => Err(key_reused()),
        })
    }
}

/// Why a hold was not extended.
fn not_extended(hold: &Hold) -> Refusal {
    match hold.status {
        HoldStatus::Active => {
            Refusal::new(Code::ExtensionRefused, "This hold has been extended as often as it may be.")
        }
        HoldStatus::Paying => Refusal::new(Code::ExtensionRefused, "A payment for this hold is under way."),
        HoldStatus::Confirmed | HoldStatus::Released | HoldStatus::Expired => ended(hold),
    }
}
