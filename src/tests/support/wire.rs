//! Raw bytes on a socket, for requests that no HTTP client would send.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// How long an answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// Sends these bytes and reads the answer, until the server closes the connection or sends nothing more for a while.
pub async fn exchange(address: SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    // A server that answers early may close the connection before it has read everything, which is allowed.
    let _ = stream.write_all(request).await;
    read_all(&mut stream).await
}

/// Reads everything until the end, or until no byte has come for a second after the first one.
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

/// The statuses of the answers in these bytes.
pub fn statuses(answer: &[u8]) -> Vec<u16> {
    let text = String::from_utf8_lossy(answer);
    let starts = text.match_indices("HTTP/1.1 ").map(|(position, prefix)| position + prefix.len());
    starts.filter_map(|start| text.get(start..start + 3)?.parse().ok()).collect()
}
