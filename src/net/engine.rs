//! The actor: feeds inputs to sync, carries out its outputs, owns sessions and dialing.

mod holders;
mod memories;
mod questions;
mod report;
mod rest;
mod sessions;
mod targets;
mod wanted;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use iroh::endpoint::{Connection, VarInt};
use iroh::protocol::{AcceptError, ProtocolHandler, Router};
use iroh::{Endpoint, EndpointAddr, EndpointId, Watcher as _};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep_until, timeout};

use self::memories::Memories;
use self::questions::Questions;
use super::ALPN;
use super::dial::Dialer;
use super::error::NetError;
use super::media::{self, FetchProgress, Fetches, Server, Told};
use super::session::{self, FromSession, Opened, SessionId, code};
use super::status::{Status, SyncReport};
use super::waiting::{Round, Standing};
use super::work::{self, Done, Work};
use super::writer::Writer;
use crate::feeds::{FeedStore, Note};
use crate::format::{BlobHash, DeviceId};
use crate::media::MediaStore;
use crate::sync::{Input, Output, Swarm};

/// Frames and reports of sessions that wait for the engine. Together with QUIC's window this is what a peer can make
/// this node hold before it is looked at.
const MAIL: usize = 64;
/// How long one dialing may take: iroh itself gives up on a dead address after 30 s.
const DIAL_TIMEOUT: Duration = Duration::from_secs(10);
/// A round of syncing that may take longer than clocks count ends after this.
const LONGEST_SYNC: Duration = Duration::from_secs(365 * 24 * 3_600);
/// How long a shutdown waits for peers to hear that their sessions are closed.
const CLOSE_HEARD: Duration = Duration::from_millis(1_500);
/// The same where there is nobody to hear it.
const CLOSE_UNHEARD: Duration = Duration::from_millis(100);

/// Handle to the actor. Cheap to clone.
///
/// Dropping all handles ends the actor and closes its connections; [`shutdown`](Self::shutdown) also waits for that.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    commands: mpsc::Sender<Command>,
    status: watch::Receiver<Status>,
    endpoint: Endpoint,
    fetches: Fetches,
    task: Arc<Mutex<Option<JoinHandle<()>>>>,
}

#[derive(Debug)]
enum Command {
    Sync {
        deadline: Instant,
        reply: oneshot::Sender<SyncReport>,
    },
    Holders {
        blob: BlobHash,
        reply: oneshot::Sender<Vec<EndpointAddr>>,
    },
    Shares {
        peer: EndpointId,
        reply: oneshot::Sender<bool>,
    },
    Retarget,
    Hurry,
    Shutdown,
}

impl Engine {
    /// Goes online: serves what the store wants served, and dials who may have what it wants.
    pub(crate) fn spawn(
        endpoint: Endpoint,
        store: Arc<FeedStore>,
        media: Arc<MediaStore>,
        writer: Writer,
        notes: mpsc::UnboundedReceiver<Note>,
        device: DeviceId,
    ) -> Result<Self, NetError> {
        let (commands, mail) = mpsc::channel(16);
        let (told, status) = watch::channel(Status::default());
        let (to_engine, sessions) = mpsc::channel(MAIL);
        let (done, finished) = mpsc::unbounded_channel();
        let swarm = Swarm::new(endpoint.id(), store.arrival(), store.filled());
        let acceptor = Acceptor {
            engine: to_engine.clone(),
            next: Mutex::new(1),
        };
        let sharers = holders::Asker(commands.downgrade());
        let router = Router::builder(endpoint.clone())
            .accept(ALPN, acceptor)
            .accept(
                media::ALPN,
                Server::new(store.clone(), media.clone(), sharers),
            )
            .spawn();
        let seed = u64::from_le_bytes(random()?) | 1;
        let mut actor = Actor {
            dialer: Dialer::new(endpoint.id(), seed),
            work: Work {
                store,
                writer,
                done,
            },
            swarm,
            endpoint: endpoint.clone(),
            device,
            sessions: BTreeMap::new(),
            spare: BTreeMap::new(),
            shut_out: BTreeMap::new(),
            memories: Memories::default(),
            questions: Questions::default(),
            dialing: JoinSet::new(),
            rounds: Vec::new(),
            totals: SyncReport::default(),
            to_engine,
            told,
            status_due: None,
            jobs: Vec::new(),
            next_session: 0,
            started: Instant::now(),
        };
        actor.want_all()?;
        actor.count_memories()?;
        let boxes = Boxes {
            commands: mail,
            notes,
            finished,
            sessions,
        };
        let task = tokio::spawn(actor.run(boxes, router));
        Ok(Self {
            commands,
            status,
            fetches: Fetches::new(endpoint.clone(), media),
            endpoint,
            task: Arc::new(Mutex::new(Some(task))),
        })
    }

