//! The buyer behind a request, known or new.

use std::{
    collections::HashSet,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use axum::{
    extract::ConnectInfo,
    http::{Extensions, HeaderMap, HeaderName, HeaderValue, Uri, header},
    response::Response,
};
use uuid::Uuid;

use super::{
    address::{OwnOrigin, Surroundings, client_address},
    cookie::{SessionCookie, session_tokens},
    session::{Known, Session, Sessions},
};
use crate::{
    model::{
        ids::BuyerId,
        limits::{MIN_IDENTIFYING_KEY_CHARACTERS, MIN_IDENTIFYING_KEY_DIFFERENT_CHARACTERS},
        order::BuyerKind,
        outcome::{Code, Refusal},
        time::Timestamp,
    },
    server::engine::IdempotencyKey,
};

/// Carries a new guest's token, so that a script can act as the same buyer again.
const SESSION_HEADER: HeaderName = HeaderName::from_static("x-onsale-session");

/// Characters of a UUID with its hyphens.
const UUID_CHARACTERS: usize = 36;
/// The refusal of a request that has no identity but a key that may be guessed.
const GUESSABLE_KEY: &str = "Without a session, the Idempotency-Key stands for the buyer and must be a secret: a UUID, or \
                             at least 22 characters with 10 different ones among them.";

/// Who sent the request. Server functions and pages find it in their context.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asker {
    pub buyer: BuyerId,
    /// An admin may read every order and manage every sale.
    pub is_admin: bool,
    /// Whether the session came in a plain cookie, which a neighbouring site may have planted, so that somebody else
    /// may know it too.
    pub is_plantable: bool,
    /// The token that the answer must bring: see [`introduce`](Self::introduce).
    token: Option<(Bringing, String)>,
}

/// Why and how an answer brings a token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Bringing {
    /// This request has created the guest.
    NewGuest(SessionCookie),
    /// The purchase of this request was made for an heir: see `server/purchaser.rs`.
    Heir(SessionCookie),
    /// The session that came in a cookie is old.
    RenewedCookie(SessionCookie),
    /// The session that came as a Bearer is old.
    RenewedBearer,
}

impl Asker {
    pub const fn is_new(&self) -> bool {
        matches!(self.token, Some((Bringing::NewGuest(_), _)))
    }

    pub const fn kind(&self) -> BuyerKind {
        if self.is_admin { BuyerKind::Admin } else { BuyerKind::Guest }
    }

    /// The same buyer for this one answer. A new guest is forgotten after it.
    pub fn without_session(self) -> Self {
        Self { token: None, ..self }
    }

    /// The heir to whom a purchase of this asker went. Only askers whose session is plantable have heirs, so the heir's
    /// session is kept in a plain cookie.
    pub fn heir(heir: BuyerId, sessions: &Sessions, now: Timestamp) -> Self {
        let token = sessions.renew(heir, now).token;
        Self { token: Some((Bringing::Heir(SessionCookie::Plain), token)), ..Self::guest(heir) }
    }

    /// Gives a new guest or an heir their token: as a cookie for a browser, as `X-Onsale-Session` for a script. The owner
    /// of an old session gets a new token in the way in which the old one came.
    pub fn introduce(&self, mut response: Response) -> Response {
        let Some((bringing, token)) = &self.token else { return response };
        if let Bringing::NewGuest(cookie) | Bringing::Heir(cookie) | Bringing::RenewedCookie(cookie) = bringing {
            response.headers_mut().append(header::SET_COOKIE, cookie.keep(token));
        }
        if let Bringing::NewGuest(_) | Bringing::Heir(_) | Bringing::RenewedBearer = bringing {
            let token_value = HeaderValue::from_str(token).expect("a token is URL-safe Base64");
            response.headers_mut().insert(SESSION_HEADER, token_value);
        }
        response
    }

    const fn guest(buyer: BuyerId) -> Self {
        Self { buyer, is_admin: false, is_plantable: false, token: None }
    }

    /// A guest whose token was read, with a new token if that one is old.
    fn known(known: Known, sessions: &Sessions, bringing: Bringing, now: Timestamp) -> Self {
        let token = known.is_due.then(|| (bringing, sessions.renew(known.buyer, now).token));
        Self { token, ..Self::guest(known.buyer) }
    }

    fn new_guest(cookie: SessionCookie, session: Session) -> Self {
        Self { token: Some((Bringing::NewGuest(cookie), session.token)), ..Self::guest(session.buyer) }
    }
}

