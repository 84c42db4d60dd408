//! Encoding content of apps, with a proof that it reads back as the value that it was.
//!
//! Postcard writes no names of fields. So a field that serde skips, flattens or leaves without a tag moves all that
//! follow it, and what was signed reads as other values for ever. The encoder here writes the bytes of postcard and
//! notes where each field begins. What it wrote is decoded and encoded again: both have to be alike.

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Serialize, ser};

use super::codec::Writer;
use super::error::FormatError;
use super::strict::Strict;

/// Encodes content of a kind, if it reads back as it is.
///
/// # Errors
///
/// [`FormatError::NotReadBack`], which names the first field that would not.
pub(super) fn encode<T: Serialize + DeserializeOwned>(
    kind: &'static str,
    value: &T,
) -> Result<Vec<u8>, FormatError> {
    let refused = |field: String, why: String| FormatError::NotReadBack { kind, field, why };
    let written = Trace::of(value).map_err(|(field, why)| refused(field, why))?;
    let mut strict = Strict::growing(&written.out.0);
    let read = match T::deserialize(&mut strict) {
        Ok(read) => read,
        Err(error) => {
            let at = written.out.0.len() - strict.rest().len();
            let skipped = written
                .fields
                .iter()
                .position(|it| it.skipped && it.at <= at);
            let field = skipped.or_else(|| written.field_at(at));
            let field = field.map(|nth| written.path(nth)).unwrap_or_default();
            return Err(refused(field, error.to_string()));
        }
    };
    let again = Trace::of(&read).map_err(|(field, why)| refused(field, why))?;
    match written.first_difference(&again) {
        None => Ok(written.out.0),
        Some(field) => Err(refused(field, "it has another value".to_owned())),
    }
}

/// Where a field begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Field {
    at: usize,
    /// How many fields are around it.
    depth: usize,
    name: &'static str,
    /// Whether it is not written at all.
    skipped: bool,
}

/// The bytes of a value, and where its fields begin.
#[derive(Debug, Default)]
struct Trace {
    out: Writer,
    /// The same with what is skipped, and with the items of each list and map in order of their bytes: those of a hash
    /// map come in another order each time.
    sorted: Vec<u8>,
    fields: Vec<Field>,
    depth: usize,
}

impl Trace {
    /// Encodes a value; the field at which it refuses to be encoded, and why.
    fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, (String, String)> {
        let mut trace = Self::default();
        match value.serialize(&mut trace) {
            Ok(()) => Ok(trace),
            Err(Refused(why)) => {
                let last = trace.fields.len().checked_sub(1);
                Err((last.map(|nth| trace.path(nth)).unwrap_or_default(), why))
            }
        }
    }

    /// The field in which a byte stands.
    fn field_at(&self, at: usize) -> Option<usize> {
        self.fields
            .partition_point(|field| field.at <= at)
            .checked_sub(1)
    }

    /// The names of a field and of those around it, with dots between them.
    fn path(&self, nth: usize) -> String {
        let (mut names, mut depth) = (Vec::new(), usize::MAX);
        for field in self.fields.iter().take(nth + 1).rev() {
            if field.depth < depth {
                (depth, _) = (field.depth, names.push(field.name));
            }
        }
        names.reverse();
        names.join(".")
    }

    /// The first field that another value has otherwise.
    fn first_difference(&self, other: &Self) -> Option<String> {
        if self.sorted == other.sorted {
            return None;
        }
        let (mine, others) = (&self.out.0, &other.out.0);
        let alike = mine.iter().zip(others).take_while(|(a, b)| a == b).count();
        let fields = self.fields.iter().zip(&other.fields);
        let fields = fields.take_while(|(a, b)| a == b).count();
        let nth = match self.fields.get(fields) {
            Some(field) if field.at <= alike => fields,
            _ => self.field_at(alike)?,
        };
        Some(self.path(nth))
    }

    fn note(&mut self, name: &'static str, skipped: bool) {
        self.fields.push(Field {
            at: self.out.0.len(),
            depth: self.depth,
            name,
            skipped,
        });
    }

    fn field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Refused> {
        self.note(name, false);
        self.depth += 1;
        value.serialize(&mut *self)?;
        self.depth -= 1;
        Ok(())
    }

    fn write(&mut self, write: impl FnOnce(&mut Writer)) {
        let from = self.out.0.len();
        write(&mut self.out);
        let written = self.out.0.get(from..).unwrap_or_default();
        self.sorted.extend_from_slice(written);
    }

    fn skip(&mut self, name: &'static str) {
        self.note(name, true);
        self.sorted.extend_from_slice(name.as_bytes());
    }

    fn items(&mut self, len: Option<usize>) -> Result<Items<'_>, Refused> {
        let why = "its length is not known before it is written, as of what is flattened";
        let len = len.ok_or_else(|| Refused(why.to_owned()))?;
        self.write(|out| out.varint(len as u64));
        Ok(Items {
            trace: self,
            begin: Vec::new(),
        })
    }

    fn variant(&mut self, index: u32) -> &mut Self {
        self.write(|out| out.varint(index.into()));
        self
    }
}

