//! Reading content that was written by an older or a newer release than this one.
//!
//! Fields are only ever added at the end of a kind. So bytes after the known fields are passed over, and where the bytes
//! end *between* two fields the rest are read as none, zero, false or empty. Bytes that end inside a field are cut
//! short and no content: padding them would make up half a text or half an id. What is there has to stand in its one
//! form, or readers would differ in what they can read, and with it in which edit wins.

use postcard::Error;
use serde::de::DeserializeOwned;

use super::error::FormatError;
use super::strict::Strict;

const WHAT: &str = "content";

/// Decodes a value from the front of `bytes`. Only a struct that is the whole value can lack fields.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, FormatError> {
    T::deserialize(&mut Strict::growing(bytes)).map_err(|error| fault(WHAT, &error))
}

/// Decodes a value of which every field is there from the front of `bytes`, and gives what stands behind it.
pub(crate) fn read_whole<'a, T: DeserializeOwned>(
    what: &'static str,
    bytes: &'a [u8],
) -> Result<(T, &'a [u8]), FormatError> {
    let mut strict = Strict::whole(bytes);
    let value = T::deserialize(&mut strict).map_err(|error| fault(what, &error))?;
    Ok((value, strict.rest()))
}

const fn fault(what: &'static str, error: &Error) -> FormatError {
    match error {
        Error::DeserializeUnexpectedEnd => FormatError::Truncated { what },
        Error::DeserializeBadVarint => FormatError::NotCanonical { what },
        _ => FormatError::Malformed { what },
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
    fn what_is_not_in_its_one_form_is_no_content() {
        let not_canonical = Err(FormatError::NotCanonical { what: WHAT });
        let malformed = Err(FormatError::Malformed { what: WHAT });
        assert_eq!(read::<Post>(b"\x83\x00abc"), not_canonical);
        assert_eq!(read::<Post>(b"\x03abc\x01\x81\x00x"), not_canonical);
        assert_eq!(read::<Post>(b"\x03abc\x02"), malformed);
        // 65 bits, and a number that goes on after the last bit it could have.
        let huge = [&b"\x03abc\x00\x00\x00\x00\x01"[..], &[0xff; 9], &[2]].concat();
        assert_eq!(read::<Post>(&huge), malformed);
        let longer = [&b"\x03abc\x00\x00\x00\x00\x01"[..], &[0x80; 10], &[0]].concat();
        assert!(read::<Post>(&longer).is_err());
        assert!(read::<Vec<bool>>(&[1, 2]).is_err());
    }

    #[test]
    fn an_enum_lacks_nothing_and_a_lacking_one_is_its_first() {
        #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        struct Outer {
            n: u8,
            field: ProfileField,
            raw: [u8; 32],
            inner: Follow,
        }
        assert!(read::<ProfileField>(&[]).is_err());
        assert!(read::<ProfileField>(&[0]).is_err());
        let outer = read::<Outer>(&[3]).expect("the rest is lacking");
        assert_eq!((outer.n, outer.raw), (3, [0; 32]));
        assert_eq!(outer.field, ProfileField::Name(String::new()));
        // A struct inside has no end of its own.
        let mut bytes = encode(&outer);
        bytes.pop();
        assert!(read::<Outer>(&bytes).is_err());
        bytes.push(0);
        assert_eq!(read(&bytes), Ok(outer));
    }

    #[test]
    fn every_type_of_serde_reads_what_postcard_wrote() {
        type All = (
            (i8, i16, i32, i64, i128, u16, u32, u64, u128),
            (f32, f64, char, bool, Option<u64>, ()),
            std::collections::BTreeMap<String, Vec<(u8, i64)>>,
            Result<u8, String>,
        );
        let all: All = (
            (
                i8::MIN,
                i16::MIN,
                i32::MAX,
                i64::MIN,
                i128::MIN,
                u16::MAX,
                u32::MAX,
                u64::MAX,
                u128::MAX,
            ),
            (-1.5, 1e300, '\u{1f345}', true, Some(300), ()),
            [("a".to_owned(), vec![(200, -3), (0, 0)])].into(),
            Err("no".to_owned()),
        );
        assert_eq!(read::<All>(&encode(&all)), Ok(all));
    }

    #[test]
    fn a_claimed_length_beyond_the_bytes_takes_no_memory() {
        let huge = encode(&(1u64 << 60));
        assert!(read::<Post>(&huge).is_err());
        assert!(postcard::from_bytes::<Vec<ListItem>>(&huge).is_err());
        assert!(read::<Vec<ListItem>>(&huge).is_err());
    }
}
