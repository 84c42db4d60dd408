//! Networks that are cut, that lose packets, and that are left for another: two processes, each in a network namespace of
//! its own, with a cable between them. Needs root and `ip`; loss needs `nft` as well. Skipped, and said so, without.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use iroh::{EndpointAddr, TransportAddr};
use tidings::{FeedId, FeedTicket, Node};

use super::child::{Running, Task, acks};
use super::help::{Ledger, close, offline, posts, run};

/// Two namespaces with cables between them, gone when dropped.
struct Lan {
    names: [String; 2],
}

fn ip(args: &str) -> Option<()> {
    let mut ip = Command::new("ip");
    ip.args(args.split(' '));
    run(ip)
}

impl Lan {
    /// None, with the reason printed, where this process may not make them.
    fn new() -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = |side| format!("td{}-{number}{side}", std::process::id());
        let lan = Self {
            names: [name("a"), name("b")],
        };
        for name in &lan.names {
            ip(&format!("netns add {name}"))?;
            ip(&format!("-n {name} link set lo up"))?;
        }
        for cable in 0..2 {
            let [a, b] = &lan.names;
            ip(&format!(
                "link add v{cable} netns {a} type veth peer name v{cable} netns {b}"
            ))?;
            for side in 0..2 {
                lan.set(
                    side,
                    &format!("addr add {}/24 dev v{cable}", address(cable, side)),
                )?;
                lan.set(side, &format!("link set v{cable} up"))?;
            }
        }
        lan.plug(1, false);
        Some(lan)
    }

    fn set(&self, side: usize, what: &str) -> Option<()> {
        ip(&format!("-n {} {what}", self.names[side]))
    }

    /// Plugs a cable in, or out.
    fn plug(&self, cable: usize, is_in: bool) {
        let how = if is_in { "up" } else { "down" };
        self.set(0, &format!("link set v{cable} {how}")).unwrap();
    }

    /// Loses so many of a hundred packets, each way.
    fn lose(&self, percent: u32) -> Option<()> {
        for name in &self.names {
            let rules = format!(
                "add table ip lossy; add chain ip lossy in {{ type filter hook input priority 0; }}; \
                 add rule ip lossy in numgen random mod 100 < {percent} drop"
            );
            let mut nft = Command::new("ip");
            nft.args(["netns", "exec", name, "nft", &rules]);
            run(nft)?;
        }
        Some(())
    }
}

impl Drop for Lan {
    fn drop(&mut self) {
        for name in &self.names {
            let _was_never_made = ip(&format!("netns del {name}"));
        }
    }
}

fn address(cable: usize, side: usize) -> Ipv4Addr {
    let last = |n: usize| u8::try_from(n + 1).unwrap();
    Ipv4Addr::new(10, 77, last(cable), last(side))
}

/// Where a node will be found once it runs on its side.
async fn ticket(node: &Node, side: usize) -> FeedTicket {
    let ticket = node.ticket().await.unwrap();
    let here = ticket.endpoint_addrs().remove(0);
    let port = here.addrs.iter().find_map(|address| match address {
        TransportAddr::Ip(std::net::SocketAddr::V4(address)) => Some(address.port()),
        _ => None,
    });
    let port = port.expect("a port");
    let there = (0..2).fold(EndpointAddr::new(here.id), |there, cable| {
        there.with_ip_addr((address(cable, side), port).into())
    });
    FeedTicket::new(node.feed()).with_endpoint_addr(&there)
}

/// Two who follow each other and talk without end.
struct Talk {
    folders: [tempfile::TempDir; 2],
    feeds: [FeedId; 2],
    children: [Running; 2],
    lan: Lan,
}

fn number(line: &str, word: &str) -> Option<u64> {
    let mut words = line.split(' ');
    words.find(|found| *found == word)?;
    words.next()?.parse().ok()
}

impl Talk {
    async fn begin() -> Option<Self> {
        let lan = Lan::new()?;
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let (one, other) = (
            offline(folders[0].path()).await,
            offline(folders[1].path()).await,
        );
        one.follow(&ticket(&other, 1).await).await.unwrap();
        other.follow(&ticket(&one, 0).await).await.unwrap();
        let feeds = [one.feed(), other.feed()];
        close(one).await;
        close(other).await;
        let spawn = |side: usize| {
            let name = Some(lan.names[side].as_str());
            Running::spawn_in(name, Task::Talk, folders[side].path())
        };
        let mut children = [spawn(0), spawn(1)];
        children.iter_mut().for_each(Running::until_ready);
        let mut talk = Self {
            folders,
            feeds,
            children,
            lan,
        };
        talk.hear_more(10);
        Some(talk)
    }

    /// What each side holds of the other.
    fn held(&mut self, side: usize) -> u64 {
        let told = self.children[side].told();
        let held = told.iter().rev().find_map(|line| number(line, "held"));
        held.unwrap_or(0)
    }

    /// Waits until each holds so many more of the other's posts.
    fn hear_more(&mut self, more: u64) {
        for side in 0..2 {
            let before = self.held(side);
            let is_more =
                |line: &str| number(line, "held").is_some_and(|held| held >= before + more);
            self.children[side].until("posts of the other come", is_more);
        }
    }