fn wide(out: &mut Writer, mut value: u128) {
    while value > 0x7F {
        out.u8((value & 0x7F) as u8 | 0x80);
        value >>= 7;
    }
    out.u8((value & 0x7F) as u8);
}

/// A list or a map while it is written.
#[derive(Debug)]
struct Items<'a> {
    trace: &'a mut Trace,
    /// Where each item begins in what is sorted.
    begin: Vec<usize>,
}

impl Items<'_> {
    fn begin(&mut self) -> &mut Trace {
        self.begin.push(self.trace.sorted.len());
        self.trace
    }

    fn sort(self) {
        let Some(first) = self.begin.first().copied() else {
            return;
        };
        let written = self.trace.sorted.split_off(first);
        let ends = self.begin.iter().skip(1).copied();
        let ends = ends.chain([first + written.len()]);
        let spans = self.begin.iter().zip(ends);
        let mut items: Vec<_> = spans
            .filter_map(|(from, to)| written.get(from - first..to - first))
            .collect();
        items.sort_unstable();
        self.trace.sorted.extend(items.concat());
    }
}

/// Why a value is not encoded.
#[derive(Debug)]
struct Refused(String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

impl ser::Error for Refused {
    fn custom<T: fmt::Display>(why: T) -> Self {
        Self(why.to_string())
    }
}

macro_rules! written {
    ($($call:ident: $type:ty = |$out:ident, $value:ident| $write:expr;)*) => {
        $(fn $call(self, $value: $type) -> Result<(), Refused> {
            self.write(|$out| $write);
            Ok(())
        })*
    };
}

impl<'a> ser::Serializer for &'a mut Trace {
    type Ok = ();
    type Error = Refused;
    type SerializeSeq = Items<'a>;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Items<'a>;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    written! {
        serialize_bool: bool = |out, value| out.u8(value.into());
        serialize_i8: i8 = |out, value| out.raw(&value.to_le_bytes());
        serialize_i16: i16 = |out, value| out.zigzag(value.into());
        serialize_i32: i32 = |out, value| out.zigzag(value.into());
        serialize_i64: i64 = |out, value| out.zigzag(value);
        serialize_i128: i128 = |out, value| wide(out, ((value << 1) ^ (value >> 127)).cast_unsigned());
        serialize_u8: u8 = |out, value| out.u8(value);
        serialize_u16: u16 = |out, value| out.varint(value.into());
        serialize_u32: u32 = |out, value| out.varint(value.into());
        serialize_u64: u64 = |out, value| out.varint(value);
        serialize_u128: u128 = |out, value| wide(out, value);
        serialize_f32: f32 = |out, value| out.raw(&value.to_le_bytes());
        serialize_f64: f64 = |out, value| out.raw(&value.to_le_bytes());
        serialize_char: char = |out, value| out.bytes(value.encode_utf8(&mut [0; 4]).as_bytes());
        serialize_str: &str = |out, value| out.bytes(value.as_bytes());
        serialize_bytes: &[u8] = |out, value| out.bytes(value);
    }

    fn serialize_none(self) -> Result<(), Refused> {
        self.write(|out| out.u8(0));
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Refused> {
        self.write(|out| out.u8(1));
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Refused> {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Refused> {
        Ok(())
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
    ) -> Result<(), Refused> {
        self.variant(index);
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Refused> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), Refused> {
        value.serialize(self.variant(index))
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Items<'a>, Refused> {
        self.items(len)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, Refused> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, Refused> {
        Ok(self)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Refused> {
        Ok(self.variant(index))
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Items<'a>, Refused> {
        self.items(len)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Refused> {
        Ok(self)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Refused> {
        Ok(self.variant(index))
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

macro_rules! items {
    ($($of:ident: $item:ident;)*) => {
        $(impl ser::$of for &mut Trace {
            type Ok = ();
            type Error = Refused;

            fn $item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
                value.serialize(&mut **self)
            }

            fn end(self) -> Result<(), Refused> {
                Ok(())
            }
        })*
    };
}

items! {
    SerializeTuple: serialize_element;
    SerializeTupleStruct: serialize_field;
    SerializeTupleVariant: serialize_field;
}

impl ser::SerializeSeq for Items<'_> {
    type Ok = ();
    type Error = Refused;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), Refused> {
        item.serialize(self.begin())
    }

    fn end(self) -> Result<(), Refused> {
        self.sort();
        Ok(())
    }
}

impl ser::SerializeMap for Items<'_> {
    type Ok = ();
    type Error = Refused;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Refused> {
        key.serialize(self.begin())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
        value.serialize(&mut *self.trace)
    }

    fn end(self) -> Result<(), Refused> {
        self.sort();
        Ok(())
    }
}

macro_rules! fields {
    ($($of:ident;)*) => {
        $(impl ser::$of for &mut Trace {
            type Ok = ();
            type Error = Refused;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), Refused> {
                self.field(name, value)
            }

            fn skip_field(&mut self, name: &'static str) -> Result<(), Refused> {
                self.skip(name);
                Ok(())
            }

            fn end(self) -> Result<(), Refused> {
                Ok(())
            }
        })*
    };
}

fields! {
    SerializeStruct;
    SerializeStructVariant;
}

#[cfg(test)]
mod tests;
