//! One open stream: a socket, a place in the feed, and a task as small as can be, because there are thousands.

use std::{io, pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{io::AsyncWriteExt, net::TcpStream, sync::broadcast::error::RecvError, time::timeout};

use super::{
    Hub, Resume,
    frame::{Frame, FrameKind, retry},
    hub::{Lost, Place},
};
use crate::{
    model::limits::{VIEWER_PATIENCE_MILLISECONDS, VIEWER_STALL_MILLISECONDS},
    server::telemetry::metrics::VIEWERS,
};

const STALL: Duration = Duration::from_millis(VIEWER_STALL_MILLISECONDS);
const PATIENCE: Duration = Duration::from_millis(VIEWER_PATIENCE_MILLISECONDS);

/// Writes `head` (of the HTTP answer) and then frames to the socket, until the viewer leaves or the hub is closed. The
/// end of the connection is the end of the stream.
pub async fn watch(mut socket: TcpStream, head: Bytes, hub: Arc<Hub>, resume: Resume) {
    metrics::gauge!(VIEWERS).increment(1.0);
    // An error is a viewer who left: nobody is there to be told.
    let _ = tell(&socket, &head, &hub, resume).await;
    let _ = socket.shutdown().await;
    metrics::gauge!(VIEWERS).decrement(1.0);
}

async fn tell(socket: &TcpStream, head: &[u8], hub: &Hub, resume: Resume) -> io::Result<()> {
    write(socket, head).await?.finish(socket).await?;
    write(socket, retry(rand::random()).as_bytes()).await?.finish(socket).await?;
    let mut place = hub.join(&resume);
    drop(resume);
    while let Some(taken) = place {
        let Some(lost) = follow(socket, taken).await? else { return Ok(()) };
        place = hub.join_again(lost);
    }
    Ok(())
}

/// Writes everything from a place on; ends with the reason why the viewer needs another, or `None` at the end of the
/// feed.
async fn follow(socket: &TcpStream, place: Place) -> io::Result<Option<Lost>> {
    let Place { first, mut then, mut position } = place;
    for frame in first {
        position = frame.seq.max(position);
        if let Written::Partly(rest) = write(socket, &frame.bytes).await? {
            drop(then); // while it is blocked, this viewer must not hold back the others' tick
            finish(socket, rest).await?;
            return Ok(Some(Lost::Stalled));
        }
    }
    let mut gone = pin!(hung_up(socket));
    loop {
        let received = tokio::select! {
            biased; // where there is a frame, writing it shows as well whether anybody is left
            received = then.recv() => received,
            error = &mut gone => return Err(error),
        };
        let frame = match received {
            Ok(frame) => frame,
            Err(RecvError::Lagged(_)) => return Ok(Some(Lost::Lagged)),
            Err(RecvError::Closed) => return Ok(None),
        };
        let Some(frame) = as_seen_from(position, frame) else { continue };
        position = frame.seq;
        if let Written::Partly(rest) = write(socket, &frame.bytes).await? {
            drop(then);
            finish(socket, rest).await?;
            return Ok(Some(Lost::Stalled));
        }
    }
}

/// The frame that leads a viewer on from `position`; `None` where it is beyond that already. Frames of a place follow
/// each other without a gap, so none begins after `position`.
pub(super) fn as_seen_from(position: u64, frame: Frame) -> Option<Frame> {
    match frame.kind {
        FrameKind::Snapshot => Some(frame),
        FrameKind::Notice => (frame.seq >= position).then_some(frame),
        FrameKind::Delta { .. } if frame.seq <= position => None,
        FrameKind::Delta { from } if from < position => Some(frame.rebased(position)),
        FrameKind::Delta { .. } => Some(frame),
    }
}

/// How a write went within the time that nobody else is held back by it.
enum Written<'a> {
    Wholly,
    Partly(&'a [u8]),
}

impl Written<'_> {
    async fn finish(self, socket: &TcpStream) -> io::Result<()> {
        match self {
            Self::Wholly => Ok(()),
            Self::Partly(rest) => finish(socket, rest).await,
        }
    }
}

/// Writes at once what the system takes; waits only when it has to.
async fn write<'a>(socket: &TcpStream, bytes: &'a [u8]) -> io::Result<Written<'a>> {
    let mut rest = bytes;
    match socket.try_write(rest) {
        Ok(written) if written == rest.len() => return Ok(Written::Wholly),
        Ok(written) => rest = &rest[written..],
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
        Err(error) => return Err(error),
    }
    // On the heap, for the rare case only: the timer would be the largest part of a viewer.
    match Box::pin(timeout(STALL, write_rest(socket, &mut rest))).await {
        Ok(Ok(())) => Ok(Written::Wholly),
        Ok(Err(error)) => Err(error),
        Err(_elapsed) => Ok(Written::Partly(rest)),
    }
}

/// Ends a blocked write, or gives the viewer up.
async fn finish(socket: &TcpStream, mut rest: &[u8]) -> io::Result<()> {
    match Box::pin(timeout(PATIENCE, write_rest(socket, &mut rest))).await {
        Ok(result) => result,
        Err(_elapsed) => Err(io::ErrorKind::TimedOut.into()),
    }
}

/// Keeps `rest` true at every step, so that it may be abandoned and taken up again.
async fn write_rest(socket: &TcpStream, rest: &mut &[u8]) -> io::Result<()> {
    while !rest.is_empty() {
        socket.writable().await?;
        match socket.try_write(rest) {
            Ok(written) => *rest = &rest[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Completes when the viewer has closed its side. What it still sends is not listened to.
async fn hung_up(socket: &TcpStream) -> io::Error {
    loop {
        if let Err(error) = socket.readable().await {
            return error;
        }
        let mut ignored = [0; 128];
        match socket.try_read(&mut ignored) {
            Ok(0) => return io::ErrorKind::UnexpectedEof.into(),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return error,
        }
    }
}
