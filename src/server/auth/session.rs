//! Guest sessions: signed, stateless tokens. No row exists for a guest until the first purchase.
//!
//! A token is `version | buyer (16 bytes) | issued, seconds since 1970 (8) | HMAC-SHA256 of all before (32)`: 57 bytes,
//! written as 76 characters of URL-safe Base64 without padding. The version fixes the one algorithm. Every field has a
//! fixed length, so a token can be read in one way only.

use std::net::IpAddr;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use subtle::ConstantTimeEq;
use uuid::{Builder, Uuid};

use crate::{
    model::{
        ids::BuyerId,
        limits::{CLOCK_SKEW_MILLISECONDS, SESSION_RENEWAL_MILLISECONDS, SESSION_TTL_MILLISECONDS},
        time::Timestamp,
    },
    server::{
        derived_key::{DerivedKey, SIGNATURE_BYTES},
        engine::IdempotencyKey,
    },
};

const VERSION: u8 = 1;
/// Bytes of the signed part, and of that and its signature.
const CLAIM_BYTES: usize = 1 + 16 + 8;
const TOKEN_BYTES: usize = CLAIM_BYTES + SIGNATURE_BYTES;
/// Characters of a token. 57 bytes fill them without a spare bit, so each bit of the text is a bit of the token.
const TOKEN_CHARACTERS: usize = TOKEN_BYTES / 3 * 4;

/// The issue time of a guest derived from a key is rounded down to a multiple of this, so that repeated requests carry
/// the same token.
const DERIVED_ISSUE_STEP_MILLISECONDS: i64 = 30 * 24 * 60 * 60 * 1000;
/// Each purpose gets a key of its own, derived from the secret. A signature made for one purpose is worthless for
/// another.
const SIGNING_PURPOSE: &[u8] = b"onsale guest session v1";
const DERIVING_PURPOSE: &[u8] = b"onsale guest from idempotency key v1";
const INHERITING_PURPOSE: &[u8] = b"onsale heir of a session v1";
const SEALING_PURPOSE: &[u8] = b"onsale outcome of a form v1";
const ADMIN_PURPOSE: &[u8] = b"onsale admin buyer v1";

/// A session that was read or created: the buyer, and the token that identifies them again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Session {
    pub buyer: BuyerId,
    pub token: String,
}

/// The owner of a token that was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Known {
    pub buyer: BuyerId,
    /// Whether the token should be replaced by a new one, so that the session lasts as long as its owner comes back.
    pub is_due: bool,
}

/// Signs and reads sessions, and knows the organiser's token.
pub struct Sessions {
    signing: DerivedKey,
    /// Signed the sessions from before the secret was changed. They are read and renewed.
    previous_signing: Option<DerivedKey>,
    deriving: DerivedKey,
    inheriting: DerivedKey,
    /// Seals the outcomes that a page reads from its own address.
    pub(super) sealing: DerivedKey,
    admin_buyer: BuyerId,
    admin_token: Option<String>,
}

impl Sessions {
    /// `secret` signs: every server that shares it accepts the others' sessions. Without an `admin_token` nobody is an
    /// admin.
    pub fn new(secret: &[u8], admin_token: Option<String>) -> Self {
        Self {
            signing: DerivedKey::new(secret, SIGNING_PURPOSE),
            previous_signing: None,
            deriving: DerivedKey::new(secret, DERIVING_PURPOSE),
            inheriting: DerivedKey::new(secret, INHERITING_PURPOSE),
            sealing: DerivedKey::new(secret, SEALING_PURPOSE),
            admin_buyer: admin_buyer(secret),
            admin_token: admin_token.filter(|token| !token.is_empty()),
        }
    }

    /// Also accepts the sessions that were signed with the secret before this one. Buyers derived from a key, heirs,
    /// and the organiser's buyer stay those of the previous secret as long as it is named, because their keys may still
    /// be replayed.
    pub fn with_previous(self, secret: &[u8]) -> Self {
        Self {
            previous_signing: Some(DerivedKey::new(secret, SIGNING_PURPOSE)),
            deriving: DerivedKey::new(secret, DERIVING_PURPOSE),
            inheriting: DerivedKey::new(secret, INHERITING_PURPOSE),
            admin_buyer: admin_buyer(secret),
            ..self
        }
    }

