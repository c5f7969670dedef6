//! The strict reader of request bodies and query strings.
//!
//! A body that is not JSON is malformed (400); JSON that does not fit the route is invalid (422). Nothing is buffered
//! beyond its bound, and no compressed body is unpacked.

use std::time::Duration;

use axum::{
    body::{Body, Bytes, HttpBody},
    http::{HeaderMap, StatusCode, Uri, header},
};
use bytes::BytesMut;
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;

use super::problem::Failure;
use crate::model::{
    limits::{BODY_TIMEOUT_MILLISECONDS, MAX_BODY_BYTES},
    outcome::Code,
    strict::Object,
};

/// Media types that a route may take.
pub const JSON: &str = "application/json";
pub const FORM: &str = "application/x-www-form-urlencoded";

/// Reads a body that must be one JSON object.
pub async fn read_json<T: DeserializeOwned>(headers: &HeaderMap, body: Body) -> Result<T, Failure> {
    parse_json(&read_bytes(headers, body, JSON, MAX_BODY_BYTES).await?)
}

/// Reads an optional body: nothing, or one JSON object.
pub async fn read_optional<T: DeserializeOwned + Default>(headers: &HeaderMap, body: Body) -> Result<T, Failure> {
    if body.is_end_stream() {
        return Ok(T::default());
    }
    refuse_compressed(headers)?;
    let bytes = collect(headers, body, MAX_BODY_BYTES).await?;
    if bytes.is_empty() {
        return Ok(T::default());
    }
    require_media_type(headers, JSON)?;
    parse_json(&bytes)
}

/// Reads at most `limit_bytes` of a body of this media type.
pub async fn read_bytes(
    headers: &HeaderMap,
    body: Body,
    media_type: &str,
    limit_bytes: usize,
) -> Result<Bytes, Failure> {
    require_media_type(headers, media_type)?;
    refuse_compressed(headers)?;
    collect(headers, body, limit_bytes).await
}

/// Parses one JSON object. Unknown and repeated fields, wrong types and an array instead of an object are invalid.
pub fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    match serde_json::from_slice::<Object<T>>(bytes) {
        Ok(Object(value)) => Ok(value),
        Err(error) => {
            // The parser stops at the first field that does not fit, and reports some misfits (a name that is `null`)
            // as errors of syntax. Only reading the whole body shows whether it is JSON.
            serde_json::from_slice::<serde_json::Value>(bytes).map_err(|error| not_json(&error))?;
            Err(Failure::invalid(format!("The body is not what this route takes: {error}.")))
        }
    }
}

fn not_json(error: &serde_json::Error) -> Failure {
    Failure::malformed(format!("The body is not JSON: {error}."))
}

/// The media type must be the expected one; the only parameter allowed is `charset=utf-8`.
fn require_media_type(headers: &HeaderMap, expected: &str) -> Result<(), Failure> {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (media_type, parameters) = value.split_once(';').unwrap_or((value, ""));
    let parameter = parameters.trim();
    let has_known_parameters = parameter.is_empty()
        || parameter.eq_ignore_ascii_case("charset=utf-8")
        || parameter.eq_ignore_ascii_case("charset=\"utf-8\"");
    if media_type.trim().eq_ignore_ascii_case(expected) && has_known_parameters {
        return Ok(());
    }
    Err(Failure::new(Code::UnsupportedMediaType, format!("The body must be {expected} in UTF-8.")))
}

fn refuse_compressed(headers: &HeaderMap) -> Result<(), Failure> {
    let is_plain = |value: &header::HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    if headers.get_all(header::CONTENT_ENCODING).iter().all(is_plain) {
        return Ok(());
    }
    Err(Failure::new(Code::UnsupportedMediaType, "Compressed bodies are not taken."))
}

/// The whole body. A body that announces too many bytes is refused before any of it is read.
async fn collect(headers: &HeaderMap, body: Body, limit_bytes: usize) -> Result<Bytes, Failure> {
    let too_large = || Failure::new(Code::TooLarge, format!("The body has more than {limit_bytes} bytes."));
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit_bytes as u64) {
        return Err(too_large());
    }
    let bytes = in_time(collect_frames(body, limit_bytes), Duration::from_millis(BODY_TIMEOUT_MILLISECONDS)).await?;
    if bytes.len() > limit_bytes { Err(too_large()) } else { Ok(bytes) }
}

async fn in_time(
    reading: impl Future<Output = Result<Bytes, axum::Error>>,
    time_limit: Duration,
) -> Result<Bytes, Failure> {
    match tokio::time::timeout(time_limit, reading).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => Err(Failure::malformed("The body broke off.")),
        Err(_) => Err(Failure::malformed("The body came too slowly.").with_status(StatusCode::REQUEST_TIMEOUT)),
    }
}

