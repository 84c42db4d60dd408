//! What the machine can do at all, measured in the same run: bare hashes and signatures, a bare iroh stream. Bare redb is
//! in `bare`.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use ed25519_dalek::ed25519::signature::Signer as _;
use ed25519_dalek::{SigningKey, VerifyingKey};
use iroh::endpoint::{
    BindOpts, Connection, MtuDiscoveryConfig, PortmapperConfig, QuicTransportConfig, RecvStream,
    SendStream, VarInt, presets,
};
use iroh::{Endpoint, EndpointAddr, RelayMode, SecretKey, TransportAddr};
use tidings::format::Run;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::bare::Bare;
use super::machine::{Tries, loopback_bytes, now, timed};

pub(crate) const ALPN: &[u8] = b"bare-echo";
/// Bytes handed to a stream at one time.
const PIECE: usize = 256 * 1024;

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
    ends: (Endpoint, Endpoint, Connection),
}

impl Echo {
    pub(crate) async fn connect() -> Self {
        let far = bind().await;
        answer(far.clone());
        Self::between(far, bind().await).await
    }

    /// `far` answers already.
    pub(crate) async fn between(far: Endpoint, near: Endpoint) -> Self {
        // As a ticket says them: every address of a bound socket that can be dialed from here.
        let mut address = far.addr();
        address.addrs.insert(TransportAddr::Ip(loopback(&far)));
        let (start, bytes) = (now(), loopback_bytes());
        let connection = near.connect(address, ALPN).await.expect("the other end");
        let (send, recv) = connection.open_bi().await.expect("a stream");
        let mut echo = Self {
            send,
            recv,
            connect: Duration::ZERO,
            connect_bytes: 0,
            ends: (far, near, connection),
        };
        echo.once(64).await;
        echo.connect = start.elapsed();
        // What a fresh connection still says for itself: tickets, path probes, a larger MTU.
        tokio::time::sleep(Duration::from_millis(500)).await;
        echo.connect_bytes = loopback_bytes() - bytes;
        echo
    }

