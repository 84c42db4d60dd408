//! One function a command. Those that take a page of their own have their own file.

use std::io::Read as _;
use std::time::Duration;

use serde_json::json;
use tidings::{Cursor, EntryView, FeedId, FeedTicket, Node, Timeline, TimelineItem};

use crate::args::{Command, Init, List, Post};
use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::json::{FollowedObject, ItemObject, WhoObject, rfc3339};
use crate::output::Out;
use crate::render::{clean, counted, relative};
use crate::{demo, import_command, run, sync};

/// Items of a timeline that are in memory at once.
const PAGE: usize = 1_000;

/// Bytes of standard input that `post -` reads: enough for the library to say that it is too much.
const STDIN_BYTES: u64 = 1 << 20;

/// Does what was asked for.
pub(crate) async fn dispatch(context: &Context, command: Command) -> Result {
    let out = &context.out;
    match command {
        Command::Init(profile) => {
            context
                .create(async |node| init(out, node, profile).await)
                .await
        }
        Command::Whoami => context.offline(async |node| whoami(out, node)).await,
        Command::Ticket { feed } => {
            context
                .offline(async |node| ticket(out, node, feed).await)
                .await
        }
        Command::Post(post) => {
            context
                .offline(async |node| self::post(out, node, post).await)
                .await
        }
        Command::Follow { ticket } => {
            context
                .offline(async |node| follow(out, node, &ticket).await)
                .await
        }
        Command::Unfollow { feed } => {
            context
                .offline(async |node| unfollow(out, node, &feed).await)
                .await
        }
        Command::Following => context.offline(async |node| following(out, node)).await,
        Command::List(query) => context.offline(async |node| list(out, node, &query)).await,
        Command::Import { files } => import_command::import(context, &files).await,
        Command::Sync { timeout } => {
            context
                .online(async |node| sync::sync(out, node, Duration::from_secs(timeout)).await)
                .await
        }
        Command::Run => context.online(async |node| run::run(out, node).await).await,
        Command::Demo { files } => demo::demo(out, &files).await,
    }
}

/// What is so already is left out by the library, so that doing it again adds nothing to the feed.
async fn init(out: &Out, node: &Node, wanted: Init) -> Result {
    let mut edit = node.edit_profile().name(wanted.name);
    if let Some(bio) = wanted.bio {
        edit = edit.bio(bio);
    }
    if !wanted.tags.is_empty() {
        for tag in node.profile(node.feed())?.tags() {
            if !wanted.tags.iter().any(|wanted| wanted == tag) {
                edit = edit.remove_tag(tag);
            }
        }
    }
    for tag in wanted.tags {
        edit = edit.add_tag(tag);
    }
    edit.save().await?;
    whoami(out, node)
}

fn whoami(out: &Out, node: &Node) -> Result {
    let profile = node.profile(node.feed())?;
    let who = WhoObject {
        feed: node.feed().to_string(),
        device: node.device().to_string(),
        name: profile.name().map(str::to_owned),
        bio: profile.bio().map(str::to_owned),
        tags: profile.tags().map(str::to_owned).collect(),
        entries: node.counts()?.all(),
        followed: node.following()?.len() as u64,
    };
    out.print(&who, || {
        let mut lines = vec![
            format!(
                "name       {}",
                clean(who.name.as_deref().unwrap_or("(none)"))
            ),
            format!("feed       {}", who.feed),
            format!("device     {}", who.device),
        ];
        lines.extend(
            who.bio
                .as_ref()
                .map(|bio| format!("bio        {}", clean(bio))),
        );
        let tags: Vec<_> = who
            .tags
            .iter()
            .map(|tag| format!("#{}", clean(tag)))
            .collect();
        lines.extend((!tags.is_empty()).then(|| format!("tags       {}", tags.join(" "))));
        lines.push(format!(
            "held       {}",
            counted(who.entries, "entry", "entries")
        ));
        lines.push(format!(
            "following  {}",
            counted(who.followed, "feed", "feeds")
        ));
        lines.join("\n")
    })
}

async fn ticket(out: &Out, node: &Node, feed: Option<String>) -> Result {
    let ticket = match feed {
        Some(feed) => node.ticket_for(feed.parse()?).await?,
        None => node.ticket().await?,
    };
    out.print(&json!({ "ticket": ticket.to_string() }), || {
        ticket.to_string()
    })
}

