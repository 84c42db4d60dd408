//! How the devices of a feed come to stand.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::Index;
use tidings::format::{End, Ends, FeedSecret, Seq, Signer, Standing, Statement, Statements};

use super::{admit, device, ends, feed, feed_secret, id, lane, retire, secret};

fn judge(statements: impl IntoIterator<Item = Statement>) -> Standing {
    let mut held = Statements::new(feed());
    held.merge(statements);
    held.judge()
}

#[test]
fn who_is_not_admin_signs_in_vain_but_for_its_own_retire() {
    let phone = admit(&feed_secret(), 1, false);
    let vain = [
        admit(&secret(1), 2, true),
        retire(&secret(1), 3, Ends::default(), &[]),
    ];
    let standing = judge(
        [phone.clone(), admit(&feed_secret(), 3, false)]
            .into_iter()
            .chain(vain),
    );
    assert!(!standing.is_admitted(&device(2)) && standing.is_live(&device(3)));
    assert!(!standing.is_admin(&device(1)) && standing.is_live(&device(1)));
    assert_eq!(standing.live(), 2);
    let standing = judge([phone, retire(&secret(1), 1, ends(&[("posts", 4, 9)]), &[])]);
    assert!(standing.is_retired(&device(1)));
    assert_eq!(standing.live(), 0);
}

#[test]
fn entries_of_a_retired_device_count_up_to_its_ends() {
    let held = [
        admit(&feed_secret(), 1, false),
        retire(&feed_secret(), 1, ends(&[("posts", 4, 9)]), &[]),
    ];
    let standing = judge(held);
    let counts = |name: &str, seq, byte, held| {
        standing.counts(&device(1), &lane(name), Seq(seq), &id(byte), |_| held)
    };
    assert!(counts("posts", 3, 1, true));
    assert!(counts("posts", 4, 9, true));
    assert!(
        !counts("posts", 4, 8, true),
        "the entry that the end names is held, and is another"
    );
    assert!(
        counts("posts", 4, 8, false),
        "an end whose id is not held cuts by seq alone"
    );
    assert!(!counts("posts", 5, 1, false));
    assert!(
        !counts("reactions", 0, 1, false),
        "a lane that is not named counts for nothing"
    );
    assert!(
        counts("~own", 9, 1, false),
        "a Retire does not cut private lanes"
    );
    assert!(
        !standing.counts(&device(2), &lane("posts"), Seq(0), &id(0), |_| false),
        "never admitted"
    );
    assert_eq!(
        standing.end(&device(1), &lane("posts")),
        Some(&End {
            seq: Seq(4),
            id: id(9)
        })
    );
}

#[test]
fn of_several_retires_the_oldest_decides_and_equals_agree_on_the_least() {
    let devices = [
        admit(&feed_secret(), 1, true),
        admit(&feed_secret(), 2, true),
        admit(&feed_secret(), 3, true),
    ];
    let by_itself = retire(&secret(3), 3, ends(&[("posts", 1, 1)]), &[]);
    let again = retire(
        &secret(3),
        3,
        ends(&[("posts", 2, 5), ("state", 7, 7)]),
        &[],
    );
    let by_one = retire(
        &secret(1),
        3,
        ends(&[("posts", 6, 6), ("state", 3, 8)]),
        &[],
    );
    let by_two = retire(&secret(2), 3, ends(&[("posts", 6, 4)]), &[]);
    let by_feed = retire(&feed_secret(), 3, ends(&[("posts", 9, 9)]), &[]);
    let mut said: Vec<Statement> = devices.to_vec();
    let mut after = |more: &[&Statement]| {
        said.extend(more.iter().copied().cloned());
        judge(said.iter().cloned())
            .get(&device(3))
            .unwrap()
            .ends()
            .cloned()
    };
    assert_eq!(after(&[]), None);
    assert_eq!(
        after(&[&by_itself, &again]),
        Some(ends(&[("posts", 2, 5), ("state", 7, 7)]))
    );
    assert_eq!(
        after(&[&by_one]),
        Some(ends(&[("posts", 6, 6), ("state", 3, 8)]))
    );
    assert_eq!(after(&[&by_two]), Some(ends(&[("posts", 6, 4)])));
    assert_eq!(after(&[&by_feed]), Some(ends(&[("posts", 9, 9)])));
}

