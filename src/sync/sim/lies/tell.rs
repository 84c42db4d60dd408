//! How each lie is told.

use bytes::Bytes;

use super::Lie;
use crate::format::{DeviceId, EntryId, Hash16, Lane, Seq, lanes, limits};
use crate::sync::limits::{BUCKETS_A_SESSION, IDS_PER_MESSAGE, REQUESTS, WANTS};
use crate::sync::memory::wants_digest;
use crate::sync::message::Message;
use crate::sync::sim::Prng;
use crate::sync::wire::{FeedHeads, LogHead, LogName, PushName, RunRequest};

fn array<const N: usize>(random: &mut Prng) -> [u8; N] {
    std::array::from_fn(|_| random.below(256).to_le_bytes()[0])
}

/// The message with the lie in it; none where it has no place for that.
pub(super) fn tell(
    lie: Lie,
    message: Message,
    frame: &Bytes,
    random: &mut Prng,
) -> Option<Vec<Bytes>> {
    match lie {
        Lie::Garbage => return Some(vec![Bytes::from_static(b"\x01\xffgarbage")]),
        Lie::Version => return Some(vec![Bytes::from_static(&[9, 0])]),
        Lie::TooLarge => return Some(vec![vec![1; limits::FRAME_BYTES + 1].into()]),
        Lie::Silence => return Some(Vec::new()),
        Lie::WantsAsked => return Some(vec![frame.clone(), Message::WantsAsk.encode()]),
        Lie::HelloTwice | Lie::RunTwice => return Some(vec![frame.clone(), frame.clone()]),
        _ => {}
    }
    let told = match message {
        Message::Hello(_) => in_hello(lie, message, random),
        Message::Wants(_) => in_wants(lie, message, random),
        Message::Buckets { bits, prints } => in_buckets(lie, bits, prints, random),
        Message::Heads { last, feeds } => in_heads(lie, last, feeds, random),
        Message::Ask { request, ids } => in_ask(lie, request, &ids, random),
        Message::Now { .. } => in_now(lie, message, random),
        Message::Requests { first, items } => in_requests(lie, first, items, random),
        Message::BodiesRequest { .. } => in_bodies_request(lie, message),
        Message::StatementsRequest { request, .. } => Some(vec![Message::StatementsRequest {
            request,
            id: array(random),
        }]),
        Message::ProofRequest { request, .. } => Some(vec![Message::ProofRequest {
            request,
            alias: 1 << 40,
        }]),
        Message::Run { request, last, run } => in_run(lie, request, last, &run, random),
        Message::Push { name, run } => in_push(lie, name, &run, random),
        Message::Body { request, seq, body } => in_body(lie, request, seq, &body),
        Message::Statements { request, items } => in_statements(lie, request, items),
        Message::Proof { request, proof } => match lie {
            Lie::ProofRequest => Some(vec![Message::Proof {
                request: request + 1_000,
                proof,
            }]),
            _ => Some(vec![Message::Proof {
                request,
                proof: flipped(&proof, proof.len() / 2),
            }]),
        },
        Message::Done { request } => Some(vec![Message::Done {
            request: request + 1_000,
        }]),
        Message::Echo { answers } => match lie {
            Lie::EchoTwice => Some(vec![
                Message::Echo { answers },
                Message::Echo { answers: true },
            ]),
            _ => Some(vec![Message::Echo { answers: false }]),
        },
        Message::WantsAsk => None,
    };
    told.map(|messages| messages.iter().map(Message::encode).collect())
}

fn in_hello(lie: Lie, message: Message, random: &mut Prng) -> Option<Vec<Message>> {
    let Message::Hello(mut hello) = message else {
        return None;
    };
    match lie {
        Lie::Clock => hello.clock += 40 * 365 * 24 * 3_600_000,
        Lie::HelloYours => hello.yours = array(random),
        Lie::HelloMine => hello.mine = array(random),
        Lie::HelloNow => hello.now = array(random),
        Lie::HelloAgreed => hello.agreed = array(random),
        _ => hello.filled = u64::MAX - random.below(9),
    }
    Some(vec![Message::Hello(hello)])
}

fn in_wants(lie: Lie, message: Message, random: &mut Prng) -> Option<Vec<Message>> {
    if lie == Lie::NowEarly {
        let early = Message::Now {
            print: array(random),
            theirs: None,
            filled: 0,
            asks: true,
            answers: true,
        };
        return Some(vec![early, message]);
    }
    let Message::Wants(mut wants) = message else {
        return None;
    };
    let mut all = Vec::new();
    match lie {
        Lie::WantsMore => {
            wants.added.extend((0..3).map(|_| array::<16>(random)));
            wants.added.sort_unstable();
            wants.digest = wants.digest.map(|_| wants_digest(wants.added.iter()));
        }
        Lie::WantsNone => {
            wants.added.clear();
            wants.digest = wants.digest.map(|_| Hash16::default());
        }
        Lie::WantsDigest => wants.digest = Some(array(random)),
        Lie::WantsEndless => wants.digest = None,
        Lie::WantsWhole => wants.whole = !wants.whole,
        _ => {
            for _ in 0..=WANTS / IDS_PER_MESSAGE {
                let mut part = wants.clone();
                part.whole = false;
                part.digest = None;
                part.added = (0..IDS_PER_MESSAGE).map(|_| array(random)).collect();
                part.removed.clear();
                all.push(Message::Wants(part));
            }
        }
    }
    if all.is_empty() {
        all.push(Message::Wants(wants));
    }
    Some(all)
}

