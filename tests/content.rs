//! Types of apps' own, over two real nodes on loopback: ranges of keys, versions, and kinds that one of them does not know.

#![cfg(feature = "net")]

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tidings::{
    Attach, Content, ContentCursor, FormatError, IndexKey, Node, NodeBuilder, TidingsError,
    Timestamp,
};

const PATIENCE: Duration = Duration::from_secs(60);
const HOUR: i64 = 3_600_000;

/// What an older release of the app wrote.
#[derive(Serialize, Deserialize)]
struct TalkV1 {
    title: String,
    starts: Timestamp,
}

impl Content for TalkV1 {
    const KIND: &'static str = "conf.talk/1";
    const LANE: &'static str = "conf.talks";
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Talk {
    room: String,
    title: String,
    starts: Timestamp,
}

impl Content for Talk {
    const KIND: &'static str = "conf.talk/2";
    const LANE: &'static str = "conf.talks";
    const OLDER: &'static [&'static str] = &["conf.talk/1"];
    const INDEXES: &'static [&'static str] = &["starts", "room"];

    fn tags(&self) -> Vec<String> {
        vec![format!("in {}", self.room)]
    }

    fn keys(&self) -> Vec<IndexKey> {
        vec![
            IndexKey::new("starts", self.starts),
            IndexKey::new("room", &self.room),
        ]
    }

    fn from_older(_kind: &str, content: &[u8]) -> Option<Self> {
        let TalkV1 { title, starts } = tidings::decode_content(content).ok()?;
        Some(Self {
            room: "Main".to_owned(),
            title,
            starts,
        })
    }
}

fn hour(hours: i64) -> Timestamp {
    Timestamp(hours * HOUR)
}

fn talk(room: &str, title: &str, starts: i64) -> Talk {
    Talk {
        room: room.to_owned(),
        title: title.to_owned(),
        starts: hour(starts),
    }
}

async fn open(node: NodeBuilder, folder: &Path) -> Node {
    node.local_only().open(folder).await.unwrap()
}

fn titles(talks: &[tidings::Typed<Talk>]) -> Vec<&str> {
    talks
        .iter()
        .map(|talk| talk.content().title.as_str())
        .collect()
}

/// Ada's talks: two of them from an older release of the app.
async fn conference(folder: &Path) -> Node {
    let ada = open(Node::builder().content::<Talk>(), folder).await;
    for talk in [
        talk("Main", "opening", 9),
        talk("Attic", "ropes", 11),
        talk("Main", "closing", 17),
    ] {
        ada.publish(&talk).await.unwrap();
    }
    for (title, starts) in [("lunch", 12), ("yesterday", -8)] {
        let old = TalkV1 {
            title: title.to_owned(),
            starts: hour(starts),
        };
        ada.publish(&old).await.unwrap();
    }
    ada
}

