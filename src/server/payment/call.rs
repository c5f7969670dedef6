//! One request to the provider: the address, the key and the form go in, an object or an error comes out.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT},
};
use serde_json::Value;
use tokio::time::Instant;

use super::{
    answer::Fields,
    error::ProviderError,
    http_client::{HttpClient, HttpReply},
};
use crate::server::config::{PaymentSettings, Secret};

/// The version of the API that we were written for. The provider goes on speaking it to those who name it.
const API_VERSION: HeaderValue = HeaderValue::from_static("2024-06-20");
const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const SENDER: HeaderValue = HeaderValue::from_static(concat!("onsale/", env!("CARGO_PKG_VERSION")));
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const STRIPE_VERSION: HeaderName = HeaderName::from_static("stripe-version");
/// The most characters of the provider's reason that are kept. It is shown in logs.
const MAX_REASON_CHARACTERS: usize = 300;
/// Stands for the key in a text of somebody else.
const HIDDEN: &str = "…";

/// Sends requests to one provider, with one key.
#[derive(Clone)]
pub struct Caller {
    http: HttpClient,
    /// Without a slash at its end.
    url: String,
    key: Secret,
    authorization: HeaderValue,
}

impl Caller {
    /// # Errors
    /// If the key cannot stand in a header, or TLS cannot be used.
    pub fn new(settings: &PaymentSettings) -> Result<Self, String> {
        let url = settings.url.expose().trim_end_matches('/').to_owned();
        let mut authorization = HeaderValue::from_str(&["Bearer ", settings.key.expose()].concat())
            .map_err(|_| "the payment provider's key has characters that no key can have".to_owned())?;
        authorization.set_sensitive(true);
        Ok(Self { http: HttpClient::for_url(&url)?, url, key: settings.key.clone(), authorization })
    }

    /// Asks for an object. The query is a form.
    pub async fn get(&self, path: &str, query: &str, deadline: Instant) -> Result<Value, ProviderError> {
        let path = if query.is_empty() { path.to_owned() } else { [path, "?", query].concat() };
        self.call(Method::GET, &path, String::new(), None, deadline).await
    }

    /// Sends a form. A form that is sent again with the same idempotency key has no further effect, and has the same
    /// answer.
    pub async fn post(
        &self,
        path: &str,
        form: String,
        idempotency_key: Option<&str>,
        deadline: Instant,
    ) -> Result<Value, ProviderError> {
        self.call(Method::POST, path, form, idempotency_key, deadline).await
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        form: String,
        idempotency_key: Option<&str>,
        deadline: Instant,
    ) -> Result<Value, ProviderError> {
        let request = self.request(method, path, form, idempotency_key)?;
        let reply = self.http.send(request, deadline).await.map_err(|error| match error {
            ProviderError::Unreachable(reason) => ProviderError::Unreachable(self.hide_key(&reason)),
            other => other,
        })?;
        self.read(&reply)
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        form: String,
        idempotency_key: Option<&str>,
    ) -> Result<Request<Full<Bytes>>, ProviderError> {
        let unusable = |what: &str| ProviderError::Unreachable(format!("{what} cannot be sent"));
        let is_post = method == Method::POST;
        let mut request = Request::new(Full::new(Bytes::from(form)));
        *request.uri_mut() = [&self.url, path].concat().parse().map_err(|_| unusable("the address"))?;
        *request.method_mut() = method;
        let headers = request.headers_mut();
        headers.insert(ACCEPT, JSON);
        headers.insert(AUTHORIZATION, self.authorization.clone());
        headers.insert(STRIPE_VERSION, API_VERSION);
        headers.insert(USER_AGENT, SENDER);
        if is_post {
            headers.insert(CONTENT_TYPE, FORM);
        }
        if let Some(key) = idempotency_key {
            let value = HeaderValue::from_str(key).map_err(|_| unusable("the idempotency key"))?;
            headers.insert(IDEMPOTENCY_KEY, value);
        }
        Ok(request)
    }

    fn read(&self, reply: &HttpReply) -> Result<Value, ProviderError> {
        let value = serde_json::from_slice::<Value>(&reply.body);
        if (200..300).contains(&reply.status) {
            return value.map_err(|error| ProviderError::Unreadable(error.to_string()));
        }
        let value = value.unwrap_or_default();
        let error = Fields(&value).object("error");
        let message = error.and_then(|error| error.text("message"));
        let message = message.unwrap_or_else(|| "it gave no reason".to_owned());
        Err(ProviderError::Refused {
            status: reply.status,
            code: error.and_then(|error| error.text("code")),
            message: self.hide_key(&message).chars().take(MAX_REASON_CHARACTERS).collect(),
        })
    }

    fn hide_key(&self, text: &str) -> String {
        text.replace(self.key.expose(), HIDDEN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::config::ServiceUrl;

    fn caller() -> Caller {
        let settings = PaymentSettings {
            url: ServiceUrl::new("http://127.0.0.1:1/base/"),
            key: Secret::new("sk_test_swordfish"),
            webhook_secret: Secret::new("whsec_swordfish"),
        };
        Caller::new(&settings).unwrap()
    }

    fn read(status: u16, body: &str) -> Result<Value, ProviderError> {
        caller().read(&HttpReply { status, body: Bytes::from(body.to_owned()) })
    }

    #[tokio::test]
    async fn a_refusal_is_told_without_the_key_and_in_short() {
        let body = r#"{"error":{"code":"secret","message":"Invalid API Key provided: sk_test_swordfish"}}"#;
        let error = read(401, body).unwrap_err();
        assert!(error.has_code("secret") && error.is_final());
        assert!(!format!("{error} {error:?}").contains("swordfish"), "{error:?}");
        assert!(error.to_string().contains("401: Invalid API Key provided"), "{error}");
        let long = format!(r#"{{"error":{{"message":"{}"}}}}"#, "é".repeat(5_000));
        assert!(read(400, &long).unwrap_err().to_string().chars().count() < 400);
        for body in ["", "<html>", "[]", "{}", r#"{"error":"x"}"#, r#"{"error":{"message":5}}"#] {
            let refused = ProviderError::Refused { status: 502, code: None, message: "it gave no reason".to_owned() };
            assert_eq!(read(502, body), Err(refused), "{body}");
        }
    }

    #[tokio::test]
    async fn a_success_that_is_no_json_is_unreadable_and_a_redirect_is_not_followed() {
        assert!(matches!(read(200, "<html>"), Err(ProviderError::Unreadable(_))));
        assert!(matches!(read(302, ""), Err(ProviderError::Refused { status: 302, .. })));
        assert_eq!(read(200, "{}"), Ok(serde_json::json!({})));
    }

    #[tokio::test]
    async fn what_cannot_be_reached_is_told_without_the_key() {
        let deadline = Instant::now() + std::time::Duration::from_secs(5);
        let error = caller().get("/v1/charges", "limit=1", deadline).await.unwrap_err();
        assert!(matches!(&error, ProviderError::Unreachable(reason) if reason.contains("refused")), "{error:?}");
        let request = caller().request(Method::POST, "/v1/refunds", "a=b".to_owned(), Some("hold 1")).unwrap();
        assert_eq!(request.uri(), "http://127.0.0.1:1/base/v1/refunds");
        assert!(!format!("{request:?}").contains("swordfish"), "{request:?}");
    }
}
