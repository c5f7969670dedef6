//! The address of a database or of Redis. It may hold a password, which appears neither in logs nor in messages.

use std::{borrow::Cow, fmt};

use url::Url;

/// Parameters whose values are shown. All others may be secrets, or hold some.
const SHOWN_PARAMETERS: [&str; 15] = [
    "cache",
    "db",
    "dbname",
    "host",
    "hostaddr",
    "immutable",
    "mode",
    "port",
    "protocol",
    "ssl-mode",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "user",
];
/// Stands for what is not shown.
const HIDDEN: &str = "…";
/// Parts of an address that are this short are too common to be searched for in other texts.
const FEWEST_SECRET_CHARACTERS: usize = 3;

/// The address of a service.
#[derive(Clone, PartialEq, Eq)]
pub struct ServiceUrl(String);

impl ServiceUrl {
    pub fn new(address: impl Into<String>) -> Self {
        Self(address.into())
    }

    /// With its password.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// A text of a library about this address, without what the address does not show.
    pub fn hide_in(&self, text: &impl fmt::Display) -> String {
        let mut hidden = text.to_string().replace(&self.0, &self.to_string());
        for secret in self.secrets() {
            hidden = hidden.replace(&secret, HIDDEN);
        }
        hidden
    }

    /// What the address hides, as it is written and decoded; the longest first, because one may be part of another.
    fn secrets(&self) -> Vec<String> {
        let written: Vec<&str> = match self.read() {
            Some(Address { url, .. }) => return secrets_of(&url),
            // Nobody can say which part of this is the password.
            None => self.0.split(|sign: char| sign.is_whitespace() || "=:/@?&#'\"".contains(sign)).collect(),
        };
        longest_first(written.into_iter().map(str::to_owned).filter(|part| !SHOWN_PARAMETERS.contains(&part.as_str())))
    }

    /// The address, where it can be read in one way only. An `@` behind the host says that a password was not escaped,
    /// and that what looks like host, path or parameter is a part of it.
    fn read(&self) -> Option<Address> {
        let (scheme, rest) = self.0.split_once(':')?;
        let url = Url::parse(&self.0).ok()?;
        let is_file = scheme == "sqlite";
        let behind_host = rest.trim_start_matches('/').split_once(['/', '?', '#']).map_or("", |(_, behind)| behind);
        let is_hierarchical = rest.starts_with("//") && !behind_host.contains('@');
        (is_file || is_hierarchical).then_some(Address { url, is_file })
    }
}

/// An address that can be read.
struct Address {
    url: Url,
    /// An embedded database: everything in front of its parameters is the file's name.
    is_file: bool,
}

