//! What content of an app's own type is found by: named values that have an order.
//!
//! A value is a class byte and bytes that sort as the values do, so that comparing values compares bytes:
//!
//! ```text
//! 1                    false
//! 2                    true
//! 3 two's complement   numbers below zero, 8 bytes big-endian
//! 4 number             numbers from zero on, 8 bytes big-endian
//! 5 text               UTF-8 as it is: no case folding, no normal form
//! 6 bytes
//! ```

use bytes::Bytes;

use super::time::Timestamp;

/// Names of indexes of one type, and keys of one entry: each is an index row at every reader.
pub(crate) const INDEX_KEYS: usize = 16;

/// Bytes of an index's name.
pub(crate) const INDEX_NAME_BYTES: usize = 32;

/// Bytes of a text by which it is ordered. Longer ones are told apart when they are read.
const ORDERED_BYTES: usize = 64;

const FALSE: u8 = 1;
const TRUE: u8 = 2;
const BELOW_ZERO: u8 = 3;
const NUMBER: u8 = 4;
const TEXT: u8 = 5;
const BYTES: u8 = 6;

/// A value by which content can be found: a number, a time, a truth value, a text or bytes.
///
/// All whole numbers and times stand on one line, whatever their type: `5u8` equals `5i64`, and a [`Timestamp`] is its
/// milliseconds. Texts compare by their bytes exactly as they are: who wants `Tomato` found as `tomato` makes the key
/// lower case. Pages are ordered by the first 64 bytes of a text; whether one lies in a range is decided by all of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IndexValue(Bytes);

/// One key of one entry: the name of an index, and the entry's value there. See [`Content::keys`](super::Content::keys).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IndexKey {
    name: &'static str,
    value: IndexValue,
}

impl IndexKey {
    /// Names an index, as [`Content::INDEXES`](super::Content::INDEXES) lists it, and the value there.
    pub fn new(name: &'static str, value: impl Into<IndexValue>) -> Self {
        Self {
            name,
            value: value.into(),
        }
    }

    /// The name of the index.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The value.
    pub const fn value(&self) -> &IndexValue {
        &self.value
    }
}

impl IndexValue {
    fn class(class: u8, bytes: &[u8]) -> Self {
        let mut value = Vec::with_capacity(1 + bytes.len());
        value.push(class);
        value.extend_from_slice(bytes);
        Self(value.into())
    }

    /// Whether other values may have the same [`ordered`](Self::ordered) bytes.
    pub(crate) fn is_cut(&self) -> bool {
        matches!(self.0.first(), Some(&(TEXT | BYTES))) && self.0.len() > ORDERED_BYTES
    }

    /// The value as bytes that sort as values do and of which none begins another: rows go on behind them.
    ///
    /// Texts and bytes are cut at 64 bytes; zero bytes in them are followed by 0xff, two zero bytes end them.
    pub(crate) fn ordered(&self) -> Vec<u8> {
        let Some((class, bytes)) = self.0.split_first() else {
            return Vec::new();
        };
        let mut key = vec![*class];
        if !matches!(*class, TEXT | BYTES) {
            key.extend_from_slice(bytes);
            return key;
        }
        for byte in bytes.iter().take(ORDERED_BYTES) {
            key.push(*byte);
            if *byte == 0 {
                key.push(u8::MAX);
            }
        }
        key.extend_from_slice(&[0, 0]);
        key
    }
}

impl From<bool> for IndexValue {
    fn from(value: bool) -> Self {
        Self::class(if value { TRUE } else { FALSE }, &[])
    }
}

impl From<i64> for IndexValue {
    fn from(value: i64) -> Self {
        let class = if value < 0 { BELOW_ZERO } else { NUMBER };
        Self::class(class, &value.to_be_bytes())
    }
}

impl From<u64> for IndexValue {
    fn from(value: u64) -> Self {
        Self::class(NUMBER, &value.to_be_bytes())
    }
}

macro_rules! numbers {
    ($($small:ty => $wide:ty),*) => {
        $(impl From<$small> for IndexValue {
            fn from(value: $small) -> Self {
                <$wide>::from(value).into()
            }
        })*
    };
}

numbers!(i8 => i64, i16 => i64, i32 => i64, u8 => u64, u16 => u64, u32 => u64);

impl From<Timestamp> for IndexValue {
    fn from(value: Timestamp) -> Self {
        value.as_millis().into()
    }
}

impl From<&str> for IndexValue {
    fn from(value: &str) -> Self {
        Self::class(TEXT, value.as_bytes())
    }
}

impl From<&String> for IndexValue {
    fn from(value: &String) -> Self {
        value.as_str().into()
    }
}

impl From<String> for IndexValue {
    fn from(value: String) -> Self {
        value.as_str().into()
    }
}

impl From<&[u8]> for IndexValue {
    fn from(value: &[u8]) -> Self {
        Self::class(BYTES, value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Bytes that go on behind a key, as rows do.
    const BEHIND: [&[u8]; 3] = [&[], &[0; 28], &[0xff; 28]];

    fn value() -> impl Strategy<Value = IndexValue> {
        // Few letters, so that texts share beginnings and hold zero bytes.
        let text = prop::collection::vec(prop::sample::select(vec![0u8, 1, 97, 98]), 0..70);
        prop_oneof![
            any::<bool>().prop_map(IndexValue::from),
            any::<i64>().prop_map(IndexValue::from),
            (-3i64..3).prop_map(IndexValue::from),
            any::<u64>().prop_map(IndexValue::from),
            text.clone()
                .prop_map(|text| String::from_utf8(text).unwrap().into()),
            text.prop_map(|bytes| bytes.as_slice().into()),
            any::<String>().prop_map(IndexValue::from),
        ]
    }

    proptest! {
        #[test]
        fn keys_sort_as_values_do_whatever_goes_on_behind_them(one in value(), other in value()) {
            let (short, long) = (one.clone().min(other.clone()), one.max(other));
            let (low, high) = (short.ordered(), long.ordered());
            prop_assert!(low <= high);
            if low == high {
                prop_assert!(short == long || (short.is_cut() && long.is_cut()));
            } else {
                for below in BEHIND {
                    for above in BEHIND {
                        prop_assert!([&low, below].concat() < [&high, above].concat());
                    }
                }
            }
        }

        #[test]
        fn numbers_sort_as_numbers(one in any::<i64>(), other in any::<i64>(), large in any::<u64>()) {
            prop_assert_eq!(IndexValue::from(one).cmp(&other.into()), one.cmp(&other));
            let wide = i128::from(one).cmp(&i128::from(large));
            prop_assert_eq!(IndexValue::from(one).cmp(&large.into()), wide);
        }

        #[test]
        fn texts_sort_by_their_bytes(one in any::<String>(), other in any::<String>()) {
            let order = IndexValue::from(&one).cmp(&IndexValue::from(&other));
            prop_assert_eq!(order, one.cmp(&other));
        }
    }

    #[test]
    fn numbers_of_all_types_stand_on_one_line() {
        assert_eq!(IndexValue::from(5u8), IndexValue::from(5i64));
        assert_eq!(IndexValue::from(Timestamp(-7)), IndexValue::from(-7i8));
        assert!(IndexValue::from(i64::MAX) < IndexValue::from(u64::MAX));
    }

    #[test]
    fn long_texts_share_a_key_and_are_told_apart() {
        let text = |end: &str| IndexValue::from(format!("{}{end}", "x".repeat(64)));
        assert_eq!(text("a").ordered(), text("b").ordered());
        assert!(text("a") < text("b") && text("a").is_cut());
    }
}