    /// The endpoint, to be asked for its address.
    pub(crate) const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// How replication stands, as it moves.
    pub(crate) fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// Joins the transfer of a blob, or begins it. It goes on for as long as anybody listens.
    pub(crate) fn fetch(&self, blob: BlobHash, len: u64) -> watch::Receiver<Told> {
        let asker = holders::Asker(self.commands.downgrade());
        self.fetches.join(blob, len, asker)
    }

    /// How far a blob has come that is being fetched.
    pub(crate) fn fetching(&self, blob: &BlobHash) -> Option<FetchProgress> {
        self.fetches.progress(blob)
    }

    /// Looks again where wanted feeds may be found: a ticket brought new addresses.
    pub(crate) async fn retarget(&self) {
        let _shut_down = self.commands.send(Command::Retarget).await;
    }

    /// Dials everyone who waits to be dialed again, at once.
    pub(crate) async fn hurry(&self) {
        let _shut_down = self.commands.send(Command::Hurry).await;
    }

    /// Asks everyone for news and waits until all that they have is held, or they cannot be reached, or time runs out.
    pub(crate) async fn sync(&self, limit: Duration) -> Result<SyncReport, NetError> {
        let (reply, report) = oneshot::channel();
        let now = Instant::now();
        // For ever is as long as a year.
        let deadline = now.checked_add(limit).unwrap_or(now + LONGEST_SYNC);
        self.commands
            .send(Command::Sync { deadline, reply })
            .await
            .map_err(|_| NetError::Offline)?;
        report.await.map_err(|_| NetError::Offline)
    }

    /// Closes all connections and waits until that is done. Repeatable.
    pub(crate) async fn shutdown(&self) {
        let _shut_down = self.commands.send(Command::Shutdown).await;
        let task = self
            .task
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(task) = task {
            let ended = task.await;
            debug_assert!(ended.is_ok(), "the engine panicked");
        }
    }
}

fn random<const N: usize>() -> Result<[u8; N], NetError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| NetError::Bind(format!("no randomness: {error}")))?;
    Ok(bytes)
}

/// Hands incoming connections to the engine.
#[derive(Debug)]
struct Acceptor {
    engine: mpsc::Sender<FromSession>,
    next: Mutex<SessionId>,
}

impl ProtocolHandler for Acceptor {
    async fn accept(&self, connection: Connection) -> Result<(), AcceptError> {
        // Accepted sessions have odd numbers, dialed ones even.
        let id = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            *next += 2;
            *next
        };
        let session = tokio::spawn(session::run(connection, false, id, self.engine.clone()));
        // In a task of its own, since a panic in here would close the whole endpoint.
        let _ended = session.await;
        Ok(())
    }
}

/// Where mail comes in.
struct Boxes {
    commands: mpsc::Receiver<Command>,
    notes: mpsc::UnboundedReceiver<Note>,
    finished: mpsc::UnboundedReceiver<Done>,
    sessions: mpsc::Receiver<FromSession>,
}

/// One open session.
#[derive(Debug)]
struct Session {
    id: SessionId,
    dialed: bool,
    connection: Connection,
    outgoing: mpsc::UnboundedSender<Bytes>,
    behind: u64,
    clock_differs_by: Option<i64>,
    standing: Standing,
    /// More may be on its way in it than in a stranger's.
    is_wide: bool,
    /// A frame came in it.
    heard: bool,
    opened: Instant,
}

/// A peer that broke a rule, and until when it is not let in.
#[derive(Debug)]
struct ShutOut {
    until: Instant,
    reason: String,
}

type Dialed = (EndpointId, Result<Connection, String>);

struct Actor {
    swarm: Swarm<EndpointId>,
    dialer: Dialer,
    work: Work,
    endpoint: Endpoint,
    device: DeviceId,
    sessions: BTreeMap<EndpointId, Session>,
    /// Second connections of peers that have a session: they take its place if the peer speaks on them.
    spare: BTreeMap<EndpointId, Opened>,
    shut_out: BTreeMap<EndpointId, ShutOut>,
    memories: Memories,
    questions: Questions,
    dialing: JoinSet<Dialed>,
    rounds: Vec<Round>,
    /// Counters since the node went online.
    totals: SyncReport,
    to_engine: mpsc::Sender<FromSession>,
    told: watch::Sender<Status>,
    /// When the status has to be told again; none while it stands.
    status_due: Option<Instant>,
    /// What the machine asked for and is not under way yet.
    jobs: Vec<Output<EndpointId>>,
    next_session: SessionId,
    started: Instant,
}

