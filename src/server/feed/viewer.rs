//! One open stream: a socket, a place in the feed, and a task. The task is as small as possible, because there are
//! thousands.

use std::{io, pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    time::{Instant, timeout},
};

use super::{
    crowd::{Membership, Returned},
    frame::retry,
    hub::{Hub, Place},
    resume::Resume,
};
use crate::{
    model::limits::{VIEWER_PATIENCE_MILLISECONDS, VIEWER_READ_BYTES, VIEWER_STALL_MILLISECONDS},
    server::telemetry::metrics::VIEWERS,
};

const STALL: Duration = Duration::from_millis(VIEWER_STALL_MILLISECONDS);
const PATIENCE: Duration = Duration::from_millis(VIEWER_PATIENCE_MILLISECONDS);

/// Writes `head` (of the HTTP answer) and then frames to the socket, until the viewer leaves or the hub is closed. The
/// stream ends when the connection is closed.
pub async fn watch(socket: TcpStream, head: Bytes, hub: Arc<Hub>, resume: Resume) {
    metrics::gauge!(VIEWERS).increment(1.0);
    let socket = Arc::new(socket);
    // An error means that the viewer has left, so there is nobody to report it to.
    let _ = tell(&socket, &head, &hub, resume).await;
    if let Some(mut socket) = Arc::into_inner(socket) {
        let _ = socket.shutdown().await;
    }
    metrics::gauge!(VIEWERS).decrement(1.0);
}

/// Sends a viewer what it has missed until it is level with the others, and then puts it into a crowd. A viewer whose
/// socket blocks comes back here, where only its own task waits for it.
async fn tell(socket: &Arc<TcpStream>, head: &[u8], hub: &Hub, resume: Resume) -> io::Result<()> {
    write(socket, head).await?;
    write(socket, retry(rand::random()).as_bytes()).await?;
    let mut place = hub.join(&resume);
    drop(resume);
    while let Some(Place { first, mut position, frames_sent }) = place {
        for frame in first {
            write(socket, &frame.bytes).await?;
            position = frame.seq.max(position);
        }
        place = match hub.enter(socket, position, frames_sent) {
            Ok(membership) => {
                let Returned { rest, position } = stay(socket, membership).await?;
                let returned_at = Instant::now();
                write(socket, &rest).await?;
                if returned_at.elapsed() < STALL { hub.catch_up(position) } else { hub.start_over() }
            }
            Err(next) => next,
        };
    }
    Ok(())
}

/// Waits until the crowd gives the viewer back. Fails when the viewer has left.
async fn stay(socket: &TcpStream, mut membership: Membership) -> io::Result<Returned> {
    tokio::select! {
        biased; // the hang-up comes first: when a viewer has left, the crowd may have dropped it too
        error = pin!(hung_up(socket)) => Err(error),
        returned = &mut membership.returned => returned.map_err(|_| io::ErrorKind::BrokenPipe.into()),
    }
}

/// Writes at once what the system takes. Waits only for the rest, and only for `PATIENCE`; then the viewer is given up.
async fn write(socket: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    match socket.try_write(bytes) {
        Ok(written) => bytes = &bytes[written..],
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
        Err(error) => return Err(error),
    }
    if bytes.is_empty() {
        return Ok(());
    }
    // On the heap, because this case is rare: inside the task the timer would be the largest part of a viewer.
    Box::pin(timeout(PATIENCE, write_rest(socket, bytes))).await?
}

async fn write_rest(socket: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        socket.writable().await?;
        match socket.try_write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Completes when the viewer has closed its side of the connection. Anything that it sends is ignored, and after
/// [`VIEWER_READ_BYTES`] not even read: then its own system holds it up, and a later write finds out that it has left.
async fn hung_up(socket: &TcpStream) -> io::Error {
    let mut left = VIEWER_READ_BYTES;
    loop {
        if left == 0 {
            return std::future::pending().await;
        }
        if let Err(error) = socket.readable().await {
            return error;
        }
        let mut ignored = [0; 128];
        match socket.try_read(&mut ignored) {
            Ok(0) => return io::ErrorKind::UnexpectedEof.into(),
            Ok(count) => left = left.saturating_sub(count),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return error,
        }
    }
}
