//! One iroh connection: a send loop and a receive loop on its one stream.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream as _;
use iroh::EndpointId;
use iroh::endpoint::{Connection, ConnectionError, PathEvent, RecvStream, SendStream, VarInt};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::frame::{self, FrameError, PREFIX};
use crate::format::{LINE_CHARS, printable_line};

/// How long the other end may take to open its stream.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an end that dialed may take for its hello. From then on the machine says how long it may be silent.
const HELLO_TIMEOUT: Duration = Duration::from_secs(30);
/// Frames written together.
const TOGETHER: usize = 32;

/// Why connections are closed, as the other end sees it.
pub(super) mod code {
    /// The node shuts down, or the session is not needed.
    pub(in crate::net) const BYE: u32 = 0;
    /// Another connection between the two stays.
    pub(in crate::net) const DUPLICATE: u32 = 1;
    /// The other end broke a rule.
    pub(in crate::net) const BROKE_A_RULE: u32 = 2;
    /// As many sessions as this node holds are open.
    pub(in crate::net) const BUSY: u32 = 3;
    /// There is nothing to do in the session, and this node keeps few of those open. It comes again after a while.
    pub(in crate::net) const REST: u32 = 4;
}

/// Numbers sessions, so that what an old one still says is told apart from its successor.
pub(super) type SessionId = u64;

/// A session that just opened.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) id: SessionId,
    pub(super) peer: EndpointId,
    /// Whether this end dialed.
    pub(super) dialed: bool,
    pub(super) connection: Connection,
    /// Frames to send. The machine bounds what waits here.
    pub(super) outgoing: mpsc::UnboundedSender<Bytes>,
}

/// What a session tells the engine.
#[derive(Debug)]
pub(super) enum FromSession {
    Opened(Opened),
    Frame {
        id: SessionId,
        peer: EndpointId,
        bytes: Bytes,
    },
    Sent {
        id: SessionId,
        peer: EndpointId,
        bytes: usize,
    },
    /// A path that carried something is no more.
    PathLost {
        id: SessionId,
        peer: EndpointId,
    },
    /// A frame larger than any may be was announced; nothing of it was read.
    TooLarge {
        id: SessionId,
        peer: EndpointId,
        found: usize,
    },
    Ended {
        id: SessionId,
        peer: EndpointId,
        ended: Ended,
    },
}

/// Why a session is over.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum Ended {
    #[error("the other connection between the two stays")]
    Duplicate,
    #[error("the peer says that this node broke a rule: {0}")]
    Accused(String),
    #[error("the peer holds as many sessions as it may")]
    Busy,
    #[error("there was nothing to do in it")]
    Rests,
    #[error("the peer ended it")]
    ByPeer,
    #[error("{0}")]
    Lost(String),
}

impl Ended {
    /// What iroh says of the connection's end, in the words of this protocol.
    fn of(connection: &Connection, otherwise: String) -> Self {
        // What a peer says as it closes may be anything, and this is shown to people.
        let line = |text: &str| printable_line(text, LINE_CHARS).into_owned();
        let Some(ConnectionError::ApplicationClosed(closed)) = connection.close_reason() else {
            return Self::Lost(line(&otherwise));
        };
        match u32::try_from(closed.error_code.into_inner()) {
            Ok(code::DUPLICATE) => Self::Duplicate,
            Ok(code::BROKE_A_RULE) => Self::Accused(line(&String::from_utf8_lossy(&closed.reason))),
            Ok(code::BUSY) => Self::Busy,
            Ok(code::REST) => Self::Rests,
            _ => Self::ByPeer,
        }
    }
}

/// An error as it is shown to people: part of it may be what the peer said.
pub(super) fn why(error: &impl fmt::Display) -> String {
    printable_line(&error.to_string(), LINE_CHARS).into_owned()
}

/// Why a loop ended.
enum LoopEnd {
    TooLarge(usize),
    Other(String),
}