impl Actor {
    async fn run(mut self, mut boxes: Boxes, router: Router) {
        let mut addresses = self.endpoint.watch_addr();
        let mut known = addresses.get();
        loop {
            self.dial();
            self.carry_out();
            self.settle();
            self.rest();
            let wake = self.wake();
            tokio::select! {
                biased;
                Some(note) = boxes.notes.recv() => self.note(note),
                command = boxes.commands.recv() => {
                    // What a caller wrote is known here before what it commands next.
                    self.take_notes(&mut boxes);
                    match command {
                        Some(Command::Shutdown) | None => break,
                        Some(command) => self.command(command),
                    }
                }
                Some(done) = boxes.finished.recv() => {
                    self.take_notes(&mut boxes);
                    self.finished(done);
                }
                Some(dialed) = self.dialing.join_next() => self.dialed(dialed),
                // Not read from, peers stop sending.
                Some(mail) = boxes.sessions.recv(), if !self.swarm.is_full() => self.mail(mail),
                Ok(address) = addresses.updated() => {
                    // Another network, or the same again: whoever could not be reached may be now.
                    if !address.addrs.is_subset(&known.addrs) {
                        self.dialer.hurry(Instant::now());
                    }
                    known = address;
                }
                () = sleep_until(wake.into()) => self.handle(Input::Tick),
            }
            // What has already come is taken in before anything is carried out, so that jobs go out together.
            for _ in 0..MAIL {
                if let Ok(done) = boxes.finished.try_recv() {
                    self.take_notes(&mut boxes);
                    self.finished(done);
                } else if let Ok(note) = boxes.notes.try_recv() {
                    self.note(note);
                } else if !self.swarm.is_full()
                    && let Ok(mail) = boxes.sessions.try_recv()
                {
                    self.mail(mail);
                } else {
                    break;
                }
            }
        }
        self.close(boxes, router).await;
    }

    /// Takes in all notes that are there. A commit's notes are sent before its outcomes and before its caller goes on, but
    /// may come after this was last looked at, so they are looked for again whenever one of those has come.
    fn take_notes(&mut self, boxes: &mut Boxes) {
        while let Ok(note) = boxes.notes.try_recv() {
            self.note(note);
        }
    }

    async fn close(mut self, boxes: Boxes, router: Router) {
        drop(boxes);
        self.dialing.shutdown().await;
        let limit = if self.sessions.is_empty() {
            CLOSE_UNHEARD
        } else {
            CLOSE_HEARD
        };
        let spare = self.spare.into_values().map(|opened| opened.connection);
        let open = self
            .sessions
            .into_values()
            .map(|session| session.connection);
        for connection in open.chain(spare) {
            connection.close(VarInt::from_u32(code::BYE), b"");
        }
        // Who has a session gets a moment to hear that it is closed, or would believe in it until it times out. iroh waits
        // longer, for peers that are being dialed and do not answer: that goes on in the background, if at all.
        let closing = tokio::spawn(async move { router.shutdown().await });
        let _still_closing = timeout(limit, closing).await;
    }

    fn handle(&mut self, input: Input<EndpointId>) {
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.swarm.handle(now, input);
    }

    /// When to wake up though no mail came.
    fn wake(&self) -> Instant {
        let timer = self
            .swarm
            .next_timer()
            .map(|at| self.started + Duration::from_millis(at));
        let rounds = self
            .rounds
            .iter()
            .map(|round| round.next(|peer| self.standing(peer)));
        let wakes = timer
            .into_iter()
            .chain(self.dialer.next())
            .chain(self.next_rest())
            .chain(rounds)
            .chain(self.status_due);
        // An hour is as good as never.
        wakes
            .min()
            .unwrap_or_else(|| Instant::now() + Duration::from_secs(3_600))
    }