/// The parts of a request that say who sent it.
#[derive(Clone, Copy)]
pub struct Visit<'a> {
    /// The other end of the connection: the client or a proxy.
    pub peer: IpAddr,
    pub headers: &'a HeaderMap,
    pub uri: &'a Uri,
    pub network: Surroundings<'a>,
}

impl<'a> Visit<'a> {
    /// The listener stores each connection's address as [`ConnectInfo`]. Where it is missing, the peer is the
    /// unspecified address, which no proxy list contains.
    pub fn new(headers: &'a HeaderMap, uri: &'a Uri, extensions: &Extensions, network: Surroundings<'a>) -> Self {
        let connection = extensions.get::<ConnectInfo<SocketAddr>>();
        let peer = connection.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(address)| address.ip());
        Self { peer, headers, uri, network }
    }

    pub fn origin(&self) -> OwnOrigin<'a> {
        OwnOrigin::of(self.peer, self.headers, self.uri, self.network)
    }

    pub fn client_address(&self) -> IpAddr {
        client_address(self.peer, self.headers, self.network.proxies)
    }

    /// Whether the peer says that it forwards for somebody, and is not a listed proxy.
    pub fn is_forwarded_by_stranger(&self) -> bool {
        const FORWARDING: [&str; 3] = ["x-forwarded-for", "forwarded", "x-real-ip"];
        let is_listed = self.network.proxies.iter().any(|network| network.contains(self.peer));
        !is_listed && FORWARDING.iter().any(|name| self.headers.contains_key(*name))
    }

    /// Whether the request carries a Bearer token, right or wrong.
    pub fn has_bearer(&self) -> bool {
        self.headers.get_all(header::AUTHORIZATION).iter().any(|value| bearer(value).is_some())
    }

    /// Who asks, if the request says so. A Bearer token wins over the cookie. An unreadable Bearer token is refused. An
    /// unreadable cookie counts as absent, because a browser keeps sending what it was once given.
    pub fn known(&self, sessions: &Sessions, now: Timestamp) -> Result<Option<Asker>, Refusal> {
        let bearers = || self.headers.get_all(header::AUTHORIZATION).iter().filter_map(bearer);
        if let Some(asker) = bearers().find_map(|token| of_bearer(sessions, token, now)) {
            return Ok(Some(asker));
        }
        let of_cookie = || self.of_cookie(sessions, now);
        if !self.headers.contains_key(header::AUTHORIZATION) {
            return Ok(of_cookie());
        }
        // A proxy may ask for a password of its own. The browser then sends that password in every request; it is not
        // meant for us.
        if bearers().next().is_none() {
            let known = of_cookie();
            if known.is_some() || accepts_html(self.headers) {
                return Ok(known);
            }
        }
        Err(Refusal::new(Code::Unauthenticated, "The Bearer token is not one of ours."))
    }

    fn of_cookie(&self, sessions: &Sessions, now: Timestamp) -> Option<Asker> {
        if !self.headers.contains_key(header::COOKIE) {
            return None;
        }
        let cookie = self.origin().session_cookie();
        let read = |(cookie, token)| sessions.read(token, now).map(|known| (cookie, known));
        let mut found = session_tokens(self.headers, cookie).filter_map(read);
        let mut chosen = found.next()?;
        // A browser keeps a planted cookie beside ours and may send it first. The heir's session is the one that the
        // planted one was replaced by.
        if chosen.0 == SessionCookie::Plain && !chosen.1.buyer.is_heir() {
            chosen = found.find(|(_, known)| known.buyer.is_heir()).unwrap_or(chosen);
        }
        let (came_in, known) = chosen;
        let asker = Asker::known(known, sessions, Bringing::RenewedCookie(cookie), now);
        Some(Asker { is_plantable: came_in == SessionCookie::Plain, ..asker })
    }

    /// Who asks, where a buyer is needed. A request without identity acts as the guest derived from its key; without a
    /// key it gets a new guest.
    pub fn buyer(&self, sessions: &Sessions, key: Option<&IdempotencyKey>, now: Timestamp) -> Result<Asker, Refusal> {
        if let Some(asker) = self.known(sessions, now)? {
            return Ok(asker);
        }
        let session = match key {
            None => sessions.new_guest(now),
            Some(key) if is_secret(key.as_str()) => sessions.guest_of_key(key, now),
            Some(_) => return Err(Refusal::new(Code::Malformed, GUESSABLE_KEY)),
        };
        Ok(Asker::new_guest(self.origin().session_cookie(), session))
    }
}

