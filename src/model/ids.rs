//! Identifiers. A sale and a tier are identified by a slug made from their name, a seat by its label, and everything
//! else by a UUIDv7. Only a buyer who is the heir of a session has a UUIDv8.

use std::{fmt, ops::RangeInclusive, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::{Builder, Uuid};

/// The version of the UUIDs that identify heirs. All other ids have version 7.
const HEIR_VERSION: usize = 8;
/// Bytes at the beginning of an heir's id that all heirs of one session share: six of its time, and four of its line.
const SHARED_BYTES: usize = 10;
const TIME_BYTES: usize = 6;

/// The error for a text that is not an id.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoId;

/// Defines a newtype over a UUIDv7 with the conversions that every layer needs.
macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }

        impl FromStr for $name {
            type Err = NoId;

            /// Reads the hyphenated form only, in upper or lower case. The library reads other forms too, but each
            /// thing should have only one address.
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let is_hyphenated = text.len() == uuid::fmt::Hyphenated::LENGTH;
                Uuid::try_parse(text).ok().filter(|_| is_hyphenated).map(Self).ok_or(NoId)
            }
        }
    };
}

uuid_id!(
    /// A buyer: a guest or an account.
    BuyerId
);
impl BuyerId {
    /// Whether this buyer took the place of a session at its first purchase: see `server/purchaser.rs`.
    pub fn is_heir(self) -> bool {
        self.0.get_version_num() == HEIR_VERSION
    }

    /// An heir of this session. `line` is derived from the session and tells its heirs from those of other sessions
    /// that began in the same millisecond. `own` tells the heirs of one session apart. The heirs of an heir belong to
    /// the same session as the heir itself, so `line` changes nothing there.
    #[must_use]
    pub fn heir(self, line: [u8; SHARED_BYTES - TIME_BYTES], own: [u8; 16 - SHARED_BYTES]) -> Self {
        let mut bytes = *self.0.as_bytes();
        if !self.is_heir() {
            bytes[TIME_BYTES..SHARED_BYTES].copy_from_slice(&line);
        }
        bytes[SHARED_BYTES..].copy_from_slice(&own);
        Self(Builder::from_custom_bytes(bytes).into_uuid())
    }

    /// Whose idempotency keys this buyer's are: one name for all heirs of a session, because a retry may come from the
    /// next heir. Everybody else has keys of their own.
    #[must_use]
    pub fn key_owner(self) -> Self {
        *self.sharing_keys().start()
    }

    /// The ids of all buyers who share their idempotency keys with this one.
    pub fn sharing_keys(self) -> RangeInclusive<Self> {
        if !self.is_heir() {
            return self..=self;
        }
        let filled = |filling: u8| {
            let mut bytes = *self.0.as_bytes();
            bytes[SHARED_BYTES..].fill(filling);
            Self(Uuid::from_bytes(bytes))
        };
        filled(0)..=filled(u8::MAX)
    }
}

uuid_id!(
    /// Units set aside for a buyer. If they are bought in the end, the order has the same id.
    HoldId
);
uuid_id!(
    /// A confirmed purchase.
    OrderId
);
uuid_id!(
    /// A purchase that waits for its decision. If it succeeds, its order has the same id.
    RequestId
);
uuid_id!(
    /// One try to pay for a hold.
    PaymentId
);
uuid_id!(
    /// One unit of an order. The id only locates the ticket and is not secret: the ticket's code is.
    TicketId
);
uuid_id!(
    /// One run of the simulator.
    SimulationId
);

/// Defines a newtype over text that names a thing inside its parent.
macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, ToSchema)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }
    };
}

text_id!(
    /// A sale's slug, such as `golden-ticket`. Unique.
    SaleId
);
text_id!(
    /// A tier's slug, such as `ga`. Unique inside its sale.
    TierId
);
text_id!(
    /// A seat's label, such as `A-12` or `101-A-12`. Unique inside its sale.
    SeatLabel
);

impl SeatLabel {
    /// A label that a person typed: spaces around it are dropped, and lower case letters become upper case.
    pub fn typed(text: &str) -> Self {
        Self(text.trim().to_uppercase())
    }
}

/// Makes a slug from a name: ASCII letters in lower case and digits; each run of anything else becomes one hyphen.
/// `None` if no letter and no digit is left.
pub fn slug(name: &str) -> Option<String> {
    let mut slug = String::with_capacity(name.len());
    for character in name.chars() {
        if character.is_ascii_alphanumeric() {
            slug.push(character.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let slug = slug.trim_end_matches('-');
    (!slug.is_empty()).then(|| slug.to_owned())
}

/// The first of `slug`, `slug-2`, `slug-3`, … that is not taken.
pub fn free_slug(slug: &str, is_taken: impl Fn(&str) -> bool) -> String {
    if !is_taken(slug) {
        return slug.to_owned();
    }
    (2..)
        .map(|number: u64| format!("{slug}-{number}"))
        .find(|candidate| !is_taken(candidate))
        .expect("numbers do not run out")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_in_the_form_in_which_it_is_written() {
        let id = "0190a5c8-7e1b-7abc-8def-0123456789ab";
        let read = |text: &str| text.parse::<OrderId>().ok().map(|order| order.to_string());
        assert_eq!(read(id).as_deref(), Some(id));
        assert_eq!(read(&id.to_uppercase()).as_deref(), Some(id));
        for other in ["", "x", &id.replace('-', ""), &format!("{{{id}}}"), &format!("urn:uuid:{id}"), &format!(" {id}")]
        {
            assert_eq!(read(other), None, "{other}");
        }
    }

    #[test]
    fn the_heirs_of_one_session_share_their_keys_and_nobody_else_does() {
        let session = BuyerId("0190a5c8-7e1b-7abc-8def-0123456789ab".parse().unwrap());
        assert!(!session.is_heir());
        assert_eq!((session.key_owner(), session.sharing_keys()), (session, session..=session));
        let (one, next) = (session.heir([0xff; 4], [1; 6]), session.heir([0xff; 4], [2; 6]));
        assert_eq!(one.to_string(), "0190a5c8-7e1b-8fff-bfff-010101010101");
        assert!(one.is_heir() && one != next && one.key_owner() == next.key_owner());
        assert!(one.sharing_keys().contains(&next) && !one.sharing_keys().contains(&session));
        assert_eq!(one.heir([0; 4], [2; 6]), next, "the heir of an heir");
        assert_ne!(session.heir([0xfe; 4], [1; 6]).key_owner(), one.key_owner(), "another session");
    }

    #[test]
    fn a_slug_keeps_letters_and_digits_and_joins_the_rest() {
        assert_eq!(slug("Golden Ticket").as_deref(), Some("golden-ticket"));
        assert_eq!(slug("  GA — floor!! ").as_deref(), Some("ga-floor"));
        assert_eq!(slug("№"), None);
    }

    #[test]
    fn a_taken_slug_gets_a_number() {
        let taken = ["ga", "ga-2"];
        assert_eq!(free_slug("ga", |slug| taken.contains(&slug)), "ga-3");
        assert_eq!(free_slug("vip", |slug| taken.contains(&slug)), "vip");
    }
}
