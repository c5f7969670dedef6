//! A small HTTP/1.1 client over real sockets: one connection per caller, which stays open between requests. It has no
//! pool, follows no redirects and knows nothing about sales.
//!
//! The task that waits for an answer also drives the connection, so a request does not have to wake another task.

use std::{fmt, net::SocketAddr, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, StatusCode,
    client::conn::http1,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue},
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpSocket, TcpStream},
    time::Instant,
};

use crate::server::limits::{OwnClient, OwnClients};

/// How long a connection attempt may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an answer may take, from sending the request to reading the last byte.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// A connection that was idle for longer is opened again before it is used. Servers and proxies usually wait much longer
/// before they close an idle connection.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);
/// The longest body that is read. The seat list of the largest sale fits.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const SESSION: HeaderName = HeaderName::from_static("x-onsale-session");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Why there is no answer: the request could not be sent, or its answer did not arrive. In the second case the server
/// may have acted on the request.
#[derive(Debug)]
pub struct Fault(String);

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

fn fault(error: impl fmt::Display) -> Fault {
    Fault(error.to_string())
}

/// Where requests are sent. The address is resolved once, so that no request waits for a name lookup.
#[derive(Clone, Debug)]
pub struct Server {
    address: SocketAddr,
    host: HeaderValue,
    authorization: Option<HeaderValue>,
    /// Where a server's own simulator makes its sockets known, because no limit per client applies to them.
    own_clients: Option<Arc<OwnClients>>,
}

impl Server {
    /// The server that listens on `address`. An unspecified address such as 0.0.0.0 is meant for listening only, so the
    /// loopback address takes its place.
    pub fn at(mut address: SocketAddr) -> Self {
        if address.ip().is_unspecified() {
            address.set_ip(if address.is_ipv4() {
                std::net::Ipv4Addr::LOCALHOST.into()
            } else {
                std::net::Ipv6Addr::LOCALHOST.into()
            });
        }
        let host = HeaderValue::from_str(&address.to_string()).expect("an address is printable ASCII");
        Self { address, host, authorization: None, own_clients: None }
    }

    /// Makes every socket known to the server's limits.
    pub fn without_limits(mut self, own_clients: Arc<OwnClients>) -> Self {
        self.own_clients = Some(own_clients);
        self
    }

    /// The server of a URL such as `http://127.0.0.1:3000`. Only plain http is supported, because a load test measures
    /// the server, and TLS is the work of a proxy in front of it. Fails if the URL has another form, or if its host has
    /// no address.
    pub async fn find(url: &str) -> Result<Self, Fault> {
        let uri: hyper::Uri = url.parse().map_err(|error| Fault(format!("{url} is not a URL: {error}")))?;
        let authority = match (uri.scheme_str(), uri.authority()) {
            (Some("http"), Some(authority)) if matches!(uri.path(), "" | "/") => authority,
            _ => return Err(Fault(format!("{url} is not of the form http://HOST:PORT"))),
        };
        let host = HeaderValue::from_str(authority.as_str()).map_err(fault)?;
        let name = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = authority.port_u16().unwrap_or(80);
        let mut addresses = tokio::net::lookup_host((name, port)).await.map_err(fault)?;
        let address = addresses.next().ok_or_else(|| Fault(format!("{url} has no address")))?;
        Ok(Self { address, host, authorization: None, own_clients: None })
    }