    /// Ends the connection and the endpoint that dialed.
    pub(crate) async fn end(self) {
        let (_, near, _) = self.ends;
        near.close().await;
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

/// Sends everything back that comes on the first stream of any connection.
pub(crate) fn answer(far: Endpoint) {
    let _answering = spawn(async move {
        while let Some(incoming) = far.accept().await {
            let _one = spawn(async move {
                let connection = incoming.await.ok()?;
                let (mut send, mut recv) = connection.accept_bi().await.ok()?;
                let mut buffer = vec![0; 65_536];
                while let Ok(Some(count)) = recv.read(&mut buffer).await {
                    send.write_all(&buffer[..count]).await.ok()?;
                }
                Some(())
            });
        }
    });
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
    while let Some(chunk) = recv.read_chunk(PIECE).await.expect("its bytes") {
        came += chunk.len() as u64;
    }
    assert_eq!(came, bytes);
}

/// Does the same with the bytes of a file, hashed before they are sent, and hashed, written and synced where they come:
/// what moving a file takes at least where no disk and no peer is to be believed. Each end has a thread for its disk.
pub(crate) async fn stored_stream(source: &Path, target: &Path) {
    let mut ends = OneWay::connect().await;
    let (read, mut pieces) = mpsc::channel(4);
    let mut source = File::open(source).expect("the file");
    let reading = spawn_blocking(move || {
        let mut hasher = blake3::Hasher::new();
        loop {
            let mut piece = vec![0; PIECE];
            let bytes = source.read(&mut piece).expect("its bytes");
            piece.truncate(bytes);
            hasher.update(&piece);
            if bytes == 0 || read.blocking_send(Bytes::from(piece)).is_err() {
                return hasher.finalize();
            }
        }
    });
    let mut send = ends.send;
    let sending = spawn(async move {
        while let Some(piece) = pieces.recv().await {
            send.write_chunk(piece).await.ok()?;
        }
        send.finish().ok()?;
        send.stopped().await.ok()
    });
    let (write, mut to_write) = mpsc::channel::<Vec<u8>>(4);
    let mut target = File::create(target).expect("room on the disk");
    let writing = spawn_blocking(move || {
        let mut hasher = blake3::Hasher::new();
        while let Some(piece) = to_write.blocking_recv() {
            hasher.update(&piece);
            target.write_all(&piece).expect("room on the disk");
        }
        target.sync_all().expect("a disk");
        hasher.finalize()
    });
    let mut piece = Vec::with_capacity(PIECE);
    while let Some(chunk) = ends.recv.read_chunk(PIECE).await.expect("its bytes") {
        piece.extend_from_slice(&chunk);
        if piece.len() >= PIECE {
            let whole = std::mem::replace(&mut piece, Vec::with_capacity(PIECE));
            write.send(whole).await.expect("the thread that writes");
        }
    }
    write.send(piece).await.expect("the thread that writes");
    drop(write);
    sending.await.expect("no panic");
    let (read, written) = (reading.await, writing.await);
    assert_eq!(read.expect("a hash"), written.expect("a hash"));
}

/// One stream between two bare endpoints, to be sent through one way.
struct OneWay {
    send: SendStream,
    recv: RecvStream,
    _ends: (Endpoint, Endpoint, Connection, Connection, SendStream),
}

impl OneWay {
    async fn connect() -> Self {
        let (far, near) = (bind().await, bind().await);
        let address = EndpointAddr::new(far.id()).with_ip_addr(loopback(&far));
        let accepting = async {
            let incoming = far.accept().await.expect("an open endpoint");
            let connection = incoming.await.expect("a connection");
            let (send, _) = connection.accept_bi().await.expect("a stream");
            (connection, send)
        };
        let connecting = async {
            let connection = near.connect(address, ALPN).await.expect("the other end");
            let (mut opened, recv) = connection.open_bi().await.expect("a stream");
            opened.write_all(&[1]).await.expect("an open stream");
            (connection, opened, recv)
        };
        let ((there, send), (here, opened, recv)) = tokio::join!(accepting, connecting);
        Self {
            send,
            recv,
            _ends: (far, near, there, here, opened),
        }
    }
}

pub(crate) fn loopback(endpoint: &Endpoint) -> SocketAddr {
    let sockets = endpoint.bound_sockets();
    let v4 = sockets.iter().find(|socket| socket.is_ipv4());
    ([127, 0, 0, 1], v4.expect("IPv4").port()).into()
}

/// An endpoint with iroh's own settings.
pub(crate) async fn bind() -> Endpoint {
    let builder = Endpoint::builder(presets::Minimal).relay_mode(RelayMode::Disabled);
    builder
        .alpns(vec![ALPN.to_vec()])
        .bind()
        .await
        .expect("a free port")
}

/// An endpoint with the settings of a node's that decide what a connection says for itself. It keeps its key, and its
/// port if that is not 0.
pub(crate) async fn bind_as_ours(key: u8, port: u16) -> Endpoint {
    for _ in 0..500 {
        if let Some(endpoint) = try_bind_as_ours(key, port).await {
            return endpoint;
        }
        // The last owner of the port is not quite gone.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("port {port} never became free");
}

async fn try_bind_as_ours(key: u8, port: u16) -> Option<Endpoint> {
    let mut probes = MtuDiscoveryConfig::default();
    probes.minimum_change(127);
    let settings = QuicTransportConfig::builder()
        .mtu_discovery_config(Some(probes))
        .max_concurrent_bidi_streams(VarInt::from_u32(8))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .datagram_receive_buffer_size(None);
    let (v4, v6) = (
        SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)),
        SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)),
    );
    let builder = Endpoint::builder(presets::Minimal)
        .relay_mode(RelayMode::Disabled)
        .portmapper_config(PortmapperConfig::Disabled)
        .secret_key(SecretKey::from_bytes(&[key; 32]))
        .transport_config(settings.build())
        .clear_ip_transports()
        .bind_addr(v4)
        .expect("an address")
        .bind_addr_with_opts(v6, BindOpts::default().set_is_required(false))
        .expect("an address");
    builder.alpns(vec![ALPN.to_vec()]).bind().await.ok()
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