#[test]
fn more_rights_are_a_second_admit_and_generation_three_admits_nobody() {
    let standing = judge([
        admit(&feed_secret(), 1, false),
        admit(&feed_secret(), 1, true),
        admit(&secret(1), 2, true),
        admit(&secret(2), 3, true),
        admit(&secret(3), 4, true),
    ]);
    let generations: Vec<Option<u8>> = (1..5)
        .map(|n| standing.get(&device(n)).map(|d| d.generation()))
        .collect();
    assert_eq!(generations, [Some(1), Some(2), Some(3), None]);
    assert!(
        standing.may_admit(&device(2))
            && !standing.may_admit(&device(3))
            && standing.is_admin(&device(3))
    );
    assert_eq!(
        standing
            .devices()
            .filter(|(_, device)| device.label() == "phone")
            .count(),
        3
    );
}

#[test]
fn the_admit_that_counts_names_its_signer() {
    let (one, two) = (admit(&secret(1), 3, false), admit(&secret(2), 3, false));
    let by = |statements: &[&Statement]| {
        let admins = [
            admit(&feed_secret(), 1, true),
            admit(&feed_secret(), 2, true),
        ];
        let standing = judge(
            admins
                .into_iter()
                .chain(statements.iter().copied().cloned()),
        );
        standing.get(&device(3)).unwrap().admitted_by()
    };
    assert_eq!(by(&[&one]), one.signer());
    let smallest = std::cmp::min_by_key(&one, &two, |statement| *statement.id());
    assert_eq!(by(&[&one, &two]), smallest.signer());
    assert_eq!(
        by(&[&one, &two, &admit(&feed_secret(), 3, false)]),
        Signer::Feed
    );
}

#[test]
fn a_carried_admit_is_held_and_counts_by_itself() {
    let kept = admit(&secret(1), 2, false);
    let mut held = Statements::new(feed());
    held.merge([
        admit(&feed_secret(), 1, true),
        retire(&feed_secret(), 1, Ends::default(), &[&kept]),
    ]);
    assert!(held.contains(kept.id()));
    assert!(held.judge().is_live(&device(2)));
    assert!(!held.insert(kept));
    assert!(
        !held.insert(admit(&secret(1), 3, false)),
        "not carried, so not kept"
    );
    assert!(held.names_retired(&device(1)) && !held.names_retired(&device(2)));
}

#[test]
fn statements_of_other_feeds_and_of_strangers_are_not_taken() {
    let mut held = Statements::new(FeedSecret::from_bytes(&[2; 32]).id());
    assert!(!held.insert(admit(&feed_secret(), 1, true)));
    let mut held = Statements::new(feed());
    assert!(!held.insert(admit(&secret(9), 8, true)));
    assert!(held.is_empty());
}

static HISTORY: LazyLock<Vec<Statement>> = LazyLock::new(history);

/// A feed with a history: admins who retire each other, a thief, a device that left by itself.
fn history() -> Vec<Statement> {
    let kept = admit(&secret(2), 4, false);
    let (one, two, three) = (secret(1), secret(2), secret(3));
    vec![
        admit(&feed_secret(), 1, true),
        admit(&feed_secret(), 2, true),
        admit(&one, 3, true),
        admit(&one, 5, false),
        kept.clone(),
        admit(&two, 6, true),
        admit(&secret(6), 7, true),
        retire(&three, 7, ends(&[("posts", 3, 3)]), &[]),
        retire(&two, 1, Ends::default(), &[]),
        retire(&secret(6), 3, ends(&[("posts", 2, 2)]), &[]),
        retire(&secret(5), 5, ends(&[("posts", 8, 8)]), &[]),
        retire(&feed_secret(), 2, ends(&[("posts", 5, 5)]), &[&kept]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_order_of_arrival_ends_in_the_same_feed(
        order in Just(HISTORY.clone()).prop_shuffle(),
        cut in any::<Index>(),
    ) {
        let mut whole = Statements::new(feed());
        whole.merge(HISTORY.iter().cloned());
        let (left, right) = order.split_at(cut.index(order.len()));
        let mut one = Statements::new(feed());
        for statement in left {
            one.insert(statement.clone());
        }
        let mut own = Statements::new(feed());
        while order.iter().cloned().fold(false, |changed, statement| own.insert(statement) | changed) {}
        one.merge(right.iter().cloned());
        one.merge(own.iter().cloned());
        prop_assert_eq!(one.digest(), whole.digest());
        prop_assert_eq!(own.digest(), whole.digest());
        prop_assert_eq!(one.judge(), own.judge());
    }
}
