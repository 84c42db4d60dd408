//! Writing: posts, and what is done to them later.

use std::io::Read as _;

use serde_json::json;
use tidings::Node;

use crate::args::Post;
use crate::failure::{Failure, Result};
use crate::output::Out;

/// Bytes of standard input that `-` reads: enough for the library to say that it is too much.
const STDIN_BYTES: u64 = 1 << 20;

pub(super) async fn post(out: &Out, node: &Node, wanted: Post) -> Result {
    let text = text_of(wanted.text.unwrap_or_default())?;
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
