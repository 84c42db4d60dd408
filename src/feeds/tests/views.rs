//! The vectors of views, as far as only a feed's own devices see what they say.

use serde_json::Value;

use super::super::FeedStore;
use super::world::{open, write};
use crate::format::{ArchiveItem, ArchiveReader, FeedId, Run, Statement, Timestamp};

fn unhex(text: &str) -> Vec<u8> {
    let hex = data_encoding::HEXLOWER.decode(text.as_bytes());
    hex.expect("hex")
}

fn followed(store: &FeedStore) -> Vec<String> {
    let followed = store.snapshot().unwrap().followed(Timestamp(0)).unwrap();
    let mut feeds: Vec<_> = followed.iter().map(|it| it.feed.to_string()).collect();
    feeds.sort();
    feeds
}

#[test]
fn own_devices_follow_what_the_vectors_say_whatever_came_first() {
    let text = include_str!("../../../tests/data/v1/view.json");
    let file: Value = serde_json::from_str(text).unwrap();
    let mut seen = 0;
    for vector in file["good"].as_array().unwrap() {
        for (own, expected) in vector["fields"]["follows"].as_object().unwrap() {
            seen += 1;
            let own: FeedId = own.parse().unwrap();
            let (mut statements, mut runs): (Vec<Statement>, Vec<Run>) = (vec![], vec![]);
            let bytes = unhex(vector["bytes"].as_str().unwrap());
            for item in ArchiveReader::new(bytes.as_slice()) {
                match item.unwrap() {
                    ArchiveItem::Statement(it) if *it.feed() == own => statements.push(it),
                    ArchiveItem::Run(it) if it.log().feed == own => runs.push(it),
                    _ => {}
                }
            }
            for _ in 0..2 {
                runs.reverse();
                let store = open();
                write(&store, |batch| {
                    batch.adopt_own(&own, statements.clone()).unwrap();
                });
                for run in &runs {
                    write(&store, |batch| {
                        batch.load_run(run).unwrap();
                    });
                }
                let mut expected: Vec<String> = serde_json::from_value(expected.clone()).unwrap();
                expected.sort();
                assert_eq!(followed(&store), expected, "{}", vector["name"]);
            }
        }
    }
    assert!(seen >= 6, "{seen}");
}
