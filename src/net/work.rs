//! What the machine asks for that takes a disk or a signature check: done on the blocking pool, answered by mail.

use std::sync::Arc;

use bytes::Bytes;
use iroh::EndpointId;
use tokio::sync::mpsc;

use super::writer::{SharedError, Writer};
use crate::feeds::{FeedBatch, FeedSnapshot, FeedStore, FeedsError, Note, Taken};
use crate::format::{ForkProof, FormatError, LogId, PackedRun, Seq};
use crate::sync::{
    Answer, Head, Input, LogSummary, Outcome, Output, PeerIdentity, ReadId, Replica, TakeId,
};

/// Bytes of a run up to which it is one that somebody waits to see, and takes next to no time to verify.
const LIVE: usize = 4 * 1024;

/// What a finished job tells the engine.
#[derive(Debug)]
pub(super) enum Done {
    Read(ReadId, Answer),
    Taken(TakeId, Outcome),
}

/// Hands jobs over and mails back what they come to.
#[derive(Debug, Clone)]
pub(super) struct Work {
    pub(super) store: Arc<FeedStore>,
    pub(super) writer: Writer,
    pub(super) done: mpsc::UnboundedSender<Done>,
}

impl Work {
    /// Takes a run by one step less than [`take_run`](Self::take_run): its signature is checked by the thread that writes.
    fn take_live(&self, take: TakeId, log: LogId, run: Bytes) {
        let (bytes, packed) = (run.len(), PackedRun::from_bytes(run));
        self.write_foreign(take, bytes, move |batch| {
            let run = batch.verify(&log, &packed)?;
            batch.take_run(&run)
        });
    }

    /// Does what `jobs` ask for, in their order, reading from one snapshot.
    ///
    /// How much is under way at one time is bounded by the machine, which waits for answers.
    pub(super) fn start(&self, mut jobs: Vec<Output<EndpointId>>) {
        if let Some(Output::Take { run, .. }) = jobs.first()
            && jobs.len() == 1
            && run.len() <= LIVE
            && let Some(Output::Take { take, log, run, .. }) = jobs.pop()
        {
            return self.take_live(take, log, run);
        }
        let work = self.clone();
        tokio::task::spawn_blocking(move || {
            let snapshot = work.store.snapshot();
            for job in jobs {
                work.job(snapshot.as_ref(), job);
            }
        });
    }
}

/// How the jobs of a machine are done on a feed store: what is read is read at once, what is to be written is verified
/// first. Who implements it says how answers come back and how a write comes to its transaction.
pub(crate) trait Carry {
    /// Says what a read found.
    fn answer(&self, read: ReadId, answer: Answer);

    /// Says what became of something that needs no write.
    fn taken(&self, take: TakeId, outcome: Outcome);

