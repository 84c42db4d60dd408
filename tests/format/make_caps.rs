//! Vectors of the caps: each bound, at it and one past it; the order; what is carried; and depth.

use tidings::format::{
    DeviceId, DeviceSecret, End, Ends, EntryId, Lane, Seq, SignerSecret, Statement, limits,
};

use crate::make::feed;

/// A vector: its name, the statements, and devices to be asked about.
pub(crate) type Given = (&'static str, Vec<Statement>, Vec<DeviceId>);

/// The bytes of a Retire that names and keeps nothing, and of an Admit without a label.
const BARE_RETIRE: usize = 163;
const BARE_ADMIT: usize = 227;

fn secret(number: usize) -> DeviceSecret {
    let mut bytes = [0x5a; 32];
    bytes[..8].copy_from_slice(&(number as u64).to_be_bytes());
    DeviceSecret::from_bytes(&bytes)
}

fn id(number: usize) -> DeviceId {
    secret(number).id()
}

/// Who signs: the feed key for 0, else a device by its number.
fn signed<T>(by: usize, sign: impl FnOnce(SignerSecret<'_>) -> T) -> T {
    if by == 0 {
        sign((&feed()).into())
    } else {
        sign((&secret(by)).into())
    }
}

/// An Admit as admin whose label has so many bytes.
fn admit(by: usize, device: usize, label: usize) -> Statement {
    admit_as(by, device, label, true)
}

fn admit_as(by: usize, device: usize, label: usize, admin: bool) -> Statement {
    let feed = feed().id();
    let (label, consent) = ("l".repeat(label), secret(device).consent(&feed));
    signed(by, |by| {
        Statement::admit(feed, by, id(device), admin, &label, consent)
    })
    .expect("a statement")
}

fn retire(by: usize, device: usize, keep: &[Statement]) -> Statement {
    retire_of(by, device, BARE_RETIRE, keep)
}

/// A Retire of exactly so many bytes beside what it keeps: its ends' lanes have names of a fitting length.
fn retire_of(by: usize, device: usize, size: usize, keep: &[Statement]) -> Statement {
    let feed = feed().id();
    let ends = Ends::new(ends(size - BARE_RETIRE)).expect("ends");
    signed(by, |by| {
        Statement::retire(feed, by, id(device), ends, keep.to_vec())
    })
    .expect("a statement")
}

fn ends(bytes: usize) -> Vec<(Lane, End)> {
    let around = 2 + 32;
    let count = bytes.div_ceil(around + limits::LANE_BYTES);
    let mut left = bytes;
    let end = |n: usize| {
        let len = left.div_ceil(count - n) - around;
        left -= len + around;
        let lane = Lane::new(&format!("{n:02}{}", "x".repeat(len - 2))).expect("a lane");
        let id = EntryId::from_bytes([0x0e; 32]);
        (lane, End { seq: Seq(7), id })
    };
    (0..count).map(end).collect()
}

/// The feed key admits 1, which admits 2, which admits 3: each deeper than the one before.
fn line() -> Vec<Statement> {
    vec![admit(0, 1, 0), admit(1, 2, 0), admit(2, 3, 0)]
}

fn with(mut all: Vec<Statement>, more: impl IntoIterator<Item = Statement>) -> Vec<Statement> {
    all.extend(more);
    all
}

pub(crate) fn caps() -> Vec<Given> {
    [of_feed(), of_devices(), carried()].concat()
}

fn of_feed() -> Vec<Given> {
    let admits = |count: usize| (1..=count).map(|n| admit(0, n, n));
    let both = vec![admit_as(0, 1, 0, false), admit_as(0, 1, 9, true)];
    let retires = |count: usize| {
        let one = |n: usize| {
            let size = BARE_RETIRE + if n == 1 { 40 } else { 0 };
            retire_of(0, n, size, &[])
        };
        with(vec![admit(0, 1, 0)], (1..=count).map(one))
    };
    vec![
        (
            "32 Admits of the feed key",
            admits(32).collect(),
            vec![id(32)],
        ),
        (
            "33 Admits of the feed key: the longest is left out",
            admits(33).collect(),
            vec![id(1), id(33)],
        ),
        (
            "33 Admits of the feed key, and a Retire of one of the devices",
            with(admits(33).collect(), [retire(0, 4, &[])]),
            vec![id(4), id(33)],
        ),
        (
            "two Admits of a device that the feed key retired: the one as admin stays",
            with(both, [retire(0, 1, &[])]),
            vec![id(1)],
        ),
        ("64 Retires of the feed key", retires(64), vec![id(1)]),
        (
            "65 Retires of the feed key: the longest is left out",
            retires(65),
            vec![id(1)],
        ),
        (
            "Retires of the feed key charged 163,840 bytes",
            charged(0),
            (1..=6).map(id).collect(),
        ),
        (
            "Retires of the feed key charged 163,841 bytes",
            charged(1),
            (1..=6).map(id).collect(),
        ),
    ]
}

/// Retires of the feed key that are charged as many bytes as are kept, and so many more.
fn charged(more: usize) -> Vec<Statement> {
    let each = 2 * limits::ADMIT_BYTES + limits::KEPT_ROOM;
    let counts = [16, 16, 16, 16, 7];
    let keeping = counts.iter().map(|count| BARE_RETIRE + count * each);
    let left = limits::FEED_KEY_RETIRE_BYTES - keeping.sum::<usize>();
    let keep = |by: usize, count: usize| -> Vec<Statement> {
        let admit = |n| admit_as(by, 100 * by + n, limits::LABEL_BYTES, false);
        (0..count).map(admit).collect()
    };
    let numbered = (1..).zip(counts);
    let retires = numbered.map(|(n, count)| retire(0, n, &keep(n, count)));
    let retires = retires.chain([retire_of(0, 6, left + more, &[])]);
    with((1..=6).map(|n| admit(0, n, 0)).collect(), retires)
}

fn of_devices() -> Vec<Given> {
    let admits = |count: usize| with(vec![admit(0, 1, 0)], (2..2 + count).map(|n| admit(1, n, n)));
    let others = |sizes: &[usize]| {
        let numbered = (1..).zip(sizes);
        let targets = (1..=sizes.len()).map(|n| admit(0, 50 + n, 0));
        let retires = numbered.map(|(n, size)| retire_of(1, 50 + n, *size, &[]));
        with(with(vec![admit(0, 1, 0)], targets), retires)
    };
    let selfs = |by: usize, sizes: &[usize]| {
        with(
            line(),
            sizes.iter().map(|size| retire_of(by, by, *size, &[])),
        )
    };
    let deep = |by: usize, size: usize| {
        let targets = [admit(0, 8, 0), admit(8, 9, 0), admit(9, 10, 0)];
        with(with(line(), targets), [retire_of(by, 7 + by, size, &[])])
    };
    let first = DEVICE_SIZES.map(|size| size + usize::from(size == DEVICE_SIZES[1]));
    vec![
        ("10 Admits of a device", admits(10), vec![id(11)]),
        (
            "11 Admits of a device: the longest is left out",
            admits(11),
            vec![id(2), id(12)],
        ),
        (
            "16 Retires by a device",
            others(&[BARE_RETIRE; 16]),
            (51..=66).map(id).collect(),
        ),
        (
            "17 Retires by a device: the one with the largest id is left out",
            others(&[BARE_RETIRE; 17]),
            (51..=67).map(id).collect(),
        ),
        (
            "Retires by a device charged 4,096 bytes",
            others(&DEVICE_SIZES),
            vec![id(51), id(52)],
        ),
        (
            "Retires by a device charged 4,097 bytes",
            others(&first),
            vec![id(51), id(52)],
        ),
        (
            "Retires of itself charged 2,560 bytes",
            selfs(1, &[400, 2_160]),
            vec![id(1)],
        ),
        (
            "Retires of itself charged 2,561 bytes",
            selfs(1, &[400, 2_161]),
            vec![id(1)],
        ),
        (
            "5 Retires of itself: the longest is left out",
            selfs(1, &[200, 201, 202, 203, 204]),
            vec![id(1)],
        ),
        (
            "2 Admits of a device of depth 2: the shorter one stays",
            with(line(), [admit(2, 4, 1)]),
            vec![id(3), id(4)],
        ),
        (
            "an Admit of a device of depth 3",
            with(line(), [admit(3, 4, 0)]),
            vec![id(3), id(4)],
        ),
        (
            "a Retire of 352 bytes by a device of depth 2",
            deep(2, 352),
            vec![id(9)],
        ),
        (
            "a Retire of 353 bytes by a device of depth 2",
            deep(2, 353),
            vec![id(9)],
        ),
        (
            "a Retire of 352 bytes by a device of depth 3",
            deep(3, 352),
            vec![id(10)],
        ),
        (
            "a Retire of 353 bytes by a device of depth 3",
            deep(3, 353),
            vec![id(10)],
        ),
        (
            "a Retire of itself of 352 bytes by a device of depth 3",
            selfs(3, &[352]),
            vec![id(3)],
        ),
        (
            "a Retire of itself of 353 bytes by a device of depth 3",
            selfs(3, &[353]),
            vec![id(3)],
        ),
    ]
}

/// Two Retires of others that fill the room of a device.
const DEVICE_SIZES: [usize; 2] = [1_000, limits::DEVICE_RETIRE_BYTES - 1_000];

fn carried() -> Vec<Given> {
    let two = [admit(2, 3, 0), admit(2, 4, 1)];
    let many: Vec<Statement> = (2..13).map(|n| admit(1, n, n)).collect();
    let eleventh = many[10].clone();
    let siblings = vec![admit(0, 1, 0), admit(0, 40, 0)];
    let (one, other) = (admit(1, 2, 0), admit(1, 5, 0));
    let self_retire = retire_of(1, 1, BARE_RETIRE + 40, std::slice::from_ref(&one));
    vec![
        (
            "what a Retire of the feed key carries leads on, and nothing else of that device",
            with(
                vec![admit(0, 1, 0), one.clone(), other.clone()],
                [
                    retire(0, 1, std::slice::from_ref(&one)),
                    admit(2, 3, 0),
                    admit(5, 6, 0),
                ],
            ),
            vec![id(2), id(3), id(5), id(6)],
        ),
        (
            "a device of depth 2 that the feed key retired: both that it keeps lead on",
            with(
                vec![admit(0, 1, 0), admit(1, 2, 0), retire(0, 2, &two)],
                [retire(3, 3, &[]), retire(4, 4, &[])],
            ),
            vec![id(3), id(4)],
        ),
        (
            "an Admit carried by a device's Retire counts, and leads nowhere if it is past its signer's 10",
            with(
                with(siblings.clone(), many),
                [retire(40, 1, &[eleventh]), retire(12, 12, &[])],
            ),
            vec![id(2), id(12)],
        ),
        (
            "two Retires of one device by the feed key: what both keep counts",
            with(
                vec![admit(0, 1, 0)],
                [
                    retire(0, 1, &[one.clone(), other]),
                    retire_of(0, 1, BARE_RETIRE + 40, std::slice::from_ref(&one)),
                ],
            ),
            vec![id(1), id(2), id(5)],
        ),
        (
            "a Retire of itself where another's acts: it keeps nothing",
            with(
                siblings.clone(),
                [self_retire.clone(), one.clone(), retire(40, 1, &[])],
            ),
            vec![id(1), id(2)],
        ),
        (
            "a Retire of itself where another's does not act, its signer being younger",
            with(
                siblings,
                [self_retire, one, admit(40, 41, 0), retire(41, 1, &[])],
            ),
            vec![id(1), id(2)],
        ),
        (
            "a device that is nearer to the feed key than it was first admitted",
            with(
                line(),
                [
                    admit(0, 3, 0),
                    admit(3, 4, 0),
                    admit(4, 5, 0),
                    admit(3, 6, 0),
                ],
            ),
            vec![id(3), id(4), id(5), id(6)],
        ),
    ]
}

#[test]
fn the_sizes_are_those_that_the_names_say() {
    for size in [BARE_RETIRE, 203, 352, 353, 1_000, 2_161, 3_096] {
        assert_eq!(retire_of(0, 1, size, &[]).encode().len(), size);
    }
    assert_eq!(admit(0, 1, 0).encode().len(), BARE_ADMIT);
    assert_eq!(
        admit(0, 1, limits::LABEL_BYTES).encode().len(),
        limits::ADMIT_BYTES
    );
}
