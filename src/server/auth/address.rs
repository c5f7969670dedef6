//! The client's address, and the origin under which the client sees this server. Headers that a proxy sets are believed
//! only from a peer that the configuration lists, because any other client could have written them itself.

use std::{fmt, net::IpAddr};

use axum::http::{
    HeaderMap, Uri, header,
    uri::{Authority, Scheme},
};

use super::{cookie::SessionCookie, forwarded};
use crate::server::config::{Config, Network, PublicUrl};

/// What the operator says about the network in front of this server.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    pub proxies: &'a [Network],
    pub public_url: Option<&'a PublicUrl>,
}

impl<'a> Surroundings<'a> {
    pub fn of(config: &'a Config) -> Self {
        Self { proxies: &config.trusted_proxies, public_url: config.public_url.as_ref() }
    }
}

/// The client's address: the socket's, unless the peer is a listed proxy. Then the chain of forwarded addresses is
/// walked from the nearest proxy to the farthest, past every listed proxy; the first address that is not listed is the
/// client. A chain with an entry on the way that names no address, or with too many entries, tells nothing: then the
/// socket's address counts, so that nobody gets an address of their own choice by damaging the chain.
pub fn client_address(peer: IpAddr, headers: &HeaderMap, proxies: &[Network]) -> IpAddr {
    let peer = peer.to_canonical();
    if !is_listed(peer, proxies) {
        return peer;
    }
    let mut client = peer;
    for hop in forwarded::hops(headers) {
        let Some(address) = hop else { return peer };
        client = address;
        if !is_listed(client, proxies) {
            break;
        }
    }
    client
}

fn is_listed(address: IpAddr, proxies: &[Network]) -> bool {
    proxies.iter().any(|network| network.contains(address))
}

/// Scheme, host and port under which the client sees this server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OwnOrigin<'a> {
    pub is_https: bool,
    /// Host and port as the client named them; empty where the client named no host.
    pub host: &'a str,
    /// The port from a proxy's `X-Forwarded-Port`, which is sent separately from the host.
    told_port: Option<u16>,
}

impl<'a> OwnOrigin<'a> {
    /// A host that is reached over plain http, without a proxy.
    pub const fn plain(host: &'a str) -> Self {
        Self { is_https: false, host, told_port: None }
    }

    /// Reads `Host`. An absolute request target wins over it. A listed proxy's headers about the scheme, host and port
    /// that the client used win over both. The host of the configured public address has that address's scheme.
    pub fn of(peer: IpAddr, headers: &'a HeaderMap, uri: &'a Uri, network: Surroundings<'_>) -> Self {
        let named = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let host = uri.authority().map_or(named, Authority::as_str);
        let is_publicly_https = |host: &str| network.public_url.is_some_and(|url| url.is_https_of(host));
        if !is_listed(peer, network.proxies) {
            return Self { is_https: is_publicly_https(host), ..Self::plain(host) };
        }
        let told_https =
            forwarded::scheme(headers).is_some_and(|scheme| scheme.eq_ignore_ascii_case(Scheme::HTTPS.as_str()));
        let told_host = forwarded::host(headers).filter(|host| is_host(host));
        let host = told_host.unwrap_or(host);
        Self { is_https: told_https || is_publicly_https(host), host, told_port: forwarded::port(headers) }
    }

    /// The port that was told beside the host, where the host has none and the scheme's default is another one.
    fn port_beside_host(&self) -> Option<u16> {
        let default_port = if self.is_https { 443 } else { 80 };
        let has_port = host_and_port(self.host).is_some_and(|(_, port)| port.is_some());
        self.told_port.filter(|port| !has_port && *port != default_port)
    }

    /// Which session cookie a browser keeps from this origin.
    pub fn session_cookie(&self) -> SessionCookie {
        if self.is_https || self.is_loopback() { SessionCookie::HostBound } else { SessionCookie::Plain }
    }

    /// Whether an `Origin` header names exactly this origin. A default port may be written or left out.
    pub fn is(&self, origin: &str) -> bool {
        let (scheme, default_port) = if self.is_https { ("https", 443) } else { ("http", 80) };
        let Some((other_scheme, other_host)) = origin.split_once("://") else { return false };
        let (Some(other), Some(own)) = (host_and_port(other_host), host_and_port(self.host)) else { return false };
        let port = other.1.unwrap_or(default_port);
        let is_port = match own.1 {
            Some(own_port) => port == own_port,
            None => port == default_port || Some(port) == self.told_port,
        };
        other_scheme.eq_ignore_ascii_case(scheme) && other.0.eq_ignore_ascii_case(own.0) && is_port
    }

    /// The port that the client used: as it named it, as a proxy told it, or the default of the scheme.
    pub fn port(&self) -> u16 {
        let named = host_and_port(self.host).and_then(|(_, port)| port);
        named.or(self.told_port).unwrap_or(if self.is_https { 443 } else { 80 })
    }

    /// The host without its port; an IPv6 address without its brackets.
    fn host_name(&self) -> &'a str {
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

/// As a browser writes it, such as `https://tickets.example.org`.
impl fmt::Display for OwnOrigin<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_https { "https" } else { "http" };
        write!(formatter, "{scheme}://{}", self.host)?;
        self.port_beside_host().map_or(Ok(()), |port| write!(formatter, ":{port}"))
    }
}

/// Whether this text is a host, with or without a port, as `Host` carries it.
pub fn is_host(text: &str) -> bool {
    !text.contains('@') && text.parse::<Authority>().is_ok_and(|authority| !authority.host().is_empty())
}

