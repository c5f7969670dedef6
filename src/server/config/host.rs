//! A host that this server answers for, as an operator names it: a name or an address, with or without a port.

use std::{
    net::{IpAddr, Ipv6Addr},
    str::FromStr,
};

use axum::http::uri::Authority;
use serde::{Deserialize, Deserializer};

/// A host that is answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AllowedHost {
    name: Name,
    /// Where the operator named a port, a request must have come to that port.
    port: Option<u16>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Name {
    /// In lower case, without a dot at its end.
    Domain(String),
    Address(IpAddr),
}

impl AllowedHost {
    /// Whether a request to this host is ours. `host` is what the request names; `port` is the port that it came to,
    /// whether it names it or not.
    pub fn answers(&self, host: &str, port: u16) -> bool {
        let named = host.parse::<Self>();
        named.is_ok_and(|named| named.name == self.name) && self.port.is_none_or(|ours| ours == port)
    }
}

impl FromStr for AllowedHost {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("{text:?} is no host such as tickets.example.org, 192.0.2.7:8443 or [2001:db8::1]");
        if let Ok(address) = text.parse::<Ipv6Addr>() {
            return Ok(Self { name: Name::Address(address.into()), port: None });
        }
        let authority: Authority = text.parse().map_err(|_| wrong())?;
        let (host, rest) = (authority.host(), &text[authority.host().len().min(text.len())..]);
        // What an authority has besides: a user in front, which makes the host no beginning of the text.
        let is_whole = text.starts_with(host) && (rest.is_empty() || rest.starts_with(':'));
        let port = match rest.strip_prefix(':') {
            None | Some("") => None,
            Some(port) => Some(port.parse().map_err(|_| wrong())?),
        };
        let name = name(host).filter(|_| is_whole).ok_or_else(wrong)?;
        Ok(Self { name, port })
    }
}

fn name(host: &str) -> Option<Name> {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.parse::<Ipv6Addr>().ok().map(|address| Name::Address(address.into()));
    }
    if let Ok(address) = host.parse::<IpAddr>() {
        return Some(Name::Address(address));
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    name.split('.').all(is_label).then(|| Name::Domain(name.to_ascii_lowercase()))
}

impl<'de> Deserialize<'de> for AllowedHost {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_compared_without_case_last_dot_and_spelling_of_an_address() {
        for (ours, host, port, expected) in [
            ("shop.example", "shop.example", 80, true),
            ("shop.example", "SHOP.example.:3000", 3000, true),
            ("Shop.Example.", "shop.example:443", 443, true),
            ("shop.example", "shop.example.evil.example", 80, false),
            ("shop.example", "shop.example..", 80, false),
            ("shop.example", "notshop.example", 80, false),
            ("shop.example", "", 80, false),
            ("shop.example:8443", "shop.example:8443", 8443, true),
            ("shop.example:8443", "shop.example", 443, false),
            ("shop.example:443", "shop.example", 443, true),
            ("shop.example:80", "shop.example", 443, false),
            ("[2001:db8::1]", "[2001:DB8:0:0::1]:3000", 3000, true),
            ("2001:db8::1", "[2001:db8::1]", 80, true),
            ("[2001:db8::1]:3000", "[2001:db8::1]:3001", 3001, false),
            ("[2001:db8::1]", "[2001:db8::2]", 80, false),
            ("127.0.0.1", "127.0.0.1:3000", 3000, true),
            ("127.0.0.1", "127.0.0.2", 80, false),
        ] {
            assert_eq!(ours.parse::<AllowedHost>().unwrap().answers(host, port), expected, "{ours} {host}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in [
            "",
            ".",
            ":80",
            "a b",
            "https://shop.example",
            "shop.example/",
            "ann@shop.example",
            "shop.example:port",
            "*",
            "*.example",
            "shop.example:80:80",
            "shop.example:99999",
            "[::1",
            "[shop.example]",
            "büro.example",
            "a,b",
        ] {
            let refused = text.parse::<AllowedHost>();
            assert!(refused.is_err(), "{text}: {refused:?}");
        }
    }
}