/// Whether a key can hardly be guessed, so that it may stand for an identity.
fn is_secret(key: &str) -> bool {
    let is_uuid = key.len() == UUID_CHARACTERS && Uuid::try_parse(key).is_ok();
    let different = || key.bytes().collect::<HashSet<u8>>().len();
    is_uuid || key.len() >= MIN_IDENTIFYING_KEY_CHARACTERS && different() >= MIN_IDENTIFYING_KEY_DIFFERENT_CHARACTERS
}

/// The token of an `Authorization: Bearer` header, as bytes, because an organiser's token may hold any.
fn bearer(value: &HeaderValue) -> Option<&[u8]> {
    let value = value.as_bytes();
    let (scheme, token) = value.split_at(value.iter().position(|byte| *byte == b' ').unwrap_or(value.len()));
    scheme.eq_ignore_ascii_case(b"bearer").then(|| token.trim_ascii())
}

fn of_bearer(sessions: &Sessions, token: &[u8], now: Timestamp) -> Option<Asker> {
    if let Some(known) = str::from_utf8(token).ok().and_then(|token| sessions.read(token, now)) {
        return Some(Asker::known(known, sessions, Bringing::RenewedBearer, now));
    }
    let admin = Asker { is_admin: true, ..Asker::guest(sessions.admin_buyer()) };
    sessions.is_admin_token(token).then_some(admin)
}