/// Host and port; `None` where the host or the port cannot be read.
fn host_and_port(text: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port.parse().ok()?)),
        _ => (text, None),
    };
    (!host.is_empty()).then_some((host, port))
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
        let mut all = HeaderMap::new();
        for value in forwarded {
            all.append("x-forwarded-for", value.parse().unwrap());
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
        assert_eq!(client(PROXY, &["1.2.3.4, 198.51.100.1:50007, [fd00::2]:443"]), "198.51.100.1");
        assert_eq!(client(PROXY, &["10.0.0.3, 10.0.0.2"]), "10.0.0.3", "a client inside");
    }

    #[test]
    fn junk_in_the_chain_tells_nothing_and_the_sockets_address_counts() {
        assert_eq!(client(PROXY, &["198.51.100.1, junk"]), "10.0.0.1");
        assert_eq!(client(PROXY, &["198.51.100.1, junk, 10.0.0.2"]), "10.0.0.1");
        assert_eq!(client(PROXY, &["198.51.100.1, unknown, 10.0.0.2"]), "10.0.0.1");
        assert_eq!(
            client(PROXY, &["junk, 198.51.100.1, 10.0.0.2"]),
            "198.51.100.1",
            "behind the client it is the client's"
        );
        assert_eq!(client(PROXY, &[&vec!["10.0.0.3"; 10_000].join(",")]), "10.0.0.1");
        let long = format!("198.51.100.1,{}", vec!["10.0.0.3"; 16].join(","));
        assert_eq!(client(PROXY, &[&long]), "10.0.0.1", "one hop more than is read");
        assert_eq!(client(PROXY, &[&long["198.51.100.1,".len()..]]), "10.0.0.3");
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
            (PROXY, "shop.example", "https,https", HostBound),
            (PROXY, "shop.example", "HTTPS, http", HostBound),
            (PROXY, "shop.example", "http, https", Plain),
            (PROXY, "shop.example", "http", Plain),
            (STRANGER, "", "", Plain),
        ] {
            let headers = headers(&[("host", host), ("x-forwarded-proto", scheme)]);
            let uri = Uri::from_static("/");
            let proxies = proxies();
            let origin = OwnOrigin::of(peer, &headers, &uri, Surroundings { proxies: &proxies, public_url: None });
            assert_eq!(origin.session_cookie(), expected, "{peer} {host} {scheme}");
        }
    }

    #[test]
    fn the_public_address_tells_the_scheme_where_no_proxy_does() {
        let public = PublicUrl::parse("https://shop.example").unwrap();
        let network = Surroundings { proxies: &[], public_url: Some(&public) };
        let uri = Uri::from_static("/");
        let of = |host| OwnOrigin::of(STRANGER, &headers(&[("host", host)]), &uri, network).is_https;
        assert!(of("shop.example") && of("SHOP.example"));
        assert!(!of("other.example") && !of("shop.example:3000"));
    }

    #[test]
    fn an_origin_is_ours_only_to_the_letter() {
        let origin = |is_https, host| OwnOrigin { is_https, host, told_port: None };
        let plain = origin(false, "shop.example:3000");
        assert!(plain.is("http://shop.example:3000") && plain.is("HTTP://SHOP.example:3000"));
        for foreign in
            ["https://shop.example:3000", "http://shop.example", "http://shop.example:3000.evil.example", "null", ""]
        {
            assert!(!plain.is(foreign), "{foreign}");
        }
        assert!(origin(true, "shop.example:443").is("https://shop.example"));
        assert!(origin(false, "[::1]:3000").is("http://[::1]:3000") && origin(false, "[::1]").is("http://[::1]"));
        assert!(!origin(false, "").is("http://") && !origin(false, "").is("http://shop.example"));
    }

    #[test]
    fn a_listed_proxy_tells_the_host_that_the_client_named() {
        let told = [
            ("host", "backend:3000"),
            ("x-forwarded-host", "shop.example, inner"),
            ("x-forwarded-proto", "https,http"),
        ];
        let is_ours = |peer, pairs: &[(&'static str, &str)], origin: &str| {
            let proxies = proxies();
            let network = Surroundings { proxies: &proxies, public_url: None };
            OwnOrigin::of(peer, &headers(pairs), &Uri::from_static("/"), network).is(origin)
        };
        assert!(is_ours(PROXY, &told, "https://shop.example"));
        assert!(!is_ours(STRANGER, &told, "https://shop.example"), "anybody could have written that");
        let with_port = [("host", "shop.example"), ("x-forwarded-port", "8443"), ("x-forwarded-proto", "https")];
        assert!(is_ours(PROXY, &with_port, "https://shop.example:8443"));
        assert!(!is_ours(PROXY, &with_port, "https://shop.example:9443"));
        let standard = [("host", "backend"), ("forwarded", "for=x;host=\"shop.example:8443\";proto=https")];
        assert!(is_ours(PROXY, &standard, "https://shop.example:8443"));
        let junk = [("host", "shop.example"), ("x-forwarded-host", "a b@c")];
        assert!(is_ours(PROXY, &junk, "http://shop.example"), "what is no host is not believed");
    }

    #[test]
    fn a_host_has_no_user_and_is_not_empty() {
        for host in ["shop.example", "shop.example:3000", "[::1]:3000", "127.0.0.1"] {
            assert!(is_host(host), "{host}");
        }
        for text in ["", ":80", "a@b", "a b", "a/b", "a,b "] {
            assert!(!is_host(text), "{text}");
        }
    }
}