async fn sync(from: &Node, to: &Node) {
    to.follow(&from.ticket().await.unwrap()).await.unwrap();
    let report = to.sync(PATIENCE).await.unwrap();
    assert!(report.is_ok(), "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn talks_of_two_versions_are_found_by_time_and_room_on_both_nodes() {
    let folders = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ada = conference(folders.0.path()).await;
    let ben = open(Node::builder().content::<Talk>(), folders.1.path()).await;
    sync(&ada, &ben).await;
    for node in [&ada, &ben] {
        let talks = || node.query::<Talk>();
        let morning = talks().range("starts", hour(9)..hour(12)).page().unwrap();
        assert_eq!(titles(&morning), ["opening", "ropes"]);
        let until_noon = talks().range("starts", ..=hour(12)).descending();
        assert_eq!(
            titles(&until_noon.page().unwrap()),
            ["lunch", "ropes", "opening", "yesterday"]
        );
        let main = talks()
            .by("room", "Main")
            .range("starts", hour(0)..)
            .page()
            .unwrap();
        assert_eq!(titles(&main), ["opening", "lunch", "closing"]);
        let newest_first = talks().by("room", "Main").tag("in main").page().unwrap();
        assert_eq!(titles(&newest_first), ["closing", "opening"]);
        let all = talks().page().unwrap();
        assert_eq!(
            titles(&all),
            ["yesterday", "lunch", "closing", "ropes", "opening"]
        );
        assert!(talks().feed(ben.feed()).page().unwrap().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_go_on_where_the_one_before_ended_also_from_text() {
    let folder = tempfile::tempdir().unwrap();
    let ada = conference(folder.path()).await;
    let by_time = || ada.query::<Talk>().limit(2).range("starts", hour(-99)..);
    let by_age = || ada.query::<Talk>().limit(2);
    let mut found = Vec::new();
    for first in [by_time(), by_age()] {
        let mut page = first.page().unwrap();
        let mut count = 0;
        while let Some(last) = page.last() {
            count += page.len();
            let cursor: ContentCursor = last.cursor().to_string().parse().unwrap();
            assert_eq!(cursor, *last.cursor());
            page = first.clone().after(&cursor).page().unwrap();
        }
        found.push(count);
    }
    assert_eq!(found, [5, 5]);
    let other = by_time().page().unwrap().remove(0);
    let refused = by_age().after(other.cursor()).page();
    assert!(matches!(refused, Err(TidingsError::Format(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_does_not_know_a_kind_keeps_it_threads_it_and_passes_it_on() {
    let folders: Vec<_> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
    let ada = conference(folders[0].path()).await;
    let ben = open(Node::builder(), folders[1].path()).await;
    sync(&ada, &ben).await;
    let page = ben.timeline().page().unwrap();
    let opening = page.entries().last().unwrap();
    assert_eq!(opening.kind().as_str(), "conf.talk/2");
    assert!(opening.post().is_none() && opening.tags() == ["in Main"]);
    let reply = ben
        .post("I will be late")
        .reply_to(opening.id())
        .send()
        .await
        .unwrap();
    let replies = ben.timeline().replies_to(opening.id()).page().unwrap();
    assert_eq!(replies.entries().next().unwrap().id(), reply);

    let feed = ada.feed();
    ada.shutdown().await.unwrap();
    drop(ada);
    let cem = open(Node::builder().content::<Talk>(), folders[2].path()).await;
    cem.follow(&ben.ticket_for(feed).await.unwrap())
        .await
        .unwrap();
    let report = cem.sync(PATIENCE).await.unwrap();
    assert!(report.is_ok(), "{report:?}");
    let found = cem
        .query::<Talk>()
        .range("starts", hour(9)..=hour(9))
        .page();
    assert_eq!(titles(&found.unwrap()), ["opening"]);

    let archive = folders[1].path().join("carried.tidings");
    ben.export(&archive).feed(feed).run().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let dan = open(Node::builder().content::<Talk>().offline(), folder.path()).await;
    dan.load(&archive).follow(true).run().await.unwrap();
    let found = dan
        .query::<Talk>()
        .range("starts", hour(9)..=hour(11))
        .page();
    assert_eq!(titles(&found.unwrap()), ["opening", "ropes"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_a_node_does_not_know_are_named_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let ada = conference(folder.path()).await;
    let wrong = ada.query::<Talk>().by("speaker", "Ada").page();
    let wrong = wrong.unwrap_err().to_string();
    assert!(wrong.contains("starts, room"), "{wrong}");
    ada.shutdown().await.unwrap();
    drop(ada);
    let ada = open(Node::builder(), folder.path()).await;
    let unknown = ada.query::<Talk>().by("room", "Main").page();
    assert!(matches!(
        unknown,
        Err(TidingsError::NotRegistered {
            kind: "conf.talk/2"
        })
    ));
    assert_eq!(ada.query::<Talk>().page().unwrap().len(), 5);
    ada.publish(&talk("Main", "party", 20)).await.unwrap();
    ada.shutdown().await.unwrap();
    drop(ada);
    let ada = open(Node::builder().content::<Talk>(), folder.path()).await;
    let late = ada.query::<Talk>().range("starts", hour(18)..).page();
    assert_eq!(titles(&late.unwrap()), ["party"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_edit_says_is_what_its_keys_are_on_both_nodes() {
    let folders = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ada = conference(folders.0.path()).await;
    let at = |node: &Node, hours: i64| {
        let found = node
            .query::<Talk>()
            .range("starts", hour(hours)..=hour(hours));
        found.page().unwrap()
    };
    let opening = at(&ada, 9)[0].entry().id();
    let ropes = at(&ada, 11)[0].entry().id();
    ada.revise(&opening, &talk("Attic", "opening", 10))
        .await
        .unwrap();
    ada.delete(&ropes).await.unwrap();
    // The type is made known to Ben's node only after all has come.
    let ben = open(Node::builder(), folders.1.path()).await;
    sync(&ada, &ben).await;
    ben.shutdown().await.unwrap();
    drop(ben);
    let ben = open(Node::builder().content::<Talk>(), folders.1.path()).await;
    for node in [&ada, &ben] {
        assert!(at(node, 9).is_empty() && at(node, 11).is_empty());
        let moved = at(node, 10);
        assert_eq!(titles(&moved), ["opening"]);
        assert_eq!(moved[0].entry().id(), opening);
        let attic = node.query::<Talk>().by("room", "Attic").page().unwrap();
        assert_eq!(titles(&attic), ["opening"]);
        let report = node.check(|_| {}).await.unwrap();
        assert!(report.is_clean(), "{:?}", report.differences());
        assert!(report.entries() >= 7 && report.rows() > 20);
    }
    ada.undelete(&ropes).await.unwrap();
    assert_eq!(titles(&at(&ada, 11)), ["ropes"]);
    let report = ada.check(|_| {}).await.unwrap();
    assert!(report.is_clean(), "{:?}", report.differences());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_each_feed_takes_is_told_in_bytes() {
    let folders = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ada = conference(folders.0.path()).await;
    let slides = vec![7; 100_000];
    let sent = ada
        .publish(&talk("Main", "slides", 15))
        .attach(Attach::bytes("slides.bin", slides))
        .tag("with slides")
        .await
        .unwrap();
    assert_eq!(ada.entry(&sent).unwrap().unwrap().attachments().len(), 1);
    let ben = open(Node::builder(), folders.1.path()).await;
    sync(&ada, &ben).await;
    let (own, held) = (ada.storage().unwrap(), ben.storage().unwrap());
    assert_eq!((own[0].feed(), own[0].media_bytes()), (ada.feed(), 100_000));
    let held = held.iter().find(|of| of.feed() == ada.feed()).unwrap();
    assert_eq!((held.entries(), held.media_bytes()), (6, 0));
    assert!((300..50_000).contains(&held.entry_bytes()));
}

/// A type whose keys do not keep to its list.
#[derive(Serialize, Deserialize)]
struct Wild(Vec<u8>);

impl Content for Wild {
    const KIND: &'static str = "wild/1";
    const LANE: &'static str = "wild";
    const INDEXES: &'static [&'static str] = &["known"];

    fn keys(&self) -> Vec<IndexKey> {
        let name = if self.0.is_empty() {
            "unknown"
        } else {
            "known"
        };
        let values = [0].iter().chain(&self.0);
        values.map(|value| IndexKey::new(name, *value)).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn content_with_keys_that_nobody_would_find_is_not_sent() {
    let folder = tempfile::tempdir().unwrap();
    let ada = Node::builder().offline().open(folder.path()).await.unwrap();
    let unknown = ada.publish(&Wild(Vec::new())).await;
    assert!(matches!(unknown, Err(TidingsError::NoIndex { .. })));
    let many = ada.publish(&Wild((0..16).collect())).await;
    assert!(matches!(many, Err(TidingsError::Format(_))));
    ada.publish(&Wild((0..15).collect())).await.unwrap();
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Mood(String);

impl Content for Mood {
    const KIND: &'static str = "mood/1";
    const LANE: &'static str = "state";
}

#[tokio::test]
async fn content_in_the_lane_of_small_bodies_can_be_edited_again_and_again() {
    let folder = tempfile::tempdir().unwrap();
    let node = open(Node::builder(), folder.path()).await;
    let name = node.publish(&Mood("0".to_owned())).await.unwrap();
    for n in 1..=50 {
        node.revise(&name, &Mood(n.to_string())).await.unwrap();
    }
    let entry = node.entry(&name).unwrap().unwrap();
    let mood: Mood = entry.content().unwrap();
    assert_eq!(mood, Mood("50".to_owned()));
    assert_eq!(node.history(&name).unwrap().len(), 51);
}

/// A listing whose price nobody has to say: serde leaves the field out if it is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Listing {
    title: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    price: Option<u32>,
    stock: u32,
}

impl Content for Listing {
    const KIND: &'static str = "market.listing/1";
    const LANE: &'static str = "market";
}

#[tokio::test]
async fn content_that_would_not_read_back_equal_is_refused_with_the_name_of_the_field() {
    let folder = tempfile::tempdir().unwrap();
    let node = open(Node::builder(), folder.path()).await;
    let listing = |price| Listing {
        title: "lamp".to_owned(),
        price,
        stock: 3,
    };
    let refused = node.publish(&listing(None)).await.unwrap_err();
    let TidingsError::Format(FormatError::NotReadBack { kind, field, .. }) = &refused else {
        panic!("another error: {refused}");
    };
    assert_eq!((*kind, field.as_str()), ("market.listing/1", "price"));
    assert!(refused.to_string().contains("field `price`"), "{refused}");

    let name = node.publish(&listing(Some(5))).await.unwrap();
    let refused = node.revise(&name, &listing(None)).await.unwrap_err();
    assert!(matches!(
        refused,
        TidingsError::Format(FormatError::NotReadBack { .. })
    ));
    let kept: Listing = node.entry(&name).unwrap().unwrap().content().unwrap();
    assert_eq!(kept, listing(Some(5)));
}