/// Runs a session to its end.
pub(super) async fn run(
    connection: Connection,
    dialed: bool,
    id: SessionId,
    engine: mpsc::Sender<FromSession>,
) {
    let peer = connection.remote_id();
    let (outgoing, frames) = mpsc::unbounded_channel();
    let opened = Opened {
        id,
        peer,
        dialed,
        connection: connection.clone(),
        outgoing,
    };
    if engine.send(FromSession::Opened(opened)).await.is_err() {
        return;
    }
    let end = match streams(&connection, dialed).await {
        Ok((send, recv)) => {
            tokio::select! {
                reason = send_loop(send, frames, id, peer, &engine) => LoopEnd::Other(reason),
                end = receive_loop(recv, dialed, id, peer, &engine) => end,
                () = watch_paths(&connection, id, peer, &engine) => LoopEnd::Other("this node ended it".to_owned()),
            }
        }
        Err(reason) => LoopEnd::Other(reason),
    };
    let told = match end {
        LoopEnd::TooLarge(found) => {
            connection.close(VarInt::from_u32(code::BROKE_A_RULE), b"a frame too large");
            FromSession::TooLarge { id, peer, found }
        }
        LoopEnd::Other(reason) => FromSession::Ended {
            id,
            peer,
            ended: Ended::of(&connection, reason),
        },
    };
    // Whatever is not sent yet is lost with the connection and told again in the next session.
    let _shut_down = engine.send(told).await;
    connection.close(VarInt::from_u32(code::BYE), b"");
}

async fn streams(
    connection: &Connection,
    dialed: bool,
) -> Result<(SendStream, RecvStream), String> {
    if dialed {
        return connection
            .open_bi()
            .await
            .map_err(|error| error.to_string());
    }
    match timeout(OPEN_TIMEOUT, connection.accept_bi()).await {
        Ok(streams) => streams.map_err(|error| error.to_string()),
        Err(_) => Err("it connected and then said nothing".to_owned()),
    }
}

async fn send_loop(
    mut stream: SendStream,
    mut frames: mpsc::UnboundedReceiver<Bytes>,
    id: SessionId,
    peer: EndpointId,
    engine: &mpsc::Sender<FromSession>,
) -> String {
    let mut waiting = Vec::with_capacity(TOGETHER);
    while frames.recv_many(&mut waiting, TOGETHER).await > 0 {
        if let Err(error) = frame::write_all(&mut stream, &waiting).await {
            return error.to_string();
        }
        let bytes = waiting.drain(..).map(|frame| frame.len()).sum();
        if engine
            .send(FromSession::Sent { id, peer, bytes })
            .await
            .is_err()
        {
            break;
        }
    }
    "this node ended it".to_owned()
}

async fn receive_loop(
    mut stream: RecvStream,
    dialed: bool,
    id: SessionId,
    peer: EndpointId,
    engine: &mpsc::Sender<FromSession>,
) -> LoopEnd {
    let mut is_hello = !dialed;
    loop {
        let frame = frame::read(&mut stream);
        let read = if std::mem::take(&mut is_hello) {
            match timeout(HELLO_TIMEOUT, frame).await {
                Ok(read) => read,
                Err(_) => return LoopEnd::Other("it connected and then said nothing".to_owned()),
            }
        } else {
            frame.await
        };
        match read {
            Ok(Some(bytes)) => {
                if engine
                    .send(FromSession::Frame { id, peer, bytes })
                    .await
                    .is_err()
                {
                    return LoopEnd::Other("this node ended it".to_owned());
                }
            }
            Ok(None) => return LoopEnd::Other("the peer ended it".to_owned()),
            Err(FrameError::TooLarge(found)) => return LoopEnd::TooLarge(found),
            Err(error) => return LoopEnd::Other(error.to_string()),
        }
    }
}

/// Tells of paths that are lost. What was on its way in one may never come, see `sync/echo.rs`.
async fn watch_paths(
    connection: &Connection,
    id: SessionId,
    peer: EndpointId,
    engine: &mpsc::Sender<FromSession>,
) {
    let mut events = connection.path_events();
    let mut next = async || poll_fn(|cx| Pin::new(&mut events).poll_next(cx)).await;
    while let Some(event) = next().await {
        let is_lost = match event {
            PathEvent::Closed { last_stats, .. } => last_stats.frame_tx.stream > 0,
            PathEvent::Lagged { .. } => true,
            _ => false,
        };
        if is_lost
            && engine
                .send(FromSession::PathLost { id, peer })
                .await
                .is_err()
        {
            return;
        }
    }
    // The connection is over, as the other loops hear too.
    std::future::pending::<()>().await;
}

/// Bytes that a frame takes on its stream.
pub(super) const fn on_stream(frame: usize) -> u64 {
    (frame + PREFIX) as u64
}