/// Reads frames until one goes beyond the limit. A body that came as a single frame, as small ones do, is not copied.
async fn collect_frames(mut body: Body, limit_bytes: usize) -> Result<Bytes, axum::Error> {
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        if first.is_empty() && all.is_empty() {
            first = data;
        } else {
            all.extend_from_slice(&std::mem::take(&mut first));
            all.extend_from_slice(&data);
        }
        if first.len().max(all.len()) > limit_bytes {
            break;
        }
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}

/// The parameters of a query string, in the order of `names`.
pub fn read_query<const COUNT: usize>(uri: &Uri, names: [&str; COUNT]) -> Result<[Option<String>; COUNT], Failure> {
    pick(form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()), names)
}

/// The fields of a form, in the order of `names`.
pub fn parse_form<const COUNT: usize>(bytes: &[u8], names: [&str; COUNT]) -> Result<[Option<String>; COUNT], Failure> {
    pick(form_urlencoded::parse(bytes), names)
}

/// The values by name. A name that occurs twice is malformed; a name that the route does not know is invalid.
fn pick<const COUNT: usize>(
    pairs: form_urlencoded::Parse<'_>,
    names: [&str; COUNT],
) -> Result<[Option<String>; COUNT], Failure> {
    let mut values = [const { None }; COUNT];
    for (name, value) in pairs {
        let Some(position) = names.iter().position(|known| *known == name) else {
            return Err(Failure::invalid(format!("There is no parameter {name}.")));
        };
        if values[position].replace(value.into_owned()).is_some() {
            return Err(Failure::malformed(format!("The parameter {name} stands twice.")));
        }
    }
    Ok(values)
}

