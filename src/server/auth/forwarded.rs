//! The headers in which proxies pass on what the client asked for: `Forwarded` (RFC 7239), the older `X-Forwarded-*`,
//! and those of the large clouds. This file only reads them; the caller decides whether to believe them.

use std::{
    borrow::Cow,
    net::{IpAddr, SocketAddr},
};

use axum::http::{HeaderMap, HeaderValue};

/// How many entries of a proxy chain are read, counted from the nearest proxy; a longer chain cannot be read to its end.
const MAX_FORWARDING_HOPS: usize = 16;

/// Headers that hold a single address, set by the proxy next to the client.
const SINGLE_ADDRESS_HEADERS: [&str; 2] = ["x-real-ip", "cloudfront-viewer-address"];
/// Headers that may hold the scheme, in the order in which they are read.
const SCHEME_HEADERS: [&str; 3] = ["x-forwarded-proto", "x-forwarded-scheme", "cloudfront-forwarded-proto"];

/// The addresses of a chain of proxies, from the nearest to the farthest. `None` is an entry that names no address, or
/// stands for the rest of a chain that is too long.
///
/// `X-Forwarded-For` wins over `Forwarded`: most proxies write only `X-Forwarded-For` and pass on a `Forwarded` header
/// just as their client wrote it.
pub fn hops(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let mut hops: Vec<Option<IpAddr>> = list(headers, "x-forwarded-for").map(|text| text.and_then(address)).collect();
    if hops.is_empty() {
        hops = elements(headers).into_iter().map(|element| address(&element?.value("for")?)).collect();
    }
    if hops.is_empty() {
        let single = |name| list(headers, name).map(|text| text.and_then(address)).last();
        hops.extend(SINGLE_ADDRESS_HEADERS.into_iter().find_map(single));
    }
    let rest = (hops.len() > MAX_FORWARDING_HOPS).then_some(None);
    hops.into_iter().rev().take(MAX_FORWARDING_HOPS).chain(rest).collect()
}

/// The scheme that the client used, as the first proxy in the chain saw it.
pub fn scheme(headers: &HeaderMap) -> Option<Cow<'_, str>> {
    SCHEME_HEADERS
        .into_iter()
        .find_map(|name| list(headers, name).next())
        .map(|text| text.map(Cow::Borrowed))
        .or_else(|| elements(headers).into_iter().find_map(|element| element?.value("proto")).map(Some))?
}

/// The host that the client named, as the first proxy in the chain saw it, with its port where the client named one.
pub fn host(headers: &HeaderMap) -> Option<&str> {
    list(headers, "x-forwarded-host").next().unwrap_or_else(|| {
        let told = elements(headers).into_iter().find_map(|element| element?.value("host"))?;
        match told {
            Cow::Borrowed(host) => Some(host),
            // A value with escapes is no host: host names need none.
            Cow::Owned(_) => None,
        }
    })
}

/// The port that the client named, where a proxy sends it separately from the host.
pub fn port(headers: &HeaderMap) -> Option<u16> {
    list(headers, "x-forwarded-port").next()??.parse().ok()
}

/// The elements of a list header, over all its lines. Empty elements are left out, as RFC 9110 asks; an element that is
/// not text is `None`. An element may be in quotes.
fn list<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = Option<&'a str>> {
    let lines = headers.get_all(name).into_iter();
    let elements = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    elements.map(<[u8]>::trim_ascii).filter(|element| !element.is_empty()).map(|element| {
        let text = str::from_utf8(element).ok()?;
        Some(text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text).trim())
    })
}

/// An address as proxies write it: alone, with a port, in brackets, with a zone.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address.to_canonical());
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some(address.ip().to_canonical());
    }
    let without_port = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            // RFC 7239 allows an obfuscated port, such as `_a1`.
            (port.is_empty() || port.starts_with(':')).then_some(address)?
        }
        None if text.contains('%') => text,
        // Either IPv6 without brackets whose last group can only be a port, or IPv4 with an obfuscated port.
        None => text.rsplit_once(':')?.0,
    };
    let without_zone = without_port.split('%').next()?;
    without_zone.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

/// One element of `Forwarded`: what one proxy says.
struct Element<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Element<'a> {
    /// The value of a parameter, without its quotes and escapes.
    fn value(&self, name: &str) -> Option<Cow<'a, str>> {
        let (_, value) = self.0.iter().find(|(found, _)| found.eq_ignore_ascii_case(name))?;
        let Some(quoted) = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')) else {
            return Some(Cow::Borrowed(value));
        };
        if !quoted.contains('\\') {
            return Some(Cow::Borrowed(quoted));
        }
        let mut unescaped = String::with_capacity(quoted.len());
        let mut characters = quoted.chars();
        while let Some(character) = characters.next() {
            unescaped.push(if character == '\\' { characters.next()? } else { character });
        }
        Some(Cow::Owned(unescaped))
    }
}

/// The elements of `Forwarded` over all its lines, the farthest proxy's first. A line with an unclosed quote counts as
/// one unreadable element, because nobody can say where its elements end.
fn elements(headers: &HeaderMap) -> Vec<Option<Element<'_>>> {
    headers.get_all("forwarded").iter().flat_map(line_elements).collect()
}

fn line_elements(line: &HeaderValue) -> Vec<Option<Element<'_>>> {
    let Some(parts) = str::from_utf8(line.as_bytes()).ok().and_then(|line| split(line, ',')) else { return vec![None] };
    parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).map(element).collect()
}

fn element(text: &str) -> Option<Element<'_>> {
    let pairs = split(text, ';')?.into_iter().map(str::trim).filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| pair.split_once('=').map(|(name, value)| (name.trim(), value.trim())));
    pairs.collect::<Option<_>>().map(Element)
}

