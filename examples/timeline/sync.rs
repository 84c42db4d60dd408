//! `sync`: online until everything that others had is here.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::StreamExt as _;
use tidings::{FeedId, Node, SyncReport};

use crate::failure::{Failure, Result};
use crate::json::{PeerObject, SyncObject};
use crate::output::{Out, spinner};
use crate::render::{clean, counted};

pub(crate) async fn sync(out: &Out, node: &Node, timeout: Duration) -> Result {
    let before = entries_by_feed(node)?;
    let report = with_progress(node, timeout).await?;
    let object = object(node, &report);
    let mut lines = vec![headline(&object)];
    lines.extend(news(node, &before)?);
    lines.extend(
        object
            .peers
            .iter()
            .filter(|peer| !peer.reached)
            .map(|peer| format!("could not reach {}", unreached(peer))),
    );
    out.print(&object, || lines.join("\n"))?;
    if object.reached == 0 && object.unreached > 0 {
        let peers: Vec<_> = object.peers.iter().map(unreached).collect();
        return Err(Failure::said(format!(
            "nobody could be reached: {}",
            peers.join("; ")
        )));
    }
    Ok(())
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
                let peers = counted(now.peers() as u64, "peer", "peers");
                progress.set_message(format!("{peers}, {} received, {} to come", indicatif::HumanBytes(now.received()), now.behind()));
            }
        }
    }
}

fn object(node: &Node, report: &SyncReport) -> SyncObject {
    let peers: Vec<_> = report
        .peers()
        .iter()
        .map(|peer| PeerObject {
            endpoint: peer.endpoint().to_string(),
            reached: peer.error().is_none(),
            error: peer.error().map(ToString::to_string),
            entries: peer.entries(),
        })
        .collect();
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

fn unreached(peer: &PeerObject) -> String {
    let short: String = peer.endpoint.chars().take(10).collect();
    format!("{short} ({})", peer.error.as_deref().unwrap_or("no answer"))
}

fn entries_by_feed(node: &Node) -> Result<HashMap<FeedId, u64>> {
    Ok(node
        .following()?
        .iter()
        .map(|feed| (feed.feed(), feed.entries()))
        .collect())
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