    /// Sends this Bearer token with every request. Fails if a header cannot hold it.
    pub fn with_token(mut self, token: &str) -> Result<Self, Fault> {
        self.authorization = Some(HeaderValue::from_str(&format!("Bearer {token}")).map_err(fault)?);
        Ok(self)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// The request with the token in `introduction`, if that holds one.
fn introduced(mut request: Request<Full<Bytes>>, introduction: &HeaderMap) -> Result<Request<Full<Bytes>>, Fault> {
    if let Some(token) = introduction.get(SESSION) {
        let bearer = [b"Bearer ", token.as_bytes()].concat();
        request.headers_mut().insert(AUTHORIZATION, HeaderValue::from_bytes(&bearer).map_err(fault)?);
    }
    Ok(request)
}

/// An answer with its whole body.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

type Sender = http1::SendRequest<Full<Bytes>>;

/// Drives a connection.
struct Driver {
    connection: Pin<Box<http1::Connection<TokioIo<TcpStream>, Full<Bytes>>>>,
    _known: Option<OwnClient>,
}

/// One connection, used by one caller at a time. The next request opens it again after a fault, and also after a long
/// pause: the server may then be about to close it, and a request sent at that moment would be lost.
pub struct Connection {
    server: Arc<Server>,
    open: Option<(Sender, Driver)>,
    last_used: Instant,
}

impl Connection {
    /// Connects at once, so that the first request does not have to wait for it.
    pub async fn open(server: Arc<Server>) -> Result<Self, Fault> {
        let open = Some(dial(&server).await?);
        Ok(Self { server, open, last_used: Instant::now() })
    }

    pub async fn get(&mut self, path: &str) -> Result<Reply, Fault> {
        self.send(Method::GET, path, None, Bytes::new()).await
    }

    /// Gets `path` as the guest whose token is in `introduction`, the headers of an earlier answer.
    ///
    /// A virtual buyer has no session, so the server makes it a new guest when it buys, and sends the guest's token with
    /// the answer. Only that guest may read the outcome and the order, so these requests have to carry the token. If
    /// `introduction` holds none, the request is sent like any other.
    pub async fn get_as(&mut self, introduction: &HeaderMap, path: &str) -> Result<Reply, Fault> {
        let request = self.request(Method::GET, path, None, Bytes::new())?;
        self.exchange(introduced(request, introduction)?).await
    }

    /// Posts JSON as the buyer whom an earlier answer has introduced.
    pub async fn post_as(
        &mut self,
        introduction: &HeaderMap,
        path: &str,
        key: &str,
        body: Bytes,
    ) -> Result<Reply, Fault> {
        let request = self.request(Method::POST, path, Some(key), body)?;
        self.exchange(introduced(request, introduction)?).await
    }

    /// Deletes as the buyer whom an earlier answer has introduced.
    pub async fn delete_as(&mut self, introduction: &HeaderMap, path: &str) -> Result<Reply, Fault> {
        let request = self.request(Method::DELETE, path, None, Bytes::new())?;
        self.exchange(introduced(request, introduction)?).await
    }

    /// Posts JSON, with an idempotency key where one is given.
    pub async fn post(&mut self, path: &str, key: Option<&str>, body: Bytes) -> Result<Reply, Fault> {
        self.send(Method::POST, path, key, body).await
    }

    pub async fn delete(&mut self, path: &str) -> Result<Reply, Fault> {
        self.send(Method::DELETE, path, None, Bytes::new()).await
    }

    async fn send(&mut self, method: Method, path: &str, key: Option<&str>, body: Bytes) -> Result<Reply, Fault> {
        let request = self.request(method, path, key, body)?;
        self.exchange(request).await
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<Reply, Fault> {
        let fresh = self.open.take().filter(|_| self.last_used.elapsed() < LONGEST_PAUSE);
        let (sender, driver) = match fresh {
            Some(open) => open,
            None => dial(&self.server).await?,
        };
        let (reply, open) = tokio::time::timeout(ANSWER_TIMEOUT, exchange(sender, driver, request))
            .await
            .map_err(|_| Fault(format!("no answer within {} s", ANSWER_TIMEOUT.as_secs())))??;
        self.open = open.filter(|(sender, _)| !sender.is_closed());
        self.last_used = Instant::now();
        Ok(reply)
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, Fault> {
        let mut request = Request::new(Full::new(body));
        *request.uri_mut() = path.parse().map_err(fault)?;
        let headers = request.headers_mut();
        headers.insert(HOST, self.server.host.clone());
        headers.insert(ACCEPT, JSON);
        if method == Method::POST {
            headers.insert(CONTENT_TYPE, JSON);
        }
        if let Some(key) = key {
            headers.insert(IDEMPOTENCY_KEY, HeaderValue::from_str(key).map_err(fault)?);
        }
        if let Some(authorization) = &self.server.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        *request.method_mut() = method;
        Ok(request)
    }
}

async fn dial(server: &Server) -> Result<(Sender, Driver), Fault> {
    let (stream, known) = tokio::time::timeout(CONNECT_TIMEOUT, connect(server))
        .await
        .map_err(|_| Fault(format!("{} does not answer", server.address)))?
        .map_err(|error| Fault(format!("cannot connect to {}: {error}", server.address)))?;
    stream.set_nodelay(true).map_err(fault)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(fault)?;
    Ok((sender, Driver { connection: Box::pin(connection), _known: known }))
}

/// Connects. A socket that has no limits is bound first, so that its address is known before the server sees it.
async fn connect(server: &Server) -> std::io::Result<(TcpStream, Option<OwnClient>)> {
    let Some(own_clients) = &server.own_clients else { return Ok((TcpStream::connect(server.address).await?, None)) };
    let socket = if server.address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Ports of connections that were closed a moment ago may be used again.
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::new(server.address.ip(), 0))?;
    let known = own_clients.add(socket.local_addr()?);
    Ok((socket.connect(server.address).await?, Some(known)))
}

/// Sends one request and reads its whole answer. The same task drives the connection meanwhile, and returns it unless it
/// has ended.
async fn exchange(
    mut sender: Sender,
    mut driver: Driver,
    request: Request<Full<Bytes>>,
) -> Result<(Reply, Option<(Sender, Driver)>), Fault> {
    let reply = {
        let answer = async {
            sender.ready().await.map_err(fault)?;
            let (head, body) = sender.send_request(request).await.map_err(fault)?.into_parts();
            let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await.map_err(fault)?.to_bytes();
            Ok(Reply { status: head.status, headers: head.headers, body })
        };
        tokio::pin!(answer);
        tokio::select! {
            biased;
            reply = &mut answer => reply?,
            _ = &mut driver.connection => {
                // The connection has ended. What it has already read still reaches `answer`. If it never took the
                // request, dropping it makes `answer` fail instead of waiting for ever.
                drop(driver);
                return Ok((answer.await?, None));
            }
        }
    };
    Ok((reply, Some((sender, driver))))
}