/// Splits at a separator outside of quotes. `None` where a quote is never closed.
fn split(text: &str, separator: char) -> Option<Vec<&str>> {
    let (mut parts, mut start, mut is_quoted, mut is_escaped) = (Vec::new(), 0, false, false);
    for (position, character) in text.char_indices() {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ if character == separator && !is_quoted => {
                parts.push(&text[start..position]);
                start = position + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    (!is_quoted).then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &[u8])]) -> HeaderMap {
        let mut all = HeaderMap::new();
        for (name, value) in lines {
            all.append(*name, HeaderValue::from_bytes(value).unwrap());
        }
        all
    }

    fn told(lines: &[(&'static str, &[u8])]) -> Vec<String> {
        let text = |hop: Option<IpAddr>| hop.map_or_else(|| "?".to_owned(), |address| address.to_string());
        hops(&headers(lines)).into_iter().map(text).collect()
    }

    #[test]
    fn an_address_is_read_however_proxies_write_it() {
        for (text, expected) in [
            ("203.0.113.7", "203.0.113.7"),
            ("203.0.113.7:50007", "203.0.113.7"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:50007", "2001:db8::1"),
            ("[2001:db8::1]:_port", "2001:db8::1"),
            ("203.0.113.7:_port", "203.0.113.7"),
            ("2001:db8:0:0:0:0:0:1:50007", "2001:db8::1"),
            ("[fe80::1%eth0]:80", "fe80::1"),
            ("fe80::1%eth0", "fe80::1"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("[::ffff:203.0.113.7]:80", "203.0.113.7"),
            (" 203.0.113.7 ", "203.0.113.7"),
        ] {
            assert_eq!(address(text).map(|address| address.to_string()).as_deref(), Some(expected), "{text}");
        }
        for text in
            ["", "unknown", "_hidden", "203.0.113", "203.0.113.7.9", "[2001:db8::1", "[]", "localhost:80", ":80"]
        {
            assert_eq!(address(text), None, "{text}");
        }
    }

    #[test]
    fn a_list_may_have_several_lines_empty_elements_and_bytes_that_are_no_text() {
        let name = "x-forwarded-for";
        assert_eq!(
            told(&[(name, b"198.51.100.1:1, ,203.0.113.7"), (name, b"10.0.0.2,")]),
            ["10.0.0.2", "203.0.113.7", "198.51.100.1"]
        );
        assert_eq!(told(&[(name, "198.51.100.1, é".as_bytes())]), ["?", "198.51.100.1"]);
        assert_eq!(told(&[(name, b" , ")]), Vec::<String>::new());
    }

    #[test]
    fn forwarded_is_read_as_rfc_7239_has_it() {
        let read = |line: &[u8]| told(&[("forwarded", line)]);
        assert_eq!(read(b"for=192.0.2.60;proto=http;by=203.0.113.43"), ["192.0.2.60"]);
        assert_eq!(read(b"For=\"[2001:db8:cafe::17]:4711\""), ["2001:db8:cafe::17"]);
        assert_eq!(read(b"for=192.0.2.43, For=\"198.51.100.17:80\" ;BY=x"), ["198.51.100.17", "192.0.2.43"]);
        assert_eq!(read(b"for=unknown, for=_hidden;proto=https, proto=http"), ["?", "?", "?"]);
        assert_eq!(read(br#"by="a,b;for=1.1.1.1", for="192.0.2.\4\3""#), ["192.0.2.43", "?"]);
        assert_eq!(read(b"for=\"192.0.2.43, for=198.51.100.17"), ["?"], "an open quote");
        assert_eq!(read(b"nonsense"), ["?"]);
        assert_eq!(
            told(&[("forwarded", b"for=192.0.2.1"), ("forwarded", b"for=192.0.2.2")]),
            ["192.0.2.2", "192.0.2.1"]
        );
    }

    #[test]
    fn the_older_list_wins_and_a_single_address_comes_last() {
        let (list, standard, single) = ("x-forwarded-for", "forwarded", "x-real-ip");
        let lines: [(&str, &[u8]); 3] = [(single, b"192.0.2.3"), (standard, b"for=192.0.2.2"), (list, b"192.0.2.1")];
        assert_eq!(told(&lines), ["192.0.2.1"]);
        assert_eq!(told(&lines[..2]), ["192.0.2.2"]);
        assert_eq!(told(&lines[..1]), ["192.0.2.3"]);
        assert_eq!(told(&[("cloudfront-viewer-address", b"198.51.100.10:46532")]), ["198.51.100.10"]);
    }

    #[test]
    fn scheme_host_and_port_are_the_first_proxys() {
        let read = |lines: &[(&'static str, &[u8])]| {
            let headers = headers(lines);
            (scheme(&headers).map(Cow::into_owned), host(&headers).map(str::to_owned), port(&headers))
        };
        let (text, nothing) = (|text: &str| Some(text.to_owned()), || (None, None, None));
        assert_eq!(read(&[]), nothing());
        assert_eq!(read(&[("x-forwarded-proto", b"https,http")]), (text("https"), None, None));
        assert_eq!(read(&[("x-forwarded-proto", b" , https"), ("x-forwarded-proto", b"http")]).0, text("https"));
        assert_eq!(read(&[("x-forwarded-host", b"shop.example:8443, inner")]).1, text("shop.example:8443"));
        assert_eq!(read(&[("x-forwarded-port", b"8443,80")]).2, Some(8443));
        assert_eq!(
            read(&[("forwarded", b"for=x;proto=https;host=\"shop.example:8443\", host=inner")]),
            (text("https"), text("shop.example:8443"), None)
        );
        assert_eq!(read(&[("x-forwarded-proto", b"\xff"), ("x-forwarded-host", b"\xff")]), nothing());
    }
}
