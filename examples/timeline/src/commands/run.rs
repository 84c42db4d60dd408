//! `run`: stays online, prints what arrives, posts what is typed, fetches what is small.

use std::io;

use serde_json::json;
use tidings::Node;
use tokio::sync::mpsc;

use super::pick::{Picked, Picker};
use super::read::print_item;
use crate::attached::caption;
use crate::failure::Result;
use crate::import::{Line, LineReader};
use crate::output::Out;

/// Bytes of a typed line: more than a post can hold, so that the library says what is too long.
const LINE_BYTES: usize = 1 << 20;

/// Lines read ahead of posting; whoever pipes more in waits.
const LINES_AHEAD: usize = 16;

pub(crate) async fn run(out: &Out, node: &Node) -> Result {
    // Both before `ready`: whoever has read it may stop us or post at once.
    let mut stop = Stop::new()?;
    let from = node.timeline().limit(1).page()?.newest();
    let mut live = node.timeline().live(from);
    let ticket = node.ticket().await?;
    out.print(&json!({ "ready": ticket.to_string() }), || {
        format!("ready {ticket}")
    })?;
    let mut typed = typed_lines();
    let mut typing = true;
    let mut picker = Picker::new(node);
    loop {
        tokio::select! {
            () = stop.asked() => return Ok(()),
            item = live.next() => match item {
                Some(Ok(item)) => {
                    print_item(out, node, &item)?;
                    if let Some(entry) = item.entry() {
                        picker.want(entry);
                    }
                }
                Some(Err(error)) => eprintln!("timeline: {error}"),
                None => return Ok(()),
            },
            picked = picker.next() => came(out, &picked)?,
            line = typed.recv(), if typing => match line {
                Some(line) => post(node, line).await,
                None => typing = false,
            },
        }
    }
}

/// Says that an attachment of a post that was shown is here now.
fn came(out: &Out, picked: &Picked) -> Result {
    let Picked { post, attachment } = picked;
    let hash = attachment.hash.to_string();
    let object = json!({ "fetched": hash, "post": post, "name": attachment.name });
    out.print(&object, || {
        let caption = caption(attachment);
        out.look.dim(&format!("  + {caption} of {post} is here\n"))
    })
}

/// Posts a line; it is printed when it comes back in the timeline. What cannot be posted is said, and we go on.
async fn post(node: &Node, line: Line) {
    let problem = match line {
        Line::Text(text) if text.trim().is_empty() => return,
        Line::Text(text) => match node.post(text).send().await {
            Ok(_) => return,
            Err(error) => error.to_string(),
        },
        Line::NotText => {
            "a line of standard input is not valid UTF-8 and was not posted".to_owned()
        }
        Line::TooLong => "a line of standard input is too long and was not posted".to_owned(),
    };
    eprintln!("timeline: {problem}");
}

/// The lines of standard input. They are read on a thread of their own, which a waiting read cannot keep from ending.
fn typed_lines() -> mpsc::Receiver<Line> {
    let (sender, receiver) = mpsc::channel(LINES_AHEAD);
    std::thread::spawn(move || {
        let mut lines = LineReader::new(io::stdin().lock(), LINE_BYTES);
        while let Ok(Some(line)) = lines.next_line() {
            if sender.blocking_send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

/// The ways in which a process is asked to stop.
#[cfg(unix)]
struct Stop {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Stop {
    fn new() -> Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Stop;

#[cfg(not(unix))]
impl Stop {
    fn new() -> Result<Self> {
        Ok(Self)
    }

    async fn asked(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}
