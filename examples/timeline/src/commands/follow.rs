//! Whose posts are kept here.

use serde_json::json;
use tidings::{FeedId, FeedTicket, Node};

use crate::failure::Result;
use crate::json::{FollowedObject, UnsettledObject, rfc3339};
use crate::output::Out;
use crate::render::{clean, counted, relative, unsettled};

pub(super) async fn follow(out: &Out, node: &Node, ticket: &str) -> Result {
    let ticket: FeedTicket = ticket.trim().parse()?;
    node.follow(&ticket).await?;
    let feed = ticket.feed();
    out.print(&json!({ "followed": feed.to_string() }), || {
        format!("following {feed}\n`timeline sync` or `timeline run` fetches it")
    })
}

pub(super) async fn unfollow(out: &Out, node: &Node, feed: &str) -> Result {
    let feed: FeedId = feed.parse()?;
    node.unfollow(feed).await?;
    out.print(&json!({ "unfollowed": feed.to_string() }), || {
        format!("no longer following {feed}")
    })
}

pub(super) fn following(out: &Out, node: &Node) -> Result {
    let followed = node.following()?;
    let forked = followed.iter().map(|feed| node.unsettled(feed.feed()));
    let forked = forked.collect::<std::result::Result<Vec<_>, _>>()?;
    let objects: Vec<_> = followed
        .iter()
        .zip(&forked)
        .map(|(feed, forked)| FollowedObject {
            feed: feed.feed().to_string(),
            name: feed.name().map(str::to_owned),
            entries: feed.entries(),
            last: feed.last().map(rfc3339),
            unsettled: forked.iter().map(UnsettledObject::from).collect(),
        })
        .collect();
    out.print(
        &json!({ "count": objects.len(), "following": objects }),
        || {
            let now = jiff::Timestamp::now();
            let lines: Vec<_> = followed
                .iter()
                .zip(&forked)
                .map(|(feed, forked)| {
                    let name = feed
                        .name()
                        .map_or_else(|| "(not here yet)".to_owned(), clean);
                    let last = feed.last().map_or_else(String::new, |time| {
                        format!(", last {}", relative(time, now))
                    });
                    let mut lines = vec![format!(
                        "{name}: {}{last}\n  {}",
                        counted(feed.entries(), "entry", "entries"),
                        feed.feed()
                    )];
                    let trouble = unsettled(&name, forked).into_iter();
                    lines.extend(trouble.map(|line| format!("  {line}")));
                    lines.join("\n")
                })
                .collect();
            if lines.is_empty() {
                "nobody yet; `timeline follow TICKET` changes that".to_owned()
            } else {
                lines.join("\n")
            }
        },
    )
}
