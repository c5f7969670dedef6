//! The lines of an exported file. Programs that it passed through may have added CRLF line ends or a byte order mark,
//! or removed the last line end. None of these changes is inside a line, so they cannot hide a changed entry.

use std::io::{self, BufRead, Read};

/// The byte order mark that some editors put in front of UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// The longest line that is read, in bytes; no ledger has one as long. It bounds what is read of a file without line
/// ends.
const MAX_LINE_BYTES: u64 = 16 * 1024 * 1024;

pub struct Lines<R> {
    reader: R,
    number: u64,
}

/// One line without its end.
pub struct Line {
    /// Counted from 1.
    pub number: u64,
    pub bytes: Vec<u8>,
    /// Whether a line end follows. Only the last line may lack one.
    pub has_end: bool,
}

impl<R: BufRead> Lines<R> {
    pub const fn new(reader: R) -> Self {
        Self { reader, number: 0 }
    }

    /// The next line; `None` at the end of the file.
    pub fn read_next(&mut self) -> io::Result<Option<Line>> {
        let mut bytes = Vec::new();
        if self.reader.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut bytes)? == 0 {
            return Ok(None);
        }
        self.number += 1;
        if self.number == 1 && bytes.starts_with(BYTE_ORDER_MARK) {
            bytes.drain(..BYTE_ORDER_MARK.len());
        }
        let has_end = bytes.pop_if(|last| *last == b'\n').is_some();
        bytes.pop_if(|last| *last == b'\r');
        Ok(Some(Line { number: self.number, bytes, has_end }))
    }

    /// Appends the rest of the file to `head`, up to this many bytes.
    pub fn read_rest(self, head: &mut Vec<u8>, limit_bytes: u64) -> io::Result<()> {
        self.reader.take(limit_bytes).read_to_end(head).map(|_| ())
    }
}
