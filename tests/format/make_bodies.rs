//! Vectors of the envelope and of the standard kinds.

use bytes::Bytes;
use serde_json::{Value, json};
use tidings::format::{
    Attachment, BlobHash, Body, Content, Cut, Delete, Draft, Edit, EntryId, FeedId, Follow, Label,
    List, ListItem, Moved, Pin, Post, ProfileField, Reach, Reaction, Ref, Rel, Repost, Run, Seq,
    Timestamp, decode_content, encode,
};

use crate::bytes::{hex, string, varint};
use crate::make::{TIME, bad, device, feed, file, good, kind, log};
use crate::shapes::{json_of, with_hex};

const SALT: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];

fn reference(rel: Rel, seq: u64) -> Ref {
    let draft = Draft::new(kind("post/1"), Timestamp(TIME), Bytes::from_static(b"x"));
    let runs = Run::sign(&device(), &log("posts"), Seq(seq), EntryId::ZERO, &[draft]);
    let run = runs.expect("a run").remove(0);
    let target = run.reference(Seq(seq)).expect("one entry");
    Ref { rel, target }
}

fn attachment() -> Attachment {
    Attachment {
        hash: BlobHash::from_bytes([0xdd; 32]),
        len: 1_234_567,
        mime: "image/jpeg".into(),
        name: Some("tomato.jpg".into()),
        alt: Some("A red tomato".into()),
        width: Some(1_600),
        height: Some(1_200),
        duration_ms: None,
        rendition_of: None,
        preview: Some(Bytes::from_static(&[0xff, 0xd8, 0xff])),
    }
}

fn full() -> Body {
    Body {
        salt: SALT,
        refs: vec![reference(Rel::Reply, 1), reference(Rel::Other(200), 0)],
        mentions: vec![FeedId::from_bytes([6; 32])],
        tags: vec!["Tomato".into(), "caf\u{e9}".into()],
        attachments: vec![
            attachment(),
            Attachment {
                width: Some(320),
                height: None,
                duration_ms: Some(1_500),
                rendition_of: Some(0),
                preview: None,
                name: None,
                alt: None,
                ..attachment()
            },
        ],
        content: Bytes::from_static(b"whatever the kind says"),
    }
}

/// A body whose four lists and content are these bytes.
fn parts(refs: &[u8], mentions: &[u8], tags: &[u8], attachments: &[u8], content: &[u8]) -> Vec<u8> {
    [&SALT[..], refs, mentions, tags, attachments, content].concat()
}

fn list(items: &[Vec<u8>]) -> Vec<u8> {
    [varint(items.len() as u64), items.concat()].concat()
}

/// An attachment whose media type, name, description and preview are so long.
fn sized(mime: usize, name: usize, alt: usize, preview: usize) -> Vec<u8> {
    encode(&Attachment {
        mime: "m".repeat(mime),
        name: Some("n".repeat(name)),
        alt: Some("a".repeat(alt)),
        preview: Some(vec![0; preview].into()),
        ..attachment()
    })
}

