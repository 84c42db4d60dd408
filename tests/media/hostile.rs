//! Peers that lie about media or hold it up, over real connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use iroh::endpoint::{Connection, RecvStream, SendStream, presets};
use iroh::{Endpoint, RelayMode};
use tidings::{Attachment, FeedTicket, Node, TidingsError};
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::help::{
    PATIENCE, bytes_of, close, fetch, follow, media_files, noise, online, post, until_known,
};

const ALPN: &[u8] = b"tidings/media/1";
const MIB: usize = 1024 * 1024;
const SERVED: u8 = 0;
const NOT_SERVED: u8 = 1;
/// What a slice of 16 groups takes with its proof in a blob of 1 MiB: two levels above it and fifteen nodes inside.
const ENCODED: u32 = 256 * 1024 + 17 * 64;

async fn endpoint() -> Endpoint {
    let builder = Endpoint::builder(presets::Minimal)
        .relay_mode(RelayMode::Disabled)
        .alpns(vec![ALPN.to_vec()]);
    let builder = builder
        .clear_ip_transports()
        .bind_addr("127.0.0.1:0")
        .unwrap();
    builder.bind().await.unwrap()
}

/// A node that serves media in its own way.
struct Liar {
    endpoint: Endpoint,
}

impl Liar {
    async fn spawn<F>(serve: impl Fn(SendStream, RecvStream) -> F + Clone + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let endpoint = endpoint().await;
        let accepting = endpoint.clone();
        tokio::spawn(async move {
            while let Some(incoming) = accepting.accept().await {
                let Ok(connection) = incoming.await else {
                    continue;
                };
                let serve = serve.clone();
                tokio::spawn(async move {
                    while let Ok((send, mut recv)) = connection.accept_bi().await {
                        let mut head = [0; 41];
                        recv.read_exact(&mut head).await.unwrap();
                        tokio::spawn(serve(send, recv));
                    }
                });
            }
        });
        Self { endpoint }
    }

    fn ticket(&self, node: &Node) -> FeedTicket {
        FeedTicket::new(node.feed()).with_endpoint_addr(&self.endpoint.addr())
    }
}

/// Ada has a mebibyte that Ben knows of, and Ben believes that the liar has it too. Ada is away.
struct World {
    folders: [tempfile::TempDir; 2],
    ben: Node,
    media: Attachment,
    bytes: Vec<u8>,
}

impl World {
    async fn new(liar: &Liar) -> Self {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let ada = online(folders[0].path()).await;
        let ben = online(folders[1].path()).await;
        let bytes = noise(MIB);
        let media = post(&ada, &bytes).await;
        follow(&ben, &ada, ada.feed()).await;
        ben.follow(&liar.ticket(&ada)).await.unwrap();
        close(ada).await;
        Self {
            folders,
            ben,
            media,
            bytes,
        }
    }

    async fn ada(&self) -> Node {
        let ada = online(self.folders[0].path()).await;
        self.ben.network_changed().await;
        self.ben.sync(PATIENCE).await.unwrap();
        ada
    }

