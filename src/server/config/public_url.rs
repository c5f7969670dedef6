//! Under which address visitors reach the server. A proxy in front may not say so.

use axum::http::{Uri, uri::Scheme};

use super::error::ConfigError;

/// A scheme and a host, such as `https://tickets.example.org`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PublicUrl {
    is_https: bool,
    /// Host and port, in lower case.
    authority: String,
}

impl PublicUrl {
    /// # Errors
    /// If the text is no such address, or has a path.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let wrong = || ConfigError(format!("{text:?} is no public address such as https://tickets.example.org"));
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let is_https = uri.scheme() == Some(&Scheme::HTTPS);
        let is_web = is_https || uri.scheme() == Some(&Scheme::HTTP);
        let authority = uri.authority().filter(|authority| is_web && !authority.as_str().contains('@'));
        let authority = authority.ok_or_else(wrong)?.as_str().to_ascii_lowercase();
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(wrong());
        }
        Ok(Self { is_https, authority })
    }

    /// Whether visitors reach this host and port over https.
    pub fn is_https_of(&self, host: &str) -> bool {
        self.is_https && self.authority.eq_ignore_ascii_case(host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_address_has_a_scheme_and_a_host_and_nothing_else() {
        let https = PublicUrl::parse("https://Tickets.example.org:8443/").unwrap();
        assert!(https.is_https_of("tickets.example.org:8443") && !https.is_https_of("tickets.example.org"));
        assert!(!PublicUrl::parse("http://tickets.example.org").unwrap().is_https_of("tickets.example.org"));
        for wrong in
            ["", "tickets.example.org", "ftp://a.example", "https://a.example/shop", "https://me@a.example", "/"]
        {
            assert!(PublicUrl::parse(wrong).is_err(), "{wrong}");
        }
    }
}
