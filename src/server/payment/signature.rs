//! Signatures of webhooks: `Stripe-Signature: t=SECONDS,v1=HEX`. What is signed, by HMAC-SHA-256, is `SECONDS.BODY`.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::event::Event;
use crate::{model::time::Timestamp, server::config::Secret};

/// The header with the signatures.
pub const SIGNATURE_HEADER: &str = "stripe-signature";
/// A signature older than this is no longer believed: somebody may have recorded it.
pub const TOLERANCE_SECONDS: i64 = 300;
/// The longest body of a webhook that should be read.
pub const MAX_WEBHOOK_BYTES: usize = 256 * 1024;

const SIGNATURE_BYTES: usize = 32;
const MILLISECONDS_OF_A_SECOND: i64 = 1_000;

/// Why a webhook is not believed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum WebhookError {
    /// There is no signature, or none of them was made with our secret for this body.
    BadSignature,
    /// The signature is good, and was made more than five minutes ago.
    TooOld,
    /// The signature is good, and the body is no event.
    Unreadable(String),
}

impl fmt::Display for WebhookError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadSignature => formatter.write_str("The signature does not belong to this body."),
            Self::TooOld => write!(formatter, "The signature is more than {TOLERANCE_SECONDS} seconds old."),
            Self::Unreadable(reason) => write!(formatter, "The body is no event: {reason}."),
        }
    }
}

impl std::error::Error for WebhookError {}

/// Checks the signature of a webhook, and then reads its event.
///
/// `header` is the value of [`SIGNATURE_HEADER`], empty where the request has none. It may hold several signatures, one
/// for each secret that is valid while the provider changes it; one good signature is enough.
///
/// # Errors
/// See [`WebhookError`]. A signature from the future is believed, because our clock may be late.
pub fn verify(header: &[u8], body: &[u8], secret: &Secret, now: Timestamp) -> Result<Event, WebhookError> {
    let signed = Signed::parse(header).ok_or(WebhookError::BadSignature)?;
    let message = message(secret, signed.seconds, body);
    // Every signature is compared, in a time that does not depend on what is in it.
    let good = signed.signatures.iter().filter(|signature| message.clone().verify_slice(*signature).is_ok()).count();
    if good == 0 {
        return Err(WebhookError::BadSignature);
    }
    let now_seconds = now.milliseconds.div_euclid(MILLISECONDS_OF_A_SECOND);
    if now_seconds.saturating_sub(signed.seconds) > TOLERANCE_SECONDS {
        return Err(WebhookError::TooOld);
    }
    Event::parse(body).map_err(WebhookError::Unreadable)
}

/// The header for a body that is signed at this time.
pub fn sign(body: &[u8], secret: &Secret, now: Timestamp) -> String {
    let seconds = now.milliseconds.div_euclid(MILLISECONDS_OF_A_SECOND);
    format!("t={seconds},v1={}", hex::encode(message(secret, seconds, body).finalize().into_bytes()))
}

fn message(secret: &Secret, seconds: i64, body: &[u8]) -> Hmac<Sha256> {
    let keyed = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).expect("HMAC takes a key of any length");
    keyed.chain_update(seconds.to_string()).chain_update(".").chain_update(body)
}

/// What the header says.
struct Signed {
    seconds: i64,
    signatures: Vec<[u8; SIGNATURE_BYTES]>,
}