    /// The lie is named, nothing wrong is kept, and Ada's bytes are taken as soon as she is back.
    async fn ends_well(self, liar: &Liar, why: &str) {
        let error = fetch(&self.ben, &self.media).await.unwrap_err();
        let named = format!(
            "{}: {why}",
            liar.endpoint.id().to_string().get(..10).unwrap()
        );
        assert!(error.contains(&named), "{error}");
        let ada = self.ada().await;
        fetch(&self.ben, &self.media).await.unwrap();
        assert!(bytes_of(&self.ben, self.media.hash) == self.bytes);
        close(ada).await;
        close(self.ben).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_bytes_are_named_and_not_kept() {
    let liar = Liar::spawn(|mut send: SendStream, _recv| async move {
        send.write_all(&[SERVED]).await.unwrap();
        send.write_all(&ENCODED.to_be_bytes()).await.unwrap();
        send.write_all(&vec![7; ENCODED as usize]).await.unwrap();
    });
    let liar = liar.await;
    let world = World::new(&liar).await;
    world
        .ends_well(&liar, "it sent bytes that are not the blob's")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_was_asked_for_is_not_taken() {
    let liar = Liar::spawn(|mut send: SendStream, _recv| async move {
        send.write_all(&[SERVED]).await.unwrap();
        send.write_all(&u32::MAX.to_be_bytes()).await.unwrap();
        let _left = send.write_all(&vec![7; 10 * MIB]).await;
    });
    let liar = liar.await;
    let world = World::new(&liar).await;
    let why = format!("it sent 4294967295 bytes where {ENCODED} were asked for");
    world.ends_well(&liar, &why).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_have_it_and_who_speaks_nonsense_are_told_apart() {
    for (byte, why) in [
        (NOT_SERVED, "it does not have it"),
        (77, "its answer is of no known kind"),
    ] {
        let liar = Liar::spawn(move |mut send: SendStream, _recv| async move {
            send.write_all(&[byte]).await.unwrap();
        });
        let liar = liar.await;
        let world = World::new(&liar).await;
        world.ends_well(&liar, why).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_lost_several_times_is_asked_until_it_says_something() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let liar = Liar::spawn(move |mut send: SendStream, _recv| {
        let nth = count.fetch_add(1, Ordering::Relaxed);
        async move {
            if nth < 3 {
                let _gone = send.reset(0_u32.into());
            } else {
                send.write_all(&[NOT_SERVED]).await.unwrap();
            }
        }
    });
    let liar = liar.await;
    let world = World::new(&liar).await;
    world.ends_well(&liar, "it does not have it").await;
    assert_eq!(asked.load(Ordering::Relaxed), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fetch_waits_for_whoever_comes_and_ends_with_its_node() {
    let liar = Liar::spawn(|mut send: SendStream, _recv| async move {
        let _gone = send.reset(0_u32.into());
    });
    let liar = liar.await;
    let world = World::new(&liar).await;
    let mut running = world.ben.fetch_media(&world.media).unwrap();
    let asked = async { while running.next().await.unwrap().peer() != Some(liar.endpoint.id()) {} };
    timeout(PATIENCE, asked).await.expect("the liar is asked");
    let ada = world.ada().await;
    timeout(PATIENCE, running).await.unwrap().unwrap();
    assert!(bytes_of(&world.ben, world.media.hash) == world.bytes);
    let new = post(&ada, &noise(900)).await;
    until_known(&world.ben, new.hash).await;
    close(ada).await;
    let running = world.ben.fetch_media(&new).unwrap();
    close(world.ben).await;
    let ended = timeout(PATIENCE, running).await.expect("it ends");
    assert!(matches!(ended, Err(TidingsError::ShutDown)), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_says_nothing_or_little_is_left_once_another_one_is_there() {
    for little in [false, true] {
        let liar = Liar::spawn(move |mut send: SendStream, _recv| async move {
            if little {
                send.write_all(&[SERVED]).await.unwrap();
                send.write_all(&ENCODED.to_be_bytes()).await.unwrap();
                while send.write_all(&[7]).await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
            std::future::pending::<()>().await;
        });
        let liar = liar.await;
        let world = World::new(&liar).await;
        let mut running = world.ben.fetch_media(&world.media).unwrap();
        let asked =
            async { while running.next().await.unwrap().peer() != Some(liar.endpoint.id()) {} };
        timeout(PATIENCE, asked).await.expect("the liar is asked");
        let ada = world.ada().await;
        timeout(PATIENCE, running).await.unwrap().unwrap();
        assert!(bytes_of(&world.ben, world.media.hash) == world.bytes);
        close(ada).await;
        close(world.ben).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_lie_the_same_fetch_goes_on_with_the_next_peer() {
    let lie = Arc::new(Notify::new());
    let told = lie.clone();
    let liar = Liar::spawn(move |mut send: SendStream, _recv| {
        let told = told.clone();
        async move {
            told.notified().await;
            send.write_all(&[SERVED]).await.unwrap();
            send.write_all(&ENCODED.to_be_bytes()).await.unwrap();
            send.write_all(&vec![0; ENCODED as usize]).await.unwrap();
        }
    });
    let liar = liar.await;
    let world = World::new(&liar).await;
    let mut running = world.ben.fetch_media(&world.media).unwrap();
    let asked = async { while running.next().await.unwrap().peer() != Some(liar.endpoint.id()) {} };
    timeout(PATIENCE, asked).await.expect("the liar is asked");
    let ada = world.ada().await;
    lie.notify_one();
    timeout(PATIENCE, running).await.unwrap().unwrap();
    assert!(bytes_of(&world.ben, world.media.hash) == world.bytes);
    close(ada).await;
    close(world.ben).await;
}

/// A peer that asks byte by byte.
struct Stranger {
    connection: Connection,
    _endpoint: Endpoint,
}

impl Stranger {
    async fn at(node: &Node) -> Self {
        let endpoint = endpoint().await;
        let ticket = node.ticket().await.unwrap();
        let address = ticket.endpoint_addrs().remove(0);
        let connection = endpoint.connect(address, ALPN).await.unwrap();
        Self {
            connection,
            _endpoint: endpoint,
        }
    }

    /// Opens a stream with a head, and returns what the node says to it.
    async fn ask(&self, version: u8, media: &Attachment) -> Option<(u8, SendStream, RecvStream)> {
        let (mut send, mut recv) = self.connection.open_bi().await.ok()?;
        let mut head = vec![version];
        head.extend(media.hash.as_bytes());
        head.extend(media.len.to_be_bytes());
        send.write_all(&head).await.ok()?;
        let mut answer = [0];
        let answered = timeout(PATIENCE, recv.read_exact(&mut answer))
            .await
            .unwrap();
        answered.ok().map(|()| (answer[0], send, recv))
    }
}

fn request(first: u64, count: u8) -> Vec<u8> {
    let mut request = first.to_be_bytes().to_vec();
    request.push(count);
    request
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_get_what_served_entries_name_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let ada = online(folder.path()).await;
    let media = post(&ada, &noise(MIB)).await;
    let stranger = Stranger::at(&ada).await;
    let (answer, mut send, mut recv) = stranger.ask(1, &media).await.unwrap();
    assert_eq!(answer, SERVED);
    send.write_all(&request(0, 16)).await.unwrap();
    let mut prefix = [0; 4];
    recv.read_exact(&mut prefix).await.unwrap();
    assert_eq!(u32::from_be_bytes(prefix), ENCODED);

    // The rest of that one, and what two requests that came in three pieces ask for.
    let mut slice = vec![0; ENCODED as usize];
    recv.read_exact(&mut slice).await.unwrap();
    assert!(slice.ends_with(&noise(MIB)[..256 * 1024]));
    let requests = [request(16, 16), request(63, 1)].concat();
    for piece in [&requests[..4], &requests[4..11], &requests[11..]] {
        send.write_all(piece).await.unwrap();
        tokio::task::yield_now().await;
    }
    send.finish().unwrap();
    let rest = recv.read_to_end(MIB).await.unwrap();
    assert!(rest[..4] == ENCODED.to_be_bytes() && rest.ends_with(&noise(MIB)[MIB - 16 * 1024..]));

    let mut other = media.clone();
    other.hash = tidings::BlobHash::from_bytes([9; 32]);
    assert_eq!(stranger.ask(1, &other).await.unwrap().0, NOT_SERVED);
    let mut longer = media.clone();
    longer.len += 1;
    assert_eq!(stranger.ask(1, &longer).await.unwrap().0, NOT_SERVED);
    assert_eq!(media_files(folder.path()).len(), 2, "asking harms no file");
    close(ada).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_breaks_a_rule_or_takes_all_places_is_shown_out_and_others_are_served() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ada = online(one.path()).await;
    let media = post(&ada, &noise(MIB)).await;
    let bad_version = Stranger::at(&ada).await;
    assert!(bad_version.ask(9, &media).await.is_none());
    let past_the_end = Stranger::at(&ada).await;
    let (_, mut send, _recv) = past_the_end.ask(1, &media).await.unwrap();
    send.write_all(&request(60, 16)).await.unwrap();
    for stranger in [&bad_version, &past_the_end] {
        let closed = timeout(PATIENCE, stranger.connection.closed())
            .await
            .unwrap();
        assert!(closed.to_string().contains('2'), "{closed}");
    }
    // Asks for much and takes nothing of it; another opens streams and says nothing; a third comes too often.
    let greedy = Stranger::at(&ada).await;
    let mut held = Vec::new();
    for _ in 0..8 {
        let (_, mut send, recv) = greedy.ask(1, &media).await.unwrap();
        for _ in 0..1_000 {
            let request = request(0, 16);
            let asked = send.write_all(&request);
            if timeout(Duration::from_millis(50), asked).await.is_err() {
                break;
            }
        }
        held.push((send, recv));
    }
    let silent = Stranger::at(&ada).await;
    for _ in 0..8 {
        let (mut send, recv) = silent.connection.open_bi().await.unwrap();
        send.write_all(&[1]).await.unwrap();
        held.push((send, recv));
    }
    let address = silent._endpoint.id();
    let mut more = Vec::new();
    let ticket = ada.ticket().await.unwrap();
    let at = ticket.endpoint_addrs().remove(0);
    for _ in 0..3 {
        more.push(silent._endpoint.connect(at.clone(), ALPN).await.unwrap());
    }
    let closed = timeout(PATIENCE, more[2].closed()).await.unwrap();
    assert!(closed.to_string().contains('3'), "{address}: {closed}");

    let ben = online(other.path()).await;
    follow(&ben, &ada, ada.feed()).await;
    until_known(&ben, media.hash).await;
    fetch(&ben, &media).await.unwrap();
    assert!(bytes_of(&ben, media.hash) == noise(MIB));
    close(ben).await;
    close(ada).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_strangers_do_not_keep_those_out_who_share_a_feed() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ada = online(one.path()).await;
    let media = post(&ada, &noise(MIB)).await;
    let ticket = ada.ticket().await.unwrap();
    let at = ticket.endpoint_addrs().remove(0);
    let mut held = Vec::new();
    for _ in 0..16 {
        let stranger = Stranger::at(&ada).await;
        assert_eq!(stranger.ask(1, &media).await.unwrap().0, SERVED);
        let second = stranger._endpoint.connect(at.clone(), ALPN).await.unwrap();
        held.push((stranger, second));
    }
    let late = Stranger::at(&ada).await;
    let closed = timeout(PATIENCE, late.connection.closed()).await.unwrap();
    assert!(closed.to_string().contains('3'), "{closed}");

    let ben = online(other.path()).await;
    follow(&ben, &ada, ada.feed()).await;
    fetch(&ben, &media).await.unwrap();
    close(ben).await;
    close(ada).await;
}
