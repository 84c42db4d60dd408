//! Very many who connect at once. `TIDINGS_CROWD` says how many (2,000 in `just nightly`): each is an endpoint of its own.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use iroh::endpoint::{Connection, ConnectionError, SendStream, presets};
use iroh::{Endpoint, EndpointAddr, RelayMode};
use tidings::FeedTicket;
use tokio::task::JoinSet;

use super::child::{Running, Task};
use super::help::{PATIENCE, close, offline, online, sync, texts};

const ALPN: &[u8] = b"tidings/sync/1";

/// Sessions of others that a node holds at one time.
const SESSIONS: u64 = 256;
/// What the node may take for each session of a stranger, and for the crowd as a whole: handshakes under way, sockets'
/// buffers, what the allocator keeps.
const EACH: u64 = 1024 * 1024;
const CROWD: u64 = 96 * 1024 * 1024;

fn crowd() -> usize {
    let count = std::env::var("TIDINGS_CROWD");
    count.map_or(400, |count| count.parse().expect("a number"))
}

/// Bytes of memory that a process holds; none where the system does not tell.
fn memory(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024)
}

/// A node in a process of its own that has something to read, and where it is.
async fn served(folder: &std::path::Path) -> (Running, FeedTicket) {
    let node = offline(folder).await;
    node.post("hello").send().await.unwrap();
    let ticket = node.ticket().await.unwrap();
    close(node).await;
    let mut child = Running::spawn(Task::Serve, folder);
    child.until_ready();
    (child, ticket)
}

fn address(ticket: &FeedTicket) -> EndpointAddr {
    ticket.endpoint_addrs().remove(0)
}

async fn connect(to: EndpointAddr) -> Option<(Endpoint, Connection)> {
    let builder = Endpoint::builder(presets::Minimal).relay_mode(RelayMode::Disabled);
    let endpoint = builder.bind().await.unwrap();
    let connected = endpoint.connect(to, ALPN).await.ok()?;
    Some((endpoint, connected))
}

/// How it ended for one of the crowd.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Clone)]
enum End {
    /// The node had no place for it, at once or later.
    Busy,
    /// It did not come through at all.
    NotConnected,
    /// In these words.
    Otherwise(String),
}

/// Says that it wants nothing, and then a byte a second of a message that never ends, for as long as it may.
async fn drip(mut stream: SendStream, connection: &Connection) -> End {
    let mut words = vec![0, 0, 0, 84, 1, 0, 0];
    words.extend([0; 16 * 5 + 1]);
    words.extend([0, 0, 1, 0, 1]);
    let mut there = stream.write_all(&words).await.is_ok();
    let mut second = tokio::time::interval(Duration::from_secs(1));
    while there {
        second.tick().await;
        there = stream.write_all(&[0]).await.is_ok();
    }
    match connection.closed().await {
        ConnectionError::ApplicationClosed(closed) if closed.error_code == 3_u32.into() => {
            End::Busy
        }
        other => End::Otherwise(other.to_string()),
    }
}