fn in_buckets(
    lie: Lie,
    bits: u8,
    mut prints: Vec<[u8; 8]>,
    random: &mut Prng,
) -> Option<Vec<Message>> {
    match lie {
        Lie::BucketsPrints => prints.fill_with(|| array(random)),
        Lie::BucketsCount => prints.push([1; 8]),
        _ => {
            let again = || Message::Buckets {
                bits,
                prints: prints.clone(),
            };
            return Some((0..=BUCKETS_A_SESSION).map(|_| again()).collect());
        }
    }
    Some(vec![Message::Buckets { bits, prints }])
}

fn in_heads(
    lie: Lie,
    last: bool,
    mut feeds: Vec<FeedHeads>,
    random: &mut Prng,
) -> Option<Vec<Message>> {
    if lie == Lie::HeadsLast {
        return Some(vec![Message::Heads { last: !last, feeds }]);
    }
    let which = usize::try_from(random.below(feeds.len() as u64)).ok()?;
    let feed = feeds.get_mut(which)?;
    let device = DeviceId::from_bytes(array(random));
    let nobodys = |name| LogHead {
        name,
        head: Some((Seq(7), [7; 8])),
        forked: None,
    };
    let mut more = None;
    match lie {
        Lie::HeadsOfNobody => feed.id = array(random),
        Lie::HeadsStatements => feed.statements = array(random),
        Lie::HeadsNumber => more = Some(nobodys(LogName::Known(1 << 40))),
        // Numbers are counted by both sides: another log in the middle would be a second lie.
        Lie::HeadsDevice => return Some(beside(last, feeds, which, device, lanes::POSTS)),
        Lie::HeadsPrivate => return Some(beside(last, feeds, which, device, lanes::OWN)),
        _ => {
            let which = usize::try_from(random.below(feed.logs.len() as u64)).ok()?;
            let log = feed.logs.get_mut(which)?;
            let (seq, id) = log.head?;
            match lie {
                Lie::HeadsHigher => log.head = Some((seq.next(), array(random))),
                Lie::HeadsHighest => log.head = Some((Seq(u64::MAX), array(random))),
                Lie::HeadsLower => log.head = Some((Seq(seq.0 / 2), array(random))),
                Lie::HeadsId => log.head = Some((seq, array(random))),
                _ => {
                    log.head = Some((seq, id));
                    log.forked = Some(Seq(seq.0 / 2));
                }
            }
        }
    }
    feed.logs.extend(more);
    Some(vec![Message::Heads { last, feeds }])
}

/// A log told that does not exist, under a number that the liar never uses otherwise: the session's last.
fn beside(
    last: bool,
    feeds: Vec<FeedHeads>,
    which: usize,
    device: DeviceId,
    lane: Lane,
) -> Vec<Message> {
    let id = feeds.get(which).map_or([0; 16], |feed| feed.id);
    let statements = feeds.get(which).map_or([0; 8], |feed| feed.statements);
    let logs = vec![LogHead {
        name: LogName::New(device, lane),
        head: Some((Seq(70), [7; 8])),
        forked: None,
    }];
    let made_up = FeedHeads {
        id,
        statements,
        logs,
    };
    let feeds = feeds.into_iter().chain([made_up]).collect();
    vec![Message::Heads { last, feeds }]
}

fn in_ask(lie: Lie, request: u64, ids: &[Hash16], random: &mut Prng) -> Option<Vec<Message>> {
    let ids = match lie {
        Lie::AskOfNobody => vec![array(random); 5],
        _ => ids.iter().copied().cycle().take(IDS_PER_MESSAGE).collect(),
    };
    Some(vec![Message::Ask { request, ids }])
}

fn in_now(lie: Lie, message: Message, random: &mut Prng) -> Option<Vec<Message>> {
    let Message::Now {
        mut print,
        mut theirs,
        mut filled,
        mut asks,
        mut answers,
    } = message
    else {
        return None;
    };
    match lie {
        Lie::NowPrint => print = array(random),
        Lie::NowTheirs => theirs = Some(array(random)),
        Lie::NowFilled => filled = filled.wrapping_add(1 + random.below(1_000)),
        _ => (asks, answers) = (!asks, !answers),
    }
    Some(vec![Message::Now {
        print,
        theirs,
        filled,
        asks,
        answers,
    }])
}

