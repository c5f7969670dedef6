//! HTTPS from our side of the payment seam: certificates are checked against the roots that the operator names, and a
//! server that they do not vouch for gets neither a webhook nor a key.

use std::{path::Path, sync::Arc, time::Duration};

use onsale::server::payment::ProviderError;
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::mpsc,
};
use tokio_rustls::TlsAcceptor;

use crate::{
    provider::{new_session, press, soon},
    support::{
        StandIn,
        stand_in::{PAYMENT_KEY, payment_client},
    },
};

/// A self-signed certificate of `localhost`, and its key, which protects nothing.
const CERTIFICATE: &str = "src/tests/support/tls/certificate.pem";
const KEY: &str = "src/tests/support/tls/key.pem";

fn file(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A server that answers every request with an empty object. Returns its port and what it read.
async fn tls_server() -> (u16, mpsc::UnboundedReceiver<String>) {
    let certificate = CertificateDer::from_pem_file(file(CERTIFICATE)).expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(file(KEY)).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("known versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("a certificate and its key");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (sender, read) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            // A client that does not trust the certificate breaks off here.
            let Ok(mut stream) = acceptor.accept(socket).await else { continue };
            let mut request = vec![0; 64 * 1024];
            let mut length = 0;
            while let Ok(count @ 1..) = stream.read(&mut request[length..]).await {
                length += count;
                if String::from_utf8_lossy(&request[..length]).contains("\r\n\r\n") {
                    break;
                }
            }
            let _ = sender.send(String::from_utf8_lossy(&request[..length]).into_owned());
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}").await;
            let _ = stream.shutdown().await;
        }
    });
    (port, read)
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_go_over_https_to_a_server_that_the_named_roots_vouch_for() {
    let (port, mut read) = tls_server().await;
    let webhook = format!("https://localhost:{port}/webhook");
    let trusting = StandIn::prepare(&webhook, &[]).with_env("SSL_CERT_FILE", file(CERTIFICATE).to_str().expect("text"));
    let doubting = StandIn::prepare(&webhook, &[]);
    for (mut stand_in, is_sent) in [(trusting, true), (doubting, false)] {
        stand_in.launch().await;
        let session = new_session(&stand_in.client(), "hold").await;
        press(&session, "pay", "").await;
        let patience = if is_sent { Duration::from_secs(20) } else { Duration::from_secs(2) };
        let request = tokio::time::timeout(patience, read.recv()).await.ok().flatten();
        assert_eq!(request.is_some(), is_sent, "{request:?}");
        assert!(request.is_none_or(
            |request| request.starts_with("POST /webhook HTTP/1.1") && request.contains("stripe-signature: t=")
        ));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_nobody_vouches_for_never_sees_the_key() {
    let (port, mut read) = tls_server().await;
    let client = payment_client(&format!("https://localhost:{port}"), PAYMENT_KEY);
    let error = client.charges(None, soon()).await.unwrap_err();
    assert!(matches!(&error, ProviderError::Unreachable(reason) if reason.contains("certificate")), "{error:?}");
    assert!(read.try_recv().is_err(), "nothing was sent");
}