impl Signed {
    /// Reads the header. Signatures of other versions, and what is no signature, are passed over.
    fn parse(header: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(header).ok()?;
        let mut seconds = None;
        let mut signatures = Vec::new();
        for (name, value) in text.split(',').filter_map(|item| item.trim().split_once('=')) {
            match name {
                "t" if seconds.is_none() => seconds = Some(value.parse().ok().filter(|seconds| *seconds >= 0)?),
                "v1" => {
                    let mut signature = [0; SIGNATURE_BYTES];
                    if hex::decode_to_slice(value, &mut signature).is_ok() {
                        signatures.push(signature);
                    }
                }
                _ => {}
            }
        }
        Some(Self { seconds: seconds?, signatures })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = br#"{"id":"evt_1","type":"ping","data":{"object":{}}}"#;
    const AT: Timestamp = Timestamp::from_milliseconds(1_700_000_000_999);

    fn secret() -> Secret {
        Secret::new("whsec_swordfish")
    }

    fn later(seconds: i64) -> Timestamp {
        AT.plus_milliseconds(seconds * 1_000)
    }

    fn outcome(header: &str, body: &[u8], now: Timestamp) -> Result<String, WebhookError> {
        verify(header.as_bytes(), body, &secret(), now).map(|event| event.id)
    }

    #[test]
    fn a_known_signature_is_made_and_believed() {
        // Computed with `openssl dgst -sha256 -hmac`.
        let header = "t=1700000000,v1=ffb55a242cec77e4758c4632f49e7b4e474fad3c2e689f44283a72234e71dfe5";
        assert_eq!(sign(BODY, &secret(), AT), header);
        assert_eq!(outcome(header, BODY, AT), Ok("evt_1".to_owned()));
    }

    #[test]
    fn one_good_signature_among_several_is_enough() {
        let good = sign(BODY, &secret(), AT);
        let (time, signature) = good.split_once(',').unwrap();
        let zeros = "0".repeat(64);
        for header in [
            format!("{time},v1={zeros},{signature}"),
            format!("{time},{signature},v1={zeros}"),
            format!("{time}, {signature}, v0=x, v1=short, new"),
            format!("{signature},{time}"),
            format!("{time},{}", signature.to_uppercase().replace("V1", "v1")),
        ] {
            assert_eq!(outcome(&header, BODY, AT), Ok("evt_1".to_owned()), "{header}");
        }
    }

    #[test]
    fn what_is_not_signed_with_our_secret_is_not_believed() {
        let good = sign(BODY, &secret(), AT);
        let other = sign(BODY, &Secret::new("whsec_other"), AT);
        let signature = good.split_once(',').unwrap().1;
        for header in [
            "",
            "t=1700000000",
            "v1=",
            "t=,v1=",
            "t=1700000000,v1=",
            signature,
            &other,
            &good.replace("v1", "v0"),
            &good.replace("t=1700000000", "t=1700000001"),
            &good.replace("t=1700000000", "t=-1700000000"),
            &good.replace("t=1700000000", "t=99999999999999999999"),
            &good[..good.len() - 1],
            &format!("{good}00"),
        ] {
            assert_eq!(outcome(header, BODY, AT), Err(WebhookError::BadSignature), "{header}");
        }
        assert_eq!(outcome(&good, &[BODY, b" "].concat(), AT), Err(WebhookError::BadSignature));
        assert_eq!(verify(b"\xff\xfe", BODY, &secret(), AT), Err(WebhookError::BadSignature));
    }

    #[test]
    fn a_signature_is_believed_for_five_minutes() {
        let header = sign(BODY, &secret(), AT);
        assert!(outcome(&header, BODY, later(300)).is_ok());
        assert_eq!(outcome(&header, BODY, later(301)), Err(WebhookError::TooOld));
        assert!(outcome(&header, BODY, later(-86_400)).is_ok(), "our clock may be late");
        assert_eq!(outcome(&header, b"{}", later(301)), Err(WebhookError::BadSignature), "a forgery is not just old");
    }

    #[test]
    fn a_signed_body_that_is_no_event_is_unreadable() {
        for body in [b"".as_slice(), b"null", b"{}", b"[]", b"\xff", br#"{"id":5,"type":"ping"}"#] {
            let header = sign(body, &secret(), AT);
            assert!(matches!(outcome(&header, body, AT), Err(WebhookError::Unreadable(_))), "{body:?}");
        }
    }
}
