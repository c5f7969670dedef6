//! After a form was sent, the page reads the outcome from its own address. A seal proves that the outcome comes from
//! this server: a link that somebody else made has no valid seal, so the page shows nothing.
//!
//! A seal is `issued, milliseconds since 1970 | '.' | HMAC-SHA256 as URL-safe Base64`, computed over the time, the
//! buyer and the text.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use subtle::ConstantTimeEq;

use super::session::Sessions;
use crate::model::{
    ids::BuyerId,
    limits::{CLOCK_SKEW_MILLISECONDS, OUTCOME_TTL_MILLISECONDS},
    time::Timestamp,
};

impl Sessions {
    /// Seals this text for this buyer.
    pub fn seal(&self, buyer: BuyerId, text: &str, now: Timestamp) -> String {
        let issued = now.milliseconds;
        let signature = self.sealing.digest(format!("{issued}.{buyer}.{text}").as_bytes());
        format!("{issued}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// Whether this server sealed this text for this buyer within the last minute.
    pub fn is_sealed(&self, buyer: BuyerId, text: &str, seal: &str, now: Timestamp) -> bool {
        let issued = seal.split_once('.').and_then(|(issued, _)| issued.parse().ok());
        let Some(issued) = issued.map(Timestamp::from_milliseconds) else { return false };
        let age_milliseconds = now.milliseconds.saturating_sub(issued.milliseconds);
        (-CLOCK_SKEW_MILLISECONDS..OUTCOME_TTL_MILLISECONDS).contains(&age_milliseconds)
            && self.seal(buyer, text, issued).as_bytes().ct_eq(seal.as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const NOW: Timestamp = Timestamp::from_milliseconds(1_795_000_000_000);

    #[test]
    fn a_seal_holds_for_its_text_its_buyer_and_a_minute() {
        let (sessions, buyer) = (Sessions::new(b"secret", None), BuyerId(Uuid::from_u128(1)));
        let seal = sessions.seal(buyer, "gala sold-out", NOW);
        let holds = |buyer, text, now| sessions.is_sealed(buyer, text, &seal, now);
        assert!(holds(buyer, "gala sold-out", NOW.plus_milliseconds(59_999)));
        assert!(!holds(buyer, "gala sold-out", NOW.plus_milliseconds(60_000)));
        assert!(!holds(buyer, "gala seat-taken", NOW));
        assert!(!holds(BuyerId(Uuid::from_u128(2)), "gala sold-out", NOW), "planted on somebody else");
        let other = Sessions::new(b"another secret", None).seal(buyer, "gala sold-out", NOW);
        for forged in ["", ".", "1795000000000.", "x.y", "9223372036854775807.x", "-9223372036854775808.x", &other] {
            assert!(!sessions.is_sealed(buyer, "gala sold-out", forged, NOW), "{forged}");
        }
    }
}
