//! What holds for every run: any split of a log verifies, and nothing that was changed does.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::format::{FeedId, Lane};

fn device() -> DeviceSecret {
    DeviceSecret::from_bytes(&[2; 32])
}

fn log() -> LogId {
    LogId {
        feed: FeedId::from_bytes([1; 32]),
        device: device().id(),
        lane: Lane::pack(b"posts"),
    }
}

fn a_draft() -> impl Strategy<Value = Draft> {
    (
        prop_oneof![Just("post/1"), Just("edit/1"), Just("conf.talk/1")],
        prop_oneof![any::<i64>(), 0i64..1_000],
        proptest::option::of(any::<i64>()),
        vec(any::<u8>(), 0..40),
    )
        .prop_map(|(kind, time, expires, body)| {
            let kind = Kind::new(kind).expect("a kind");
            let draft = Draft::new(kind, Timestamp(time), body.into());
            match expires {
                Some(at) => draft.expiring(Timestamp(at)),
                None => draft,
            }
        })
}

/// A log from some place on, as the runs that signing it gives.
fn a_log(entries: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Run>> {
    (0u64..200, vec(a_draft(), entries)).prop_map(|(first, drafts)| {
        let prev = EntryId::from_bytes(if first == 0 { [0; 32] } else { [7; 32] });
        Run::sign(&device(), &log(), Seq(first), prev, &drafts).expect("runs")
    })
}

fn verified(run: &Run, next: Option<&EntryId>) -> Result<Run, FormatError> {
    PackedRun::from_bytes(run.packed().clone()).verify(&log(), next)
}

/// The run cut at some places, each part but the last leaning on the one after it.
fn split(run: &Run, cuts: &[Index]) -> Vec<Run> {
    let len = usize::try_from(run.len()).expect("at most 64");
    let mut at: Vec<u64> = cuts.iter().map(|cut| cut.index(len) as u64).collect();
    at.extend([0, run.len()]);
    at.sort_unstable();
    at.dedup();
    let place = |n: u64| run.first().plus(n);
    at.windows(2)
        .map(|pair| {
            let last = pair[1] == run.len();
            let closing = if last {
                *run.closing()
            } else {
                Closing::NextHeld
            };
            run.part(place(pair[0]), place(pair[1]), closing)
                .expect("a part")
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_split_of_a_log_verifies(runs in a_log(1..150), cuts in vec(any::<Index>(), 0..5)) {
        let mut end = runs[0].first();
        for run in &runs {
            prop_assert_eq!(run.first(), end);
            prop_assert!(run.end() <= run.first().block_end());
            prop_assert_eq!(&verified(run, None).expect("a run"), run);
            end = run.end();
            let parts = split(run, &cuts);
            for (part, after) in parts.iter().zip(parts.iter().skip(1).map(Some).chain([None])) {
                let next = after.map(Run::prev);
                prop_assert_eq!(&verified(part, next.as_ref()).expect("a part"), part);
            }
            prop_assert_eq!(&Run::join(&parts).expect("joined"), run);
        }
        prop_assert!(runs.windows(2).all(|pair| pair[0].last_id() == pair[1].prev()));
        prop_assert!(runs.len() < 2 || Run::join(&runs).is_none(), "a run ends with its block");
    }

    #[test]
    fn parts_that_do_not_follow_are_not_joined(runs in a_log(3..64), cut in 1u64..3) {
        let run = &runs[0];
        prop_assume!(run.len() >= 3);
        let (first, at) = (run.first(), run.first().plus(cut));
        let early = run.part(first, at, Closing::NextHeld).expect("a part");
        let late = run.part(at, run.end(), *run.closing()).expect("a part");
        prop_assert!(Run::join(&[late.clone(), early.clone()]).is_none());
        prop_assert!(Run::join(&[early.clone(), early]).is_none());
        prop_assert!(Run::join(&[]).is_none());
        prop_assert!(run.part(run.end(), run.end().plus(5), Closing::NextHeld).is_none());
        prop_assert!(late.id_at(first).is_none());
    }

    #[test]
    fn a_run_with_any_bit_flipped_is_refused(runs in a_log(1..20), at: Index, bit in 0u8..8, bare: bool) {
        let run = if bare { runs[0].headers_only() } else { runs[0].clone() };
        let whole = verified(&run, None);
        prop_assert!(whole.is_ok());
        let mut bytes = run.packed().to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let flipped = PackedRun::from_bytes(bytes.into());
        prop_assert!(flipped.verify(&log(), None).is_err());
        prop_assert!(flipped.verify(&log(), Some(&run.last_id())).is_err() || run.last_id() == run.prev());
    }

    #[test]
    fn a_run_that_leans_on_the_next_entry_is_refused_when_a_bit_flips(
        runs in a_log(2..20), at: Index, bit in 0u8..8,
    ) {
        let run = &runs[0];
        prop_assume!(run.len() >= 2);
        let end = Seq(run.end().0 - 1);
        let part = run.part(run.first(), end, Closing::NextHeld).expect("a part");
        let next = part.last_id();
        prop_assert!(verified(&part, Some(&next)).is_ok());
        prop_assert!(verified(&part, None).is_err());
        prop_assert!(verified(&part, Some(&EntryId::ZERO)).is_err());
        let mut bytes = part.packed().to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert!(PackedRun::from_bytes(bytes.into()).verify(&log(), Some(&next)).is_err());
    }

    #[test]
    fn a_run_cut_short_or_with_more_behind_it_is_refused(runs in a_log(1..6), more in vec(any::<u8>(), 1..4)) {
        let bytes = runs[0].packed();
        for end in 0..bytes.len() {
            prop_assert!(PackedRun::from_bytes(bytes.slice(..end)).verify(&log(), None).is_err());
        }
        let longer = [&bytes[..], &more].concat();
        prop_assert!(PackedRun::from_bytes(longer.into()).verify(&log(), None).is_err());
    }

    #[test]
    fn bodies_left_out_change_no_id(runs in a_log(1..70), keep in vec(any::<bool>(), 64)) {
        for run in &runs {
            let some = run.with_bodies(|seq, item| {
                let index = usize::try_from(seq.0 - run.first().0).expect("at most 64");
                item.body().filter(|_| keep[index]).cloned()
            });
            let read = verified(&some, None).expect("a run");
            prop_assert_eq!(read.ids(), run.ids());
            prop_assert_eq!(&read, &some);
            let whole = some.with_bodies(|seq, _| {
                let index = usize::try_from(seq.0 - run.first().0).expect("at most 64");
                run.items()[index].body().cloned()
            });
            prop_assert_eq!(&whole, run);
            let trusted = Run::trusted(&log(), run.ids().to_vec(), run.packed().clone());
            let trusted: Vec<Entry> = trusted.expect("a run").entries().collect();
            prop_assert_eq!(trusted, run.entries().collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_entries_of_a_run_are_a_chain_of_headers(runs in a_log(1..70)) {
        for run in &runs {
            let mut prev = run.prev();
            for entry in run.entries() {
                let header = entry.header();
                prop_assert_eq!(header.prev(), prev);
                prop_assert_eq!(header.id(), entry.id());
                prop_assert_eq!(run.reference(header.seq()), Some(entry.reference()));
                prop_assert_eq!(&Header::decode(&header.encode()).expect("a header"), header);
                prop_assert!(header.matches_body(entry.body().expect("a body")));
                prev = entry.id();
            }
            prop_assert_eq!(prev, run.last_id());
        }
    }

    #[test]
    fn a_batch_costs_little_over_its_bodies(times in vec(0i64..100_000_000, 64)) {
        let kind = Kind::new("post/1").expect("a kind");
        let mut now = 1_790_000_000_000;
        let drafts: Vec<Draft> = times
            .iter()
            .map(|step| {
                now += step;
                Draft::new(kind.clone(), Timestamp(now), Bytes::from_static(&[b'x'; 100]))
            })
            .collect();
        let runs = Run::sign(&device(), &log(), Seq(64), EntryId::from_bytes([7; 32]), &drafts);
        let [run] = &runs.expect("runs")[..] else {
            panic!("one block");
        };
        prop_assert!(run.packed().len() <= 64 * (100 + 10) + 130);
    }
}

#[test]
fn a_run_that_would_reach_the_end_of_its_block_unsigned_is_refused() {
    let kind = Kind::new("post/1").expect("a kind");
    let drafts = vec![Draft::new(kind, Timestamp(0), Bytes::new()); 64];
    let runs = Run::sign(&device(), &log(), Seq::ZERO, EntryId::ZERO, &drafts).expect("runs");
    let open = runs[0]
        .part(Seq(60), Seq(64), Closing::NextHeld)
        .expect("a part");
    let next = open.last_id();
    assert!(matches!(
        verified(&open, Some(&next)),
        Err(FormatError::Run { .. })
    ));
}
