//! Peers that lie or mean harm, over real connections: each is named, and everyone else is served as before.

use futures_util::StreamExt as _;
use iroh::endpoint::{Connection, RecvStream, SendStream, presets};
use iroh::{Endpoint, RelayMode};
use tidings::{Node, PeerState};
use tokio::time::timeout;

use crate::help::{PATIENCE, close, online, sync, texts};

const ALPN: &[u8] = b"tidings/sync/1";

/// A peer that speaks byte by byte.
struct Stranger {
    endpoint: Endpoint,
    connection: Connection,
    stream: SendStream,
    /// Kept, or the node would be told that nobody listens.
    _heard: RecvStream,
}

impl Stranger {
    async fn at(node: &Node) -> Self {
        let builder = Endpoint::builder(presets::Minimal).relay_mode(RelayMode::Disabled);
        let endpoint = builder.bind().await.unwrap();
        let ticket = node.ticket().await.unwrap();
        let address = ticket.endpoint_addrs().remove(0);
        let connection = endpoint.connect(address, ALPN).await.unwrap();
        let (stream, heard) = connection.open_bi().await.unwrap();
        Self {
            endpoint,
            connection,
            stream,
            _heard: heard,
        }
    }

    async fn frame(&mut self, message: &[u8]) {
        let len = u32::try_from(message.len()).unwrap().to_be_bytes();
        self.stream.write_all(&len).await.unwrap();
        self.stream.write_all(message).await.unwrap();
    }

    /// What the node says of this peer.
    fn named(&self, node: &Node) -> Option<String> {
        let status = node.status();
        let peer = status
            .peers()
            .iter()
            .find(|peer| peer.endpoint() == self.endpoint.id())?;
        match peer.state() {
            PeerState::Waiting { reason } => Some(reason.clone()),
            _ => None,
        }
    }
}

/// Lets a stranger misbehave at a node, expects it to be named so, and everyone else to be served.
async fn misbehaves(act: impl AsyncFn(&mut Stranger), reason: &str) {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ada = online(one.path()).await;
    ada.post("before").send().await.unwrap();
    let feed = ada.feed();
    let before = texts(&ada, feed);
    let mut stranger = Stranger::at(&ada).await;
    act(&mut stranger).await;
    let named = async {
        let mut status = ada.watch_status();
        while !stranger
            .named(&ada)
            .is_some_and(|said| said.contains(reason))
        {
            status.next().await.expect("the node goes on");
        }
    };
    let named = timeout(PATIENCE, named).await;
    assert!(
        named.is_ok(),
        "it is not named: {:?}, {:?}",
        ada.status(),
        stranger.connection.close_reason()
    );
    stranger.connection.closed().await;
    assert_eq!(texts(&ada, feed), before, "nothing stored changed");
    let ben = online(other.path()).await;
    ben.follow(&ada.ticket().await.unwrap()).await.unwrap();
    sync(&ben).await;
    assert_eq!(texts(&ben, feed), before);
    close(ben).await;
    close(ada).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_named_and_ends_the_session() {
    let garbage = async |peer: &mut Stranger| peer.frame(b"\x01\xffgarbage").await;
    misbehaves(garbage, "no message").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_version_of_the_protocol_is_named() {
    let version = async |peer: &mut Stranger| peer.frame(&[9, 0]).await;
    misbehaves(version, "version 9").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_of_four_gigabytes_is_refused_before_anything_is_allocated() {
    let huge = async |peer: &mut Stranger| {
        peer.stream.write_all(&[0xff; 4]).await.unwrap();
    };
    misbehaves(huge, "4294967295 bytes").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_nobody_asked_for_is_named() {
    let unasked = async |peer: &mut Stranger| {
        let mut hello = vec![1, 0, 0];
        hello.extend([0; 16 * 5]);
        hello.push(0);
        peer.frame(&hello).await;
        peer.frame(&[1, 16, 7]).await;
    };
    misbehaves(unasked, "request 7").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_message_and_then_silence_holds_nobody_up() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ada = online(one.path()).await;
    ada.post("hello").send().await.unwrap();
    let mut strangers = Vec::new();
    for _ in 0..20 {
        let mut stranger = Stranger::at(&ada).await;
        stranger.stream.write_all(&[0, 0, 1, 0, 1]).await.unwrap();
        strangers.push(stranger);
    }
    let ben = online(other.path()).await;
    ben.follow(&ada.ticket().await.unwrap()).await.unwrap();
    sync(&ben).await;
    assert_eq!(texts(&ben, ada.feed()), ["hello"]);
    close(ben).await;
    close(ada).await;
}

/// More than have room. Each says a byte a second of a message that never ends.
#[tokio::test(flavor = "multi_thread")]
async fn three_hundred_strangers_who_drip_keep_no_friend_out() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ada = online(one.path()).await;
    ada.post("hello").send().await.unwrap();
    let drip = async |mut stranger: Stranger| {
        let mut second = tokio::time::interval(std::time::Duration::from_secs(1));
        let whole = stranger.stream.write_all(&[0, 0, 1, 0, 1]).await;
        let mut there = whole.is_ok();
        while there {
            second.tick().await;
            there = stranger.stream.write_all(&[0]).await.is_ok();
        }
    };
    let begun = std::time::Instant::now();
    let mut strangers = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let some = (0..30).map(|_| Stranger::at(&ada));
        for stranger in futures_util::future::join_all(some).await {
            strangers.spawn(drip(stranger));
        }
    }
    let connected = |peer: &&tidings::PeerStatus| matches!(peer.state(), PeerState::Connected);
    let held = ada.status().peers().iter().filter(connected).count();
    assert!(held <= 257, "{held} sessions");
    println!("{held} of 300 have a session after {:?}", begun.elapsed());
    let ben = online(other.path()).await;
    ben.follow(&ada.ticket().await.unwrap()).await.unwrap();
    sync(&ben).await;
    assert_eq!(texts(&ben, ada.feed()), ["hello"]);
    println!("the friend was served after {:?}", begun.elapsed());
    strangers.shutdown().await;
    close(ben).await;
    close(ada).await;
}
