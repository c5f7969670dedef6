//! A small JSON reader for the browser, where every byte of code is downloaded. It reads every kind of type that
//! `serde_json` reads, but does not say where or why a text cannot be read. The server, which reads what strangers
//! send, uses `serde_json`.

mod kinds; // reads each kind of type that serde knows

use std::{borrow::Cow, fmt};

use serde::de::DeserializeOwned;

/// How deeply lists and objects may be nested. Deeper texts are refused.
const MAX_DEPTH: u8 = 64;

/// Reads one value. Nothing but white space may follow it.
pub fn read<T: DeserializeOwned>(text: &str) -> Option<T> {
    let mut reader = Reader { text, position: 0, depth: 0 };
    let value = T::deserialize(&mut reader).ok()?;
    reader.peek();
    (reader.position == text.len()).then_some(value)
}

/// The error: the text is no JSON, or not of the wanted type.
#[derive(Debug)]
pub struct Unreadable;

impl fmt::Display for Unreadable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("unreadable")
    }
}

impl std::error::Error for Unreadable {}

impl serde::de::Error for Unreadable {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

type Read<T> = Result<T, Unreadable>;

struct Reader<'text> {
    text: &'text str,
    position: usize,
    depth: u8,
}

impl<'text> Reader<'text> {
    /// The next byte that is not white space; 0 at the end of the text.
    fn peek(&mut self) -> u8 {
        let bytes = self.text.as_bytes();
        while bytes.get(self.position).is_some_and(u8::is_ascii_whitespace) {
            self.position += 1;
        }
        bytes.get(self.position).copied().unwrap_or(0)
    }

    /// Steps over this byte, if it is the next one.
    fn skip(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == byte;
        self.position += usize::from(is_next);
        is_next
    }

    fn expect(&mut self, byte: u8) -> Read<()> {
        if self.skip(byte) { Ok(()) } else { Err(Unreadable) }
    }

    /// Reads a number or a word such as `true`.
    fn word(&mut self) -> &'text str {
        self.peek();
        let rest = &self.text[self.position..];
        let is_part = |next: char| next.is_ascii_alphanumeric() || matches!(next, '+' | '-' | '.');
        let word = &rest[..rest.find(|next| !is_part(next)).unwrap_or(rest.len())];
        self.position += word.len();
        word
    }

    /// As [`Self::word`], but does not step over it.
    fn word_ahead(&mut self) -> &'text str {
        self.peek();
        let position = self.position;
        let word = self.word();
        self.position = position;
        word
    }

    fn string(&mut self) -> Read<Cow<'text, str>> {
        self.expect(b'"')?;
        let mut read = Cow::Borrowed("");
        loop {
            let rest = &self.text[self.position..];
            let plain = rest.find(['"', '\\']).ok_or(Unreadable)?;
            self.position += plain + 1;
            // Most strings have no escapes. They end here, and are not copied.
            if read.is_empty() {
                read = Cow::Borrowed(&rest[..plain]);
            } else {
                read.to_mut().push_str(&rest[..plain]);
            }
            if rest.as_bytes()[plain] == b'"' {
                return Ok(read);
            }
            let escaped = self.escaped()?;
            read.to_mut().push(escaped);
        }
    }

    /// The character that the escape after a backslash stands for.
    fn escaped(&mut self) -> Read<char> {
        let letter = self.text.as_bytes().get(self.position).ok_or(Unreadable)?;
        self.position += 1;
        Ok(match letter {
            b'"' | b'\\' | b'/' => char::from(*letter),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.unit()?;
                if !(0xd800..0xdc00).contains(&first) {
                    return char::from_u32(first).ok_or(Unreadable);
                }
                // A character beyond U+FFFF is written as two escapes.
                if self.text.get(self.position..self.position + 2) != Some("\\u") {
                    return Err(Unreadable);
                }
                self.position += 2;
                let second = self.unit()?.checked_sub(0xdc00).filter(|second| *second < 0x400).ok_or(Unreadable)?;
                return char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + second).ok_or(Unreadable);
            }
            _ => return Err(Unreadable),
        })
    }

    /// Four hexadecimal digits.
    fn unit(&mut self) -> Read<u32> {
        let digits = self.text.get(self.position..self.position + 4).ok_or(Unreadable)?;
        self.position += 4;
        u32::from_str_radix(digits, 16).map_err(|_| Unreadable)
    }

    /// Reads a number with a fraction. Its last bit may be wrong, which is enough: such numbers are only shown.
    #[allow(clippy::cast_precision_loss)] // the last bit may be wrong, see above
    fn float(&mut self) -> Read<f64> {
        let word = self.word();
        let (number, exponent) = word.split_once(['e', 'E']).unwrap_or((word, "0"));
        let mut exponent: i32 = exponent.parse().map_err(|_| Unreadable)?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let (sign, whole) = whole.strip_prefix('-').map_or((1.0, whole), |whole| (-1.0, whole));
        if whole.is_empty() {
            return Err(Unreadable);
        }
        let mut digits = 0_u64;
        for (position, digit) in whole.bytes().chain(fraction.bytes()).enumerate() {
            let value = digit.wrapping_sub(b'0');
            if value > 9 {
                return Err(Unreadable);
            }
            // Digits beyond the precision of 64 bits only move the decimal point.
            match digits.checked_mul(10).and_then(|tens| tens.checked_add(u64::from(value))) {
                Some(more) => {
                    digits = more;
                    exponent = exponent.saturating_sub(i32::from(position >= whole.len()));
                }
                None => exponent = exponent.saturating_add(i32::from(position < whole.len())),
            }
        }
        let power = (0..exponent.unsigned_abs().min(400)).fold(1.0, |power, _| power * 10.0);
        let size = digits as f64;
        Ok(sign * if exponent < 0 { size / power } else { size * power })
    }

    /// Steps over one value.
    fn ignore(&mut self) -> Read<()> {
        match self.peek() {
            b'"' => self.string().map(|_| ()),
            opening @ (b'{' | b'[') => self.nested(opening, opening + 2, |reader| {
                while reader.follows(opening + 2)? {
                    if opening == b'{' {
                        reader.string()?;
                        reader.expect(b':')?;
                    }
                    reader.ignore()?;
                }
                Ok(())
            }),
            _ if self.word().is_empty() => Err(Unreadable),
            _ => Ok(()),
        }
    }

    /// Reads what stands between two brackets.
    fn nested<T>(&mut self, opening: u8, closing: u8, inside: impl FnOnce(&mut Self) -> Read<T>) -> Read<T> {
        self.expect(opening)?;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Unreadable);
        }
        let read = inside(self)?;
        self.depth -= 1;
        self.expect(closing)?;
        Ok(read)
    }

    /// Whether another element comes before `closing`. Steps over the comma in front of that element.
    fn follows(&mut self, closing: u8) -> Read<bool> {
        if self.peek() == closing {
            return Ok(false);
        }
        let is_first = matches!(self.text[..self.position].trim_ascii_end().as_bytes().last(), Some(b'[' | b'{'));
        if !is_first {
            self.expect(b',')?;
            if self.peek() == closing {
                return Err(Unreadable);
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
