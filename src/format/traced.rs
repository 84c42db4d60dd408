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
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    const KIND: &str = "shop.listing/1";

    fn refused<T: Serialize + DeserializeOwned>(value: &T) -> String {
        match encode(KIND, value) {
            Err(error @ FormatError::NotReadBack { .. }) => error.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
    struct Listing {
        title: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        price: Option<u8>,
        count: u8,
        #[serde(skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    }

    #[test]
    fn the_bytes_are_those_of_postcard() {
        type All = (
            (i8, i16, i32, i64, i128, u16, u32, u64, u128),
            (f32, f64, char, bool, Option<u64>, ()),
            BTreeMap<String, Vec<(u8, i64)>>,
            (Result<u8, String>, Listing),
        );
        let listing = Listing {
            price: Some(3),
            note: Some("ripe".into()),
            ..Listing::default()
        };
        for (small, wide) in [(i8::MIN, i128::MIN), (-1, -1), (0, 0), (i8::MAX, i128::MAX)] {
            let all: All = (
                (
                    small,
                    i16::MIN,
                    i32::MAX,
                    i64::MIN,
                    wide,
                    u16::MAX,
                    u32::MAX,
                    u64::MAX,
                    wide.cast_unsigned(),
                ),
                (-1.5, 1e300, '\u{1f345}', true, Some(300), ()),
                [("a".to_owned(), vec![(200, -3), (0, 0)])].into(),
                (Err("no".to_owned()), listing.clone()),
            );
            assert_eq!(encode(KIND, &all), Ok(crate::format::encode(&all)));
        }
    }

    #[test]
    fn a_field_that_is_skipped_is_named_unless_nothing_stands_behind_it() {
        let last = Listing {
            price: Some(1),
            ..Listing::default()
        };
        assert!(encode(KIND, &last).is_ok());
        let said = refused(&Listing {
            count: 1,
            ..Listing::default()
        });
        assert!(said.contains("`price`") && said.contains(KIND), "{said}");

        #[derive(Debug, Serialize, Deserialize)]
        struct Shop {
            name: String,
            best: Listing,
            open: bool,
        }
        let shop = Shop {
            name: "Garden".into(),
            best: last,
            open: true,
        };
        let said = refused(&shop);
        assert!(said.contains("`best.note`"), "{said}");
    }

    #[test]
    fn a_skipped_field_whose_bytes_fit_the_next_is_found() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Sly {
            #[serde(skip_serializing_if = "Option::is_none")]
            first: Option<()>,
            second: Option<()>,
            third: Option<()>,
        }
        // Without the check this reads back as another value, and without an error.
        let sly = Sly {
            first: None,
            second: Some(()),
            third: None,
        };
        let said = refused(&sly);
        assert!(said.contains("`first`"), "{said}");
    }

    #[test]
    fn what_only_formats_with_names_can_read_is_refused() {
        #[derive(Debug, Serialize, Deserialize)]
        #[serde(untagged)]
        enum Price {
            Whole(u8),
            Words(String),
        }
        #[derive(Debug, Serialize, Deserialize)]
        struct Priced {
            title: String,
            price: Price,
        }
        for price in [Price::Whole(3), Price::Words("three".into())] {
            let title = "Tomatoes".into();
            let said = refused(&Priced { title, price });
            assert!(said.contains("`price`"), "{said}");
        }

        #[derive(Debug, Serialize, Deserialize)]
        struct Free {
            title: String,
            rest: serde_json::Value,
        }
        let said = refused(&Free {
            title: "Tomatoes".into(),
            rest: serde_json::json!({ "a": 1 }),
        });
        assert!(said.contains("`rest`"), "{said}");

        #[derive(Debug, Serialize, Deserialize)]
        struct Flat {
            title: String,
            #[serde(flatten)]
            more: BTreeMap<String, u8>,
        }
        let said = refused(&Flat {
            title: "Tomatoes".into(),
            more: BTreeMap::new(),
        });
        assert!(said.contains("flatten"), "{said}");
    }

    #[test]
    fn hash_maps_and_sets_are_alike_in_any_order() {
        use std::collections::{HashMap, HashSet};
        type Unordered = (HashMap<String, HashSet<u32>>, Vec<Listing>);
        let sets = (0..50).map(|n| (n.to_string(), (0..n).collect()));
        let listings = (0..50).map(|count| Listing {
            count,
            price: Some(count),
            note: Some(count.to_string()),
            ..Listing::default()
        });
        let value: Unordered = (sets.collect(), listings.collect());
        assert!(encode(KIND, &value).is_ok());
    }

    #[test]
    fn a_value_that_changes_on_the_way_is_refused() {
        #[derive(Debug, Serialize, Deserialize)]
        struct Lossy {
            title: String,
            #[serde(skip_deserializing)]
            stock: u8,
        }
        let said = refused(&Lossy {
            title: "Tomatoes".into(),
            stock: 7,
        });
        assert!(said.contains("`stock`"), "{said}");
    }
}