    /// Waits until a connection was given up on either side, or a new one is there already.
    fn until_lost(&mut self) {
        let (held, child) = (self.held(0), &mut self.children[0]);
        let is_over = |line: &str| {
            let is_new = number(line, "held").is_some_and(|now| now >= held + 5);
            is_new || number(line, "from") == Some(0)
        };
        child.until("the network is another", is_over);
    }

    /// Waits until both have given the connection up.
    fn until_alone(&mut self) {
        for child in &mut self.children {
            child.until("it is alone", |line| number(line, "from") == Some(0));
        }
    }

    /// Both stop talking and hear each other out; then nothing is lost, on neither side.
    async fn end(mut self, what: &str) {
        let begun = Instant::now();
        for folder in &self.folders {
            std::fs::write(folder.path().join("stop"), "").unwrap();
        }
        let mut posted = [0, 0];
        for (side, posted) in posted.iter_mut().enumerate() {
            let line =
                self.children[side].until("it stops", |line| number(line, "posted").is_some());
            *posted = number(&line, "posted").unwrap();
        }
        for side in 0..2 {
            let all = posted[1 - side];
            let has_all = |line: &str| number(line, "held").is_some_and(|held| held >= all);
            if self.held(side) < all {
                self.children[side].until("all posts of the other come", has_all);
            }
        }
        println!("{what}: {posted:?} posts, {:?} to the end", begun.elapsed());
        for (side, folder) in self.folders.iter().enumerate() {
            std::fs::write(folder.path().join("end"), "").unwrap();
            self.children[side].until("it closes", |line| line == "closed");
        }
        let [one, other] = self.children;
        let told = [one.kill(), other.kill()];
        let open = async |folder: &Path| offline(folder).await;
        let nodes = [
            open(self.folders[0].path()).await,
            open(self.folders[1].path()).await,
        ];
        for side in 0..2 {
            let own = posts(&nodes[side], self.feeds[side]);
            assert_eq!(own.len(), acks(&told[side]).len(), "acknowledged");
            let theirs = posts(&nodes[1 - side], self.feeds[side]);
            assert!(theirs == own, "{} of {}", theirs.len(), own.len());
            assert!(nodes[side].check(|_| ()).await.unwrap().is_clean());
            Ledger::default().read_on(&nodes[side]).await;
        }
        for node in nodes {
            close(node).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_is_cut_in_the_middle_and_comes_back_loses_nothing() {
    let Some(mut talk) = Talk::begin().await else {
        return;
    };
    talk.lan.plug(0, false);
    let cut = Instant::now();
    talk.until_alone();
    println!("given up {:?} after the cut", cut.elapsed());
    talk.lan.plug(0, true);
    let back = Instant::now();
    talk.hear_more(1);
    println!(
        "heard again {:?} after the network was back",
        back.elapsed()
    );
    // Cut again and again, for less than it takes to notice.
    for _ in 0..3 {
        talk.lan.plug(0, false);
        std::thread::sleep(std::time::Duration::from_millis(700));
        talk.lan.plug(0, true);
        talk.hear_more(5);
    }
    talk.end("cut").await;
}

/// In the other network the two may or may not find each other: nobody tells them their addresses there but what iroh
/// remembers of the connection that they had. Back home the addresses of their tickets are good.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_gets_another_address_or_leaves_its_network_and_comes_home_is_found_again() {
    let Some(mut talk) = Talk::begin().await else {
        return;
    };
    let moved = Instant::now();
    // The router gives it another address in the same network.
    talk.lan.set(0, "addr del 10.77.1.1/24 dev v0").unwrap();
    talk.lan.set(0, "addr add 10.77.1.9/24 dev v0").unwrap();
    talk.hear_more(5);
    println!("heard again {:?} after another address", moved.elapsed());
    // Into another network, in which the other is too; for so long that the old connection is given up.
    talk.lan.plug(0, false);
    talk.lan.plug(1, true);
    talk.until_lost();
    let home = Instant::now();
    talk.lan.plug(1, false);
    talk.lan.plug(0, true);
    talk.hear_more(5);
    println!("heard again {:?} after coming home", home.elapsed());
    talk.end("moved").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_loses_one_packet_in_ten_costs_time_only() {
    let Some(mut talk) = Talk::begin().await else {
        return;
    };
    if talk.lan.lose(10).is_none() {
        return;
    }
    talk.hear_more(50);
    talk.end("lossy").await;
}

/// A laptop that is closed for hours: its own clock of steps stands still, its wall clock does not.
#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_was_suspended_for_hours_goes_on_where_it_was() {
    let Some(mut talk) = Talk::begin().await else {
        return;
    };
    const HOURS: i64 = 9 * 60 * 60 * 1_000;
    super::frozen::signal(&talk.children[0], "STOP");
    talk.children[1].until("it is alone", |line| number(line, "from") == Some(0));
    // For the other the hours went by as well.
    for folder in &talk.folders {
        let ahead = folder.path().join("ahead");
        std::fs::write(ahead.with_extension("new"), HOURS.to_string()).unwrap();
        std::fs::rename(ahead.with_extension("new"), ahead).unwrap();
    }
    super::frozen::signal(&talk.children[0], "CONT");
    let woke = Instant::now();
    talk.hear_more(5);
    println!("heard again {:?} after waking", woke.elapsed());
    // By the clock that the children had: by another what they said is ahead, and not shown yet.
    Node::set_clock_ahead(HOURS);
    talk.end("suspended").await;
    Node::set_clock_ahead(0);
}
