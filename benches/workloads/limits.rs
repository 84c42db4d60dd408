//! What the machine can do at all, measured in the same run: bare hashes and signatures, a bare iroh stream. Bare redb is
//! in `bare`.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use ed25519_dalek::ed25519::signature::Signer as _;
use ed25519_dalek::{SigningKey, VerifyingKey};
use iroh::endpoint::{Connection, RecvStream, SendStream, presets};
use iroh::{Endpoint, EndpointAddr, RelayMode};
use tidings::format::Run;

use super::bare::Bare;
use super::machine::{Tries, loopback_bytes, now, timed};

pub(crate) const ALPN: &[u8] = b"bare-echo";

/// The time that bare `ed25519` and `blake3` take for these runs on one core: a signature a run, two hashes a post.
pub(crate) fn verifying(runs: &[Run]) -> Duration {
    let secret = SigningKey::from_bytes(&[7; 32]);
    let key: VerifyingKey = secret.verifying_key();
    let signature = secret.sign(&[7; 32]);
    timed(|| {
        for run in runs {
            key.verify_strict(&[7; 32], &signature)
                .expect("a good signature");
            hash(run);
        }
    })
    .1
}

/// The time that they take to sign these runs on one core: a signature a run, two hashes a post.
pub(crate) fn signing(runs: &[Run]) -> Duration {
    let secret = SigningKey::from_bytes(&[7; 32]);
    timed(|| {
        for run in runs {
            std::hint::black_box(secret.sign(&[7; 32]));
            hash(run);
        }
    })
    .1
}

/// The body of each post, and what stands for it in the chain.
fn hash(run: &Run) {
    for item in run.items() {
        let body = item.body().map_or(&[][..], |body| body);
        std::hint::black_box((blake3::hash(body), blake3::hash(&[1; 180])));
    }
}

/// Two bare iroh endpoints on loopback and one open stream between them.
pub(crate) struct Echo {
    send: SendStream,
    recv: RecvStream,
    /// What connecting and the first echo of a few bytes cost.
    pub(crate) connect: Duration,
    pub(crate) connect_bytes: u64,
    _ends: (Endpoint, Endpoint, Connection),
}

impl Echo {
    pub(crate) async fn connect() -> Self {
        let far = bind().await;
        let near = bind().await;
        let port = far
            .bound_sockets()
            .iter()
            .find(|socket| socket.is_ipv4())
            .expect("IPv4")
            .port();
        let address = EndpointAddr::new(far.id()).with_ip_addr(([127, 0, 0, 1], port).into());
        let server = far.clone();
        let _answering = spawn(async move {
            let connection = server.accept().await?.await.ok()?;
            let (mut send, mut recv) = connection.accept_bi().await.ok()?;
            let mut buffer = vec![0; 65_536];
            while let Ok(Some(count)) = recv.read(&mut buffer).await {
                send.write_all(&buffer[..count]).await.ok()?;
            }
            Some(())
        });
        let (start, bytes) = (now(), loopback_bytes());
        let connection = near.connect(address, ALPN).await.expect("the other end");
        let (send, recv) = connection.open_bi().await.expect("a stream");
        let mut echo = Self {
            send,
            recv,
            connect: Duration::ZERO,
            connect_bytes: 0,
            _ends: (far, near, connection),
        };
        echo.once(64).await;
        echo.connect = start.elapsed();
        // What a fresh connection still says for itself: tickets, path probes, a larger MTU.
        tokio::time::sleep(Duration::from_millis(500)).await;
        echo.connect_bytes = loopback_bytes() - bytes;
        echo
    }

    /// Sends so many bytes there and back.
    pub(crate) async fn once(&mut self, bytes: usize) -> Duration {
        let start = now();
        self.send
            .write_all(&vec![7; bytes])
            .await
            .expect("an open stream");
        let mut back = vec![0; bytes];
        self.recv.read_exact(&mut back).await.expect("the echo");
        start.elapsed()
    }
}

/// Sends so many bytes one way on one stream between two bare endpoints.
pub(crate) async fn stream(bytes: u64) {
    let (far, near) = (bind().await, bind().await);
    let address = EndpointAddr::new(far.id()).with_ip_addr(loopback(&far));
    let sending = spawn(pour(far.clone(), bytes));
    drain(&near, address, bytes).await;
    sending.await.expect("no panic");
}

/// Gives whoever connects so many bytes.
pub(crate) async fn pour(from: Endpoint, bytes: u64) -> Option<()> {
    let connection = from.accept().await?.await.ok()?;
    let (mut send, _) = connection.accept_bi().await.ok()?;
    let piece = Bytes::from(vec![7; 256 * 1024]);
    for _ in 0..bytes / piece.len() as u64 {
        send.write_chunk(piece.clone()).await.ok()?;
    }
    send.finish().ok()?;
    send.stopped().await.ok().map(|_| ())
}

/// Takes them from there.
pub(crate) async fn drain(near: &Endpoint, address: EndpointAddr, bytes: u64) {
    let connection = near.connect(address, ALPN).await.expect("the other end");
    let (mut send, mut recv) = connection.open_bi().await.expect("a stream");
    send.write_all(&[1]).await.expect("an open stream");
    let mut came = 0;
    while let Some(chunk) = recv.read_chunk(256 * 1024).await.expect("its bytes") {
        came += chunk.len() as u64;
    }
    assert_eq!(came, bytes);
}

pub(crate) fn loopback(endpoint: &Endpoint) -> SocketAddr {
    let sockets = endpoint.bound_sockets();
    let v4 = sockets.iter().find(|socket| socket.is_ipv4());
    ([127, 0, 0, 1], v4.expect("IPv4").port()).into()
}

pub(crate) async fn bind() -> Endpoint {
    let builder = Endpoint::builder(presets::Minimal).relay_mode(RelayMode::Disabled);
    builder
        .alpns(vec![ALPN.to_vec()])
        .bind()
        .await
        .expect("a free port")
}

/// Spawns a task that a workload ends with.
#[expect(clippy::disallowed_methods, reason = "benches own their tasks")]
pub(crate) fn spawn<T: Send + 'static>(
    task: impl Future<Output = T> + Send + 'static,
) -> tokio::task::JoinHandle<T> {
    tokio::spawn(task)
}

/// Prints what the medians of the limits are made of: commits and echos one right after the other, and spaced as live
/// posts are, since a disk or a scheduler that was left alone answers otherwise.
pub(crate) async fn print(folder: &Path) {
    let mut bare = Bare::create(folder);
    let mut echo = Echo::connect().await;
    for pause in [0, 15] {
        let (mut commits, mut echos) = (Tries::default(), Tries::default());
        let start = now();
        for _ in 0..200 {
            tokio::time::sleep(Duration::from_millis(pause)).await;
            commits.push(bare.commit_one());
        }
        let committing = start.elapsed();
        let start = now();
        for _ in 0..200 {
            tokio::time::sleep(Duration::from_millis(pause)).await;
            echos.push(echo.once(430).await);
        }
        let echoing = start.elapsed();
        println!(
            "pause {pause} ms: commit {:?} in {committing:?}",
            commits.spread()
        );
        println!(
            "pause {pause} ms: echo   {:?} in {echoing:?}",
            echos.spread()
        );
    }
    println!("connect {:?}, {} B", echo.connect, echo.connect_bytes);
}