impl fmt::Display for ServiceUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(Address { url, is_file }) = self.read() else {
            return match self.0.split_once("://").map(|(scheme, _)| scheme) {
                Some(scheme) if scheme.chars().all(|sign| sign.is_ascii_alphanumeric() || sign == '+') => {
                    write!(formatter, "{scheme}://{HIDDEN}")
                }
                _ => formatter.write_str(HIDDEN),
            };
        };
        if is_file {
            formatter.write_str(self.0.split_once('?').map_or(self.0.as_str(), |(file, _)| file))?;
        } else {
            write!(formatter, "{}://", url.scheme())?;
            // A name without a password may be a password that its colon is missing in front of.
            if url.password().is_some() && !url.username().is_empty() || url.scheme().starts_with("postgres") {
                formatter.write_str(url.username())?;
                formatter.write_str(if url.username().is_empty() { "" } else { "@" })?;
            }
            formatter.write_str(url.host_str().unwrap_or_default())?;
            if let Some(port) = url.port() {
                write!(formatter, ":{port}")?;
            }
            formatter.write_str(url.path())?;
        }
        for (place, (name, value)) in url.query_pairs().enumerate() {
            let sign = if place == 0 { '?' } else { '&' };
            let value = if SHOWN_PARAMETERS.contains(&&*name) { value } else { Cow::Borrowed(HIDDEN) };
            write!(formatter, "{sign}{name}={value}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for ServiceUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

fn secrets_of(url: &Url) -> Vec<String> {
    let mut secrets: Vec<String> = Vec::new();
    let in_front = url.password().or_else(|| (!url.scheme().starts_with("postgres")).then(|| url.username()));
    if let Some(password) = in_front {
        secrets.push(password.to_owned());
        // A query's rules for decoding are those of a password, but for the plus sign.
        let decoded =
            form_urlencoded::parse(password.replace('+', "%2B").as_bytes()).next().map(|(text, _)| text.into_owned());
        secrets.extend(decoded);
    }
    let parameters = url.query_pairs().filter(|(name, _)| !SHOWN_PARAMETERS.contains(&&**name));
    for (_, value) in parameters {
        secrets.extend(
            form_urlencoded::byte_serialize(value.as_bytes()).map(str::to_owned).reduce(|all, part| all + &part),
        );
        secrets.push(value.into_owned());
    }
    longest_first(secrets)
}

fn longest_first(secrets: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut secrets: Vec<_> =
        secrets.into_iter().filter(|secret| secret.chars().count() >= FEWEST_SECRET_CHARACTERS).collect();
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_password() {
        for (address, shown) in [
            ("postgres://ann:sw@rd:fish@db:5432/sales", "postgres://ann@db:5432/sales"),
            ("postgres://ann:sword%2Ffish@db/sales?sslmode=require", "postgres://ann@db/sales?sslmode=require"),
            ("postgres://ann@db/sales", "postgres://ann@db/sales"),
            ("postgresql://db/sales", "postgresql://db/sales"),
            ("postgres://db/sales?password=fish&sslpassword=fish", "postgres://db/sales?password=…&sslpassword=…"),
            ("postgres:///sales?user=ann&password=fish&host=/run", "postgres:///sales?user=ann&password=…&host=/run"),
            ("postgres://[::1]:5432/sales?options=-c%20x%3Dfish", "postgres://[::1]:5432/sales?options=…"),
            ("redis://:fish@cache:6379/1", "redis://cache:6379/1"),
            ("rediss://ann:fish@cache", "rediss://ann@cache"),
            ("redis://fish@cache", "redis://cache"),
            ("redis+unix:///run/redis.sock?db=1&pass=fish", "redis+unix:///run/redis.sock?db=1&pass=…"),
            ("sqlite:a@b.db", "sqlite:a@b.db"),
            ("sqlite:onsale.db", "sqlite:onsale.db"),
            ("sqlite://data/onsale.db?mode=rwc&key=fish", "sqlite://data/onsale.db?mode=rwc&key=…"),
        ] {
            let url = ServiceUrl::new(address);
            assert_eq!(url.to_string(), shown);
            assert!(!format!("{url:?}").contains("fish"), "{url:?}");
        }
    }

    #[test]
    fn what_may_be_read_in_several_ways_is_not_shown_at_all() {
        for address in [
            "postgres://ann:sword/fish@db/sales",
            "postgres://ann:12/34fish@db/sales",
            "postgres://ann:sword?fish@db/sales",
            "postgres://ann:sword#fish@db/sales",
            "redis://:12#fish@cache",
            "redis://:fish/1@cache:6379",
            "postgres://db/sales?password=f@fish",
        ] {
            let url = ServiceUrl::new(address);
            assert_eq!(url.to_string(), format!("{}…", &address[..address.find("://").unwrap() + 3]), "{address}");
        }
        for address in ["host=db user=ann password=fish", "ann:fish@db", "postgres:fish", "fish", "", "mysql:fish@db"] {
            assert_eq!(ServiceUrl::new(address).to_string(), "…", "{address}");
        }
    }

    #[test]
    fn what_a_library_says_of_an_address_is_shown_without_its_password() {
        for address in [
            "postgres://ann:sw%2Frdfish@db/sales",
            "postgres://db/sales?sslpassword=sw%2Frdfish",
            "postgres://ann:x/sw/rdfish@db/sales",
            "redis://:sw%2Frdfish@cache",
            "redis://sw%2Frdfish@cache",
            "host=db password=rdfish",
        ] {
            let url = ServiceUrl::new(address);
            let text = format!("cannot use {address}: it has sw%2Frdfish and sw/rdfish inside, at the database db");
            let hidden = url.hide_in(&text);
            assert!(!hidden.contains("rdfish") && hidden.contains("at the database"), "{address}: {hidden}");
        }
        let harmless = ServiceUrl::new("postgres://ann:fish@db/sales").hide_in(&"relation \"sales\" does not exist");
        assert_eq!(harmless, "relation \"sales\" does not exist");
    }
}
