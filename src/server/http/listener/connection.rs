//! One client's connection: requests one after the other, until either side closes or an answer turns it into a stream.

use std::{
    convert::Infallible, future::poll_fn, net::SocketAddr, pin::Pin, pin::pin, sync::Arc, task::Poll, time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{Method, Request, Response},
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use socket2::SockRef;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tower::ServiceExt;

use super::{
    handoff::{self, HandedOver, StreamHandoff},
    patient::Patient,
    shared::{Permit, Shared},
};
use crate::model::limits::{ANSWER_SEND_BUFFER_BYTES, HEAD_TIMEOUT_MILLISECONDS, MAX_HEAD_BYTES};

const HEAD_TIMEOUT: Duration = Duration::from_millis(HEAD_TIMEOUT_MILLISECONDS);
/// How long, and for how many bytes, a closed connection is still read. If unread bytes were left when the socket
/// closes, the system would throw away the answer that the client has not read yet.
const LINGER: Duration = Duration::from_millis(500);
const LINGER_BYTES: usize = 256 * 1024;

/// Where the router leaves an answer that is a stream, for the connection's task.
type Slot = Arc<Mutex<Option<HandedOver>>>;

/// Serves one connection to its end, or hands it over to the viewers' runtime.
pub async fn serve(stream: TcpStream, peer: SocketAddr, shared: Arc<Shared>, permit: Permit) {
    // Each answer is written whole, so waiting to fill a packet gains nothing.
    let _ = stream.set_nodelay(true);
    // Left to itself, the system buffers megabytes for a client that reads slowly.
    let _ = SockRef::from(&stream).set_send_buffer_size(ANSWER_SEND_BUFFER_BYTES);
    let (stream, handed_over) = answer_requests(stream, peer, &shared).await;
    match handed_over {
        Some(answer) => handoff::move_over(stream, answer, &shared, permit),
        None => close(stream).await,
    }
}

/// Drives hyper until it is done with the socket, or an answer is a stream.
async fn answer_requests(stream: TcpStream, peer: SocketAddr, shared: &Shared) -> (TcpStream, Option<HandedOver>) {
    let slot = Slot::default();
    let service = service_fn(|request| answer(shared.router.clone(), slot.clone(), peer, request));
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        // A client that has sent its request may close its side and still be answered. Watching for such a close while
        // an answer is made would cost every purchase a buffer.
        .half_close(true)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(Patient::new(stream)), service);
    let mut stopping = pin!(shared.shutdown.started());
    let mut is_told = false;
    let handed_over = poll_fn(|context| {
        if !is_told && stopping.as_mut().poll(context).is_ready() {
            is_told = true;
            Pin::new(&mut connection).graceful_shutdown();
        }
        let polled = Pin::new(&mut connection).poll(context);
        // The router runs inside this poll, so the slot is checked right after it may have been filled.
        match slot.lock().take() {
            Some(handed_over) => Poll::Ready(Some(handed_over)),
            None => polled.map(|_| None), // the client caused the error, and hyper has answered it
        }
    })
    .await;
    (connection.into_parts().io.into_inner().into_inner(), handed_over)
}

/// Lets the router answer. An answer that is a stream never reaches hyper: it is left in the slot.
async fn answer(
    router: Router,
    slot: Slot,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let has_body = request.method() == Method::GET;
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(ConnectInfo(peer));
    let mut response = router.oneshot(request).await?;
    match response.extensions_mut().remove::<StreamHandoff>() {
        Some(stream) if has_body => {
            *slot.lock() = Some(HandedOver::new(&response, stream));
            std::future::pending().await
        }
        _ => Ok(response),
    }
}

/// Closes a connection so that the last answer still reaches the client.
async fn close(mut stream: TcpStream) {
    if stream.shutdown().await.is_err() {
        return;
    }
    let drain = async {
        let (mut ignored, mut total) = ([0; 1024], 0);
        while let Ok(count @ 1..) = stream.read(&mut ignored).await {
            total += count;
            if total > LINGER_BYTES {
                break;
            }
        }
    };
    let _ = timeout(LINGER, drain).await;
}
