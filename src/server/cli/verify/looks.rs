//! Recognises files that are no ledger, and says what to do about them. A saved error page must not be called
//! tampering.

use std::fmt;

use serde_json::Value;

/// How many bytes are enough to recognise a file.
pub const ENOUGH_BYTES: u64 = 64 * 1024;

/// Fields that together occur only in a line of a ledger.
const FIELDS: [&str; 5] = ["\"seq\":", "\"kind\":", "\"units\":", "\"prev\":", "\"hash\":"];
/// A damaged line counts as a ledger's if it still has this many of these fields.
const FIELDS_OF_A_DAMAGED_LINE: usize = 2;

/// The first bytes of packed files, with the format's name and the way to unpack it.
const PACKED: [(&[u8], &str, &str); 6] = [
    (b"\x1f\x8b", "gzip", "gzip -dc FILE | onsale verify -"),
    (b"PK\x03\x04", "a zip archive", "unzip it"),
    (b"\x28\xb5\x2f\xfd", "zstd", "zstd -dc FILE | onsale verify -"),
    (b"BZh", "bzip2", "bzip2 -dc FILE | onsale verify -"),
    (b"\xfd7zXZ\0", "xz", "xz -dc FILE | onsale verify -"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it with 7z"),
];

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Looks {
    Empty,
    Folder,
    Packed {
        name: &'static str,
        how: &'static str,
    },
    Utf16,
    Database,
    WebPage,
    /// A problem document: the server's answer says why there is no ledger.
    Problem {
        said: String,
    },
    LoneCarriageReturns,
    OtherJson,
    Unknown,
}

/// Whether an unreadable line was a ledger's line before it was damaged.
pub fn like_a_line(bytes: &[u8]) -> bool {
    if bytes.windows(3).any(|three| three == b"}\r{") {
        return false;
    }
    let has = |field: &&str| bytes.windows(field.len()).any(|part| part == field.as_bytes());
    FIELDS.iter().copied().filter(has).count() >= FIELDS_OF_A_DAMAGED_LINE
}

impl Looks {
    /// Recognises a file by its first bytes.
    pub fn of(head: &[u8]) -> Self {
        if let Some((_, name, how)) = PACKED.iter().find(|(magic, ..)| head.starts_with(magic)) {
            return Self::Packed { name, how };
        }
        if head.starts_with(b"SQLite format 3\0") {
            return Self::Database;
        }
        if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") || head.iter().take(2).any(|byte| *byte == 0)
        {
            return Self::Utf16;
        }
        let text = head.trim_ascii();
        if text.is_empty() {
            return Self::Empty;
        }
        if text.starts_with(b"<") {
            return Self::WebPage;
        }
        if text.windows(3).any(|three| three == b"}\r{") {
            return Self::LoneCarriageReturns;
        }
        match serde_json::from_slice(text) {
            Ok(Value::Object(fields)) => problem(&fields).unwrap_or(Self::OtherJson),
            Ok(_) => Self::OtherJson,
            Err(_) if text.starts_with(b"{") || text.starts_with(b"[") => Self::OtherJson,
            Err(_) => Self::Unknown,
        }
    }
}

/// Recognises a problem document, and keeps its words.
fn problem(fields: &serde_json::Map<String, Value>) -> Option<Looks> {
    let status = fields.get("status")?.as_u64()?;
    let text = |name| fields.get(name).and_then(Value::as_str);
    // The text may come from anybody and goes to a terminal, so control characters are removed.
    let said = text("detail").or_else(|| text("title"))?.chars().filter(|next| !next.is_control()).take(200);
    Some(Looks::Problem { said: format!("{status}, {}", said.collect::<String>()) })
}

impl fmt::Display for Looks {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        const AGAIN: &str = "download GET /api/v1/sales/{sale}/ledger again";
        match self {
            Self::Empty => write!(formatter, "is empty: {AGAIN}"),
            Self::Folder => formatter.write_str("is a folder: name the file of the ledger in it"),
            Self::Packed { name, how } => write!(formatter, "looks like {name}: unpack it first ({how})"),
            Self::Utf16 => write!(formatter, "looks like UTF-16, and a ledger is UTF-8: convert it, or {AGAIN}"),
            Self::Database => formatter
                .write_str("looks like the database itself: onsale audit --database checks that, verify an export"),
            Self::WebPage => write!(formatter, "looks like a saved web page, not like a ledger: {AGAIN}"),
            Self::Problem { said } => write!(formatter, "looks like a refusal of the server ({said}): {AGAIN}"),
            Self::LoneCarriageReturns => {
                write!(formatter, "has lines that end in CR alone: convert them to LF or CRLF, or {AGAIN}")
            }
            Self::OtherJson => {
                write!(formatter, "looks like other JSON, and a ledger has one entry to a line, unformatted: {AGAIN}")
            }
            Self::Unknown => write!(formatter, "is no ledger, its first line is no entry: {AGAIN}"),
        }
    }
}
