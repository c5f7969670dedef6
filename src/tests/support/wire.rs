//! Bytes on a socket: for what no HTTP client would send.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// How long an answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// Sends these bytes and reads what comes back until the server closes or says nothing more for a while.
pub async fn exchange(address: SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    // A server that answers early may close before it has read everything: that is no fault.
    let _ = stream.write_all(request).await;
    read_all(&mut stream).await
}

/// Everything until the end, or until a second has passed without a byte after the first.
pub async fn read_all(stream: &mut TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let patience = if answer.is_empty() { ANSWER_TIMEOUT } else { Duration::from_secs(1) };
        match timeout(patience, stream.read(&mut buffer)).await {
            Ok(Ok(count @ 1..)) => answer.extend_from_slice(&buffer[..count]),
            Ok(Ok(0) | Err(_)) | Err(_) => return answer,
        }
    }
}

/// The status lines in these bytes: one per answer.
pub fn statuses(answer: &[u8]) -> Vec<u16> {
    let text = String::from_utf8_lossy(answer);
    let starts = text.match_indices("HTTP/1.1 ").map(|(position, prefix)| position + prefix.len());
    starts.filter_map(|start| text.get(start..start + 3)?.parse().ok()).collect()
}
