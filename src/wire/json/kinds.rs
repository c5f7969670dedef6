//! Reads each kind of type that serde knows.

use std::borrow::Cow;

use serde::{
    Deserializer,
    de::{
        DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor,
        value::StrDeserializer,
    },
};

use super::{Read, Reader, Unreadable};

/// Reads whole numbers of all sizes as the largest type of their kind. The wanted type itself refuses a number that
/// does not fit.
macro_rules! numbers {
    ($($kind:ty: $($name:ident)* => $visit:ident,)*) => { $($(
        fn $name<V: Visitor<'text>>(self, visitor: V) -> Read<V::Value> {
            visitor.$visit(self.word().parse::<$kind>().map_err(|_| Unreadable)?)
        }
    )*)* };
}

impl<'text> Deserializer<'text> for &mut Reader<'text> {
    type Error = Unreadable;

    /// For types that find out from the text what they are, such as untagged enums.
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

/// The name of a member of an object: a text. It may stand for a number or another value, which JSON can only write as
/// text here.
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

/// A reader inside a list, an object or a variant.
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
        // A unit variant is a text by itself. Written as an object's member, its value must be `null`.
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
