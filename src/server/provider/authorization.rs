//! Who may call the API: whoever shows the secret key, as Bearer or as the name of Basic.

use axum::http::{HeaderMap, header};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use subtle::ConstantTimeEq;

use super::api_error::ApiError;
use crate::server::config::Secret;

/// How many characters of a wrong key are told.
const SHOWN_CHARACTERS: usize = 4;

/// # Errors
/// If no key is shown, or another one.
pub fn authorize(headers: &HeaderMap, key: &Secret) -> Result<(), ApiError> {
    let shown = headers.get(header::AUTHORIZATION).and_then(|value| shown_key(value.as_bytes()));
    let shown = shown.filter(|shown| !shown.is_empty()).ok_or_else(|| {
        ApiError::unauthorized(
            "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer \
             auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
        )
    })?;
    if shown.ct_eq(key.expose().as_bytes()).into() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&shown);
    let characters = text.chars().count();
    let end: String = text.chars().skip(characters.saturating_sub(SHOWN_CHARACTERS.min(characters / 4))).collect();
    Err(ApiError::unauthorized(format!("Invalid API Key provided: ****{end}")))
}

fn shown_key(value: &[u8]) -> Option<Vec<u8>> {
    let space = value.iter().position(|byte| *byte == b' ')?;
    let (scheme, rest) = (&value[..space], value[space..].trim_ascii());
    if scheme.eq_ignore_ascii_case(b"bearer") {
        return Some(rest.to_vec());
    }
    if !scheme.eq_ignore_ascii_case(b"basic") {
        return None;
    }
    let pair = STANDARD.decode(rest).ok()?;
    Some(pair.split(|byte| *byte == b':').next().unwrap_or_default().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(value: &[u8]) -> Result<(), ApiError> {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, axum::http::HeaderValue::from_bytes(value).unwrap());
        authorize(&headers, &Secret::new("sk_test_swordfish"))
    }

    #[test]
    fn the_key_is_shown_as_bearer_or_basic() {
        let basic = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
        for value in ["Bearer sk_test_swordfish", "bearer  sk_test_swordfish", &basic("sk_test_swordfish:")] {
            assert_eq!(outcome(value.as_bytes()), Ok(()), "{value}");
        }
        for value in
            ["Bearer", "Bearer ", "Bearer sk_test_swordfis", "Basic x", &basic("x:sk_test_swordfish"), "Digest a"]
        {
            assert!(outcome(value.as_bytes()).is_err(), "{value}");
        }
        assert!(outcome(b"Bearer \xff\xfe").is_err());
        assert!(authorize(&HeaderMap::new(), &Secret::new("sk_test_swordfish")).is_err());
    }

    #[test]
    fn a_wrong_key_is_not_repeated() {
        let error = outcome(b"Bearer sk_live_another_key").unwrap_err();
        assert!(!format!("{error:?}").contains("another") && format!("{error:?}").contains("****"), "{error:?}");
    }
}
