//! The bytes of a statement: their one form, and everything else refused.

use std::sync::LazyLock;

use tidings::format::{
    Act, DeviceId, DeviceSecret, End, Ends, FeedSecret, FormatError, Seq, Signature, Signer,
    Statement, limits,
};

use super::{admit, device, ends, feed, feed_secret, id, lane, retire, secret};

/// Where the fields of an Admit lie, before its label moves the rest.
const TAG: usize = 64;
const ADMIN: usize = 97;
const LABEL: usize = 98;

/// The identity point: under a lax rule every message has a signature by it, `(identity, 0)`.
const SMALL_ORDER: [u8; 32] = {
    let mut bytes = [0; 32];
    bytes[0] = 1;
    bytes
};

/// The bytes of a Retire, written by hand and not signed: its shape is looked at before its signature.
fn retire_bytes(ends: &[(&str, u64)], keep: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = [
        feed().as_bytes().as_slice(),
        feed().as_bytes(),
        &[1],
        device(1).as_bytes(),
    ]
    .concat();
    bytes.extend(count(ends.len()));
    for (lane, seq) in ends {
        bytes.extend(count(lane.len()));
        bytes.extend(lane.as_bytes());
        bytes.extend(count(usize::try_from(*seq).unwrap()));
        bytes.extend([7; 32]);
    }
    bytes.extend(count(keep.len()));
    bytes.extend(keep.concat());
    bytes.extend([0; 64]);
    bytes
}

fn count(count: usize) -> [u8; 1] {
    assert!(count < 128, "one byte is enough in these tests");
    [u8::try_from(count).unwrap()]
}

fn refusal(bytes: &[u8]) -> FormatError {
    Statement::decode(bytes).unwrap_err()
}

fn refused_as_unsigned(bytes: &[u8]) -> bool {
    matches!(refusal(bytes), FormatError::Signature { .. })
}

fn breaks_a_rule(bytes: &[u8], rule: &str) -> bool {
    matches!(refusal(bytes), FormatError::Statement { why } if why.contains(rule))
}

fn is_too_large(bytes: &[u8], of: &str) -> bool {
    matches!(refusal(bytes), FormatError::TooLarge { what, .. } if what.contains(of))
}

#[test]
fn an_admit_is_these_bytes() {
    let statement = admit(&feed_secret(), 1, true);
    let consent = secret(1).consent(&feed());
    let by_hand: Vec<&[u8]> = vec![
        feed_ref(),
        feed_ref(),
        &[0],
        statement.act().device().as_bytes(),
        &[1],
        &[5],
        b"phone",
        consent.as_bytes(),
        statement.signature().as_bytes(),
    ];
    assert_eq!(statement.encode(), by_hand.concat());
    assert_eq!(statement.signer(), Signer::Feed);
    assert_eq!(Statement::decode(&statement.encode()).unwrap(), statement);
}

fn feed_ref() -> &'static [u8] {
    static BYTES: LazyLock<[u8; 32]> = LazyLock::new(|| *feed().as_bytes());
    BYTES.as_slice()
}

#[test]
fn a_retire_carries_whole_admits_and_comes_back_as_it_was() {
    let kept = [admit(&secret(1), 2, false), admit(&secret(1), 3, true)];
    let statement = retire(
        &feed_secret(),
        1,
        ends(&[("state", 3, 1), ("posts", 300, 2)]),
        &[&kept[0], &kept[1], &kept[0]],
    );
    let bytes = statement.encode();
    for carried in &kept {
        assert!(
            bytes
                .windows(carried.encode().len())
                .any(|part| part == carried.encode())
        );
    }
    let again = Statement::decode(&bytes).unwrap();
    assert_eq!(again, statement);
    let Act::Retire(retire) = again.act() else {
        panic!("it was a Retire")
    };
    assert_eq!(retire.keep().len(), 2);
    let named: Vec<&str> = retire
        .ends()
        .iter()
        .map(|(lane, _)| lane.as_str())
        .collect();
    assert_eq!(named, ["posts", "state"]);
}

#[test]
fn the_largest_retire_fits_the_limit() {
    let all = (0..64).map(|n| {
        (
            lane(&format!("{n:0>32}")),
            End {
                seq: Seq(limits::LAST_SEQ),
                id: id(1),
            },
        )
    });
    let label = "x".repeat(limits::LABEL_BYTES);
    let keep = (2..18).map(|n| {
        Statement::admit(
            feed(),
            &secret(1),
            device(n),
            true,
            &label,
            secret(n).consent(&feed()),
        )
        .unwrap()
    });
    let statement = Statement::retire(
        feed(),
        &feed_secret(),
        device(1),
        Ends::new(all).unwrap(),
        keep,
    )
    .unwrap();
    let bytes = statement.encode();
    assert_eq!(bytes.len(), 9_619, "as the format document says");
    assert!(bytes.len() <= limits::STATEMENT_BYTES);
    assert_eq!(Statement::decode(&bytes).unwrap(), statement);
}

