//! Content that reads back, and content that does not.

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
