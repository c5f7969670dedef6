//! A key as it is kept. Whoever knows a key of a buyer without a session can act as that buyer, so no key is kept as it
//! was sent, neither in the database nor in Redis.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

use crate::server::{derived_key::DerivedKey, ledger::hexadecimal};

/// In front of every kept key, so that keys which an older version kept as they were sent can be told apart.
const MARK: char = '~';
/// Bytes of the digest that are kept. 144 bits: nobody finds two keys with the same.
const DIGEST_BYTES: usize = 18;
/// Bytes in front of the digest: the milliseconds of a UUIDv7, else more of the digest.
const TIME_BYTES: usize = 6;
const KEPT_CHARACTERS: usize = 1 + 2 * TIME_BYTES + DIGEST_BYTES / 3 * 4;

/// A key as it is kept: `~`, twelve hexadecimal digits, and the key's HMAC in URL-safe Base64.
///
/// The twelve digits are the time of a UUIDv7. It is no secret, because the answer is kept with its time too, and keys
/// made one after the other stay neighbours in the index.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct KeptKey(String);

impl KeptKey {
    /// The kept form of a key as it was sent.
    pub fn new(deriving: &DerivedKey, key: &str) -> Self {
        let digest = deriving.digest(key.as_bytes());
        let uuid = Uuid::try_parse(key).ok().filter(|uuid| uuid.get_version_num() == 7);
        let time = uuid.as_ref().map_or(&digest[DIGEST_BYTES..], |uuid| uuid.as_bytes());
        let (time, digest) = (hexadecimal(&time[..TIME_BYTES]), URL_SAFE_NO_PAD.encode(&digest[..DIGEST_BYTES]));
        Self(format!("{MARK}{time}{digest}"))
    }

    /// The kept form of a key that an older version kept as it was sent; `None` where this is a kept form already.
    pub fn of_older_version(deriving: &DerivedKey, stored: &str) -> Option<Self> {
        let is_kept = stored.starts_with(MARK) && stored.len() == KEPT_CHARACTERS;
        (!is_kept).then(|| Self::new(deriving, stored))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(secret: &[u8], text: &str) -> String {
        KeptKey::new(&DerivedKey::new(secret, b"test v1"), text).0
    }

    #[test]
    fn a_key_is_kept_in_one_form_that_does_not_tell_it() {
        let key = "0190a5c8-7e1b-7abc-8def-0123456789ab";
        let form = kept(b"secret", key);
        assert_eq!(form, kept(b"secret", key));
        assert!(form.starts_with("~0190a5c87e1b") && !form.contains("7abc"), "{form}");
        for (other, secret) in [(key, b"other!"), ("0190a5c8-7e1b-7abc-8def-0123456789ac", b"secret")] {
            assert_ne!(kept(secret, other), form);
        }
        for text in [key, "x", &"k".repeat(255), form.as_str()] {
            assert_eq!(kept(b"secret", text).len(), KEPT_CHARACTERS, "{text}");
            assert_ne!(kept(b"secret", text), text, "what is kept is no key of its own");
        }
    }

    #[test]
    fn a_key_of_an_older_version_becomes_what_it_would_be_now() {
        let deriving = DerivedKey::new(b"secret", b"test v1");
        for text in ["0190a5c8-7e1b-7abc-8def-0123456789ab", "~", "add-ten"] {
            assert_eq!(KeptKey::of_older_version(&deriving, text).unwrap().0, kept(b"secret", text));
        }
        assert_eq!(KeptKey::of_older_version(&deriving, &kept(b"secret", "add-ten")), None);
    }
}
