//! How the payment provider is reached. All of it is configured, or nothing.

use url::Url;

use super::{error::ConfigError, file::PaymentSection, secret::Secret, service_url::ServiceUrl, variables::Variables};
use crate::model::limits::MIN_SECRET_CHARACTERS;

/// A payment provider that speaks the part of Stripe's API that hosted checkout needs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PaymentSettings {
    /// Such as `https://api.stripe.com`; all calls go below it.
    pub url: ServiceUrl,
    /// What we show to the provider.
    pub key: Secret,
    /// What the provider signs its webhooks with.
    pub webhook_secret: Secret,
}

/// A setting and its name, for messages.
struct Named {
    name: &'static str,
    value: Option<String>,
}

impl PaymentSettings {
    /// Reads variables over the file's section; `None` where nothing is set. Remarks for the operator are added.
    pub fn read(
        variables: &Variables<impl Fn(&str) -> Option<String>>,
        file: &PaymentSection,
        remarks: &mut Vec<String>,
    ) -> Result<Option<Self>, ConfigError> {
        let of_file = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let url = Named {
            name: "payment.url (ONSALE_PAYMENT_URL)",
            value: variables.variable("ONSALE_PAYMENT_URL")?.or_else(|| of_file(&file.url)),
        };
        let key = Named {
            name: "payment.key (ONSALE_PAYMENT_KEY)",
            value: variables.secret("ONSALE_PAYMENT_KEY")?.or_else(|| of_file(file.key.expose())),
        };
        let webhook_secret = Named {
            name: "payment.webhook_secret (ONSALE_PAYMENT_WEBHOOK_SECRET)",
            value: variables.secret("ONSALE_PAYMENT_WEBHOOK_SECRET")?.or_else(|| of_file(file.webhook_secret.expose())),
        };
        let all = [&url, &key, &webhook_secret];
        let Some(set) = all.iter().find(|setting| setting.value.is_some()) else { return Ok(None) };
        if let Some(missing) = all.iter().find(|setting| setting.value.is_none()) {
            return Err(ConfigError(format!("{} is missing, although {} is set", missing.name, set.name)));
        }
        let settings = Self { url: address(url)?, key: secret(key)?, webhook_secret: secret(webhook_secret)? };
        remarks.extend(settings.remarks());
        Ok(Some(settings))
    }

    /// What an operator may not have meant.
    fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        if self.webhook_secret.expose().chars().count() < MIN_SECRET_CHARACTERS {
            remarks.push(format!(
                "the secret of the payment provider's webhooks has fewer than {MIN_SECRET_CHARACTERS} characters; who \
                 guesses it can say that somebody has paid"
            ));
        }
        let is_near = |host: &str| host == "localhost" || host.starts_with("127.") || host == "[::1]";
        let url = Url::parse(self.url.expose()).ok();
        if url.is_some_and(|url| url.scheme() == "http" && !url.host_str().is_some_and(is_near)) {
            remarks.push(format!("the key for the payment provider goes over the network unencrypted: {}", self.url));
        }
        remarks
    }
}

fn address(setting: Named) -> Result<ServiceUrl, ConfigError> {
    let url = ServiceUrl::new(setting.value.unwrap_or_default());
    let is_usable = Url::parse(url.expose()).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    });
    if is_usable && !url.expose().contains(char::is_whitespace) {
        return Ok(url);
    }
    Err(ConfigError(format!("{}: {url} is no address such as https://api.stripe.com", setting.name)))
}

