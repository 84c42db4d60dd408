//! Who one is: the profile, the own ids, tickets.

use serde_json::json;
use tidings::Node;

use crate::args::Init;
use crate::attached::{Held, caption};
use crate::failure::Result;
use crate::json::{AttachmentObject, WhoObject};
use crate::output::Out;
use crate::qr;
use crate::render::{clean, counted};

/// What is so already is left out by the library, so that doing it again adds nothing to the feed.
pub(super) async fn init(out: &Out, node: &Node, wanted: Init) -> Result {
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
    if let Some(avatar) = wanted.avatar {
        edit = edit.picture(avatar);
    }
    edit.save().await?;
    whoami(out, node)
}

pub(super) fn whoami(out: &Out, node: &Node) -> Result {
    let profile = node.profile(node.feed())?;
    let who = WhoObject {
        feed: node.feed().to_string(),
        device: node.device().to_string(),
        name: profile.name().map(str::to_owned),
        bio: profile.bio().map(str::to_owned),
        tags: profile.tags().map(str::to_owned).collect(),
        avatar: match profile.avatar() {
            Some(avatar) => Some(AttachmentObject::new(
                avatar,
                &Held::of(node, std::slice::from_ref(avatar))?,
            )),
            None => None,
        },
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
        lines.extend(
            profile
                .avatar()
                .map(|avatar| format!("picture    {}", caption(avatar))),
        );
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

pub(super) async fn ticket(out: &Out, node: &Node, feed: Option<String>, qr: bool) -> Result {
    let ticket = match feed {
        Some(feed) => node.ticket_for(feed.parse()?).await?,
        None => node.ticket().await?,
    };
    let ticket = ticket.to_string();
    if qr && !out.json {
        out.say(qr::drawing(&ticket, out.look.width, out.look.color)?)?;
    }
    out.print(&json!({ "ticket": ticket }), || ticket.clone())
}
