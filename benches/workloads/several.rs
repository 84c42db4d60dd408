//! W8b: a large file from several peers, each behind a link of its own that lets so much through. Needs a system that
//! lets this program make network namespaces, and `ip` and `tc`.

use std::io::Read as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use iroh::EndpointAddr;
use tidings::{Attach, Attachment, FeedTicket, Followed, Node};

use super::child::{self, Child};
use super::machine::now;
use super::report::{Row, Unit};
use super::world::{self, Folder};
use super::{idle, limits, media};

const PEERS: u8 = 3;
/// What the link of each lets through.
const MIB_PER_SECOND: u64 = 20;
const BYTES: u64 = 192 * MIB;
const MIB: u64 = 1_048_576;
const PATIENCE: Duration = Duration::from_secs(60);
/// Waits for its end of the link, sets it up, and becomes what it is told.
const BEHIND_A_LINK: &str = "
tries=0
until ip link set dev far up 2>/dev/null; do
    tries=$((tries + 1)); [ $tries -lt 500 ] || exit 1; sleep 0.02
done
set -e
ip link set dev lo up
ip address add $0.2/24 dev far
tc qdisc add dev far root tbf rate $1 burst 256kb latency 50ms
shift
exec \"$@\"";

pub(crate) async fn run() {
    if std::env::var_os(super::ALONE).is_none() || !run_well("tc", &["qdisc", "show"]) {
        eprintln!("W8b is left out: it needs a network namespace, ip and tc");
        return;
    }
    let folder = Folder::new();
    let attachment = prepare(&folder).await;
    let limit = bare(&folder).await;
    let ours = fetch(&folder, &attachment).await;
    let what = format!("192 MiB from {PEERS} peers behind links of {MIB_PER_SECOND} MiB/s");
    Row::new("W8b", what, Unit::MibPerSecond, ours)
        .beside(limit, format!("{PEERS} bare QUIC streams at once"))
        .at_least_times(0.95);
}

fn home(folder: &Folder, peer: u8) -> std::path::PathBuf {
    folder.join(&format!("peer {peer}"))
}

/// Folders that all hold the file: the author's, and those of two who fetched it.
async fn prepare(folder: &Folder) -> Attachment {
    let author = world::open_online(&home(folder, 0)).await;
    let file = Attach::reader("film.bin", media::noise().take(BYTES));
    let post = author.post("look").attach(file).send().await;
    let post = author.entry(&post.expect("room on the disk"));
    let post = post.expect("a store").expect("a post");
    let attachment = post.attachments()[0].clone();
    let ticket = author.ticket().await.expect("a ticket");
    for peer in 1..PEERS {
        let node = world::open_online(&home(folder, peer)).await;
        follow(&node, &ticket).await;
        let fetch = node.fetch_media(&attachment).expect("a post that names it");
        fetch.await.expect("all of it");
        node.shutdown().await.expect("a clean end");
    }
    author.shutdown().await.expect("a clean end");
    attachment
}

async fn follow(node: &Node, ticket: &FeedTicket) {
    node.follow(ticket).await.expect("a feed");
    node.sync(PATIENCE).await.expect("a report");
}

/// MiB a second, from the call to the last byte on disk and verified, once all peers are connected.
async fn fetch(folder: &Folder, attachment: &Attachment) -> f64 {
    let mut peers: Vec<Child> = (0..PEERS)
        .map(|peer| behind_a_link("share", &home(folder, peer), PEERS + peer))
        .collect();
    let reader = world::open_online(&folder.join("reader")).await;
    for peer in &mut peers {
        let ticket: FeedTicket = peer.line().parse().expect("a ticket");
        follow(&reader, &ticket).await;
    }
    let start = now();
    let fetch = reader
        .fetch_media(attachment)
        .expect("a post that names it");
    fetch.await.expect("all of it");
    let took = start.elapsed();
    reader.shutdown().await.expect("a clean end");
    peers.into_iter().for_each(Child::end);
    (BYTES / MIB) as f64 / took.as_secs_f64()
}

/// The same of bare streams, one from each.
async fn bare(folder: &Folder) -> f64 {
    let mut peers: Vec<Child> = (0..PEERS)
        .map(|peer| behind_a_link("pour", folder.path(), peer))
        .collect();
    let mut addresses = Vec::new();
    for (nth, peer) in (0..).zip(&mut peers) {
        let (name, port) = (peer.line(), peer.line());
        let host = IpAddr::V4(Ipv4Addr::new(10, 99, nth, 2));
        let socket = SocketAddr::new(host, port.parse().expect("a port"));
        addresses.push(EndpointAddr::new(name.parse().expect("an endpoint")).with_ip_addr(socket));
    }
    let (near, start) = (limits::bind().await, now());
    let draining = addresses.into_iter().map(|address| {
        let near = near.clone();
        limits::spawn(async move { limits::drain(&near, address, BYTES / u64::from(PEERS)).await })
    });
    for one in draining.collect::<Vec<_>>() {
        one.await.expect("no panic");
    }
    let took = start.elapsed();
    peers.into_iter().for_each(Child::end);
    (BYTES / MIB) as f64 / took.as_secs_f64()
}

/// A child in a network namespace of its own, at the other end of a link that is as slow as it sends. Each has another
/// number: a link goes when the system comes to it, some time after who was there.
fn behind_a_link(role: &str, folder: &Path, number: u8) -> Child {
    let (net, rate) = (
        format!("10.99.{number}"),
        format!("{}bit", MIB_PER_SECOND * MIB * 8),
    );
    let mut command = Command::new("unshare");
    command.args(["--net", "sh", "-c", BEHIND_A_LINK, &net, &rate]);
    let child = Child::start_by(command, role, folder);
    let (pid, near) = (child.id().to_string(), format!("near{number}"));
    let space = |of: &str| std::fs::read_link(format!("/proc/{of}/ns/net")).ok();
    let start = now();
    while space(&pid) == space("self") {
        assert!(start.elapsed() < PATIENCE, "no namespace of its own");
        std::thread::sleep(Duration::from_millis(1));
    }
    let add = [
        "link", "add", "dev", &near, "type", "veth", "peer", "name", "far", "netns", &pid,
    ];
    assert!(run_well("ip", &add), "a link");
    let address = format!("{net}.1/24");
    assert!(run_well("ip", &["address", "add", &address, "dev", &near]));
    assert!(run_well("ip", &["link", "set", "dev", &near, "up"]));
    child
}

fn run_well(program: &str, arguments: &[&str]) -> bool {
    let ended = Command::new(program).args(arguments).output();
    ended.is_ok_and(|ended| ended.status.success())
}

/// The role that shares what its folder holds.
pub(crate) async fn share_role(folder: &Path) {
    let node = world::open_online(folder).await;
    let others = node.following().expect("a list");
    let other = others
        .iter()
        .map(Followed::feed)
        .find(|feed| *feed != node.feed());
    let feed = other.unwrap_or_else(|| node.feed());
    let ticket = node.ticket_for(feed).await.expect("a ticket");
    child::tell(&ticket.to_string());
    idle::heard().await;
    node.shutdown().await.expect("a clean end");
}

/// The role of a bare endpoint that sends.
pub(crate) async fn pour_role() {
    let endpoint = limits::bind().await;
    child::tell(&endpoint.id().to_string());
    child::tell(&limits::loopback(&endpoint).port().to_string());
    limits::pour(endpoint, BYTES / u64::from(PEERS)).await;
    idle::heard().await;
}
