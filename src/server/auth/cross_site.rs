//! Whether another site made the browser send this request. One check covers every unsafe method, because a form or a
//! script of another site can make a browser send our cookie along.
//!
//! The browser sets `Sec-Fetch-Site`, and a page cannot forge it. Where it is missing (plain http, old browsers),
//! `Origin` must name us exactly. Source: OWASP ASVS 5.0, 3.5.1 to 3.5.3; W3C Fetch Metadata.

use axum::http::{HeaderMap, Method, header};

use super::address::OwnOrigin;
use crate::model::outcome::{Code, Refusal};

/// The refusal of a request that names no host.
pub const NO_HOST: &str = "The request names no host. A proxy in front must pass the Host header on.";
/// The refusal of a request that comes from another site, or seems to.
const OTHER_SITE: &str = "The request comes from another site. If it does not, a proxy in front changes the Host header: \
                          it must pass Host on, and X-Forwarded-Proto where it speaks https.";

/// Admits safe methods, requests of our own pages, and requests that no browser sent: scripts send neither cookie nor
/// `Origin`.
pub fn check(method: &Method, headers: &HeaderMap, own: OwnOrigin<'_>) -> Result<(), Refusal> {
    if method.is_safe() {
        return Ok(());
    }
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("unreadable"));
    let comes_from_us = match (text("sec-fetch-site"), text(header::ORIGIN.as_str())) {
        (Some("same-origin"), _) => true,
        // Typed into the address bar or opened from a bookmark; no page can cause that.
        (Some("none"), _) => text("sec-fetch-mode") == Some("navigate"),
        (Some(_), _) => false,
        (None, Some(origin)) => own.is(origin),
        (None, None) => !headers.contains_key(header::COOKIE),
    };
    match comes_from_us {
        true => Ok(()),
        // Without a host there is nothing to compare `Origin` with. Another site cannot cause that, so the blame goes
        // to the proxy.
        false if own.host.is_empty() => Err(Refusal::new(Code::Malformed, NO_HOST)),
        false => Err(Refusal::new(Code::Forbidden, OTHER_SITE)),
    }
}

/// Admits a read that costs the server much, unless a page of another site made the browser send it: it could make all
/// of its visitors do so. A person who follows a link to it passes, and so does everything that is no browser.
pub fn check_costly_read(headers: &HeaderMap) -> Result<(), Refusal> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("unreadable"));
    let is_of_other_site = matches!(text("sec-fetch-site"), Some(site) if site != "same-origin" && site != "none");
    // A frame navigates too, but no person asked for it.
    let is_followed_link =
        text("sec-fetch-mode") == Some("navigate") && text("sec-fetch-dest").is_none_or(|what| what == "document");
    if is_of_other_site && !is_followed_link {
        return Err(Refusal::new(
            Code::Forbidden,
            "Pages of other sites may not read this. Link to it, or ask without a browser.",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: OwnOrigin<'static> = OwnOrigin::plain("shop.example");

    fn passes(method: Method, pairs: &[(&'static str, &str)]) -> bool {
        let headers = pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        check(&method, &headers, OWN).is_ok()
    }

    #[test]
    fn unsafe_requests_pass_only_from_our_own_pages_or_without_a_browser() {
        let cookie = ("cookie", "sid=x");
        let origin = |value| ("origin", value);
        let site = |value| ("sec-fetch-site", value);
        for (expected, headers) in [
            (true, vec![]),
            (false, vec![cookie]),
            (true, vec![cookie, site("same-origin")]),
            (true, vec![cookie, origin("http://shop.example")]),
            (true, vec![origin("http://shop.example")]),
            (false, vec![origin("http://evil.example")]),
            (false, vec![cookie, origin("http://evil.example")]),
            (false, vec![cookie, origin("null")]),
            (false, vec![origin("null")]),
            (false, vec![cookie, site("cross-site"), origin("http://evil.example")]),
            (false, vec![cookie, site("cross-site"), origin("http://shop.example")]),
            (false, vec![cookie, site("same-site")]),
            (false, vec![site("cross-site")]),
            (false, vec![cookie, site("none")]),
            (true, vec![cookie, site("none"), ("sec-fetch-mode", "navigate")]),
        ] {
            assert_eq!(passes(Method::POST, &headers), expected, "{headers:?}");
            assert_eq!(passes(Method::DELETE, &headers), expected, "{headers:?}");
            assert!(passes(Method::GET, &headers), "{headers:?}");
        }
    }

    #[test]
    fn costly_reads_are_for_our_pages_for_links_and_for_scripts() {
        let (site, mode, what) =
            (|value| ("sec-fetch-site", value), |value| ("sec-fetch-mode", value), |value| ("sec-fetch-dest", value));
        for (expected, headers) in [
            (true, vec![]),
            (true, vec![("origin", "http://evil.example")]),
            (true, vec![site("same-origin"), mode("cors")]),
            (true, vec![site("none"), mode("navigate"), what("document")]),
            (true, vec![site("cross-site"), mode("navigate"), what("document")]),
            (true, vec![site("cross-site"), mode("navigate")]),
            (false, vec![site("cross-site"), mode("no-cors"), what("image")]),
            (false, vec![site("cross-site"), mode("cors"), what("empty")]),
            (false, vec![site("same-site"), mode("no-cors")]),
            (false, vec![site("cross-site"), mode("navigate"), what("iframe")]),
            (false, vec![site("cross-site")]),
            (false, vec![site("something-new"), mode("cors")]),
        ] {
            let all = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
            assert_eq!(check_costly_read(&all).is_ok(), expected, "{headers:?}");
        }
    }

    #[test]
    fn a_request_without_a_host_is_told_that() {
        let headers: HeaderMap = [(header::ORIGIN, "http://shop.example".parse().unwrap())].into_iter().collect();
        let refusal = check(&Method::POST, &headers, OwnOrigin::plain("")).unwrap_err();
        assert_eq!((refusal.code, refusal.detail.as_str()), (Code::Malformed, NO_HOST));
    }
}
