//! The session cookie: its name, its attributes, and how it is read.

use axum::http::{HeaderMap, HeaderValue, header};

use crate::model::limits::SESSION_TTL_MILLISECONDS;

/// Which of the two cookies a client keeps. Browsers drop `Secure` and `__Host-` cookies that come over plain http, but
/// for loopback hosts, so there the plain one has to do.
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

    /// The `Set-Cookie` value that keeps this token for as long as it is good.
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

/// The session token among the cookies of a request. Two of that name count as none: one of them was planted.
pub fn session_token(headers: &HeaderMap, cookie: SessionCookie) -> Option<&str> {
    let mut tokens = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| *name == cookie.name())
        .map(|(_, token)| token);
    tokens.next().filter(|_| tokens.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(cookies: &[&str]) -> Option<String> {
        let headers: HeaderMap = cookies.iter().map(|text| (header::COOKIE, text.parse().unwrap())).collect();
        session_token(&headers, SessionCookie::HostBound).map(str::to_owned)
    }

    #[test]
    fn the_token_is_found_among_other_cookies() {
        assert_eq!(read(&["a=1; __Host-sid=token; b=2"]).as_deref(), Some("token"));
        assert_eq!(read(&["a=1", "__Host-sid=token"]).as_deref(), Some("token"));
        assert_eq!(read(&["sid=token; x__Host-sid=token"]), None);
        assert_eq!(read(&[]), None);
    }

    #[test]
    fn two_session_cookies_count_as_none() {
        assert_eq!(read(&["__Host-sid=a; __Host-sid=b"]), None);
        assert_eq!(read(&["__Host-sid=a", "__Host-sid=a"]), None);
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