fn secret(setting: Named) -> Result<Secret, ConfigError> {
    let text = setting.value.unwrap_or_default();
    if text.chars().all(|sign| sign.is_ascii_graphic()) {
        return Ok(Secret::new(text));
    }
    Err(ConfigError(format!("{} has blanks or other signs that no key has", setting.name)))
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Config, Flags},
        *,
    };

    const URL: &str = "ONSALE_PAYMENT_URL";
    const KEY: &str = "ONSALE_PAYMENT_KEY";
    const SECRET: &str = "ONSALE_PAYMENT_WEBHOOK_SECRET";

    fn read(variables: &[(&str, &str)], file: &str) -> Result<Config, ConfigError> {
        let environment =
            |asked: &str| variables.iter().find(|(name, _)| *name == asked).map(|(_, value)| (*value).to_owned());
        Config::from_sources(Flags::default(), environment, file)
    }

    #[test]
    fn variables_win_over_the_file_and_nothing_is_shown() {
        let file =
            "[payment]\nurl = \"https://api.stripe.com\"\nkey = \"sk_swordfish\"\nwebhook_secret = \"whsec_swordfish\"";
        let config = read(&[], file).unwrap();
        let payment = config.payment.clone().unwrap();
        assert_eq!((payment.url.expose(), payment.key.expose()), ("https://api.stripe.com", "sk_swordfish"));
        assert!(!format!("{config:?}").contains("swordfish"), "{config:?}");
        let config = read(&[(URL, "http://127.0.0.1:3900/"), (KEY, "sk_2\n")], file).unwrap();
        let payment = config.payment.unwrap();
        assert_eq!((payment.url.expose(), payment.key.expose()), ("http://127.0.0.1:3900/", "sk_2"));
        assert_eq!(payment.webhook_secret.expose(), "whsec_swordfish");
    }

    #[test]
    fn nothing_is_configured_by_default_and_half_of_it_stops_the_start() {
        assert_eq!(read(&[], "").unwrap().payment, None);
        assert_eq!(read(&[(URL, ""), (KEY, " ")], "[payment]\nkey = \" \"").unwrap().payment, None);
        let all = [(URL, "http://127.0.0.1:3900"), (KEY, "sk_swordfish"), (SECRET, "whsec_swordfish!")];
        assert!(read(&all, "").unwrap().payment.is_some());
        for left_out in 0..all.len() {
            let rest: Vec<_> = all.iter().enumerate().filter(|(at, _)| *at != left_out).map(|(_, one)| *one).collect();
            let error = read(&rest, "").unwrap_err().0;
            assert!(error.contains(all[left_out].0) && error.contains("is missing"), "{error}");
            assert!(!error.contains("swordfish"), "{error}");
        }
    }

    #[test]
    fn what_cannot_be_used_stops_the_start_without_showing_a_secret() {
        let with = |url: &str, key: &str| read(&[(URL, url), (KEY, key), (SECRET, "whsec_of_some_length")], "");
        for url in [
            "api.stripe.com",
            "ftp://api.stripe.com",
            "http://",
            "https://me:swordfish@api.stripe.com",
            "https://api.stripe.com?key=swordfish",
            "https://api.stripe.com#swordfish",
            "https://api stripe.com",
        ] {
            let error = with(url, "sk_1").unwrap_err().0;
            assert!(error.contains(URL) && !error.contains("swordfish"), "{url}: {error}");
        }
        let error = with("http://127.0.0.1:3900", "sword fish").unwrap_err().0;
        assert!(error.contains(KEY) && !error.contains("sword"), "{error}");
    }

    #[test]
    fn a_mistake_in_the_file_is_told_without_the_line_that_it_is_in() {
        for file in ["[payment]\nkey = swordfish", "[payment]\nkey = \"swordfish", "[payment]\nkey = [\"swordfish\"]"] {
            let error = read(&[], file).unwrap_err().0;
            assert!(!error.contains("swordfish") && error.contains("line 2"), "{error}");
        }
    }

    #[test]
    fn what_may_not_be_meant_is_remarked() {
        let remarks = |url: &str, secret: &str| {
            let config = read(&[(URL, url), (KEY, "sk_1"), (SECRET, secret)], "").unwrap();
            config.remarks.join("\n")
        };
        assert_eq!(remarks("http://127.0.0.1:3900", "whsec_of_some_length"), "");
        assert_eq!(remarks("https://api.stripe.com", "whsec_of_some_length"), "");
        assert!(remarks("http://10.0.0.7:3900", "whsec_of_some_length").contains("unencrypted"));
        assert!(remarks("https://api.stripe.com", "short").contains("fewer than 16"));
    }
}
