//! Writing: posts, and what is done to them later.

use std::io::Read as _;
use std::path::Path;

use serde_json::json;
use tidings::{Attach, EntryRef, Node};

use crate::args::Post;
use crate::attached::Told;
use crate::failure::{Failure, Result};
use crate::output::Out;
use crate::render::{clean, counted};

/// Bytes of standard input that `-` reads: enough for the library to say that it is too much.
const STDIN_BYTES: u64 = 1 << 20;

pub(super) async fn post(out: &Out, node: &Node, wanted: Post) -> Result {
    let (attached, described) = (wanted.attach.len(), wanted.alt.len());
    if described > attached {
        return Err(Failure::said(format!(
            "there are {described} descriptions and {attached} attachments; each --alt belongs to one --attach"
        )));
    }
    let text = text_of(wanted.text.unwrap_or_default())?;
    // What is wrong with the only file is said of that file; of several, the library names the one it can.
    let alone = wanted.attach.first().filter(|_| attached == 1).cloned();
    let mut post = node.post(text);
    let mut alts = wanted.alt.into_iter();
    let mut told = Vec::new();
    for file in wanted.attach {
        let name = file.display().to_string();
        let mut attach = Attach::file(file);
        if let Some(alt) = alts.next() {
            attach = attach.alt(alt);
        }
        if wanted.keep_metadata {
            attach = attach.keep_metadata();
        }
        if wanted.keep_name {
            attach = attach.keep_name();
        }
        if wanted.strip {
            attach = attach.strip();
        }
        if !wanted.keep_metadata {
            told.extend(Told::of(&name, &attach));
        }
        post = post.attach(attach);
    }
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
    let sent = post.send().await;
    let id = sent.map_err(|error| blamed(error.into(), alone.as_deref()))?;
    let short = node.entry(&id)?.map(|entry| entry.short().to_owned());
    let id = id.to_string();
    for told in told.iter().filter(|_| !out.json) {
        eprintln!("{}", told.line());
    }
    let object = json!({ "id": id, "short": short, "tells": told });
    out.print(&object, || id.clone())
}

/// Says something else in an own post.
pub(super) async fn edit(out: &Out, node: &Node, id: &str, text: String) -> Result {
    let post = node.resolve(id)?;
    let edit = node.edit(&post, text_of(text)?).send().await?;
    let object = json!({ "edited": post.to_string(), "id": edit.to_string() });
    out.print(&object, || format!("edited {}", short(node, &post)))
}

/// Takes an own post back.
pub(super) async fn delete(out: &Out, node: &Node, id: &str) -> Result {
    let post = node.resolve(id)?;
    let name = short(node, &post);
    node.delete(&post).await?;
    out.print(&json!({ "deleted": post.to_string() }), || {
        format!("deleted {name}; `timeline undelete {name}` brings it back within 30 days")
    })
}

/// Brings an own post back.
pub(super) async fn undelete(out: &Out, node: &Node, id: &str) -> Result {
    let post = node.resolve(id)?;
    node.undelete(&post).await?;
    let object = json!({ "undeleted": post.to_string() });
    out.print(&object, || format!("{} is back", short(node, &post)))
}

/// Says an own post again with the right time.
pub(super) async fn again(out: &Out, node: &Node, id: &str) -> Result {
    let post = node.resolve(id)?;
    let again = node.say_again(&post).await?;
    let object = json!({ "again": post.to_string(), "id": again.to_string() });
    out.print(&object, || {
        format!(
            "said again as {}; the first is deleted",
            short(node, &again)
        )
    })
}

/// Forgets what was deleted.
pub(super) async fn purge(out: &Out, node: &Node) -> Result {
    let purged = node.purge().await?;
    out.print(&json!({ "purged": purged }), || {
        format!(
            "{} gone for good",
            counted(purged, "deleted post is", "deleted posts are")
        )
    })
}

/// Reacts to a post.
pub(super) async fn react(out: &Out, node: &Node, id: &str, emoji: &str) -> Result {
    let post = node.resolve(id)?;
    let reaction = node.react(&post, emoji).await?;
    let name = short(node, &reaction);
    let object = json!({ "reacted": post.to_string(), "id": reaction.to_string() });
    out.print(&object, || {
        format!(
            "reacted with {}; `timeline delete {name}` takes it back",
            clean(emoji)
        )
    })
}

/// The short form of an id, as lists show it.
fn short(node: &Node, id: &EntryRef) -> String {
    let entry = node.entry(id).ok().flatten();
    entry.map_or_else(|| id.to_string(), |entry| entry.short().to_owned())
}

/// The failure with the name of the file that it is about, if it lacks that.
fn blamed(failure: Failure, file: Option<&Path>) -> Failure {
    let Some(file) = file else {
        return failure;
    };
    let file = file.display().to_string();
    match &failure {
        Failure::Said(why) if !why.contains(&file) => failure.at(file),
        _ => failure,
    }
}

/// The text that was typed, or standard input for `-`.
fn text_of(typed: String) -> Result<String> {
    if typed == "-" {
        read_stdin()
    } else {
        Ok(typed)
    }
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