/// Whether the client accepts an HTML page as the answer, as browsers do when somebody follows a link.
pub fn accepts_html(headers: &HeaderMap) -> bool {
    const HTML: &[u8] = b"text/html";
    let is_html = |kind: &[u8]| kind.trim_ascii().get(..HTML.len()).is_some_and(|kind| kind.eq_ignore_ascii_case(HTML));
    headers.get_all(header::ACCEPT).iter().any(|value| value.as_bytes().split(|byte| *byte == b',').any(is_html))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    const NOW: Timestamp = Timestamp::from_milliseconds(1_795_000_000_000);

    fn sessions() -> Sessions {
        Sessions::new(b"secret", Some("organiser".to_owned()))
    }

    fn ask(pairs: &[(&'static str, &str)], key: Option<&str>) -> Result<Asker, Code> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let uri = Uri::from_static("/");
        let visit = Visit {
            peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
            headers: &headers,
            uri: &uri,
            network: Surroundings { proxies: &[], public_url: None },
        };
        let key = key.map(|text| IdempotencyKey::parse(text).expect("a test names a usable key"));
        visit.buyer(&sessions(), key.as_ref(), NOW).map_err(|refusal| refusal.code)
    }

    #[test]
    fn a_session_is_known_by_bearer_or_cookie_and_the_bearer_wins() {
        let (one, other) = (sessions().new_guest(NOW), sessions().new_guest(NOW));
        let bearer = format!("Bearer {}", one.token);
        let cookie = format!("__Host-sid={}", other.token);
        let host = ("host", "localhost");
        assert_eq!(ask(&[("authorization", &bearer)], None), Ok(Asker::guest(one.buyer)));
        assert_eq!(ask(&[host, ("cookie", &cookie)], None), Ok(Asker::guest(other.buyer)));
        assert_eq!(ask(&[host, ("cookie", &cookie), ("authorization", &bearer)], None), Ok(Asker::guest(one.buyer)));
    }

    #[test]
    fn an_unreadable_bearer_is_refused_and_an_unreadable_cookie_counts_as_absent() {
        for value in ["Bearer x", "Bearer ", "Basic b25zYWxl", "organiser", ""] {
            assert_eq!(ask(&[("authorization", value)], None), Err(Code::Unauthenticated), "{value}");
        }
        assert!(ask(&[("host", "localhost"), ("cookie", "__Host-sid=x")], None).unwrap().is_new());
    }

    #[test]
    fn of_several_session_cookies_the_one_that_is_signed_by_us_is_taken() {
        let guest = sessions().new_guest(NOW);
        let (planted, own) = ("__Host-sid=planted", format!("__Host-sid={}", guest.token));
        let host = ("host", "localhost");
        for cookies in [format!("{planted}; {own}"), format!("{own}; {planted}"), format!("x=é; {own}; {own}")] {
            assert_eq!(ask(&[host, ("cookie", &cookies)], None), Ok(Asker::guest(guest.buyer)), "{cookies}");
        }
        let elsewhere = ("host", "shop.example");
        let kept = ask(&[elsewhere, ("cookie", &own)], None);
        assert_eq!(kept, Ok(Asker::guest(guest.buyer)), "a proxy that stops telling the scheme");
    }

    #[test]
    fn a_plain_cookie_is_plantable_and_the_heirs_wins_over_the_one_that_was_planted() {
        let planted = sessions().new_guest(NOW);
        let heir = sessions().heir(planted.buyer, IpAddr::V4(Ipv4Addr::LOCALHOST), b"");
        let plain = |token: &str| format!("sid={token}");
        let (planted_cookie, own) = (plain(&planted.token), plain(&sessions().renew(heir, NOW).token));
        let elsewhere = |cookies: &str| ask(&[("host", "shop.example"), ("cookie", cookies)], None).unwrap();
        let plantable = |buyer| Asker { is_plantable: true, ..Asker::guest(buyer) };
        assert_eq!(elsewhere(&planted_cookie), plantable(planted.buyer));
        for cookies in [own.clone(), format!("{planted_cookie}; {own}"), format!("{own}; {planted_cookie}")] {
            assert_eq!(elsewhere(&cookies), plantable(heir), "{cookies}");
        }
        let bound = sessions().new_guest(NOW);
        let cookies = format!("{own}; __Host-sid={}", bound.token);
        assert_eq!(elsewhere(&cookies), Asker::guest(bound.buyer), "nobody can plant this one");
        let new = ask(&[("host", "shop.example")], None).unwrap();
        assert!(new.is_new() && !new.is_plantable);
    }

    #[test]
    fn a_password_for_a_proxy_does_not_stand_between_a_browser_and_its_session() {
        let guest = sessions().new_guest(NOW);
        let cookie = format!("__Host-sid={}", guest.token);
        let (host, password) = (("host", "localhost"), ("authorization", "Basic b25zYWxl"));
        assert_eq!(ask(&[host, password, ("cookie", &cookie)], None), Ok(Asker::guest(guest.buyer)));
        assert!(ask(&[host, password, ("accept", "text/html,*/*;q=0.8")], None).unwrap().is_new());
        assert_eq!(ask(&[host, password], None), Err(Code::Unauthenticated));
        let bearer = format!("Bearer {}", guest.token);
        assert_eq!(ask(&[host, password, ("authorization", &bearer)], None), Ok(Asker::guest(guest.buyer)));
        assert_eq!(ask(&[host, ("authorization", "Bearer x"), ("cookie", &cookie)], None), Err(Code::Unauthenticated));
    }

    #[test]
    fn the_organisers_token_makes_an_admin_who_is_always_the_same_buyer() {
        let admin = ask(&[("authorization", "bearer organiser")], None).unwrap();
        assert!(admin.is_admin && !admin.is_new());
        assert_eq!(admin.buyer, sessions().admin_buyer());
    }

    #[test]
    fn without_identity_a_key_stands_in_for_one() {
        let key = "0190a5c8-7e1b-7abc-8def-0123456789ab";
        assert_eq!(ask(&[], Some(key)), ask(&[], Some(key)));
        assert_ne!(ask(&[], None).unwrap().buyer, ask(&[], None).unwrap().buyer);
        for guessable in
            ["short", "sixteen-letters-", "twenty-one-characters", &"ab".repeat(100), "123456789123456789123456"]
        {
            assert_eq!(ask(&[], Some(guessable)), Err(Code::Malformed), "{guessable}");
        }
        assert!(ask(&[], Some("twenty-two-characters!")).is_ok());
        let known = format!("Bearer {}", sessions().new_guest(NOW).token);
        assert!(ask(&[("authorization", &known)], Some("short")).is_ok());
    }

    #[test]
    fn only_a_new_guest_is_introduced() {
        let introduced = |asker: Asker| asker.introduce(Response::new(Body::empty())).headers().clone();
        let headers = introduced(ask(&[("host", "localhost")], None).unwrap());
        let token = headers["x-onsale-session"].to_str().unwrap();
        assert!(headers[header::SET_COOKIE].to_str().unwrap().starts_with(&format!("__Host-sid={token}; Secure")));
        assert!(introduced(Asker::guest(sessions().admin_buyer())).is_empty());
    }
}
