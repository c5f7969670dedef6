//! A small reader of JSON for the browser's half, where every byte of code is downloaded: it reads every kind of type that
//! `serde_json` reads, but tells neither where nor why a text cannot be read. The server reads what strangers send with
//! `serde_json`.

use std::{borrow::Cow, fmt};

use serde::{
    Deserializer,
    de::{
        DeserializeOwned, DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor,
        value::StrDeserializer,
    },
};

/// Values inside each other; deeper ones are refused.
const MAX_DEPTH: u8 = 64;

/// Reads one value, which is all of the text.
pub fn read<T: DeserializeOwned>(text: &str) -> Option<T> {
    let mut reader = Reader { text, position: 0, depth: 0 };
    let value = T::deserialize(&mut reader).ok()?;
    reader.peek();
    (reader.position == text.len()).then_some(value)
}

/// The text is not what was to be read.
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
    /// The next byte that is no space; 0 at the end.
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

    /// A number, or one of the words that JSON knows.
    fn word(&mut self) -> &'text str {
        self.peek();
        let rest = &self.text[self.position..];
        let is_part = |next: char| next.is_ascii_alphanumeric() || matches!(next, '+' | '-' | '.');
        let word = &rest[..rest.find(|next| !is_part(next)).unwrap_or(rest.len())];
        self.position += word.len();
        word
    }

    /// The same, left where it is.
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
            // Most strings end here, and are never copied.
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

    /// The character behind a backslash.
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
                // Beyond the first plane a character is written as two halves.
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

    /// A number with a fraction, right but perhaps for its last bit: what is read here is shown, and no more than that.
    #[allow(clippy::cast_precision_loss)] // said above
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
            // Digits that do not fit any more only count as places.
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

    /// What stands between two brackets.
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

    /// Whether another element stands before `closing`; steps over the comma in front of it.
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

/// Whole numbers of each size, read as the largest of their kind: the type itself refuses what does not fit.
macro_rules! numbers {
    ($($kind:ty: $($name:ident)* => $visit:ident,)*) => { $($(
        fn $name<V: Visitor<'text>>(self, visitor: V) -> Read<V::Value> {
            visitor.$visit(self.word().parse::<$kind>().map_err(|_| Unreadable)?)
        }
    )*)* };
}

impl<'text> Deserializer<'text> for &mut Reader<'text> {
    type Error = Unreadable;

    /// For types that learn from the text what they are.
    fn deserialize_any<V: Visitor<'text>>(self, visitor: V) -> Read<V::Value> {
        match self.peek() {
            b'"' => self.deserialize_str(visitor),
            b'[' => self.deserialize_seq(visitor),
            b'{' => self.deserialize_map(visitor),
            b't' | b'f' => self.deserialize_bool(visitor),
            b'n' => self.deserialize_unit(visitor),
            sign => match self.word_ahead() {
                word if word.contains(['.', 'e', 'E']) => self.deserialize_f64(visitor),
                _ if sign == b'-' => self.deserialize_i64(visitor),
                _ => self.deserialize_u64(visitor),
            },
        }
    }

    fn deserialize_bool<V: Visitor<'text>>(self, visitor: V) -> Read<V::Value> {
        match self.word() {
            "true" => visitor.visit_bool(true),
            "false" => visitor.visit_bool(false),
            _ => Err(Unreadable),
        }
    }

    numbers! {
        u64: deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 => visit_u64,
        i64: deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 => visit_i64,
        u128: deserialize_u128 => visit_u128,
        i128: deserialize_i128 => visit_i128,
    }

    fn deserialize_f64<V: Visitor<'text>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_f64(self.float()?)
    }

    fn deserialize_f32<V: Visitor<'text>>(self, visitor: V) -> Read<V::Value> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_str<V: Visitor<'text>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_str(&self.string()?)
    }

    fn deserialize_string<V: Visitor<'text>>(self, visitor: V) -> Read<V::Value> {
        self.deserialize_str(visitor)
    }

    fn deserialize_char<V: Visitor<'text>>(self, visitor: V) -> Read<V::Value> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'text>>(self, visitor: V) -> Read<V::Value> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'text>>(self, visitor: V) -> Read<V::Value> {
        match self.peek() {
            b'n' if self.word() == "null" => visitor.visit_none(),
            b'n' => Err(Unreadable),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_bytes<V: Visitor<'text>>(self, visitor: V) -> Read<V::Value> {
        if self.peek() == b'"' { visitor.visit_bytes(self.string()?.as_bytes()) } else { self.deserialize_seq(visitor) }
    }

    fn deserialize_byte_buf<V: Visitor<'text>>(self, visitor: V) -> Read<V::Value> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_unit<V: Visitor<'text>>(self, visitor: V) -> Read<V::Value> {
        if self.word() == "null" { visitor.visit_unit() } else { Err(Unreadable) }
    }

    fn deserialize_unit_struct<V: Visitor<'text>>(self, _: &'static str, visitor: V) -> Read<V::Value> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'text>>(self, _: &'static str, visitor: V) -> Read<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'text>>(self, visitor: V) -> Read<V::Value> {
        self.nested(b'[', b']', |reader| visitor.visit_seq(Inside(reader)))
    }

    fn deserialize_tuple<V: Visitor<'text>>(self, _: usize, visitor: V) -> Read<V::Value> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'text>>(self, _: &'static str, _: usize, visitor: V) -> Read<V::Value> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'text>>(self, visitor: V) -> Read<V::Value> {
        self.nested(b'{', b'}', |reader| visitor.visit_map(Inside(reader)))
    }

    fn deserialize_struct<V: Visitor<'text>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Read<V::Value> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'text>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Read<V::Value> {
        if self.peek() == b'"' {
            return visitor.visit_enum(Inside(self));
        }
        self.nested(b'{', b'}', |reader| visitor.visit_enum(Inside(reader)))
    }

    fn deserialize_ignored_any<V: Visitor<'text>>(self, visitor: V) -> Read<V::Value> {
        self.ignore()?;
        visitor.visit_unit()
    }
}