pub(crate) fn body() -> Value {
    let fine = |name: &str, body: &Body| {
        let bytes = body.encode().expect(name);
        good(name, Value::Null, &bytes, with_hex(json_of(body)))
    };
    let wrong = |name: &str, bytes: &[u8], error: &str| bad(name, Value::Null, bytes, error);
    let empty = Body {
        salt: SALT,
        ..Body::default()
    };
    let rels = (0..=9).map(|rel| reference(Rel::from(rel), 2)).collect();
    let most = Body {
        refs: vec![reference(Rel::Quote, 3); 64],
        mentions: vec![FeedId::from_bytes([6; 32]); 64],
        tags: vec!["t".repeat(64); 32],
        ..empty.clone()
    };
    let many = Body {
        attachments: vec![
            Attachment {
                mime: "m".repeat(128),
                name: Some("n".repeat(255)),
                alt: Some("a".repeat(255)),
                ..attachment()
            };
            32
        ],
        ..empty.clone()
    };
    let one_ref = encode(&reference(Rel::Reply, 1));
    let whole = full().encode().expect("a body");
    let none = &[0][..];
    // Under a good header: the entry stands, the body is shown as unreadable.
    let noise = b"this is no envelope";
    let draft = Draft::new(kind("post/1"), Timestamp(TIME), Bytes::from_static(noise));
    let runs = Run::sign(&device(), &log("posts"), Seq(0), EntryId::ZERO, &[draft]).expect("runs");
    let entry = runs[0].entries().next().expect("one entry");
    let under_header = json!({ "header": hex(&entry.header().encode()) });
    let tags = |tags: &[Vec<u8>]| parts(none, none, &list(tags), none, none);
    let pictures = |items: &[Vec<u8>]| parts(none, none, none, &list(items), none);
    file(
        "body",
        "the envelope around content; what is bad here makes a body unreadable and no entry invalid",
        vec![
            fine("empty but for its salt", &empty),
            fine("everything once", &full()),
            fine(
                "every relation and one unknown",
                &Body {
                    refs: rels,
                    ..empty.clone()
                },
            ),
            good(
                "fields of a later version behind those known",
                json!({ "added": "00ff07" }),
                &[&whole[..], &[0, 0xff, 7]].concat(),
                with_hex(json_of(&full())),
            ),
            fine("as many refs, mentions and tags as may be", &most),
            fine("as many attachments as may be", &many),
            fine(
                "the longest description and preview",
                &Body {
                    attachments: vec![Attachment {
                        alt: Some("a".repeat(2_000)),
                        preview: Some(vec![0; 4_096].into()),
                        ..attachment()
                    }],
                    ..empty
                },
            ),
        ],
        vec![
            bad(
                "unreadable under a good header",
                under_header,
                noise,
                "Truncated",
            ),
            wrong("nothing", &[], "Truncated"),
            wrong(
                "the last byte missing",
                &whole[..whole.len() - 1],
                "Truncated",
            ),
            wrong(
                "an over-long count",
                &parts(&[0x80, 0], none, none, none, none),
                "NotCanonical",
            ),
            wrong(
                "a list of 2^60 refs",
                &parts(&varint(1 << 60), &[], &[], &[], &[]),
                "Truncated",
            ),
            wrong(
                "a content of 2^60 bytes",
                &parts(none, none, none, none, &varint(1 << 60)),
                "Truncated",
            ),
            wrong(
                "65 refs",
                &parts(&list(&vec![one_ref.clone(); 65]), none, none, none, none),
                "TooLarge",
            ),
            wrong(
                "65 mentions",
                &parts(none, &list(&vec![vec![6; 32]; 65]), none, none, none),
                "TooLarge",
            ),
            wrong("33 tags", &tags(&vec![string(b"t"); 33]), "TooLarge"),
            wrong(
                "a tag of 65 bytes",
                &tags(&[string(&[b't'; 65])]),
                "TooLarge",
            ),
            wrong(
                "a tag that is not UTF-8",
                &tags(&[string(&[0xff])]),
                "Malformed",
            ),
            wrong(
                "33 attachments",
                &pictures(&vec![sized(1, 1, 1, 1); 33]),
                "TooLarge",
            ),
            wrong(
                "a media type of 129 bytes",
                &pictures(&[sized(129, 1, 1, 1)]),
                "TooLarge",
            ),
            wrong(
                "a file name of 256 bytes",
                &pictures(&[sized(1, 256, 1, 1)]),
                "TooLarge",
            ),
            wrong(
                "a description of 2,001 bytes",
                &pictures(&[sized(1, 1, 2_001, 1)]),
                "TooLarge",
            ),
            wrong(
                "a preview of 4,097 bytes",
                &pictures(&[sized(1, 1, 1, 4_097)]),
                "TooLarge",
            ),
            wrong(
                "a ref into a lane that is no name",
                &parts(
                    &list(&[[&one_ref[..65], &string(b"Posts")[..], &one_ref[71..]].concat()]),
                    none,
                    none,
                    none,
                    none,
                ),
                "Malformed",
            ),
        ],
    )
}

