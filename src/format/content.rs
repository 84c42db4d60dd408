//! Reading content that was written by an older or a newer release than this one.
//!
//! Fields are only ever added at the end of a kind. So bytes after the known fields are passed over, and where the bytes
//! end *between* two fields the rest are read as none, zero, false or empty. Bytes that end inside a field are cut
//! short and no content: padding them would make up half a text or half an id.

use postcard::Error;
use serde::Deserializer;
use serde::de::{DeserializeOwned, DeserializeSeed, SeqAccess, Visitor};

use super::error::FormatError;

const WHAT: &str = "content";

/// What an absent field is read from: none, zero, false and empty are all zero bytes in postcard.
const ABSENT: &[u8] = &[0; 1_024];

/// Decodes a value from the front of `bytes`.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, FormatError> {
    T::deserialize(Content(bytes)).map_err(|error| match error {
        Error::DeserializeUnexpectedEnd => FormatError::Truncated { what: WHAT },
        _ => FormatError::Malformed { what: WHAT },
    })
}

/// The outermost value. Only a struct standing here can lack fields; anything else is plain postcard.
struct Content<'de>(&'de [u8]);

/// The fields of the outermost struct.
struct Fields<'de> {
    rest: &'de [u8],
    left: usize,
}

impl<'de> SeqAccess<'de> for Fields<'de> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Error> {
        let Some(left) = self.left.checked_sub(1) else {
            return Ok(None);
        };
        self.left = left;
        if self.rest.is_empty() {
            let mut absent = postcard::Deserializer::from_bytes(ABSENT);
            return seed.deserialize(&mut absent).map(Some);
        }
        let mut present = postcard::Deserializer::from_bytes(self.rest);
        let value = seed.deserialize(&mut present)?;
        self.rest = present.finalize()?;
        Ok(Some(value))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

macro_rules! plain {
    ($($name:ident($($argument:ident: $type:ty),*);)*) => {
        $(fn $name<V: Visitor<'de>>(self, $($argument: $type,)* visitor: V) -> Result<V::Value, Error> {
            postcard::Deserializer::from_bytes(self.0).$name($($argument,)* visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for Content<'de> {
    type Error = Error;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_seq(Fields {
            rest: self.0,
            left: fields.len(),
        })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    plain! {
        deserialize_any();
        deserialize_bool();
        deserialize_i8();
        deserialize_i16();
        deserialize_i32();
        deserialize_i64();
        deserialize_i128();
        deserialize_u8();
        deserialize_u16();
        deserialize_u32();
        deserialize_u64();
        deserialize_u128();
        deserialize_f32();
        deserialize_f64();
        deserialize_char();
        deserialize_str();
        deserialize_string();
        deserialize_bytes();
        deserialize_byte_buf();
        deserialize_option();
        deserialize_unit();
        deserialize_unit_struct(name: &'static str);
        deserialize_seq();
        deserialize_tuple(len: usize);
        deserialize_tuple_struct(name: &'static str, len: usize);
        deserialize_map();
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
        deserialize_identifier();
        deserialize_ignored_any();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{Follow, ListItem, Post, ProfileField, Timestamp, encode};

    fn post() -> Post {
        Post {
            text: "First tomatoes".into(),
            title: Some("Garden".into()),
            dated: Some(Timestamp(-5)),
            ..Post::default()
        }
    }

    #[test]
    fn fields_that_a_newer_release_added_are_passed_over() {
        let mut bytes = encode(&post());
        bytes.extend([7; 40]);
        assert_eq!(read::<Post>(&bytes), Ok(post()));
        let mut bytes = encode(&ProfileField::Bio("b".into()));
        bytes.push(1);
        assert_eq!(read(&bytes), Ok(ProfileField::Bio("b".into())));
    }

    #[test]
    fn fields_that_an_older_release_left_out_are_none_or_empty() {
        let bytes = encode(&("only a text", Some("and a title")));
        let read: Post = read(&bytes).expect("content");
        assert_eq!(
            (read.text.as_str(), read.title.as_deref(), read.link),
            ("only a text", Some("and a title"), None)
        );
        assert_eq!(super::read(&[]), Ok(Post::default()));
    }

    #[test]
    fn bytes_that_end_inside_a_field_are_no_content() {
        let bytes = encode(&post());
        // After the text and after each of the five fields behind it the bytes may end, nowhere else.
        let text = 1 + post().text.len();
        let title = text + 2 + "Garden".len();
        let may_end = [0, text, title, title + 1, title + 2, title + 3];
        for end in 0..bytes.len() {
            let whole = read::<Post>(&bytes[..end]).is_ok();
            assert_eq!(whole, may_end.contains(&end), "{end} bytes");
        }
        let follow = encode(&Follow {
            feed: crate::format::FeedId::from_bytes([9; 32]),
            following: true,
        });
        assert!(matches!(
            read::<Follow>(&follow[..5]),
            Err(FormatError::Truncated { .. })
        ));
    }

    #[test]
    fn a_claimed_length_beyond_the_bytes_takes_no_memory() {
        let huge = encode(&(1u64 << 60));
        assert!(read::<Post>(&huge).is_err());
        assert!(postcard::from_bytes::<Vec<ListItem>>(&huge).is_err());
        assert!(read::<Vec<ListItem>>(&huge).is_err());
    }
}
