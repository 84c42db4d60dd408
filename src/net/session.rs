//! One iroh connection: a send loop and a receive loop on its one stream.

use std::time::Duration;

use bytes::Bytes;
use iroh::EndpointId;
use iroh::endpoint::{Connection, RecvStream, SendStream, VarInt};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::frame::{self, FrameError, PREFIX};

/// How long the other end may take to open its stream.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);
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
    Ended {
        id: SessionId,
        peer: EndpointId,
        reason: String,
    },
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
    let reason = match streams(&connection, dialed).await {
        Ok((send, recv)) => {
            tokio::select! {
                reason = send_loop(send, frames, id, peer, &engine) => reason,
                reason = receive_loop(recv, id, peer, &engine) => reason,
            }
        }
        Err(reason) => reason,
    };
    // Whatever is not sent yet is lost with the connection and told again in the next session.
    connection.close(VarInt::from_u32(code::BYE), b"");
    let _shut_down = engine.send(FromSession::Ended { id, peer, reason }).await;
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
    id: SessionId,
    peer: EndpointId,
    engine: &mpsc::Sender<FromSession>,
) -> String {
    loop {
        match frame::read(&mut stream).await {
            Ok(Some(bytes)) => {
                if engine
                    .send(FromSession::Frame { id, peer, bytes })
                    .await
                    .is_err()
                {
                    return "this node ended it".to_owned();
                }
            }
            Ok(None) => return "the peer ended it".to_owned(),
            Err(error @ FrameError::TooLarge(_)) => {
                return format!("the peer broke a rule: {error}");
            }
            Err(error) => return error.to_string(),
        }
    }
}

/// Bytes that a frame takes on its stream.
pub(super) const fn on_stream(frame: usize) -> u64 {
    (frame + PREFIX) as u64
}
