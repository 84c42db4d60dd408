//! Peers that crash and come back while the connection they lost still seems open.

use iroh::endpoint::{Connection, RecvStream, SendStream, presets};
use iroh::{Endpoint, EndpointAddr, RelayMode, SecretKey};
use tidings::{FeedId, FeedTicket, Node};
use tokio::time::timeout;

use crate::help::{PATIENCE, close, online};

const ALPN: &[u8] = b"tidings/sync/1";

/// A hello of somebody who wants nothing.
fn hello() -> Vec<u8> {
    let mut message = vec![1, 0, 0];
    message.extend([0; 16 * 5]);
    message.push(0);
    message
}

async fn endpoint(secret: &SecretKey) -> Endpoint {
    let builder = Endpoint::builder(presets::Minimal).relay_mode(RelayMode::Disabled);
    let builder = builder
        .secret_key(secret.clone())
        .alpns(vec![ALPN.to_vec()]);
    builder.bind().await.unwrap()
}

/// A secret key whose endpoint id is larger than that of a node.
fn larger_than(node: &Node) -> SecretKey {
    let keys = (0..=u8::MAX).map(|n| SecretKey::from_bytes(&[n; 32]));
    let mut larger = keys.filter(|key| key.public() > node.endpoint());
    larger.next().expect("one of many ids is larger")
}

fn address(endpoint: &Endpoint) -> EndpointAddr {
    let sockets = endpoint.bound_sockets();
    let socket = sockets.iter().find(|socket| socket.is_ipv4()).unwrap();
    EndpointAddr::new(endpoint.id()).with_ip_addr(([127, 0, 0, 1], socket.port()).into())
}

async fn say(stream: &mut SendStream, message: &[u8]) {
    let len = u32::try_from(message.len()).unwrap().to_be_bytes();
    stream.write_all(&len).await.unwrap();
    stream.write_all(message).await.unwrap();
}

/// Exchanges hellos; the connection's own error if the node ends it.
async fn greet(mut streams: (SendStream, RecvStream), connection: &Connection) {
    say(&mut streams.0, &hello()).await;
    let mut length = [0; 4];
    let heard = timeout(PATIENCE, streams.1.read_exact(&mut length)).await;
    let heard = heard.expect("the node answers");
    assert!(heard.is_ok(), "{heard:?}: {:?}", connection.close_reason());
    // Kept open, or the node would be told that nobody listens.
    std::mem::forget(streams);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_crashed_and_comes_back_is_heard_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let ada = online(folder.path()).await;
    // The node's own connection is the one to keep when both dial at the same time.
    let secret = larger_than(&ada);
    let before = endpoint(&secret).await;
    let feed: FeedId = absent_feed().await;
    let ticket = FeedTicket::new(feed).with_endpoint_addr(&address(&before));
    ada.follow(&ticket).await.unwrap();
    let incoming = timeout(PATIENCE, before.accept()).await.unwrap().unwrap();
    let lost = incoming.await.unwrap();
    let streams = lost.accept_bi().await.unwrap();
    greet(streams, &lost).await;
    let mut status = ada.watch_status();
    while ada.status().received() == 0 {
        futures_util::StreamExt::next(&mut status).await.unwrap();
    }

    // It comes back as one who knows nothing of that connection, which nobody has closed.
    let after = endpoint(&secret).await;
    let node = ada.ticket().await.unwrap();
    let node = node.endpoint_addrs().remove(0);
    let connection = timeout(PATIENCE, after.connect(node, ALPN)).await;
    let connection = connection.unwrap().unwrap();
    let streams = connection.open_bi().await.unwrap();
    greet(streams, &connection).await;
    assert!(
        lost.close_reason().is_some() || timeout(PATIENCE, lost.closed()).await.is_ok(),
        "the older one ends"
    );
    close(ada).await;
}

/// The feed of somebody who is not here.
async fn absent_feed() -> FeedId {
    let folder = tempfile::tempdir().unwrap();
    let node = crate::help::offline(folder.path()).await;
    let feed = node.feed();
    close(node).await;
    feed
}
