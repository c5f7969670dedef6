//! Hands over an answer that is a live stream. It passes the router and all its layers like any other answer. Then its
//! socket leaves hyper and the buyers' runtime, so that thousands of viewers cost little and slow no buyer.

use std::{io, sync::Arc};

use axum::{
    body::Body,
    http::{HeaderName, Response, header},
};
use bytes::Bytes;
use socket2::SockRef;
use tokio::net::TcpStream;

use super::shared::{Permit, Shared};
use crate::{
    model::limits::VIEWER_SEND_BUFFER_BYTES,
    server::{
        clock::Clock,
        feed::{Hub, Resume, watch},
        limits::StreamPermit,
    },
};

/// An extension of the answer to a GET: everything after its head is the live feed of this hub.
#[derive(Clone)]
pub struct StreamHandoff {
    pub hub: Arc<Hub>,
    pub resume: Resume,
    /// The viewer's place within the stream caps; given back when the stream ends.
    pub permit: Arc<StreamPermit>,
}

/// A stream on its way from the router to the viewers' runtime.
pub struct HandedOver {
    head: Bytes,
    stream: StreamHandoff,
}

impl HandedOver {
    pub fn new(response: &Response<Body>, stream: StreamHandoff) -> Self {
        Self { head: head(response), stream }
    }
}

/// Moves the socket to the viewers' runtime, where the answer is written.
pub fn move_over(socket: TcpStream, answer: HandedOver, shared: &Shared, permit: Permit) {
    let socket = match detach(socket) {
        Ok(socket) => socket,
        Err(error) => return tracing::debug!(%error, "a viewer's socket could not be moved"),
    };
    let HandedOver { head, stream: StreamHandoff { hub, resume, permit: stream_permit } } = answer;
    let viewer = async move {
        let _places = (permit, stream_permit);
        match TcpStream::from_std(socket) {
            Ok(socket) => watch(socket, head, hub, resume).await,
            Err(error) => tracing::debug!(%error, "a viewer's socket could not be moved"),
        }
    };
    shared.tasks.spawn_on(viewer, &shared.viewers);
}

/// Takes the socket off this runtime. The system's buffer for a viewer is bounded, so that a slow viewer is noticed and
/// gets a fresh snapshot, instead of reading old news for minutes.
fn detach(socket: TcpStream) -> io::Result<std::net::TcpStream> {
    SockRef::from(&socket).set_send_buffer_size(VIEWER_SEND_BUFFER_BYTES)?;
    socket.into_std()
}

/// The answer's head as HTTP/1 writes it. The end of the connection is the end of the body, which every version of
/// HTTP/1 understands.
fn head(response: &Response<Body>) -> Bytes {
    let mut head = Vec::with_capacity(512);
    let status = response.status();
    let reason = status.canonical_reason().unwrap_or_default();
    head.extend_from_slice(format!("HTTP/1.1 {} {reason}\r\n", status.as_str()).as_bytes());
    for (name, value) in response.headers().iter().filter(|(name, _)| !is_about_the_connection(name)) {
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(format!("date: {}\r\nconnection: close\r\n\r\n", http_date()).as_bytes());
    head.into()
}

/// Headers that hyper would write, and that this file writes instead.
fn is_about_the_connection(name: &HeaderName) -> bool {
    [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION, header::DATE].contains(name)
}

/// The current time in HTTP's date format.
fn http_date() -> String {
    let now = Clock::System.now();
    let instant = jiff::Timestamp::from_millisecond(now.milliseconds).unwrap_or_default();
    jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&instant).unwrap_or_default()
}
