//! Postcard read by its one form: what serde types of bodies and content are read with.
//!
//! postcard's own reader takes a number in more bytes than it needs, and so takes what another reader refuses. Two
//! replicas would then show different things: which edit wins depends on which can be read.

use postcard::Error;
use serde::Deserializer;
use serde::de::{
    DeserializeSeed, EnumAccess, IntoDeserializer as _, MapAccess, SeqAccess, VariantAccess,
    Visitor,
};

/// The bytes that are left, and how far what is read may fall short of its fields.
#[derive(Debug)]
pub(super) struct Strict<'de> {
    rest: &'de [u8],
    /// Fields that the outermost struct may lack; a value that stands deeper lacks none.
    growing: bool,
    /// A field that is lacking is read from zeros, without end.
    absent: bool,
}

impl<'de> Strict<'de> {
    /// Reads a value of which every field is there.
    pub(super) const fn whole(bytes: &'de [u8]) -> Self {
        Self {
            rest: bytes,
            growing: false,
            absent: false,
        }
    }

    /// Reads a value that, if it is a struct, may end between two of its fields.
    pub(super) const fn growing(bytes: &'de [u8]) -> Self {
        Self {
            rest: bytes,
            growing: true,
            absent: false,
        }
    }

    /// What stands behind the value.
    pub(super) const fn rest(&self) -> &'de [u8] {
        self.rest
    }

    fn byte(&mut self) -> Result<u8, Error> {
        match self.rest.split_first() {
            Some((byte, rest)) => {
                self.rest = rest;
                Ok(*byte)
            }
            None if self.absent => Ok(0),
            None => Err(Error::DeserializeUnexpectedEnd),
        }
    }

    fn raw(&mut self, count: usize) -> Result<&'de [u8], Error> {
        let split = self.rest.split_at_checked(count);
        let (head, rest) = split.ok_or(Error::DeserializeUnexpectedEnd)?;
        self.rest = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let mut bytes = [0; N];
        for byte in &mut bytes {
            *byte = self.byte()?;
        }
        Ok(bytes)
    }

    /// A number of at most so many bits, in its shortest form.
    fn varint(&mut self, bits: u32) -> Result<u128, Error> {
        let mut value = 0u128;
        let mut shift = 0;
        loop {
            let byte = self.byte()?;
            let low = u128::from(byte & 0x7f);
            let too_large = shift >= bits || (bits - shift < 7 && low >> (bits - shift) != 0);
            if too_large && (low != 0 || shift >= bits + 7) {
                return Err(Error::DeserializeBadEncoding);
            }
            if !too_large {
                value |= low << shift;
            }
            if byte & 0x80 == 0 {
                if byte == 0 && shift > 0 {
                    return Err(Error::DeserializeBadVarint);
                }
                return Ok(value);
            }
            shift += 7;
        }
    }

    fn zigzag(&mut self, bits: u32) -> Result<i128, Error> {
        let value = self.varint(bits)?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    /// A length, which is never more than the bytes that are left: nothing is made room for that is not there.
    fn length(&mut self) -> Result<usize, Error> {
        let len = usize::try_from(self.varint(64)?);
        let len = len.map_err(|_| Error::DeserializeUnexpectedEnd)?;
        if len > self.rest.len() {
            return Err(Error::DeserializeUnexpectedEnd);
        }
        Ok(len)
    }

    fn text(&mut self) -> Result<&'de str, Error> {
        let len = self.length()?;
        std::str::from_utf8(self.raw(len)?).map_err(|_| Error::DeserializeBadUtf8)
    }

    fn flag(&mut self) -> Result<bool, Error> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Error::DeserializeBadBool),
        }
    }
}

macro_rules! numbers {
    ($($name:ident, $visit:ident, $read:ident, $bits:literal;)*) => {
        $(fn $name<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.growing = false;
            let value = self.$read($bits)?;
            visitor.$visit(value.try_into().map_err(|_| Error::DeserializeBadEncoding)?)
        })*
    };
}

impl<'de> Deserializer<'de> for &mut Strict<'de> {
    type Error = Error;

    numbers! {
        deserialize_i16, visit_i16, zigzag, 16;
        deserialize_i32, visit_i32, zigzag, 32;
        deserialize_i64, visit_i64, zigzag, 64;
        deserialize_i128, visit_i128, zigzag, 128;
        deserialize_u16, visit_u16, varint, 16;
        deserialize_u32, visit_u32, varint, 32;
        deserialize_u64, visit_u64, varint, 64;
        deserialize_u128, visit_u128, varint, 128;
    }

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Error> {
        Err(Error::WontImplement)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_bool(self.flag()?)
    }

    fn deserialize_i8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_i8(self.byte()?.cast_signed())
    }

    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_u8(self.byte()?)
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_f32(f32::from_le_bytes(self.array()?))
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_f64(f64::from_le_bytes(self.array()?))
    }

    /// One character as text. A lacking one is that of number zero.
    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.absent && self.rest.is_empty() {
            return visitor.visit_char('\0');
        }
        let mut text = self.text()?.chars();
        match (text.next(), text.next()) {
            (Some(one), None) => visitor.visit_char(one),
            _ => Err(Error::DeserializeBadChar),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_borrowed_str(self.text()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let len = self.length()?;
        visitor.visit_borrowed_bytes(self.raw(len)?)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.growing = false;
        match self.flag() {
            Ok(false) => visitor.visit_none(),
            Ok(true) => visitor.visit_some(self),
            Err(Error::DeserializeBadBool) => Err(Error::DeserializeBadOption),
            Err(error) => Err(error),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let left = self.length()?;
        visitor.visit_seq(Items::of(self, left))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(Items::of(self, len))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let left = self.length()?;
        visitor.visit_map(Items::of(self, left))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let growing = self.growing;
        let mut items = Items::of(self, fields.len());
        items.growing = growing;
        visitor.visit_seq(items)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.growing = false;
        visitor.visit_enum(self)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Error> {
        Err(Error::WontImplement)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Error> {
        Err(Error::WontImplement)
    }
}

/// Items, fields or pairs that follow one another.
struct Items<'a, 'de> {
    from: &'a mut Strict<'de>,
    left: usize,
    growing: bool,
}

impl<'a, 'de> Items<'a, 'de> {
    const fn of(from: &'a mut Strict<'de>, left: usize) -> Self {
        from.growing = false;
        Self {
            from,
            left,
            growing: false,
        }
    }
}

impl<'de> SeqAccess<'de> for Items<'_, 'de> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Error> {
        let Some(left) = self.left.checked_sub(1) else {
            return Ok(None);
        };
        self.left = left;
        // Bytes may end between two fields and not inside one: what is read from zeros had no byte at all.
        if self.growing && self.from.rest.is_empty() {
            self.from.absent = true;
        }
        seed.deserialize(&mut *self.from).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

impl<'de> MapAccess<'de> for Items<'_, 'de> {
    type Error = Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Error> {
        self.next_element_seed(seed)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        seed.deserialize(&mut *self.from)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

impl<'de> EnumAccess<'de> for &mut Strict<'de> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self::Variant), Error> {
        let index = u32::try_from(self.varint(32)?).map_err(|_| Error::DeserializeBadEnum)?;
        Ok((seed.deserialize(index.into_deserializer())?, self))
    }
}

impl<'de> VariantAccess<'de> for &mut Strict<'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Error> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_tuple(fields.len(), visitor)
    }
}