    /// A new token for the same buyer.
    pub fn renew(&self, buyer: BuyerId, now: Timestamp) -> Session {
        self.session(buyer, now)
    }

    /// A new guest.
    pub fn new_guest(&self, now: Timestamp) -> Session {
        let mut random = [0; 32];
        rand::Rng::fill_bytes(&mut rand::rng(), &mut random);
        self.session(buyer_at(now, &random), now)
    }

    /// The guest derived from a key: always the same buyer, and the same token until the rounded issue time moves on. A
    /// UUIDv7 key passes its time on to the buyer's id, so that ids made one after the other stay neighbours in the
    /// index.
    pub fn guest_of_key(&self, key: &IdempotencyKey, now: Timestamp) -> Session {
        let bytes = self.deriving.digest(key.as_str().as_bytes());
        let time = Uuid::try_parse(key.as_str()).ok().filter(|uuid| uuid.get_version_num() == 7).map_or_else(
            || i64::from_be_bytes(bytes[16..24].try_into().expect("eight bytes")) & 0x0000_ffff_ffff_ffff,
            |uuid| {
                i64::from_be_bytes(uuid.as_bytes()[..8].try_into().expect("eight bytes")) >> 16 & 0x0000_ffff_ffff_ffff
            },
        );
        let issued = now.milliseconds.div_euclid(DERIVED_ISSUE_STEP_MILLISECONDS) * DERIVED_ISSUE_STEP_MILLISECONDS;
        self.session(buyer_at(Timestamp::from_milliseconds(time), &bytes), Timestamp::from_milliseconds(issued))
    }

    /// The heir of a session for one client: the buyer who takes its place where somebody else may know the session.
    /// `customer` is the part of the client's address that identifies a customer.
    ///
    /// The same client always gets the same heir. So two tabs that buy at the same time stay one buyer, and a purchase
    /// whose answer was lost can be repeated. An heir who asks again from the same client is their own heir.
    pub fn heir(&self, session: BuyerId, customer: IpAddr, user_agent: &[u8]) -> BuyerId {
        let address = match customer {
            IpAddr::V4(address) => address.to_ipv6_mapped(),
            IpAddr::V6(address) => address,
        };
        let line = self.inheriting.digest(&[b"line", session.0.as_bytes().as_slice()].concat());
        let line = line[..4].try_into().expect("four bytes");
        let owner = session.heir(line, [0; 6]).0;
        let own = [b"heir", owner.as_bytes().as_slice(), &address.octets(), user_agent].concat();
        session.heir(line, self.inheriting.digest(&own)[..6].try_into().expect("six bytes"))
    }

    /// The buyer that the organiser's token acts as.
    pub const fn admin_buyer(&self) -> BuyerId {
        self.admin_buyer
    }

    /// Whether this is the organiser's token. The digests are compared in constant time, so that neither length nor
    /// prefix leaks.
    pub fn is_admin_token(&self, token: &[u8]) -> bool {
        self.admin_token
            .as_ref()
            .is_some_and(|expected| self.signing.digest(expected.as_bytes()).ct_eq(&self.signing.digest(token)).into())
    }

    /// The buyer whom a token names; `None` where we did not sign it, it has expired, or it comes from the future.
    pub fn read(&self, token: &str, now: Timestamp) -> Option<Known> {
        if token.len() != TOKEN_CHARACTERS {
            return None;
        }
        let mut bytes = [0; TOKEN_BYTES];
        URL_SAFE_NO_PAD.decode_slice(token, &mut bytes).ok().filter(|&length| length == TOKEN_BYTES)?;
        let (claim, signature) = bytes.split_at(CLAIM_BYTES);
        let is_signed_by = |signing: &DerivedKey| bool::from(signing.digest(claim).as_slice().ct_eq(signature));
        let is_current = is_signed_by(&self.signing);
        if !is_current && !self.previous_signing.as_ref().is_some_and(is_signed_by) {
            return None;
        }
        if claim[0] != VERSION {
            return None;
        }
        let buyer = Uuid::from_slice(&claim[1..17]).ok()?;
        let issued_seconds = i64::from_be_bytes(claim[17..].try_into().ok()?);
        let age_milliseconds = now.milliseconds.checked_sub(issued_seconds.checked_mul(1000)?)?;
        let is_valid = (-CLOCK_SKEW_MILLISECONDS..SESSION_TTL_MILLISECONDS).contains(&age_milliseconds);
        let is_due = !is_current || age_milliseconds >= SESSION_RENEWAL_MILLISECONDS;
        is_valid.then_some(Known { buyer: BuyerId(buyer), is_due })
    }

