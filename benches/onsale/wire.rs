//! One HTTP/1.1 connection and the bytes on it. It must cost little, because the load generator shares the machine with
//! the server. So requests are bytes that are made beforehand, and answers are read in place.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const BUFFER_BYTES: usize = 8 * 1024;

pub struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
}

/// An answer, as it lies in the connection's buffer.
pub struct Reply<'a> {
    pub status: u16,
    head: &'a str,
    pub body: &'a [u8],
}

impl Reply<'_> {
    /// The value of a header, by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(self.head, name)
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.split("\r\n").skip(1).find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// The bytes of a request. `headers` are whole lines, with their line ends.
pub fn request(method: &str, path: &str, address: SocketAddr, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\n{headers}").into_bytes();
    if !body.is_empty() {
        bytes.extend_from_slice(b"Content-Type: application/json\r\n");
    }
    bytes.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
    bytes.extend_from_slice(body);
    bytes
}

impl Wire {
    pub async fn open(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self::over(stream))
    }

    /// Over a connection that is open already.
    pub fn over(stream: TcpStream) -> Self {
        Self { stream, buffer: vec![0; BUFFER_BYTES], filled: 0 }
    }

    /// Sends a request and reads its whole answer.
    pub async fn exchange(&mut self, request: &[u8]) -> std::io::Result<Reply<'_>> {
        self.stream.write_all(request).await?;
        self.filled = 0;
        let head_end = loop {
            self.fill().await?;
            if let Some(position) = find(&self.buffer[..self.filled], b"\r\n\r\n") {
                break position;
            }
        };
        let start = head_end + 4;
        let end = match self.content_length(head_end)? {
            Some(length) => {
                self.fill_to(start + length).await?;
                start + length
            }
            None => self.join_chunks(start).await?,
        };
        let head = text(&self.buffer[..head_end])?;
        let status = head.get(9..12).and_then(|digits| digits.parse().ok()).ok_or_else(|| broken("no status"))?;
        Ok(Reply { status, head, body: &self.buffer[start..end] })
    }

    /// The body's length from the head of the answer; `None` for a body in chunks.
    fn content_length(&self, head_end: usize) -> std::io::Result<Option<usize>> {
        let head = text(&self.buffer[..head_end])?;
        match header(head, "content-length") {
            Some(length) => length.parse().map(Some).map_err(|_| broken("the length is no number")),
            None if header(head, "transfer-encoding") == Some("chunked") => Ok(None),
            None => Err(broken("the answer does not say where it ends")),
        }
    }

    /// Reads a body in chunks, moves the contents of the chunks together from `start` on, and returns where they end.
    async fn join_chunks(&mut self, start: usize) -> std::io::Result<usize> {
        let (mut read, mut end) = (start, start);
        loop {
            let line_end = loop {
                if let Some(position) = find(&self.buffer[read..self.filled], b"\r\n") {
                    break read + position;
                }
                self.fill().await?;
            };
            let size = usize::from_str_radix(text(&self.buffer[read..line_end])?, 16)
                .map_err(|_| broken("the size of a chunk is no number"))?;
            let chunk = line_end + 2;
            // After each chunk comes a line end, also after the last chunk, which is empty.
            self.fill_to(chunk + size + 2).await?;
            if size == 0 {
                return Ok(end);
            }
            self.buffer.copy_within(chunk..chunk + size, end);
            end += size;
            read = chunk + size + 2;
        }
    }

    async fn fill_to(&mut self, end: usize) -> std::io::Result<()> {
        while self.filled < end {
            self.fill().await?;
        }
        Ok(())
    }

    async fn fill(&mut self) -> std::io::Result<()> {
        if self.filled == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        let read = self.stream.read(&mut self.buffer[self.filled..]).await?;
        self.filled += read;
        if read == 0 { Err(broken("the connection ended within an answer")) } else { Ok(()) }
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

fn text(bytes: &[u8]) -> std::io::Result<&str> {
    std::str::from_utf8(bytes).map_err(|_| broken("the head is no text"))
}

fn broken(reason: &'static str) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, reason)
}