/// A whole number in a query, written as JSON writes it: digits alone, without a sign and without zeros in front.
pub fn whole_number(text: &str) -> Option<u64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| is_plain)
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;
    use crate::model::{
        body::{BuyBody, NewSale, ResetBody, SalePatch},
        strategy::StrategyKind,
    };

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    async fn status_of(pairs: &[(&'static str, &str)], body: impl Into<Body>) -> u16 {
        let read = read_json::<BuyBody>(&headers(pairs), body.into()).await;
        read.err().map_or(200, |failure| failure.status().as_u16())
    }

    fn parsed(body: &[u8]) -> u16 {
        parse_json::<BuyBody>(body).err().map_or(200, |failure| failure.status().as_u16())
    }

    #[test]
    fn what_is_no_json_is_malformed() {
        let deep = format!("{{\"seat\":{}", "[".repeat(4000));
        let deep_and_closed = format!("{{\"seat\":{}{}}}", "[".repeat(4000), "]".repeat(4000));
        let utf_16: Vec<u8> = "{\"seat\":\"A-1\"}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for body in [
            b"".as_slice(),
            b" ",
            b"{",
            b"{\"seat\":\"A-1\"",
            b"{\"seat\":5,",
            b"{\"seat\":\"A-1\"}x",
            b"{\"seat\":\"A-1\"}{}",
            b"{'seat':'A-1'}",
            b"{\"tier\":\"ga\",\"quantity\":NaN}",
            b"{\"tier\":\"ga\",\"quantity\":1e309}",
            b"{\"seat\":\"\\ud800\"}",
            b"{\"seat\":\"\xff\"}",
            b"\xef\xbb\xbf{\"seat\":\"A-1\"}",
            &utf_16,
            deep.as_bytes(),
            deep_and_closed.as_bytes(),
        ] {
            assert_eq!(parsed(body), 400, "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn what_is_json_but_not_what_the_route_takes_is_invalid() {
        for body in [
            "null",
            "5",
            "\"A-1\"",
            "[]",
            "[\"A-1\",null,null]",
            "{\"seat\":null}",
            "{\"seat\":5}",
            "{\"seat\":\"A-1\",\"seat\":\"A-1\"}",
            "{\"seat\":\"A-1\",\"is_admin\":true}",
            "{\"seat\":\"A-1\",\"price\":0}",
            "{\"tier\":\"ga\",\"quantity\":1.5}",
            "{\"tier\":\"ga\",\"quantity\":\"2\"}",
            "{\"tier\":\"ga\",\"quantity\":9223372036854775808}",
            "{\"tier\":\"ga\",\"quantity\":null}",
        ] {
            assert_eq!(parsed(body.as_bytes()), 422, "{body}");
        }
    }

    #[test]
    fn nested_arrays_are_no_objects_either() {
        let sale = |tier: &str| parse_json::<NewSale>(format!("{{\"name\":\"x\",\"tiers\":[{tier}]}}").as_bytes());
        assert!(sale("{\"name\":\"GA\",\"price\":1,\"quantity\":5}").is_ok());
        assert!(sale("{\"name\":\"A\",\"price\":1,\"seats\":{\"sections\":1,\"rows\":1,\"per_row\":1}}").is_ok());
        for tier in [
            "[\"GA\",1,\"USD\",null,5]",
            "{\"name\":\"A\",\"price\":1,\"seats\":[1,1,1]}",
            "{\"name\":\"A\",\"price\":1,\"seats\":{\"sections\":1,\"rows\":1,\"per_row\":1,\"x\":1}}",
            "{\"name\":\"A\",\"price\":1,\"seats\":null}",
        ] {
            assert_eq!(sale(tier).unwrap_err().code(), Code::Invalid, "{tier}");
        }
        for patch in
            ["{\"name\":null}", "{\"hold_ttl_seconds\":null}", "{\"status\":null}", "{\"status\":5}", "{\"status\":[]}"]
        {
            assert_eq!(parse_json::<SalePatch>(patch.as_bytes()).unwrap_err().code(), Code::Invalid, "{patch}");
        }
    }

    #[tokio::test]
    async fn the_head_decides_first() {
        let good = "{\"seat\":\"A-1\"}";
        let json = ("content-type", "application/json");
        assert_eq!(status_of(&[json], good).await, 200);
        assert_eq!(status_of(&[("content-type", "Application/JSON; charset=UTF-8")], good).await, 200);
        assert_eq!(status_of(&[json, ("content-encoding", "identity")], good).await, 200);
        for content_type in ["", "text/plain", "multipart/form-data; boundary=x", "application/json; charset=latin1"] {
            assert_eq!(status_of(&[("content-type", content_type)], good).await, 415, "{content_type}");
        }
        for encoding in ["gzip", "br", "identity, gzip"] {
            assert_eq!(status_of(&[json, ("content-encoding", encoding)], good).await, 415, "{encoding}");
        }
        assert_eq!(status_of(&[json, ("content-length", "999999999999")], good).await, 413);
    }

    #[tokio::test]
    async fn a_body_is_bounded_whether_or_not_it_says_how_long_it_is() {
        let json = ("content-type", "application/json");
        let chunks = |count: usize| {
            let chunk = "{\"seat\":\"A-1\"}".to_owned() + &" ".repeat(1010);
            let spaces = std::iter::repeat_n(" ".repeat(1024), count - 1);
            Body::from_stream(stream::iter(std::iter::once(chunk).chain(spaces).map(Ok::<_, std::io::Error>)))
        };
        assert_eq!(status_of(&[json], chunks(16)).await, 200);
        assert_eq!(status_of(&[json], chunks(17)).await, 413);
        assert_eq!(status_of(&[json], " ".repeat(17 * 1024)).await, 413);
    }

    #[tokio::test]
    async fn a_body_that_trickles_or_breaks_off_is_given_up() {
        let time_limit = Duration::from_millis(5);
        let read =
            |body: Body| async move { in_time(collect_frames(body, 10), time_limit).await.unwrap_err().status() };
        let trickle = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        assert_eq!(read(trickle).await, StatusCode::REQUEST_TIMEOUT);
        let broken = Body::from_stream(stream::iter([Err::<Bytes, _>(std::io::Error::other("reset"))]));
        assert_eq!(read(broken).await, StatusCode::BAD_REQUEST);
    }

    #[tokio::test]
    async fn a_body_that_may_be_left_out_is_nothing_or_an_object() {
        let json = headers(&[("content-type", "application/json")]);
        let read = read_optional::<ResetBody>;
        assert_eq!(read(&HeaderMap::new(), Body::empty()).await.unwrap(), ResetBody::default());
        assert_eq!(read(&json, Body::from("{}")).await.unwrap(), ResetBody::default());
        let strategy = Some(StrategyKind::Naive);
        assert_eq!(read(&json, Body::from(r#"{"strategy":"naive"}"#)).await.unwrap(), ResetBody { strategy });
        for invalid in [r#"{"x":1}"#, r#"{"strategy":null}"#, r#"{"strategy":"best"}"#, "[]"] {
            assert_eq!(read(&json, Body::from(invalid)).await.unwrap_err().code(), Code::Invalid, "{invalid}");
        }
        assert_eq!(read(&HeaderMap::new(), Body::from("{}")).await.unwrap_err().code(), Code::UnsupportedMediaType);
    }

    #[test]
    fn a_number_in_a_query_is_written_in_one_way() {
        assert_eq!(
            (whole_number("0"), whole_number("10"), whole_number("18446744073709551615")),
            (Some(0), Some(10), Some(u64::MAX))
        );
        for text in ["", "+5", "-1", "05", "00", " 5", "5 ", "1e2", "1.0", "0x5", "18446744073709551616", "٥"] {
            assert_eq!(whole_number(text), None, "{text}");
        }
    }

    #[test]
    fn query_parameters_are_known_and_stand_once() {
        let read = |query: &str| {
            let uri: Uri = format!("/x?{query}").parse().unwrap();
            read_query(&uri, ["tier", "status"]).map_err(|failure| failure.code())
        };
        assert_eq!(read("status=held&tier=v%20ip"), Ok([Some("v ip".to_owned()), Some("held".to_owned())]));
        assert_eq!(read(""), Ok([None, None]));
        assert_eq!(read("tier=a&tier=a"), Err(Code::Malformed));
        assert_eq!(read("page=-1"), Err(Code::Invalid));
    }
}