    fn command(&mut self, command: Command) {
        self.status_stale();
        match command {
            Command::Sync { deadline, reply } => {
                self.dialer.hurry(Instant::now());
                let peers: Vec<EndpointId> = self
                    .dialer
                    .targets()
                    .keys()
                    .chain(self.sessions.keys())
                    .copied()
                    .collect();
                let round = Round::new(peers.into_iter(), self.totals.clone(), deadline, reply);
                self.rounds.push(round);
                let open: Vec<EndpointId> = self.sessions.keys().copied().collect();
                open.iter().for_each(|peer| self.await_agreement(peer));
            }
            Command::Holders { blob, reply } => {
                // Whoever asked may have gone meanwhile.
                let _gone = reply.send(self.holders(&blob));
            }
            Command::Shares { peer, reply } => {
                let _gone = reply.send(self.swarm.shares_any(peer));
            }
            Command::Retarget => self.retarget(),
            Command::Hurry => self.dialer.hurry(Instant::now()),
            Command::Shutdown => {}
        }
    }

    fn note(&mut self, note: Note) {
        self.status_stale();
        match &note {
            Note::Wanted { feed } => {
                self.read(*feed);
                return self.retarget();
            }
            Note::Reread { feed } => return self.reread(*feed),
            Note::Unwanted { .. } => self.retarget(),
            Note::Stored { log, range, .. } if log.device != self.device => {
                self.totals.entries += range.end.0 - range.start.0;
            }
            _ => {}
        }
        if let Some(input) = work::input(note) {
            self.handle(input);
        }
    }

    fn finished(&mut self, done: Done) {
        match done {
            Done::Read(read, answer) => self.handle(Input::ReadDone { read, answer }),
            Done::Taken(take, outcome) => self.handle(Input::Taken { take, outcome }),
        }
    }

    fn dial(&mut self) {
        for address in self.dialer.due(Instant::now()) {
            self.status_stale();
            let endpoint = self.endpoint.clone();
            self.dialing.spawn(async move {
                let peer = address.id;
                let dialed = timeout(DIAL_TIMEOUT, endpoint.connect(address, ALPN)).await;
                let dialed = dialed.map_err(|_| "it did not answer in time".to_owned());
                (
                    peer,
                    dialed.and_then(|connected| connected.map_err(|error| session::why(&error))),
                )
            });
        }
    }

    fn dialed(&mut self, dialed: Result<Dialed, tokio::task::JoinError>) {
        let Ok((peer, connection)) = dialed else {
            return;
        };
        match connection {
            Ok(connection) => {
                self.next_session += 2;
                tokio::spawn(session::run(
                    connection,
                    true,
                    self.next_session,
                    self.to_engine.clone(),
                ));
            }
            Err(reason) => self.failed(&peer, reason),
        }
    }

    /// Carries out what the machine asks for.
    fn carry_out(&mut self) {
        while let Some(output) = self.swarm.poll() {
            match output {
                Output::Send { peer, frame } => {
                    if let Some(session) = self.sessions.get(&peer) {
                        // A session that just ended says so by mail.
                        let _ended = session.outgoing.send(frame);
                    }
                }
                Output::Remember { peer, memory } => {
                    self.keep_memory(peer, memory);
                }
                Output::Close { peer, error } => {
                    self.broke_a_rule(peer, &error);
                    // It may have come again since, and that session is over as well.
                    self.handle(Input::Disconnected { peer });
                }
                Output::CaughtUp { peer } => {
                    self.dialer.went_well(&peer);
                    self.with_session(&peer, |session| {
                        session.behind = 0;
                        session.standing.caught_up = true;
                    });
                }
                Output::Behind { peer, entries } => self.with_session(&peer, |session| {
                    session.behind = entries;
                    session.standing.caught_up = session.standing.caught_up && entries == 0;
                }),
                Output::Agreed { peer } => {
                    self.dialer.went_well(&peer);
                    self.with_session(&peer, |session| session.standing.agreed = true);
                }
                Output::PassedOver { feed, logs, .. } => {
                    self.status_stale();
                    let known = self.totals.passed_over.entry(feed).or_default();
                    *known = logs.max(*known);
                }
                Output::Questions { peer, ids } => self.asked(peer, ids),
                Output::ClockDiffers { peer, by } => {
                    self.with_session(&peer, |session| session.clock_differs_by = Some(by));
                }
                job => self.jobs.push(job),
            }
        }
        if !self.jobs.is_empty() {
            self.work.start(std::mem::take(&mut self.jobs));
        }
    }

    fn with_session(&mut self, peer: &EndpointId, change: impl FnOnce(&mut Session)) {
        if let Some(session) = self.sessions.get_mut(peer) {
            change(session);
        }
    }

    fn standing(&self, peer: &EndpointId) -> Option<Standing> {
        self.sessions.get(peer).map(|session| session.standing)
    }
}