/// The name of a member: a text, or what JSON can only write as one there.
struct Key<'text>(Cow<'text, str>);

impl<'text> Deserializer<'text> for Key<'text> {
    type Error = Unreadable;

    fn deserialize_any<V: Visitor<'text>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_str(&self.0)
    }

    numbers! {
        u64: deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 => visit_u64,
        i64: deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 => visit_i64,
        u128: deserialize_u128 => visit_u128,
        i128: deserialize_i128 => visit_i128,
        bool: deserialize_bool => visit_bool,
    }

    fn deserialize_option<V: Visitor<'text>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'text>>(self, _: &'static str, visitor: V) -> Read<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'text>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Read<V::Value> {
        let name: StrDeserializer<'_, Unreadable> = self.0.as_ref().into_deserializer();
        visitor.visit_enum(name)
    }

    serde::forward_to_deserialize_any! {
        <W: Visitor<'text>> f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct
        identifier ignored_any
    }
}

impl Key<'_> {
    fn word(&self) -> &str {
        &self.0
    }
}

/// The inside of a list, an object or a variant.
struct Inside<'reader, 'text>(&'reader mut Reader<'text>);

impl<'text> SeqAccess<'text> for Inside<'_, 'text> {
    type Error = Unreadable;

    fn next_element_seed<S: DeserializeSeed<'text>>(&mut self, seed: S) -> Read<Option<S::Value>> {
        if self.0.follows(b']')? { seed.deserialize(&mut *self.0).map(Some) } else { Ok(None) }
    }
}

impl<'text> MapAccess<'text> for Inside<'_, 'text> {
    type Error = Unreadable;

    fn next_key_seed<S: DeserializeSeed<'text>>(&mut self, seed: S) -> Read<Option<S::Value>> {
        if !self.0.follows(b'}')? {
            return Ok(None);
        }
        let key = Key(self.0.string()?);
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'text>>(&mut self, seed: S) -> Read<S::Value> {
        self.0.expect(b':')?;
        seed.deserialize(&mut *self.0)
    }
}

impl<'text> EnumAccess<'text> for Inside<'_, 'text> {
    type Error = Unreadable;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'text>>(self, seed: S) -> Read<(S::Value, Self)> {
        let variant = seed.deserialize(&mut *self.0)?;
        Ok((variant, self))
    }
}

impl<'text> VariantAccess<'text> for Inside<'_, 'text> {
    type Error = Unreadable;

    fn unit_variant(self) -> Read<()> {
        // Alone it is a text; inside of an object it has a value, which says nothing.
        if !self.0.skip(b':') || self.0.word() == "null" { Ok(()) } else { Err(Unreadable) }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'text>>(self, seed: S) -> Read<S::Value> {
        self.0.expect(b':')?;
        seed.deserialize(self.0)
    }

    fn tuple_variant<V: Visitor<'text>>(self, _: usize, visitor: V) -> Read<V::Value> {
        self.0.expect(b':')?;
        self.0.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'text>>(self, _: &'static [&'static str], visitor: V) -> Read<V::Value> {
        self.0.expect(b':')?;
        self.0.deserialize_map(visitor)
    }
}

#[cfg(test)]
mod tests;
