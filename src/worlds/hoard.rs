//! A hostile node's disk: it holds whatever it was given, serves all of it, and judges and takes nothing.

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::Bytes;

use super::Pen;
use crate::format::{
    Closing, DeviceId, EntryId, FeedId, ForkProof, Lane, LogId, Run, Seq, Statement,
};
use crate::sync::sim::SimPeer;
use crate::sync::{Answer, Head, Input, LogSummary, Outcome, Output, Replica};

/// What a hostile node holds.
#[derive(Debug, Default)]
pub struct Hoard {
    feeds: BTreeMap<FeedId, Hoarded>,
}

#[derive(Debug, Default)]
struct Hoarded {
    statements: Vec<Bytes>,
    logs: BTreeMap<(DeviceId, Lane), Vec<Run>>,
    proofs: BTreeMap<(DeviceId, Lane), Bytes>,
}

impl Hoard {
    /// Takes statements to those it has.
    pub fn statements<'a>(
        &mut self,
        feed: FeedId,
        statements: impl IntoIterator<Item = &'a Statement>,
    ) {
        let held = &mut self.feeds.entry(feed).or_default().statements;
        held.extend(
            statements
                .into_iter()
                .map(|statement| statement.encode().into()),
        );
    }

    /// Holds a log as its pen wrote it, in place of what it held of that log: of a fork, one branch at a time.
    pub fn log(&mut self, pen: &Pen) {
        let log = pen.log();
        let held = self.feeds.entry(log.feed).or_default();
        held.logs
            .insert((log.device, log.lane), pen.runs().to_vec());
    }

    /// The same without any body, and it never serves one.
    pub fn headers(&mut self, pen: &Pen) {
        let log = pen.log();
        let held = self.feeds.entry(log.feed).or_default();
        let runs = pen.runs().iter().map(Run::headers_only);
        held.logs.insert((log.device, log.lane), runs.collect());
    }

    /// Holds the proof of a fork.
    pub fn proof(&mut self, proof: &ForkProof) {
        let log = proof.log();
        let held = self.feeds.entry(log.feed).or_default();
        let bytes = Bytes::from(proof.encode());
        held.proofs.insert((log.device, log.lane), bytes);
    }

    /// Wants a feed of which it holds nothing.
    pub fn want(&mut self, feed: FeedId) {
        self.feeds.entry(feed).or_default();
    }

    pub(super) fn wanted(&self) -> Vec<Input<SimPeer>> {
        let input = |(feed, held): (&FeedId, &Hoarded)| Input::Feed {
            feed: *feed,
            replica: held.replica(),
        };
        self.feeds.iter().map(input).collect()
    }

    fn runs_of(&self, log: &LogId) -> &[Run] {
        let held = self.feeds.get(&log.feed);
        let runs = held.and_then(|held| held.logs.get(&(log.device, log.lane)));
        runs.map_or(&[], Vec::as_slice)
    }

    /// Answers as if all that was asked for could be trusted.
    pub(super) fn job(&self, job: Output<SimPeer>) -> Vec<Input<SimPeer>> {
        match job {
            Output::Read {
                read,
                log,
                range,
                next_held,
                ..
            } => {
                let runs = self.runs_of(&log).iter();
                let parts = runs.filter_map(|run| part(run, &range, next_held));
                let answer = Answer::Runs(parts.collect());
                vec![Input::ReadDone { read, answer }]
            }
            Output::ReadBodies { read, log, wanted } => {
                let body = |seq: Seq| {
                    let mut runs = self.runs_of(&log).iter();
                    let run = runs.find(|run| (run.first()..run.end()).contains(&seq))?;
                    let index = usize::try_from(seq.0 - run.first().0).ok()?;
                    run.items().get(index)?.body().cloned()
                };
                let held = |seq: Seq, id: EntryId| {
                    let mut runs = self.runs_of(&log).iter();
                    runs.any(|run| run.id_at(seq) == Some(id))
                };
                let wanted = wanted.into_iter().filter(|(seq, id)| held(*seq, *id));
                let bodies = wanted.filter_map(|(seq, _)| Some((seq, body(seq)?)));
                let answer = Answer::Bodies(bodies.collect());
                vec![Input::ReadDone { read, answer }]
            }
            Output::ReadStatements { read, feed } => {
                let held = self.feeds.get(&feed);
                let statements = held.map(|held| held.statements.clone());
                let answer = Answer::Statements(statements.unwrap_or_default());
                vec![Input::ReadDone { read, answer }]
            }
            Output::ReadProof { read, log } => {
                let held = self.feeds.get(&log.feed);
                let proof = held.and_then(|held| held.proofs.get(&(log.device, log.lane)));
                let answer = Answer::Proof(proof.cloned());
                vec![Input::ReadDone { read, answer }]
            }
            Output::Take { take, .. }
            | Output::TakeBody { take, .. }
            | Output::TakeStatements { take, .. }
            | Output::TakeProof { take, .. } => {
                let outcome = Outcome::Refused;
                vec![Input::Taken { take, outcome }]
            }
            _ => Vec::new(),
        }
    }
}

impl Hoarded {
    fn replica(&self) -> Replica {
        let logs = self.logs.iter().filter_map(|((device, lane), runs)| {
            let last = runs.last()?;
            let held = runs.iter().map(|run| run.first()..run.end());
            let head = Head {
                seq: Seq(last.end().0 - 1),
                id: last.last_id(),
            };
            let proof = self.proofs.get(&(*device, *lane));
            let proof = proof.and_then(|bytes| ForkProof::decode(bytes).ok());
            Some(LogSummary {
                device: *device,
                lane: *lane,
                held: touching_joined(held),
                head,
                forked: proof.map(|proof| proof.at()),
                missing: Vec::new(),
                changed: 1,
                counts: true,
                rank: (1, 1),
            })
        });
        let mut hasher = blake3::Hasher::new();
        for statement in &self.statements {
            hasher.update(statement);
        }
        let mut digest = [0; 16];
        if !self.statements.is_empty() {
            hasher.finalize_xof().fill(&mut digest);
        }
        Replica {
            logs: logs.collect(),
            statements: digest,
            statements_changed: 1,
        }
    }
}

fn touching_joined(ranges: impl Iterator<Item = Range<Seq>>) -> Vec<Range<Seq>> {
    let mut joined: Vec<Range<Seq>> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => joined.push(range),
        }
    }
    joined
}

/// What of a run lies in a range, as a peer would send it: to a signature, unless the asker holds what comes after.
fn part(run: &Run, range: &Range<Seq>, next_held: bool) -> Option<Bytes> {
    if run.end() <= range.start || run.first() >= range.end {
        return None;
    }
    let leans = next_held && range.end < run.end();
    let (to, closing) = if leans {
        (range.end, Closing::NextHeld)
    } else {
        (run.end(), *run.closing())
    };
    let part = run.part(range.start, to, closing)?;
    Some(part.packed().clone())
}
