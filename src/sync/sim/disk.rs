//! A simulated node's disk: carries out reads and takes at once, and says what came of them.

use super::super::event::{Answer, Input, Outcome, Output};
use super::names::SimPeer;
use super::store::SimStore;
use crate::format::{LogId, Seq};

impl SimStore {
    /// Carries out what concerns the store; `arrivals` notes the order of entries.
    pub(in crate::sync) fn carry_out(
        &mut self,
        output: Output<SimPeer>,
        arrivals: &mut Vec<(LogId, Seq)>,
    ) -> Vec<Input<SimPeer>> {
        let mut inputs = Vec::new();
        match output {
            Output::Read {
                read,
                log,
                range,
                next_held,
                ..
            } => {
                let runs = self.runs(&log, range.start.0..range.end.0, next_held);
                inputs.push(Input::ReadDone {
                    read,
                    answer: Answer::Runs(runs),
                });
            }
            Output::ReadBodies { read, log, wanted } => {
                let answer = Answer::Bodies(self.bodies(&log, &wanted));
                inputs.push(Input::ReadDone { read, answer });
            }
            Output::ReadStatements { read, feed } => {
                let all = self
                    .statements
                    .get(&feed)
                    .into_iter()
                    .flatten()
                    .map(|item| item.clone().into());
                inputs.push(Input::ReadDone {
                    read,
                    answer: Answer::Statements(all.collect()),
                });
            }
            Output::ReadProof { read, log } => {
                inputs.push(Input::ReadDone {
                    read,
                    answer: Answer::Proof(self.proof(&log)),
                });
            }
            Output::Take { take, log, run, .. } => {
                let took = self.take(&log, &run);
                if let Some((range, head, missing)) = took.stored {
                    arrivals.extend((range.start.0..range.end.0).map(|seq| (log, Seq(seq))));
                    let arrival = self.arrival;
                    inputs.push(Input::Stored {
                        log,
                        range,
                        head,
                        run: Some(run),
                        missing,
                        arrival,
                    });
                }
                if took.reread {
                    let feed = log.feed;
                    let replica = self.replica(&feed);
                    inputs.push(Input::Feed { feed, replica });
                }
                if let Some(at) = took.forked {
                    inputs.push(Input::Forked {
                        log,
                        at,
                        arrival: self.arrival,
                    });
                }
                inputs.push(Input::Taken {
                    take,
                    outcome: took.outcome,
                });
            }
            Output::TakeBody {
                take,
                log,
                seq,
                id,
                body,
                ..
            } => {
                let outcome = self.take_body(&log, (seq, id), body);
                if outcome == Outcome::Stored {
                    inputs.push(Input::BodiesDone {
                        log,
                        seqs: vec![seq],
                        arrival: self.arrival,
                    });
                }
                inputs.push(Input::Taken { take, outcome });
            }
            Output::TakeStatements {
                take, feed, items, ..
            } => {
                let outcome = match self.take_statements(feed, &items) {
                    Ok(true) => {
                        inputs.push(Input::StatementsChanged {
                            feed,
                            digest: self.digest(&feed),
                            arrival: self.arrival,
                        });
                        Outcome::Stored
                    }
                    Ok(false) => Outcome::AlreadyHeld,
                    Err(outcome) => outcome,
                };
                inputs.push(Input::Taken { take, outcome });
            }
            Output::TakeProof {
                take, log, proof, ..
            } => {
                let outcome = match self.take_proof(&log, &proof) {
                    Ok(Some(at)) => {
                        inputs.push(Input::Forked {
                            log,
                            at,
                            arrival: self.arrival,
                        });
                        Outcome::Stored
                    }
                    Ok(None) => Outcome::AlreadyHeld,
                    Err(outcome) => outcome,
                };
                inputs.push(Input::Taken { take, outcome });
            }
            _ => {}
        }
        inputs
    }
}
