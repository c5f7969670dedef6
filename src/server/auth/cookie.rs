//! The session cookie: its name, its attributes, and how it is read.

use axum::http::{HeaderMap, HeaderValue, header};

use crate::model::limits::SESSION_TTL_MILLISECONDS;

/// Which of the two cookies a client keeps. Over plain http, browsers drop `Secure` and `__Host-` cookies, except from
/// loopback hosts. Plain http on any other host therefore needs the plain cookie.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SessionCookie {
    /// `__Host-sid`, over https and on loopback hosts.
    HostBound,
    /// `sid`, over plain http anywhere else.
    Plain,
}

impl SessionCookie {
    pub const fn name(self) -> &'static str {
        match self {
            Self::HostBound => "__Host-sid",
            Self::Plain => "sid",
        }
    }

    /// The cookies that are read where this one is set, the more trustworthy first. `__Host-sid` is read everywhere:
    /// only a secure answer of this host can have set it, so nobody loses their session when a proxy stops passing the
    /// scheme on. The plain cookie is not read over https, where a neighbouring site could have planted it.
    const fn read(self) -> &'static [Self] {
        match self {
            Self::HostBound => &[Self::HostBound],
            Self::Plain => &[Self::HostBound, Self::Plain],
        }
    }

    /// The `Set-Cookie` value that keeps this token for as long as it is valid.
    pub fn keep(self, token: &str) -> HeaderValue {
        let (name, seconds) = (self.name(), SESSION_TTL_MILLISECONDS / 1000);
        let secure = match self {
            Self::HostBound => " Secure;",
            Self::Plain => "",
        };
        let text = format!("{name}={token};{secure} HttpOnly; SameSite=Lax; Path=/; Max-Age={seconds}");
        HeaderValue::from_str(&text).expect("a token is URL-safe Base64")
    }
}

/// Every possible session token among the cookies of a request, with the cookie that it came in, those of the more
/// trustworthy cookie first. Other cookies may hold any bytes and are ignored. Several cookies may have the same name
/// when another program of the same domain uses it, so the caller chooses among the tokens that we signed.
pub fn session_tokens(headers: &HeaderMap, cookie: SessionCookie) -> impl Iterator<Item = (SessionCookie, &str)> {
    cookie.read().iter().flat_map(|read| {
        headers
            .get_all(header::COOKIE)
            .iter()
            .flat_map(|value| value.as_bytes().split(|byte| *byte == b';'))
            .filter_map(|pair| value_of(pair, read.name().as_bytes()).map(|token| (*read, token)))
    })
}

/// The value of a `name=value` pair if it has this name. The value may be in quotes.
fn value_of<'a>(pair: &'a [u8], name: &[u8]) -> Option<&'a str> {
    let equals = pair.iter().position(|byte| *byte == b'=')?;
    let (found, value) = (pair[..equals].trim_ascii(), pair[equals + 1..].trim_ascii());
    let unquoted = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value);
    (found == name).then(|| str::from_utf8(unquoted).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(cookie: SessionCookie, cookies: &[&[u8]]) -> Vec<String> {
        let value = |bytes: &&[u8]| (header::COOKIE, HeaderValue::from_bytes(bytes).unwrap());
        let headers: HeaderMap = cookies.iter().map(value).collect();
        session_tokens(&headers, cookie).map(|(_, token)| token.to_owned()).collect()
    }

    fn host_bound(cookies: &[&[u8]]) -> Vec<String> {
        read(SessionCookie::HostBound, cookies)
    }

    #[test]
    fn the_token_is_found_among_other_cookies() {
        assert_eq!(host_bound(&[b"a=1; __Host-sid=token; b=2"]), ["token"]);
        assert_eq!(host_bound(&[b"a=1", b"__Host-sid=token"]), ["token"]);
        assert_eq!(host_bound(&[b"a=1;__Host-sid = \"token\" ;b"]), ["token"]);
        assert!(host_bound(&[b"sid=token; x__Host-sid=token; __Host-sid"]).is_empty());
        assert!(host_bound(&[]).is_empty());
    }

    #[test]
    fn cookies_that_are_not_ours_may_hold_any_bytes() {
        for foreign in ["x=é".as_bytes(), b"x=\xff\xfe", b"\xe9=1", b"=;;;==", b"x=\"a;b", b""] {
            let before = [foreign, b"; __Host-sid=token"].concat();
            let behind = [b"__Host-sid=token; ", foreign].concat();
            assert_eq!(host_bound(&[&before]), ["token"], "{foreign:?}");
            assert_eq!(host_bound(&[&behind]), ["token"], "{foreign:?}");
            assert_eq!(host_bound(&[foreign, b"__Host-sid=token"]), ["token"], "{foreign:?}");
        }
        assert_eq!(host_bound(&[b"__Host-sid=\xff; __Host-sid=token"]), ["token"]);
    }

    #[test]
    fn all_cookies_of_the_name_are_told_and_the_better_ones_come_first() {
        assert_eq!(host_bound(&[b"__Host-sid=a; __Host-sid=b", b"__Host-sid=c"]), ["a", "b", "c"]);
        assert_eq!(read(SessionCookie::Plain, &[b"sid=a; __Host-sid=b"]), ["b", "a"]);
        assert!(host_bound(&[b"sid=a"]).is_empty(), "a neighbouring site could have planted it");
    }

    #[test]
    fn the_attributes_follow_from_the_name() {
        assert_eq!(
            SessionCookie::HostBound.keep("t"),
            "__Host-sid=t; Secure; HttpOnly; SameSite=Lax; Path=/; Max-Age=15552000"
        );
        assert_eq!(SessionCookie::Plain.keep("t"), "sid=t; HttpOnly; SameSite=Lax; Path=/; Max-Age=15552000");
    }
}
