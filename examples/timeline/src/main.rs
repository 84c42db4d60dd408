//! A timeline on the command line: two people write, follow each other by a ticket, and read one merged timeline,
//! online and offline. No server is asked; everything is read from and written to a folder first.
//!
//! It uses nothing but the public API of `tidings`. The shortest way to see it all:
//!
//! ```text
//! cargo run --release -p timeline -- demo
//! ```
//!
//! makes two people in a temporary folder, lets one write and post a picture, the other follow, sync, fetch, reply and
//! react, and ends with both timelines and how long each step took. To do it by hand, with two folders for two devices
//! (`--local` keeps both on this machine's network: no relay, no DNS):
//!
//! ```text
//! alias timeline='cargo run --quiet --release -p timeline --'
//! timeline --dir ada --local init --name Ada --tag gardening
//! timeline --dir ada --local post "First tomatoes" --tag tomato --attach tomato.jpg --alt "Three, still green"
//! timeline --dir ada --local import --dry-run mastodon      # what would come of feeds, blog exports, unpacked archives
//! timeline --dir ada --local import feed.xml posts.jsonl
//! timeline --dir ada --local run                            # stays online; prints `ready TICKET`; type to post
//!
//! timeline --dir ben --local init --name Ben                # in another terminal
//! timeline --dir ben --local follow TICKET
//! timeline --dir ben --local sync                           # goes online until it has everything
//! timeline --dir ben --local list --limit 10                # from the folder alone, online or not
//! timeline --dir ben --local fetch 3.0 --out pictures       # what is attached to a post
//! ```
//!
//! Then `list` shows, newest first:
//!
//! ```text
//! Ada  just now  #tomato                                             1.0
//!   First tomatoes
//!   + tomato.jpg, 1600 x 1200, 412.08 KiB: Three, still green
//! ```
//!
//! With `--json` every line on standard output is one JSON object. A command that fails says why in one line on
//! standard error and ends with a status other than 0.
//!
//! What it leaves to others: more than one device for a feed.
//!
//! Where to look: [`args`] what can be typed; [`commands`] a file for each theme, the shortest way to see the library
//! at work; [`demo`] all of it in a row; [`import`] everything about feeds brought
//! along; [`save`] files put where people find them; [`json`], [`render`] and [`picture`] what is printed.

mod args;
mod attached;
mod commands;
mod context;
mod demo;
mod failure;
mod guard;
mod import;
mod json;
mod output;
mod picture;
mod qr;
mod render;
mod save;

use std::process::ExitCode;

use clap::Parser as _;

use self::args::Args;
use self::context::Context;
use self::failure::{Failure, Result};

fn main() -> ExitCode {
    guard::hide_guarded_panics();
    match timeline(Args::parse()) {
        Ok(()) | Err(Failure::Closed) => ExitCode::SUCCESS,
        Err(Failure::Said(sentence)) => {
            eprintln!("timeline: {sentence}");
            ExitCode::FAILURE
        }
    }
}

fn timeline(args: Args) -> Result {
    let context = Context::new(&args)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(commands::dispatch(&context, args.command))
}