#[test]
fn every_flipped_bit_and_every_cut_is_refused() {
    let bytes = retire(&secret(3), 1, ends(&[("posts", 300, 2)]), &[]).encode();
    for at in 0..bytes.len() {
        assert!(Statement::decode(&bytes[..at]).is_err(), "cut at {at}");
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        assert!(Statement::decode(&flipped).is_err(), "flipped at {at}");
    }
    let longer = [bytes.as_slice(), &[0]].concat();
    assert!(matches!(
        refusal(&longer),
        FormatError::Trailing { count: 1, .. }
    ));
}

#[test]
fn a_signature_is_good_for_its_signer_and_words_only() {
    let good = admit(&secret(1), 2, false).encode();
    let other = admit(&secret(3), 2, false).encode();
    let swapped = [&good[..good.len() - 64], &other[other.len() - 64..]].concat();
    assert!(refused_as_unsigned(&swapped));
    let mut more_rights = good;
    more_rights[ADMIN] = 1;
    assert!(refused_as_unsigned(&more_rights));
}

#[test]
fn nobody_can_claim_the_key_of_another() {
    let claim = |consent: Signature| {
        Statement::admit(feed(), &feed_secret(), device(2), false, "", consent)
    };
    let elsewhere = secret(2).consent(&FeedSecret::from_bytes(&[2; 32]).id());
    for consent in [
        secret(1).consent(&feed()),
        elsewhere,
        Signature::from_bytes([0; 64]),
    ] {
        assert_eq!(
            claim(consent),
            Err(FormatError::Signature {
                what: "a device's consent"
            })
        );
    }
    assert!(claim(secret(2).consent(&feed())).is_ok());
}

#[test]
fn a_small_order_key_can_neither_consent_nor_sign() {
    let mut forged = [0; 64];
    forged[..32].copy_from_slice(&SMALL_ORDER);
    let weak = DeviceId::from_bytes(SMALL_ORDER);
    let claimed = Statement::admit(
        feed(),
        &feed_secret(),
        weak,
        true,
        "",
        Signature::from_bytes(forged),
    );
    assert_eq!(
        claimed,
        Err(FormatError::Signature {
            what: "a device's consent"
        })
    );
    for signer in [feed().as_bytes(), &SMALL_ORDER] {
        let mut bytes = admit(&secret(1), 2, false).encode();
        let signature = bytes.len() - 64;
        bytes[32..64].copy_from_slice(signer);
        bytes[signature..].copy_from_slice(&forged);
        assert!(refused_as_unsigned(&bytes));
    }
}

#[test]
fn the_feed_key_is_no_device() {
    let as_device = DeviceSecret::from_bytes(&[1; 32]);
    let rule = Err(FormatError::Statement {
        why: "the feed key is no device",
    });
    let consent = as_device.consent(&feed());
    assert_eq!(
        Statement::admit(feed(), &secret(1), as_device.id(), true, "", consent),
        rule
    );
    assert_eq!(
        Statement::retire(feed(), &secret(1), as_device.id(), Ends::default(), []),
        rule
    );
}

#[test]
fn only_the_one_form_of_the_bytes_is_read() {
    let good = admit(&feed_secret(), 1, false).encode();
    let mut tag = good.clone();
    tag[TAG] = 2;
    assert!(matches!(refusal(&tag), FormatError::Malformed { .. }));
    let mut admin = good.clone();
    admin[ADMIN] = 2;
    assert!(matches!(refusal(&admin), FormatError::Malformed { .. }));
    let mut label = good.clone();
    label[LABEL + 1] = 0xff;
    assert!(matches!(refusal(&label), FormatError::Malformed { .. }));
    // The length of the label, 5, as 0x85 0x00.
    let long = [&good[..LABEL], &[0x85, 0x00], &good[LABEL + 1..]].concat();
    assert!(matches!(refusal(&long), FormatError::NotCanonical { .. }));
}

#[test]
fn labels_are_text_of_at_most_64_bytes() {
    let named = |label: &str| {
        Statement::admit(
            feed(),
            &feed_secret(),
            device(1),
            false,
            label,
            secret(1).consent(&feed()),
        )
    };
    for label in ["", "a phone \u{1f4f1}", &"x".repeat(64)] {
        let statement = named(label).unwrap();
        assert_eq!(
            Statement::decode(&statement.encode())
                .unwrap()
                .as_admit()
                .unwrap()
                .label(),
            label
        );
    }
    assert!(matches!(
        named(&"x".repeat(65)),
        Err(FormatError::TooLarge {
            found: 65,
            limit: 64,
            ..
        })
    ));
    let good = named("").unwrap().encode();
    let long = [&good[..LABEL], &[65], &[b'x'; 65], &good[LABEL + 1..]].concat();
    assert!(is_too_large(&long, "label"));
}