async fn post(out: &Out, node: &Node, wanted: Post) -> Result {
    let text = if wanted.text == "-" {
        read_stdin()?
    } else {
        wanted.text
    };
    let mut post = node.post(text);
    if let Some(title) = wanted.title {
        post = post.title(title);
    }
    if let Some(link) = wanted.link {
        post = post.link(link);
    }
    for tag in wanted.tags {
        post = post.tag(tag);
    }
    if let Some(target) = wanted.reply {
        post = post.reply_to(node.resolve(&target)?);
    }
    let id = post.send().await?;
    let short = node.entry(&id)?.map(|entry| entry.short().to_owned());
    let id = id.to_string();
    out.print(&json!({ "id": id, "short": short }), || id.clone())
}

fn read_stdin() -> Result<String> {
    let mut bytes = Vec::new();
    let mut stdin = std::io::stdin().lock().take(STDIN_BYTES + 1);
    stdin.read_to_end(&mut bytes)?;
    if bytes.len() as u64 > STDIN_BYTES {
        return Err(Failure::said(
            "standard input is longer than any post may be",
        ));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Failure::said(format!(
            "standard input is not valid UTF-8 at byte {at}; nothing was posted"
        ))
    })?;
    // The last line break belongs to the command line, not to the post.
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

async fn follow(out: &Out, node: &Node, ticket: &str) -> Result {
    let ticket: FeedTicket = ticket.trim().parse()?;
    node.follow(&ticket).await?;
    let feed = ticket.feed();
    out.print(&json!({ "followed": feed.to_string() }), || {
        format!("following {feed}\n`timeline sync` or `timeline run` fetches it")
    })
}

async fn unfollow(out: &Out, node: &Node, feed: &str) -> Result {
    let feed: FeedId = feed.parse()?;
    node.unfollow(feed).await?;
    out.print(&json!({ "unfollowed": feed.to_string() }), || {
        format!("no longer following {feed}")
    })
}

fn following(out: &Out, node: &Node) -> Result {
    let followed = node.following()?;
    let objects: Vec<_> = followed
        .iter()
        .map(|feed| FollowedObject {
            feed: feed.feed().to_string(),
            name: feed.name().map(str::to_owned),
            entries: feed.entries(),
            last: feed.last().map(rfc3339),
        })
        .collect();
    out.print(
        &json!({ "count": objects.len(), "following": objects }),
        || {
            let now = jiff::Timestamp::now();
            let lines: Vec<_> = followed
                .iter()
                .map(|feed| {
                    let name = feed
                        .name()
                        .map_or_else(|| "(not here yet)".to_owned(), clean);
                    let last = feed.last().map_or_else(String::new, |time| {
                        format!(", last {}", relative(time, now))
                    });
                    format!(
                        "{name}: {}{last}\n  {}",
                        counted(feed.entries(), "entry", "entries"),
                        feed.feed()
                    )
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

/// Reads page after page and prints as it goes, so that any limit takes the memory of one page.
fn list(out: &Out, node: &Node, wanted: &List) -> Result {
    let feed: Option<FeedId> = wanted.feed.as_deref().map(str::parse).transpose()?;
    let mut before: Option<Cursor> = wanted.before.as_deref().map(str::parse).transpose()?;
    let query = || {
        let mut query = node.timeline();
        if let Some(feed) = feed {
            query = query.feed(feed);
        }
        if let Some(tag) = &wanted.tag {
            query = query.tag(tag);
        }
        query
    };
    let mut left = wanted.limit;
    let mut printed = false;
    while left > 0 {
        let page = go_on(query(), before).limit(left.min(PAGE)).page()?;
        for item in page.items() {
            print_item(out, node, item)?;
            printed = true;
        }
        left -= page.entries().count();
        before = page.next();
        if before.is_none() {
            break;
        }
    }
    match before {
        Some(cursor) if printed => {
            // A full page may have been the last one.
            let rest = query().before(cursor).limit(1).page()?;
            let more = format!("There is more: --before {cursor}");
            if rest.items().is_empty() {
                Ok(())
            } else {
                out.say(out.look.dim(&more))
            }
        }
        _ if !printed && wanted.limit > 0 => out.say("Nothing to show."),
        _ => Ok(()),
    }
}

fn go_on(query: Timeline, before: Option<Cursor>) -> Timeline {
    match before {
        Some(cursor) => query.before(cursor),
        None => query,
    }
}

/// Prints one item of a timeline.
pub(crate) fn print_item(out: &Out, node: &Node, item: &TimelineItem) -> Result {
    let Some(object) = ItemObject::new(item) else {
        return Ok(());
    };
    let target = item.entry().and_then(EntryView::reply_to);
    let answered = target.map_or(Ok(None), |target| node.entry(&target))?;
    out.print(&object, || out.look.item(item, answered.as_ref()))
}
