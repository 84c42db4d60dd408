//! The reader and writer speak what postcard speaks, and the reader only its shortest forms.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn written(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::default();
    write(&mut writer);
    writer.0
}

fn read<'a, T>(
    bytes: &'a [u8],
    read: impl FnOnce(&mut Reader<'a>) -> Result<T, FormatError>,
) -> Result<T, FormatError> {
    let mut reader = Reader::new("a thing", bytes);
    let value = read(&mut reader)?;
    reader.finish().map(|()| value)
}

/// Numbers of every length.
fn number() -> impl Strategy<Value = u64> {
    (any::<u64>(), 0u32..64).prop_map(|(number, shift)| number >> shift)
}

proptest! {
    #[test]
    fn primitives_are_those_of_postcard(
        number in number(),
        sign: bool,
        bytes in vec(any::<u8>(), 0..300),
        text in "\\PC{0,100}",
        option: Option<i64>,
    ) {
        let signed = if sign { (number as i64).wrapping_neg() } else { number as i64 };
        let as_varint = written(|w| w.varint(number));
        prop_assert_eq!(&as_varint, &encode(&number));
        prop_assert_eq!(read(&as_varint, |r| r.varint()), Ok(number));

        let as_zigzag = written(|w| w.zigzag(signed));
        prop_assert_eq!(&as_zigzag, &encode(&signed));
        prop_assert_eq!(read(&as_zigzag, |r| r.zigzag()), Ok(signed));

        let as_bytes = written(|w| w.bytes(&bytes));
        prop_assert_eq!(&as_bytes, &encode(&bytes));
        prop_assert_eq!(read(&as_bytes, |r| r.bytes(300)), Ok(&bytes[..]));

        let as_text = written(|w| w.bytes(text.as_bytes()));
        prop_assert_eq!(&as_text, &encode(&text));
        prop_assert_eq!(read(&as_text, |r| r.text()), Ok(text.as_str()));

        let as_option = written(|w| w.option_zigzag(option));
        prop_assert_eq!(&as_option, &encode(&option));
        prop_assert_eq!(read(&as_option, |r| r.option_zigzag()), Ok(option));

        for end in 0..as_varint.len() {
            prop_assert!(read(&as_varint[..end], |r| r.varint()).is_err());
        }
        for end in 0..as_bytes.len() {
            prop_assert!(read(&as_bytes[..end], |r| r.bytes(300)).is_err());
        }
        for end in 0..as_option.len() {
            prop_assert!(read(&as_option[..end], |r| r.option_zigzag()).is_err());
        }
    }

    #[test]
    fn any_bytes_are_one_number_in_its_one_form_or_none(bytes in vec(any::<u8>(), 0..12)) {
        if let Ok(number) = read(&bytes, |r| r.varint()) {
            prop_assert_eq!(written(|w| w.varint(number)), bytes.clone());
        }
        if let Ok(number) = read(&bytes, |r| r.zigzag()) {
            prop_assert_eq!(written(|w| w.zigzag(number)), bytes.clone());
        }
        let by_postcard = postcard::take_from_bytes::<u64>(&bytes).ok();
        let by_reader = Reader::new("a number", &bytes).varint().ok();
        if let Some(number) = by_reader {
            prop_assert_eq!(by_postcard.map(|(number, _)| number), Some(number));
        }
    }

    #[test]
    fn decode_takes_nothing_that_encode_does_not_give(
        bytes in vec(prop_oneof![Just(0u8), Just(1), Just(0x80), any::<u8>()], 0..12),
    ) {
        if let Ok(value) = decode::<(u64, Option<i64>, Vec<u8>)>("a triple", &bytes) {
            prop_assert_eq!(encode(&value), bytes);
        }
    }
}

#[test]
fn over_long_numbers_are_named_as_such() {
    let over_long = Err(FormatError::NotCanonical { what: "a thing" });
    assert_eq!(read(&[0x80, 0], |r| r.varint()), over_long);
    assert_eq!(read(&[0xff, 0x80, 0], |r| r.varint()), over_long);
    assert_eq!(
        read(&[0xff; 9], |r| r.varint()),
        Err(FormatError::Truncated { what: "a thing" })
    );
    let too_wide = [&[0xff; 9][..], &[2]].concat();
    assert_eq!(
        read(&too_wide, |r| r.varint()),
        Err(FormatError::Malformed { what: "a thing" })
    );
    let largest = [&[0xff; 9][..], &[1]].concat();
    assert_eq!(read(&largest, |r| r.varint()), Ok(u64::MAX));
    assert_eq!(
        decode::<u64>("a number", &[0x85, 0]),
        Err(FormatError::NotCanonical { what: "a number" })
    );
}

#[test]
fn a_length_is_checked_before_anything_is_read() {
    let huge = written(|w| w.varint(u64::MAX));
    assert!(matches!(
        read(&huge, |r| r.bytes(10).map(<[u8]>::len)),
        Err(FormatError::TooLarge {
            found: u64::MAX,
            limit: 10,
            ..
        })
    ));
    assert!(matches!(
        read(&huge, |r| r.text().map(str::len)),
        Err(FormatError::Truncated { .. })
    ));
}
