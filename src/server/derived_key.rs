//! Keys that are derived from the server's secret, one for each purpose. A signature that was made for one purpose is
//! worthless for every other.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Bytes of a signature.
pub const SIGNATURE_BYTES: usize = 32;
/// Characters of a signature in URL-safe Base64 without padding.
const SIGNATURE_CHARACTERS: usize = 43;

/// The key of one purpose.
#[derive(Clone)]
pub struct DerivedKey(Hmac<Sha256>);

impl DerivedKey {
    /// The key that every server with this secret derives for this purpose.
    pub fn new(secret: &[u8], purpose: &[u8]) -> Self {
        Self(keyed(&digest(&keyed(secret), purpose)))
    }

    /// The HMAC-SHA256 of a message.
    pub fn digest(&self, message: &[u8]) -> [u8; SIGNATURE_BYTES] {
        digest(&self.0, message)
    }

    /// A text with its signature in front: `SIGNATURE TEXT`. The signature holds for this place only.
    pub fn sign(&self, place: &str, text: &str) -> String {
        let signature = self.at(place, text.as_bytes()).finalize().into_bytes();
        format!("{} {text}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// The text of what [`DerivedKey::sign`] made for this place; `None` for anything else.
    pub fn verify<'a>(&self, place: &str, signed: &'a [u8]) -> Option<&'a str> {
        let (signature, text) = signed.split_at_checked(SIGNATURE_CHARACTERS)?;
        let text = text.strip_prefix(b" ")?;
        let mut expected = [0; SIGNATURE_BYTES];
        URL_SAFE_NO_PAD.decode_slice(signature, &mut expected).ok().filter(|length| *length == SIGNATURE_BYTES)?;
        self.at(place, text).verify_slice(&expected).ok()?;
        str::from_utf8(text).ok()
    }

    /// No place contains NUL, so place and text can be told apart in one way only.
    fn at(&self, place: &str, text: &[u8]) -> Hmac<Sha256> {
        self.0.clone().chain_update(place).chain_update([0]).chain_update(text)
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes a key of any length")
}

fn digest(keyed: &Hmac<Sha256>, message: &[u8]) -> [u8; SIGNATURE_BYTES] {
    keyed.clone().chain_update(message).finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_back_only_where_it_was_signed_for_and_unchanged() {
        let key = DerivedKey::new(b"secret", b"test v1");
        let signed = key.sign("place", "7 confirmed 8");
        assert_eq!(key.verify("place", signed.as_bytes()), Some("7 confirmed 8"));
        assert_eq!(DerivedKey::new(b"secret", b"test v1").verify("place", signed.as_bytes()), Some("7 confirmed 8"));
        assert_eq!(key.verify("elsewhere", signed.as_bytes()), None);
        assert_eq!(DerivedKey::new(b"other", b"test v1").verify("place", signed.as_bytes()), None);
        assert_eq!(DerivedKey::new(b"secret", b"other v1").verify("place", signed.as_bytes()), None);
        for position in 0..signed.len() {
            let mut changed = signed.clone().into_bytes();
            changed[position] ^= 1;
            assert_eq!(key.verify("place", &changed), None, "{position}");
        }
        for forged in ["", " ", "7 confirmed 8", &signed[1..], &signed[..signed.len() - 1], &signed.repeat(2)] {
            assert_eq!(key.verify("place", forged.as_bytes()), None, "{forged}");
        }
        assert_eq!(key.verify("place", &[0xff; 60]), None);
        assert_eq!(key.verify("place", key.sign("place", "").as_bytes()), Some(""));
    }
}