fn in_requests(
    lie: Lie,
    first: u64,
    mut items: Vec<RunRequest>,
    random: &mut Prng,
) -> Option<Vec<Message>> {
    let which = usize::try_from(random.below(items.len() as u64)).ok()?;
    let item = items.get_mut(which)?;
    match lie {
        Lie::RequestNumber => item.alias = 1 << 40,
        Lie::RequestBeyond => item.start = Seq(item.start.0 | 1 << 50),
        Lie::RequestNothing => item.count = 0,
        Lie::RequestLong => item.count = 65,
        Lie::RequestNext => item.next_held = !item.next_held,
        _ => {
            let item = *item;
            items = vec![item; REQUESTS + 1];
        }
    }
    Some(vec![Message::Requests { first, items }])
}

const ANY: EntryId = EntryId::ZERO;

fn in_bodies_request(lie: Lie, message: Message) -> Option<Vec<Message>> {
    let Message::BodiesRequest {
        request,
        mut alias,
        mut wanted,
    } = message
    else {
        return None;
    };
    match lie {
        Lie::BodiesOrder => wanted = vec![(Seq(0), ANY), (Seq(1), ANY)],
        Lie::BodiesCount => wanted.clear(),
        Lie::BodiesBeyond => wanted = vec![(Seq(u64::MAX), ANY)],
        _ => alias = 1 << 40,
    }
    Some(vec![Message::BodiesRequest {
        request,
        alias,
        wanted,
    }])
}

/// The bytes with one of them changed.
fn flipped(bytes: &Bytes, at: usize) -> Bytes {
    let mut bytes = bytes.to_vec();
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1;
    }
    bytes.into()
}

/// Bytes of a modelled run before its entries: version, first place and count, and the id before.
const RUN_HEAD: usize = 3;

fn in_run(
    lie: Lie,
    request: u64,
    last: bool,
    run: &Bytes,
    random: &mut Prng,
) -> Option<Vec<Message>> {
    let len = run.len();
    let signed = run.get(len.checked_sub(33)?).is_some_and(|byte| *byte == 1);
    let (mut to, mut is_last, mut bytes) = (request, last, run.clone());
    match lie {
        Lie::RunRequest => to = request + 1_000,
        Lie::RunLast => is_last = !last,
        // Behind the first place and the count.
        Lie::RunByte => {
            let at = RUN_HEAD + usize::try_from(random.below((len - RUN_HEAD) as u64)).ok()?;
            bytes = flipped(run, at);
        }
        Lie::RunPlace => {
            let mut changed = run.to_vec();
            *changed.get_mut(1)? ^= 0x40;
            bytes = changed.into();
        }
        Lie::RunCut => bytes = run.slice(..len - 1),
        Lie::RunSignature if signed => bytes = flipped(run, len - 1),
        Lie::RunSignature => return None,
        _ => return Some(vec![Message::Done { request }]),
    }
    Some(vec![Message::Run {
        request: to,
        last: is_last,
        run: bytes,
    }])
}

fn in_push(lie: Lie, name: PushName, run: &Bytes, random: &mut Prng) -> Option<Vec<Message>> {
    let push = |name, run| Some(vec![Message::Push { name, run }]);
    let device = DeviceId::from_bytes(array(random));
    match (lie, name) {
        (Lie::PushNumber, _) => push(PushName::Known(1 << 40), run.clone()),
        (Lie::PushByte, name) => push(name, flipped(run, run.len().checked_sub(1)?)),
        (Lie::PushDevice, PushName::New(id, _, lane)) => {
            push(PushName::New(id, device, lane), run.clone())
        }
        (Lie::PushPrivate, PushName::New(id, device, _)) => {
            push(PushName::New(id, device, lanes::OWN), run.clone())
        }
        _ => None,
    }
}

fn in_body(lie: Lie, request: u64, seq: Seq, body: &Bytes) -> Option<Vec<Message>> {
    let (mut to, mut place, mut bytes) = (request, seq, body.clone());
    match lie {
        Lie::BodyRequest => to = request + 1_000,
        Lie::BodyPlace => place = Seq(seq.0 | 1 << 50),
        _ => bytes = flipped(body, body.len() / 2),
    }
    Some(vec![Message::Body {
        request: to,
        seq: place,
        body: bytes,
    }])
}

fn in_statements(lie: Lie, request: u64, mut items: Vec<Bytes>) -> Option<Vec<Message>> {
    let mut to = request;
    match lie {
        Lie::StatementsRequest => to = request + 1_000,
        Lie::StatementsNone => return Some(vec![Message::Done { request }]),
        Lie::StatementsTooMany => {
            let item = Bytes::from(vec![3; limits::STATEMENT_BYTES]);
            let fit = (limits::RUN_BYTES / (limits::STATEMENT_BYTES + 4)).max(1);
            let message = Message::Statements {
                request,
                items: vec![item; fit],
            };
            return Some(vec![message; 4 * 1024 * 1024 / limits::RUN_BYTES + 2]);
        }
        _ => {
            let item = items.first_mut()?;
            *item = flipped(item, item.len().checked_sub(1)?);
        }
    }
    Some(vec![Message::Statements { request: to, items }])
}