fn one<T: Content>(name: &str, content: &T) -> Value {
    let given = json!({ "kind": T::KIND, "lane": T::LANE });
    good(name, given, &encode(content), with_hex(json_of(content)))
}

pub(crate) fn kinds() -> Value {
    let to = FeedId::from_bytes([6; 32]);
    let text = String::from;
    let post = Post {
        text: text("First tomatoes"),
        title: Some(text("Garden")),
        link: Some(text("https://example.org/")),
        language: Some(text("en")),
        warning: Some(text("vegetables")),
        dated: Some(Timestamp(TIME)),
    };
    let list = List {
        name: text("Gardeners"),
        description: text("worth a look"),
        items: vec![ListItem {
            feed: to,
            note: text("beans"),
            tags: vec![text("beans"), text("seeds")],
        }],
    };
    let reach = Reach {
        endpoints: vec![Bytes::from_static(b"an address")],
        mirrors: vec![Bytes::from_static(b"m1"), Bytes::from_static(b"m2")],
    };
    let moved = Moved {
        to,
        signature: feed().sign_moved(&to),
    };
    let label = Label {
        value: text("spam"),
        feed: Some(to),
        negated: true,
        until: Some(Timestamp(TIME)),
    };
    let cut = Cut {
        device: device().id(),
        lane: log("state").lane,
        before: Seq(300),
    };
    let edit = Edit {
        content: encode(&post).into(),
    };
    let profile = |name: &str, field: ProfileField| one(name, &field);
    let wrong = |name: &str, kind: &str, lane: &str, bytes: &[u8], error: &str| {
        bad(name, json!({ "kind": kind, "lane": lane }), bytes, error)
    };
    file(
        "kinds",
        "content of the standard kinds, whole: what a writer writes",
        vec![
            one("post/1", &post),
            one(
                "post/1, a text alone",
                &Post {
                    text: text("Hello"),
                    ..Post::default()
                },
            ),
            one(
                "repost/1",
                &Repost {
                    comment: text("look"),
                },
            ),
            one("edit/1", &edit),
            one(
                "reaction/1",
                &Reaction {
                    emoji: text("\u{1f345}"),
                },
            ),
            profile("profile/1, name", ProfileField::Name(text("Ada"))),
            profile("profile/1, bio", ProfileField::Bio(text("grows things"))),
            profile("profile/1, avatar", ProfileField::Avatar),
            profile(
                "profile/1, tag added",
                ProfileField::TagAdded(text("gardening")),
            ),
            profile(
                "profile/1, tag removed",
                ProfileField::TagRemoved(text("gardening")),
            ),
            profile(
                "profile/1, link added",
                ProfileField::LinkAdded(text("https://example.org/")),
            ),
            profile(
                "profile/1, link removed",
                ProfileField::LinkRemoved(text("https://example.org/")),
            ),
            one(
                "follow/1",
                &Follow {
                    feed: to,
                    following: true,
                },
            ),
            one("delete/1", &Delete { purge: true }),
            one("pin/1", &Pin { pinned: true }),
            one("list/1", &list),
            one("reach/1", &reach),
            one("moved/1", &moved),
            one("label/1", &label),
            one("cut/1", &cut),
        ],
        vec![
            wrong(
                "a text cut short",
                "post/1",
                "posts",
                &[5, b'H', b'i'],
                "Truncated",
            ),
            wrong(
                "a text that is not UTF-8",
                "reaction/1",
                "reactions",
                &[1, 0xff],
                "Malformed",
            ),
            wrong(
                "a field of a profile that is not known",
                "profile/1",
                "state",
                &[7, 0],
                "Malformed",
            ),
            wrong(
                "a bool that is neither",
                "pin/1",
                "state",
                &[2],
                "Malformed",
            ),
            wrong(
                "a lane that is no name",
                "cut/1",
                "state",
                &[&[7; 32][..], &[1, b'A', 0]].concat(),
                "Malformed",
            ),
        ],
    )
}