    /// Has something written, and then says what became of it, by [`outcome`].
    fn write(
        &self,
        take: TakeId,
        bytes: usize,
        op: impl FnOnce(&mut FeedBatch<'_>) -> Result<Taken, FeedsError> + Send + 'static,
    );

    /// The same for entries of others, which may be on disk a little later than they are seen.
    fn write_foreign(
        &self,
        take: TakeId,
        bytes: usize,
        op: impl FnOnce(&mut FeedBatch<'_>) -> Result<Taken, FeedsError> + Send + 'static,
    );

    /// Does one of the machine's jobs, reading from this snapshot.
    fn job<P: PeerIdentity>(&self, snapshot: Result<&FeedSnapshot, &FeedsError>, job: Output<P>) {
        match job {
            Output::Read {
                read,
                log,
                range,
                next_held,
                max_bytes,
            } => {
                let runs = snapshot.map(|store| store.runs(&log, range, next_held, max_bytes));
                self.answer(read, Answer::Runs(or_nothing(runs)));
            }
            Output::ReadBodies { read, log, wanted } => {
                let bodies = snapshot.map(|store| store.bodies(&log, &wanted));
                self.answer(read, Answer::Bodies(or_nothing(bodies)));
            }
            Output::ReadStatements { read, feed } => {
                let statements = snapshot.map(|store| store.statements(&feed));
                self.answer(read, Answer::Statements(or_nothing(statements)));
            }
            Output::ReadProof { read, log } => {
                let proof = snapshot.map(|store| store.proof(&log));
                self.answer(read, Answer::Proof(or_nothing(proof)));
            }
            Output::Take { take, log, run, .. } => self.take_run(snapshot, take, &log, run),
            Output::TakeBody {
                take,
                log,
                seq,
                id,
                body,
                ..
            } => {
                self.write(take, body.len(), move |batch| {
                    batch.take_body(&log, seq, &id, &body)
                });
            }
            Output::TakeStatements {
                take, feed, items, ..
            } => match snapshot.map(|store| store.verify_statements(&feed, &items)) {
                Ok(Ok(items)) => self.write(take, 0, move |batch| {
                    let changed = batch.take_paced_statements(&feed, items)?;
                    Ok(if changed {
                        Taken::Stored
                    } else {
                        Taken::AlreadyHeld
                    })
                }),
                Ok(Err(error)) => self.taken(take, outcome(Err(Arc::new(error)))),
                Err(_) => self.taken(take, Outcome::Trouble),
            },
            Output::TakeProof {
                take, log, proof, ..
            } => match ForkProof::decode(&proof) {
                Ok(proof) if *proof.log() == log => {
                    self.write(take, 0, move |batch| batch.take_proof(&proof));
                }
                Ok(_) => self.taken(
                    take,
                    Outcome::Rejected {
                        reason: "it is of another log".to_owned(),
                    },
                ),
                Err(error) => self.taken(
                    take,
                    Outcome::Rejected {
                        reason: error.to_string(),
                    },
                ),
            },
            // The rest is the engine's own, and never comes here.
            _ => {}
        }
    }

    /// Verifies a run and has it taken.
    fn take_run(
        &self,
        snapshot: Result<&FeedSnapshot, &FeedsError>,
        take: TakeId,
        log: &LogId,
        run: Bytes,
    ) {
        let bytes = run.len();
        let verified = match snapshot {
            Ok(store) => store.verify(log, &PackedRun::from_bytes(run)),
            Err(_) => return self.taken(take, Outcome::Trouble),
        };
        match verified {
            Ok(run) => {
                self.write_foreign(take, bytes, move |batch| batch.take_run(&run));
            }
            Err(error) => self.taken(take, outcome(Err(Arc::new(error)))),
        }
    }
}

impl Carry for Work {
    fn answer(&self, read: ReadId, answer: Answer) {
        let _gone = self.done.send(Done::Read(read, answer));
    }

    fn taken(&self, take: TakeId, outcome: Outcome) {
        let _gone = self.done.send(Done::Taken(take, outcome));
    }

    fn write(
        &self,
        take: TakeId,
        bytes: usize,
        op: impl FnOnce(&mut FeedBatch<'_>) -> Result<Taken, FeedsError> + Send + 'static,
    ) {
        let done = self.done.clone();
        self.writer.post(bytes, op, move |result| {
            // The engine is gone when the node shuts down.
            let _gone = done.send(Done::Taken(take, outcome(result)));
        });
    }

    fn write_foreign(
        &self,
        take: TakeId,
        bytes: usize,
        op: impl FnOnce(&mut FeedBatch<'_>) -> Result<Taken, FeedsError> + Send + 'static,
    ) {
        let done = self.done.clone();
        self.writer.post_foreign(bytes, op, move |result| {
            // The engine is gone when the node shuts down.
            let _gone = done.send(Done::Taken(take, outcome(result)));
        });
    }
}

/// A read that fails answers that nothing is held: the peer asks elsewhere, and the next read may go well.
fn or_nothing<T: Default>(read: Result<Result<T, FeedsError>, &FeedsError>) -> T {
    read.ok().and_then(Result::ok).unwrap_or_default()
}

/// What a machine is told of a write.
pub(crate) fn outcome(result: Result<Taken, SharedError>) -> Outcome {
    match result {
        Ok(Taken::Stored) => Outcome::Stored,
        Ok(Taken::AlreadyHeld) => Outcome::AlreadyHeld,
        Ok(Taken::NotAdmitted) => Outcome::NotAdmitted,
        Ok(Taken::NotCounting { from }) => Outcome::NotCounting { from },
        Ok(Taken::Forked) => Outcome::Forked,
        Ok(Taken::Refused) => Outcome::Refused,
        Ok(Taken::OtherBranch) => Outcome::OtherBranch,
        Ok(Taken::Mismatch) => Outcome::Rejected {
            reason: "it does not have the hash that its header names".into(),
        },
        Err(error) => match &*error {
            // It leans on an entry of which this node holds another branch, or on one that it held when it asked: a fork, and
            // not the peer's fault.
            FeedsError::Format(FormatError::Link { .. } | FormatError::NextNotHeld { .. }) => {
                Outcome::OtherBranch
            }
            FeedsError::Format(error) => Outcome::Rejected {
                reason: error.to_string(),
            },
            _ => Outcome::Trouble,
        },
    }
}

/// What is held of a feed, as the machine wants it told.
pub(crate) fn replica(
    store: &FeedSnapshot,
    feed: &crate::format::FeedId,
) -> Result<Replica, FeedsError> {
    let Some(held) = store.replica(feed)? else {
        return Ok(Replica::default());
    };
    let log = |log: crate::feeds::HeldLog| LogSummary {
        device: log.log.device,
        lane: log.log.lane,
        held: log.held,
        head: head(log.head),
        forked: log.forked,
        missing: log.missing,
        changed: log.changed,
        counts: log.counts,
        rank: log.rank,
    };
    Ok(Replica {
        logs: held.logs.into_iter().map(log).collect(),
        statements: held.statements,
        statements_changed: held.statements_changed,
    })
}

fn head((seq, id): (Seq, crate::format::EntryId)) -> Head {
    Head { seq, id }
}

/// What the machine is told of a commit; none for what it has to be told otherwise.
pub(crate) fn input<P>(note: Note) -> Option<Input<P>> {
    match note {
        Note::Stored {
            log,
            range,
            head: at,
            run,
            missing,
            arrival,
        } => Some(Input::Stored {
            log,
            range,
            head: head(at),
            run,
            missing,
            arrival,
        }),
        Note::Body { log, seq, arrival } => Some(Input::BodiesDone {
            log,
            seqs: vec![seq],
            arrival,
        }),
        Note::Erased {
            log,
            seq,
            was_missing: true,
            arrival,
        } => Some(Input::BodiesDone {
            log,
            seqs: vec![seq],
            arrival,
        }),
        // Heads are the same with and without bodies: nobody has to hear of it.
        Note::Erased { .. } => None,
        Note::Statements {
            feed,
            digest,
            arrival,
        } => Some(Input::StatementsChanged {
            feed,
            digest,
            arrival,
        }),
        Note::Forked { log, at, arrival } => Some(Input::Forked { log, at, arrival }),
        Note::Unwanted { feed } => Some(Input::FeedGone { feed }),
        Note::Wanted { .. } | Note::Reread { .. } | Note::BlobFree { .. } => None,
    }
}
