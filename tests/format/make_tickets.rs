//! Vectors of tickets.

use data_encoding::BASE32_NOPAD;
use serde_json::Value;
use tidings::format::{EndpointAddress, FeedTicket};

use crate::bytes::{string, varint};
use crate::make::{bad_text, entry_ref, feed, file, good_text, no_point, small_order_key};
use crate::shapes::ticket_fields;

/// The text of a ticket with these bytes before its four check bytes.
fn sealed_ticket(payload: &[u8]) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("tidings v1 2026-11 ticket checksum");
    hasher.update(b"tidingsfeed").update(payload);
    let check = hasher.finalize();
    let bytes = [payload, &check.as_bytes()[..4]].concat();
    format!(
        "tidingsfeed{}",
        BASE32_NOPAD.encode(&bytes).to_ascii_lowercase()
    )
}

pub(crate) fn ticket() -> Value {
    let plain = FeedTicket::new(feed().id());
    let endpoint = |id: u8, sockets: &[&str], relays: &[&str]| {
        let mut endpoint = EndpointAddress::new([id; 32]);
        endpoint.sockets = sockets.iter().map(|it| it.parse().expect(it)).collect();
        endpoint.relays = relays.iter().map(|it| (*it).to_owned()).collect();
        endpoint
    };
    let whole = plain
        .clone()
        .with_endpoint(&endpoint(
            7,
            &["192.0.2.1:4040", "[2001:db8::1]:80"],
            &["https://relay.example/"],
        ))
        .with_endpoint(&endpoint(8, &[], &[]))
        .with_entry(entry_ref("posts", 300));
    let most = (0..9).fold(plain.clone(), |ticket, i| {
        let sockets: Vec<_> = (1..=17).map(|port| format!("192.0.2.{i}:{port}")).collect();
        let sockets: Vec<_> = sockets.iter().map(String::as_str).collect();
        ticket.with_endpoint(&endpoint(i, &sockets, &[]))
    });
    let text = whole.to_string();
    let flipped = {
        let at = text.len() / 2;
        let other = if text.as_bytes()[at] == b'a' {
            "b"
        } else {
            "a"
        };
        format!("{}{other}{}", &text[..at], &text[at + 1..])
    };
    let id = feed().id();
    let fields_of = |addresses: &[(u8, Vec<u8>)]| {
        let mut bytes = id.as_bytes().to_vec();
        bytes.extend(varint(addresses.len() as u64));
        for (tag, address) in addresses {
            bytes.push(*tag);
            bytes.extend(string(address));
        }
        bytes.push(0);
        bytes
    };
    let of = |name: &str, ticket: &FeedTicket| {
        good_text(name, &ticket.to_string(), ticket_fields(ticket))
    };
    let odd = |name: &str, addresses: &[(u8, Vec<u8>)]| {
        let text = sealed_ticket(&[&[1], &fields_of(addresses)[..]].concat());
        of(name, &text.parse().expect(name))
    };
    let key = |id: u8| vec![id; 32];
    let v4 = |port: u8| vec![192, 0, 2, 1, 0, port];
    let version_1 = |fields: &[u8]| sealed_ticket(&[&[1], fields].concat());
    let over_long = [id.as_bytes(), &[0x80, 0, 0][..]].concat();
    let weak = [&small_order_key()[..], &[0, 0]].concat();
    let no_point = [&no_point()[..], &[0, 0]].concat();
    file(
        "ticket",
        "a feed ticket; `addresses` are as they stand, `endpoints` what a reader makes of them",
        vec![
            of("a feed alone", &plain),
            of("two endpoints and an entry", &whole),
            of("as many endpoints and addresses as are written", &most),
            odd(
                "an unknown tag, passed over",
                &[(0, key(7)), (4, vec![1]), (1, v4(9))],
            ),
            odd("an address before any endpoint", &[(1, v4(9)), (0, key(7))]),
            odd(
                "an endpoint of 31 bytes, and what is its",
                &[(0, vec![7; 31]), (1, v4(9)), (0, key(8)), (1, v4(9))],
            ),
            odd(
                "one endpoint twice",
                &[
                    (0, key(7)),
                    (1, v4(9)),
                    (0, key(7)),
                    (1, v4(10)),
                    (1, v4(9)),
                ],
            ),
            odd("port zero", &[(0, key(7)), (1, v4(0))]),
            odd(
                "everyone, nobody and many",
                &[
                    (0, key(7)),
                    (1, vec![255, 255, 255, 255, 0, 9]),
                    (1, vec![0, 0, 0, 0, 0, 9]),
                    (1, vec![224, 0, 0, 1, 0, 9]),
                    (2, [&[0xff, 2][..], &[0; 13], &[1, 0, 9]].concat()),
                    (
                        2,
                        [&[0; 10][..], &[0xff, 0xff, 224, 0, 0, 1, 0, 9]].concat(),
                    ),
                ],
            ),
            odd(
                "a socket cut short",
                &[(0, key(7)), (1, vec![192, 0, 2]), (1, v4(9))],
            ),
            odd(
                "a relay that is not UTF-8, and one of no bytes",
                &[(0, key(7)), (3, vec![0xff]), (3, vec![])],
            ),
            odd(
                "a relay of 256 bytes and one of 257",
                &[(0, key(7)), (3, vec![b'r'; 256]), (3, vec![b's'; 257])],
            ),
            odd(
                "nine endpoints, of which eight are read",
                &(0..9).map(|id| (0, key(id))).collect::<Vec<_>>(),
            ),
            odd(
                "seventeen addresses, of which sixteen are read",
                &std::iter::once((0, key(7)))
                    .chain((1..=17).map(|port| (1, v4(port))))
                    .collect::<Vec<_>>(),
            ),
        ],
        vec![
            bad_text("empty", "", "Text"),
            bad_text("the kind alone", "tidingsfeed", "Truncated"),
            bad_text("cut by one character", &text[..text.len() - 1], "Text"),
            bad_text("cut in the middle", &text[..80], "Text"),
            bad_text(
                "another kind",
                &text.replacen("tidingsfeed", "tidingscircle", 1),
                "Text",
            ),
            bad_text("no kind", &text["tidingsfeed".len()..], "Text"),
            bad_text("a character changed", &flipped, "Text"),
            bad_text("with padding", &format!("{text}="), "Text"),
            bad_text(
                "version 2",
                &sealed_ticket(&[&[2], &fields_of(&[])[..]].concat()),
                "Version",
            ),
            bad_text(
                "a byte too many",
                &version_1(&[&fields_of(&[])[..], &[0]].concat()),
                "Trailing",
            ),
            bad_text(
                "cut, with check bytes that fit",
                &version_1(&fields_of(&[])[..33]),
                "Truncated",
            ),
            bad_text("an over-long count", &version_1(&over_long), "NotCanonical"),
            bad_text(
                "a ticket of 16,385 bytes",
                &version_1(&fields_of(&[(9, vec![7; 16_343])])),
                "TooLarge",
            ),
            bad_text("a feed of small order", &version_1(&weak), "Text"),
            bad_text("a feed that is no point", &version_1(&no_point), "Text"),
        ],
    )
}
