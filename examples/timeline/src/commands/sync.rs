//! `sync`: online until everything that others had is here.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::StreamExt as _;
use tidings::{FeedId, Node, SyncReport};

use crate::failure::{Failure, Result};
use crate::json::{PeerObject, SyncObject};
use crate::output::{Out, spinner};
use crate::render::{clean, counted, unsettled};

pub(crate) async fn sync(out: &Out, node: &Node, timeout: Duration) -> Result {
    let before = entries_by_feed(node)?;
    let report = with_progress(node, timeout).await?;
    let object = object(node, &report);
    let mut lines = vec![headline(&object)];
    lines.extend(news(node, &before)?);
    lines.extend(forks(node)?);
    lines.extend(object.peers.iter().filter_map(trouble));
    out.print(&object, || lines.join("\n"))?;
    if report.is_ok() {
        return Ok(());
    }
    let troubles: Vec<_> = object.peers.iter().filter_map(trouble).collect();
    Err(Failure::said(troubles.join("; ")))
}

/// Syncs, and says on standard error how far it is.
async fn with_progress(node: &Node, timeout: Duration) -> Result<SyncReport> {
    let progress = spinner("looking for peers");
    let mut status = std::pin::pin!(node.watch_status().fuse());
    let mut done = std::pin::pin!(node.sync(timeout));
    loop {
        tokio::select! {
            report = &mut done => {
                progress.finish_and_clear();
                return Ok(report?);
            }
            Some(now) = status.next() => {
                let peers = counted(now.peers().len() as u64, "peer", "peers");
                progress.set_message(format!("{peers}, {} received, {} to come", indicatif::HumanBytes(now.received()), now.behind()));
            }
        }
    }
}

fn object(node: &Node, report: &SyncReport) -> SyncObject {
    let peers: Vec<_> = report.peers().iter().map(PeerObject::from).collect();
    let reached = peers.iter().filter(|peer| peer.reached).count() as u64;
    SyncObject {
        entries: report.entries(),
        received: report.received(),
        sent: report.sent(),
        behind: node.status().behind(),
        reached,
        unreached: peers.len() as u64 - reached,
        peers,
    }
}

fn headline(done: &SyncObject) -> String {
    if done.peers.is_empty() {
        return "nobody to ask: no followed feed says where it can be found".to_owned();
    }
    let mut text = format!(
        "{} from {} ({} received)",
        counted(done.entries, "new entry", "new entries"),
        counted(done.reached, "peer", "peers"),
        indicatif::HumanBytes(done.received),
    );
    if done.behind > 0 {
        text.push_str(&format!(
            "; {} known to be missing still",
            counted(done.behind, "entry", "entries")
        ));
    }
    text
}

/// What went wrong with a peer, if anything did.
fn trouble(peer: &PeerObject) -> Option<String> {
    let short: String = peer.endpoint.chars().take(10).collect();
    let why = peer.error.as_deref().unwrap_or("no reason is known");
    match (peer.reached, peer.complete) {
        (false, _) => Some(format!("could not reach {short}: {why}")),
        (true, false) => Some(format!("not everything came from {short}: {why}")),
        (true, true) => None,
    }
}

fn entries_by_feed(node: &Node) -> Result<HashMap<FeedId, u64>> {
    Ok(node
        .following()?
        .iter()
        .map(|feed| (feed.feed(), feed.entries()))
        .collect())
}

/// The entries that cannot come, and the reason: of the followed feeds and the own one.
fn forks(node: &Node) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for feed in node.following()? {
        let name = feed.name().map_or_else(|| feed.feed().short(), clean);
        lines.extend(unsettled(&name, &node.unsettled(feed.feed())?));
    }
    let own = node.profile(node.feed())?;
    let name = own.name().map_or_else(|| node.feed().short(), clean);
    lines.extend(unsettled(&name, &node.unsettled(node.feed())?));
    Ok(lines)
}

/// What came, by feed.
fn news(node: &Node, before: &HashMap<FeedId, u64>) -> Result<Vec<String>> {
    let news = |feed: &tidings::Followed| {
        let new = feed
            .entries()
            .saturating_sub(before.get(&feed.feed()).copied().unwrap_or_default());
        let name = feed.name().map_or_else(|| feed.feed().short(), clean);
        (new > 0).then(|| format!("  {name}: {new}"))
    };
    Ok(node.following()?.iter().filter_map(news).collect())
}
