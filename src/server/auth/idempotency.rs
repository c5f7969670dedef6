//! The `Idempotency-Key` header: 1 to 255 printable ASCII characters.

use axum::http::HeaderMap;

use crate::{
    model::outcome::{Code, Refusal},
    server::engine::IdempotencyKey,
};

/// The header's name, in lower case.
const HEADER: &str = "idempotency-key";

/// The key of a request. An unusable key is refused, and so are two keys: a client that sent a key relies on it.
pub fn idempotency_key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Refusal> {
    let mut values = headers.get_all(HEADER).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map_err(|_| unusable()).and_then(parse_idempotency_key).map(Some),
        (Some(_), Some(_)) => Err(Refusal::new(Code::Malformed, "A request carries one Idempotency-Key.")),
    }
}

pub fn parse_idempotency_key(text: &str) -> Result<IdempotencyKey, Refusal> {
    IdempotencyKey::parse(text).ok_or_else(unusable)
}

fn unusable() -> Refusal {
    Refusal::new(Code::Malformed, "An Idempotency-Key has 1 to 255 printable ASCII characters.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::limits::MAX_IDEMPOTENCY_KEY_CHARACTERS;

    fn read(values: &[&[u8]]) -> Result<Option<IdempotencyKey>, Code> {
        let headers =
            values.iter().map(|value| (HEADER.parse().unwrap(), value.to_vec().try_into().unwrap())).collect();
        idempotency_key(&headers).map_err(|refusal| refusal.code)
    }

    #[test]
    fn keys_have_1_to_255_printable_ascii_characters() {
        let longest = "k".repeat(MAX_IDEMPOTENCY_KEY_CHARACTERS);
        for usable in ["k", "0190a5c8-7e1b-7abc-8def-0123456789ab", &longest] {
            assert_eq!(read(&[usable.as_bytes()]), Ok(IdempotencyKey::parse(usable)));
        }
        let too_long = format!("{longest}k");
        for unusable in ["".as_bytes(), too_long.as_bytes(), "clé".as_bytes(), b"a\tb", &[0xff]] {
            assert_eq!(read(&[unusable]), Err(Code::Malformed), "{unusable:?}");
        }
    }

    #[test]
    fn no_key_is_fine_and_two_are_not() {
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[b"a", b"a"]), Err(Code::Malformed));
    }
}