#[test]
fn ends_name_public_lanes_once_and_in_order() {
    assert!(
        refused_as_unsigned(&retire_bytes(&[("posts", 1), ("state", 2)], &[])),
        "well-formed but for the signature"
    );
    assert!(breaks_a_rule(
        &retire_bytes(&[("state", 1), ("posts", 2)], &[]),
        "order of lanes"
    ));
    assert!(breaks_a_rule(
        &retire_bytes(&[("posts", 1), ("posts", 2)], &[]),
        "each once"
    ));
    assert!(breaks_a_rule(
        &retire_bytes(&[("~own", 1)], &[]),
        "private lane"
    ));
    assert!(matches!(
        refusal(&retire_bytes(&[("Posts", 1)], &[])),
        FormatError::Name { .. }
    ));
    assert!(matches!(
        refusal(&retire_bytes(&[("", 1)], &[])),
        FormatError::Name { .. }
    ));
    assert!(is_too_large(
        &retire_bytes(&[(&"x".repeat(33), 1)], &[]),
        "lane"
    ));
    let end = End {
        seq: Seq(0),
        id: id(0),
    };
    assert!(matches!(
        Ends::new([(lane("a"), end), (lane("a"), end)]),
        Err(FormatError::Statement { .. })
    ));
    assert!(matches!(
        Ends::new([(lane("~a"), end)]),
        Err(FormatError::Statement { .. })
    ));
}

#[test]
fn an_end_is_a_place_that_there_is() {
    let end = |seq| {
        let id = id(1);
        Ends::new([(lane("posts"), End { seq: Seq(seq), id })])
    };
    let last = retire(&feed_secret(), 1, end(limits::LAST_SEQ).unwrap(), &[]);
    assert_eq!(Statement::decode(&last.encode()).unwrap(), last);
    for seq in [limits::LAST_SEQ + 1, u64::MAX] {
        assert!(matches!(end(seq), Err(FormatError::TooLarge { found, .. }) if found == seq));
    }
    let mut past = last.encode();
    let place = past.len() - 64 - 1 - 32 - 10;
    assert_eq!(past[place], 0xbf, "the lowest seven bits of 2^64 - 65");
    past[place] = 0xc0;
    assert!(is_too_large(&past, "end"));
}

#[test]
fn counts_are_bounded_before_anything_is_read() {
    assert!(is_too_large(
        &vec![0; limits::STATEMENT_BYTES + 1],
        "bytes of a statement"
    ));
    let names: Vec<String> = (0..65).map(|n| format!("{n:03}")).collect();
    let ends: Vec<(&str, u64)> = names.iter().map(|name| (name.as_str(), 0)).collect();
    assert!(refused_as_unsigned(&retire_bytes(&ends[..64], &[])));
    assert!(is_too_large(&retire_bytes(&ends, &[]), "ends"));
    // A claim of 17 Admits is refused by the number alone, though not one follows.
    let mut many = retire_bytes(&[], &[]);
    let at = many.len() - 65;
    many[at] = 17;
    assert!(is_too_large(&many, "Admits"));
    let keep = (2..19).map(|n| admit(&secret(1), n, false));
    let signed = Statement::retire(feed(), &feed_secret(), device(1), Ends::default(), keep);
    assert!(matches!(
        signed,
        Err(FormatError::TooLarge {
            found: 17,
            limit: 16,
            ..
        })
    ));
}

#[test]
fn only_the_admits_of_the_retired_device_can_be_kept() {
    let mut good = [admit(&secret(1), 2, false), admit(&secret(1), 3, false)];
    good.sort_by_key(|statement| *statement.id());
    let [first, second] = good.map(|statement| statement.encode());
    assert!(refused_as_unsigned(&retire_bytes(
        &[],
        &[first.clone(), second.clone()]
    )));
    assert!(breaks_a_rule(
        &retire_bytes(&[], &[second, first.clone()]),
        "order of ids"
    ));
    assert!(breaks_a_rule(
        &retire_bytes(&[], &[first.clone(), first.clone()]),
        "each once"
    ));
    let foreign = admit(&secret(4), 2, false);
    assert!(breaks_a_rule(
        &retire_bytes(&[], &[foreign.encode()]),
        "retired device"
    ));
    let nested = retire(&secret(1), 2, Ends::default(), &[]);
    assert!(breaks_a_rule(
        &retire_bytes(&[], &[nested.encode()]),
        "not an Admit"
    ));
    let elsewhere = FeedSecret::from_bytes(&[2; 32]).id();
    let other_feed = Statement::admit(
        elsewhere,
        &secret(1),
        device(2),
        false,
        "",
        secret(2).consent(&elsewhere),
    )
    .unwrap();
    assert!(breaks_a_rule(
        &retire_bytes(&[], &[other_feed.encode()]),
        "this feed"
    ));
    let mut forged = first;
    let last = forged.len() - 1;
    forged[last] ^= 1;
    assert!(refused_as_unsigned(&retire_bytes(&[], &[forged])));
    for wrong in [foreign, nested, other_feed] {
        let signed = Statement::retire(feed(), &feed_secret(), device(1), Ends::default(), [wrong]);
        assert!(matches!(signed, Err(FormatError::Statement { .. })));
    }
}

#[test]
fn a_feed_key_signs_for_its_own_feed_only() {
    let other = FeedSecret::from_bytes(&[2; 32]);
    let signed = Statement::admit(
        feed(),
        &other,
        device(1),
        true,
        "",
        secret(1).consent(&feed()),
    );
    assert!(matches!(signed, Err(FormatError::Statement { .. })));
}
