//! The client's address, and the origin under which it sees us. Headers that a proxy sets are believed only from a peer
//! that the configuration lists: anybody else could have written them.

use std::net::IpAddr;

use axum::http::{HeaderMap, Uri, header};

use super::cookie::SessionCookie;
use crate::server::config::Network;

/// Proxies in a chain that are walked back through; a longer `X-Forwarded-For` is not worth reading.
const MAX_FORWARDING_HOPS: usize = 16;

/// The client's address: the socket's, unless the peer is a listed proxy. Then `X-Forwarded-For` is walked from the right
/// past listed proxies; the first other address is the client. Where the header is junk, the last address that was sure.
pub fn client_address(peer: IpAddr, headers: &HeaderMap, proxies: &[Network]) -> IpAddr {
    let is_proxy = |address| proxies.iter().any(|network| network.contains(address));
    let mut client = peer.to_canonical();
    let forwarded = headers.get_all("x-forwarded-for").iter().rev();
    let hops = forwarded.flat_map(|value| value.to_str().unwrap_or_default().rsplit(',')).take(MAX_FORWARDING_HOPS);
    for hop in hops {
        if !is_proxy(client) {
            break;
        }
        match hop.trim().parse::<IpAddr>() {
            Ok(address) => client = address.to_canonical(),
            Err(_) => break,
        }
    }
    client
}

/// Scheme and host under which the client sees this server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OwnOrigin<'a> {
    pub is_https: bool,
    /// Host and port as the client named them; empty where it named none.
    pub host: &'a str,
}

impl<'a> OwnOrigin<'a> {
    /// Reads `Host` (or the authority of an absolute request target, which wins), and the scheme a listed proxy tells.
    pub fn of(peer: IpAddr, headers: &'a HeaderMap, uri: &'a Uri, proxies: &[Network]) -> Self {
        let named = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let host = uri.authority().map_or(named, |authority| authority.as_str());
        let forwarded_scheme = headers.get("x-forwarded-proto").map(|value| value.as_bytes());
        let is_https = forwarded_scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"https"))
            && proxies.iter().any(|network| network.contains(peer));
        Self { is_https, host }
    }

    /// The cookie that a browser keeps from this origin.
    pub fn session_cookie(&self) -> SessionCookie {
        if self.is_https || self.is_loopback() { SessionCookie::HostBound } else { SessionCookie::Plain }
    }

    /// Whether an `Origin` header names exactly this origin. Default ports may stand or be left out.
    pub fn is(&self, origin: &str) -> bool {
        let (scheme, default_port) = if self.is_https { ("https", ":443") } else { ("http", ":80") };
        let without_port = |host: &'a str| host.strip_suffix(default_port).unwrap_or(host);
        origin.split_once("://").is_some_and(|(other_scheme, other_host)| {
            let other_host = other_host.strip_suffix(default_port).unwrap_or(other_host);
            other_scheme.eq_ignore_ascii_case(scheme)
                && !other_host.is_empty()
                && other_host.eq_ignore_ascii_case(without_port(self.host))
        })
    }

    /// The host without its port; an IPv6 address without its brackets.
    pub fn host_name(&self) -> &'a str {
        match self.host.strip_prefix('[') {
            Some(rest) => rest.split(']').next().unwrap_or_default(),
            None => self.host.split(':').next().unwrap_or_default(),
        }
    }

    fn is_loopback(&self) -> bool {
        let name = self.host_name();
        let is_localhost = |name: &str| name.eq_ignore_ascii_case("localhost");
        is_localhost(name)
            || name.rsplit_once('.').is_some_and(|(_, last)| is_localhost(last))
            || name.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const PROXY: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
    const STRANGER: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));

    fn proxies() -> Vec<Network> {
        vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()]
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn client(peer: IpAddr, forwarded: &[&str]) -> String {
        let pairs: Vec<_> = forwarded.iter().map(|value| ("x-forwarded-for", *value)).collect();
        let mut all = HeaderMap::new();
        for (name, value) in pairs {
            all.append(name, value.parse().unwrap());
        }
        client_address(peer, &all, &proxies()).to_string()
    }

    #[test]
    fn only_a_listed_proxy_is_believed_and_read_from_the_right() {
        assert_eq!(client(STRANGER, &["198.51.100.1"]), "203.0.113.7");
        assert_eq!(client(PROXY, &[]), "10.0.0.1");
        assert_eq!(client(PROXY, &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(client(PROXY, &["1.2.3.4, 198.51.100.1, 10.9.9.9"]), "198.51.100.1");
        assert_eq!(client(PROXY, &["1.2.3.4", "198.51.100.1"]), "198.51.100.1");
        assert_eq!(client(PROXY, &["fd00::2, 2001:db8::1"]), "2001:db8::1");
    }

    #[test]
    fn junk_in_the_chain_ends_at_the_last_address_that_was_sure() {
        assert_eq!(client(PROXY, &["198.51.100.1, junk"]), "10.0.0.1");
        assert_eq!(client(PROXY, &["198.51.100.1, junk, 10.0.0.2"]), "10.0.0.2");
        assert_eq!(client(PROXY, &[&vec!["10.0.0.3"; 10_000].join(",")]), "10.0.0.3");
    }

    #[test]
    fn the_cookie_is_host_bound_over_https_and_on_loopback_hosts() {
        use SessionCookie::{HostBound, Plain};
        for (peer, host, scheme, expected) in [
            (STRANGER, "localhost:3000", "", HostBound),
            (STRANGER, "shop.localhost", "", HostBound),
            (STRANGER, "127.0.0.1:3000", "", HostBound),
            (STRANGER, "127.9.9.9", "", HostBound),
            (STRANGER, "[::1]:3000", "", HostBound),
            (STRANGER, "shop.example", "", Plain),
            (STRANGER, "localhost.example", "", Plain),
            (STRANGER, "192.168.1.5:3000", "", Plain),
            (STRANGER, "shop.example", "https", Plain),
            (PROXY, "shop.example", "https", HostBound),
            (PROXY, "shop.example", "http", Plain),
            (STRANGER, "", "", Plain),
        ] {
            let headers = headers(&[("host", host), ("x-forwarded-proto", scheme)]);
            let uri = Uri::from_static("/");
            let origin = OwnOrigin::of(peer, &headers, &uri, &proxies());
            assert_eq!(origin.session_cookie(), expected, "{peer} {host} {scheme}");
        }
    }

    #[test]
    fn an_origin_is_ours_only_to_the_letter() {
        let plain = OwnOrigin { is_https: false, host: "shop.example:3000" };
        assert!(plain.is("http://shop.example:3000") && plain.is("HTTP://SHOP.example:3000"));
        for foreign in
            ["https://shop.example:3000", "http://shop.example", "http://shop.example:3000.evil.example", "null", ""]
        {
            assert!(!plain.is(foreign), "{foreign}");
        }
        assert!(OwnOrigin { is_https: true, host: "shop.example:443" }.is("https://shop.example"));
        assert!(!OwnOrigin { is_https: false, host: "" }.is("http://"));
    }
}
