//! HTTP and HTTPS to other machines. Each exchange has a deadline and a bound for the answer's length. No redirect is
//! followed, so that a key never reaches another host than the one it was meant for.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::Request;
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use tokio::time::{Instant, timeout_at};

use super::error::ProviderError;

/// The longest answer that is read. A list of a hundred charges is far shorter.
const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;
/// A connection that was idle for longer is closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);
/// How long one attempt to connect may take, so that a name with several addresses has time for the next one.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);

/// A pool of connections.
#[derive(Clone)]
pub struct HttpClient {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// An answer with its whole body.
#[derive(Clone, Debug)]
pub struct HttpReply {
    pub status: u16,
    pub body: Bytes,
}

impl HttpClient {
    /// A client for addresses that begin like this one. The certificates of `https` are checked against the system's
    /// roots, or those in `SSL_CERT_FILE`.
    ///
    /// # Errors
    /// If the address is `https` and the system has no roots.
    pub fn for_url(url: &str) -> Result<Self, String> {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let tls = tls_settings(url.starts_with("https:"))?;
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(connector);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .build(connector);
        Ok(Self { client })
    }

    /// Sends a request and reads its whole answer, whatever its status is.
    ///
    /// # Errors
    /// If there is no whole answer before the deadline.
    pub async fn send(&self, request: Request<Full<Bytes>>, deadline: Instant) -> Result<HttpReply, ProviderError> {
        let exchange = async {
            let (head, body) = self.client.request(request).await.map_err(|error| unreachable(&error))?.into_parts();
            let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await.map_err(|error| unreachable(&*error))?;
            Ok(HttpReply { status: head.status.as_u16(), body: body.to_bytes() })
        };
        timeout_at(deadline, exchange).await.unwrap_or(Err(ProviderError::TimedOut))
    }
}

fn tls_settings(needs_roots: bool) -> Result<ClientConfig, String> {
    let settings = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let settings = match needs_roots {
        true => settings.with_native_roots().map_err(|error| error.to_string())?,
        false => settings.with_root_certificates(RootCertStore::empty()),
    };
    Ok(settings.with_no_client_auth())
}

/// The error with its causes, because the library's outermost error says only that something failed.
fn unreachable(error: &(dyn std::error::Error + 'static)) -> ProviderError {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let mut texts: Vec<String> = causes.map(ToString::to_string).collect();
    texts.dedup();
    ProviderError::Unreachable(texts.join(": "))
}