    fn session(&self, buyer: BuyerId, issued: Timestamp) -> Session {
        let mut bytes = [0; TOKEN_BYTES];
        bytes[0] = VERSION;
        bytes[1..17].copy_from_slice(buyer.0.as_bytes());
        bytes[17..CLAIM_BYTES].copy_from_slice(&issued.milliseconds.div_euclid(1000).to_be_bytes());
        let signature = self.signing.digest(&bytes[..CLAIM_BYTES]);
        bytes[CLAIM_BYTES..].copy_from_slice(&signature);
        Session { buyer, token: URL_SAFE_NO_PAD.encode(bytes) }
    }
}

/// The buyer as whom the organiser's token acts.
fn admin_buyer(secret: &[u8]) -> BuyerId {
    buyer_at(Timestamp::from_milliseconds(0), &DerivedKey::new(secret, ADMIN_PURPOSE).digest(&[]))
}

/// A UUIDv7 of this time; its other bits are the first of `bytes`.
fn buyer_at(time: Timestamp, bytes: &[u8; 32]) -> BuyerId {
    let milliseconds = u64::try_from(time.milliseconds).unwrap_or_default();
    let random: [u8; 10] = bytes[..10].try_into().expect("ten bytes");
    BuyerId(Builder::from_unix_timestamp_millis(milliseconds, &random).into_uuid())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_milliseconds(1_795_000_000_000);
    const KEY: &str = "0190a5c8-7e1b-7abc-8def-0123456789ab";

    fn sessions() -> Sessions {
        Sessions::new(b"secret", Some("organiser".to_owned()))
    }

    fn owner(token: &str, now: Timestamp) -> Option<BuyerId> {
        sessions().read(token, now).map(|known| known.buyer)
    }

    fn key(text: &str) -> IdempotencyKey {
        IdempotencyKey::parse(text).expect("usable")
    }

    #[test]
    fn a_guest_is_read_back_for_180_days() {
        let guest = sessions().new_guest(NOW);
        assert_eq!(owner(&guest.token, NOW), Some(guest.buyer));
        let last = NOW.plus_milliseconds(SESSION_TTL_MILLISECONDS - 1000);
        assert_eq!(owner(&guest.token, last), Some(guest.buyer));
        assert_eq!(owner(&guest.token, NOW.plus_milliseconds(SESSION_TTL_MILLISECONDS)), None);
        assert_eq!(owner(&guest.token, NOW.plus_milliseconds(-CLOCK_SKEW_MILLISECONDS - 1000)), None);
    }

    #[test]
    fn a_session_is_renewed_once_a_day_and_lasts_from_then_on() {
        let guest = sessions().new_guest(NOW);
        let due = |after_milliseconds: i64| {
            sessions().read(&guest.token, NOW.plus_milliseconds(after_milliseconds)).unwrap().is_due
        };
        assert!(!due(0) && !due(SESSION_RENEWAL_MILLISECONDS - 1000) && due(SESSION_RENEWAL_MILLISECONDS));
        let last = NOW.plus_milliseconds(SESSION_TTL_MILLISECONDS - 1000);
        let renewed = sessions().renew(guest.buyer, last);
        assert_eq!(owner(&renewed.token, last.plus_milliseconds(SESSION_TTL_MILLISECONDS - 2000)), Some(guest.buyer));
    }

    #[test]
    fn sessions_of_the_previous_secret_are_read_and_renewed_and_its_keys_keep_their_guests() {
        let old = sessions();
        let new = Sessions::new(b"the next secret", None).with_previous(b"secret");
        let guest = old.new_guest(NOW);
        assert_eq!(new.read(&guest.token, NOW), Some(Known { buyer: guest.buyer, is_due: true }));
        let renewed = new.renew(guest.buyer, NOW);
        assert_eq!(new.read(&renewed.token, NOW), Some(Known { buyer: guest.buyer, is_due: false }));
        assert_eq!(old.read(&renewed.token, NOW), None);
        assert_eq!(new.guest_of_key(&key(KEY), NOW).buyer, old.guest_of_key(&key(KEY), NOW).buyer);
        assert_eq!(Sessions::new(b"the next secret", None).read(&guest.token, NOW), None);
    }

    #[test]
    fn a_token_with_any_character_changed_is_refused() {
        let token = sessions().new_guest(NOW).token;
        for position in 0..token.len() {
            for other in "ABCxyz019-_=.é".chars() {
                let changed: String =
                    token.chars().enumerate().map(|(index, old)| if index == position { other } else { old }).collect();
                assert!(changed == token || owner(&changed, NOW).is_none(), "{changed}");
            }
        }
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let token = sessions().new_guest(NOW).token;
        for text in ["", "x", &token[1..], &format!("{token}="), &format!("{token}A"), "eyJhbGciOiJub25lIn0.e30."] {
            assert_eq!(owner(text, NOW), None, "{text}");
        }
        assert_eq!(Sessions::new(b"other", None).read(&token, NOW), None);
    }

    #[test]
    fn a_key_is_always_the_same_guest_with_the_same_session() {
        let first = sessions().guest_of_key(&key(KEY), NOW);
        assert_eq!(sessions().guest_of_key(&key(KEY), NOW.plus_milliseconds(60_000)), first);
        assert_eq!(owner(&first.token, NOW), Some(first.buyer));
        assert_ne!(sessions().guest_of_key(&key("another-key-of-16"), NOW).buyer, first.buyer);
        assert_ne!(Sessions::new(b"other", None).guest_of_key(&key(KEY), NOW).buyer, first.buyer);
    }

    #[test]
    fn a_derived_guest_is_a_uuid_v7_that_takes_the_time_of_its_key() {
        let buyer = sessions().guest_of_key(&key(KEY), NOW).buyer.0;
        assert_eq!(&buyer.as_bytes()[..6], &Uuid::parse_str(KEY).unwrap().as_bytes()[..6]);
        for guest in [buyer, sessions().guest_of_key(&key("no-uuid-at-all-here"), NOW).buyer.0] {
            assert_eq!((guest.get_version_num(), guest.get_variant()), (7, uuid::Variant::RFC4122));
        }
    }

    #[test]
    fn an_heir_belongs_to_a_session_an_address_and_a_browser() {
        let (session, other_session) = (sessions().new_guest(NOW).buyer, sessions().new_guest(NOW).buyer);
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let heir = |session, from, browser: &str| sessions().heir(session, address(from), browser.as_bytes());
        let first = heir(session, "203.0.113.1", "Firefox");
        assert!(first.is_heir());
        assert_eq!(first, heir(session, "203.0.113.1", "Firefox"));
        assert_eq!(first, heir(first, "203.0.113.1", "Firefox"), "an heir does not change at the same place");
        for (from, browser) in [("203.0.113.2", "Firefox"), ("203.0.113.1", "Safari"), ("2001:db8::", "Firefox")] {
            let next = heir(session, from, browser);
            assert!(next != first && next == heir(first, from, browser), "{from}, {browser}");
            assert_eq!(next.key_owner(), first.key_owner(), "a retry from there is known by its key");
        }
        let other = heir(other_session, "203.0.113.1", "Firefox");
        assert!(other != first && other.key_owner() != first.key_owner());
        let new = Sessions::new(b"the next secret", None);
        assert_ne!(new.heir(session, address("203.0.113.1"), b"Firefox"), first);
        let both = new.with_previous(b"secret");
        assert_eq!(both.heir(session, address("203.0.113.1"), b"Firefox"), first);
    }

    #[test]
    fn only_the_token_that_was_given_makes_an_admin() {
        assert!(sessions().is_admin_token(b"organiser"));
        assert!(!sessions().is_admin_token(b"organise"));
        assert!(!sessions().is_admin_token(b""));
        assert!(!Sessions::new(b"secret", None).is_admin_token(b""));
        assert!(!Sessions::new(b"secret", Some(String::new())).is_admin_token(b""));
    }
}