/// Content as it is read: not always as a writer of this version writes it.
pub(crate) fn content() -> Value {
    fn read<T: Content>(name: &str, bytes: &[u8]) -> Value {
        let content: T = decode_content(bytes).expect(name);
        let given = json!({ "kind": T::KIND });
        good(name, given, bytes, with_hex(json_of(&content)))
    }
    let wrong = |name: &str, kind: &str, bytes: &[u8], error: &str| {
        bad(name, json!({ "kind": kind }), bytes, error)
    };
    let cut = |lane: &[u8]| [&[7; 32][..], &string(lane), &[5]].concat();
    let list = b"\x01n\x01d";
    file(
        "content",
        "content as a reader takes it; what is bad here is unreadable and makes no entry invalid",
        vec![
            read::<Post>("post/1, nothing at all", b""),
            read::<Post>("post/1, a text alone", b"\x03abc"),
            read::<Post>("post/1, up to its title", b"\x03abc\x01\x01t"),
            read::<Post>(
                "post/1, a field of a later version",
                b"\x03abc\x00\x00\x00\x00\x00\xff\x80",
            ),
            read::<ProfileField>("profile/1, a name of nothing", b"\x00\x00"),
            read::<ProfileField>("profile/1, more behind the name", b"\x00\x01a\x07"),
            read::<ProfileField>("profile/1, the avatar alone", b"\x02"),
            read::<Follow>("follow/1, nothing at all: 32 zero bytes", b""),
            read::<Follow>("follow/1, the feed alone", &[6; 32]),
            read::<Delete>("delete/1, nothing at all", b""),
            read::<List>("list/1, without its items", list),
            read::<Label>("label/1, a value alone", b"\x04spam"),
            read::<Cut>("cut/1, without its place", &cut(b"posts")[..38]),
            read::<Edit>("edit/1, nothing at all", b""),
        ],
        vec![
            wrong("profile/1, nothing at all", "profile/1", b"", "Truncated"),
            wrong(
                "profile/1, a name without its length",
                "profile/1",
                b"\x00",
                "Truncated",
            ),
            wrong(
                "profile/1, an unknown field",
                "profile/1",
                b"\x07\x00",
                "Malformed",
            ),
            wrong(
                "profile/1, a padded index",
                "profile/1",
                b"\x80\x00\x01a",
                "NotCanonical",
            ),
            wrong(
                "post/1, a padded length",
                "post/1",
                b"\x83\x00abc",
                "NotCanonical",
            ),
            wrong(
                "post/1, a padded date",
                "post/1",
                b"\x01a\x00\x00\x00\x00\x01\x82\x00",
                "NotCanonical",
            ),
            wrong(
                "post/1, an option that is neither",
                "post/1",
                b"\x01a\x02",
                "Malformed",
            ),
            wrong(
                "post/1, an option of nothing",
                "post/1",
                b"\x01a\x01",
                "Truncated",
            ),
            wrong("post/1, cut in the text", "post/1", b"\x03ab", "Truncated"),
            wrong(
                "delete/1, a bool that is neither",
                "delete/1",
                b"\x02",
                "Malformed",
            ),
            wrong(
                "follow/1, cut in the feed",
                "follow/1",
                &[6; 31],
                "Truncated",
            ),
            wrong(
                "list/1, cut in an item",
                "list/1",
                &[&list[..], &[1], &[6; 32]].concat(),
                "Truncated",
            ),
            wrong(
                "list/1, more items than bytes",
                "list/1",
                &[&list[..], &[9]].concat(),
                "Truncated",
            ),
            wrong(
                "cut/1, a lane in capitals",
                "cut/1",
                &cut(b"POSTS"),
                "Malformed",
            ),
            wrong("cut/1, without a lane", "cut/1", &[7; 32], "Malformed"),
            wrong(
                "cut/1, a place of 65 bits",
                "cut/1",
                &[&cut(b"posts")[..38], &[0xff; 9], &[2]].concat(),
                "Malformed",
            ),
        ],
    )
}