async fn stranger(to: EndpointAddr) -> End {
    let Some((_endpoint, connection)) = connect(to).await else {
        return End::NotConnected;
    };
    match connection.open_bi().await {
        Ok((stream, _heard)) => drip(stream, &connection).await,
        Err(error) => End::Otherwise(error.to_string()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_that_connects_at_once_keeps_no_friend_out_and_fills_no_memory() {
    let folders = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (mut child, ticket) = served(folders.0.path()).await;
    let before = memory(child.id());
    let begun = Instant::now();
    let mut strangers = JoinSet::new();
    for _ in 0..crowd() {
        strangers.spawn(stranger(address(&ticket)));
    }
    // The friend comes while they all push in.
    let ben = online(folders.1.path()).await;
    ben.follow(&ticket).await.unwrap();
    sync(&ben).await;
    assert_eq!(texts(&ben, ticket.feed()), ["hello"]);
    println!("the friend was served after {:?}", begun.elapsed());
    // Whoever has no place is told so; the others stay until they are sent away.
    let mut ends = Vec::new();
    while ends.len() as u64 + SESSIONS + 1 < crowd() as u64 {
        let ended = tokio::time::timeout(PATIENCE, strangers.join_next()).await;
        ends.push(
            ended
                .expect("it is told")
                .expect("one of the crowd")
                .unwrap(),
        );
    }
    println!("all had an answer after {:?}", begun.elapsed());
    let after = memory(child.id());
    strangers.shutdown().await;
    let sessions = child.told().iter();
    let sessions = sessions.filter_map(|line| line.strip_prefix("sessions ")?.parse::<u64>().ok());
    let most = sessions.max().unwrap_or(0);
    let count = |wanted| ends.iter().filter(|end| **end == wanted).count();
    println!(
        "{} came, at most {most} had a session, {} were told to come later, {} did not come through, {} ended otherwise",
        crowd(),
        count(End::Busy),
        count(End::NotConnected),
        ends.len() - count(End::Busy) - count(End::NotConnected),
    );
    let mut words = std::collections::BTreeMap::<String, usize>::new();
    for end in &ends {
        *words.entry(format!("{end:?}")).or_default() += 1;
    }
    println!("{words:#?}");
    // For a moment one is let in before another is sent away. How many come so far, the machine's speed says.
    assert!(most <= SESSIONS + 1, "{most} sessions");
    if let (Some(before), Some(after)) = (before, after) {
        println!("memory of the node: {before}, then {after} bytes");
        assert!(after < before + SESSIONS * EACH + CROWD, "{after} bytes");
    }
    close(ben).await;
    // And it goes on as before.
    let late = tempfile::tempdir().unwrap();
    let late = online(late.path()).await;
    late.follow(&ticket).await.unwrap();
    sync(&late).await;
    assert_eq!(texts(&late, ticket.feed()), ["hello"]);
    close(late).await;
}

/// Each opens all the streams it may and writes what nobody reads.
#[tokio::test(flavor = "multi_thread")]
async fn strangers_who_write_what_nobody_reads_fill_no_memory() {
    const HOARDERS: u64 = 60;
    let folder = tempfile::tempdir().unwrap();
    let (child, ticket) = served(folder.path()).await;
    let before = memory(child.id());
    let connected = join_all((0..HOARDERS).map(|_| connect(address(&ticket)))).await;
    let mut writers = JoinSet::new();
    let (told, mut written) = tokio::sync::mpsc::unbounded_channel();
    for (endpoint, connection) in connected.into_iter().flatten() {
        for place in 0..8 {
            let (endpoint, connection, told) = (endpoint.clone(), connection.clone(), told.clone());
            writers.spawn(async move {
                let Ok((mut stream, _heard)) = connection.open_bi().await else {
                    return;
                };
                // The first is the session's: half of the longest message.
                let mut left = if place == 0 { 130_000 } else { usize::MAX };
                let head = stream.write_all(&[0, 4, 0, 0]).await;
                let mut there = head.is_ok();
                while there && left > 0 {
                    let some = left.min(16 * 1024);
                    left -= some;
                    there = stream.write_all(&vec![1; some]).await.is_ok();
                    let _nobody_counts = told.send(some);
                }
                let _until_the_end = connection.closed().await;
                drop(endpoint);
            });
        }
    }
    // Until nothing more is taken for a while.
    let mut bytes = 0;
    while let Ok(Some(some)) = tokio::time::timeout(Duration::from_secs(2), written.recv()).await {
        bytes += some as u64;
    }
    let after = memory(child.id());
    println!("{bytes} bytes were taken of {HOARDERS} strangers; memory {before:?}, then {after:?}");
    if let (Some(before), Some(after)) = (before, after) {
        assert!(after < before + HOARDERS * EACH + CROWD, "{after} bytes");
    }
    // What is under way to it, and what it holds.
    assert!(bytes < HOARDERS * 5 * EACH, "{bytes} bytes");
    writers.shutdown().await;
    child.kill();
}
