//! What can be typed.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Posts that people own: write, follow, sync and read, without a server.
#[derive(Debug, Parser)]
#[command(name = "timeline", version, max_term_width = 100)]
pub(crate) struct Args {
    /// The folder of this identity [default: tidings in the user's data folder]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,

    /// Use no relay and no DNS: this machine and its network only
    #[arg(long, global = true)]
    pub(crate) local: bool,

    /// Print one JSON object a line, and nothing else
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make the identity and its profile, or update the profile
    Init(Init),

    /// Show the own ids, the profile and how much is held
    Whoami,

    /// Print a ticket to hand on: to the own feed, or to another that is held here
    Ticket {
        /// The id of a followed feed
        feed: Option<String>,
    },

    /// Write a post and print its id
    Post(Post),

    /// Follow the feed of a ticket
    Follow { ticket: String },

    /// Stop following a feed: what is held is kept, but neither shown nor served
    Unfollow {
        /// The id of the feed, as `following` shows it
        feed: String,
    },

    /// Show the followed feeds
    Following,

    /// Show own and followed posts, newest first, from the folder alone
    List(List),

    /// Go online until everything that others had is here
    Sync {
        /// Give up after so many seconds
        #[arg(long, value_name = "SECS", default_value_t = 60)]
        timeout: u64,
    },

    /// Stay online; print posts as they arrive; post what is typed
    Run,

    /// Post what is in RSS, Atom, JSON Feed and JSON Lines files
    Import {
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },

    /// Two people in a temporary folder: write (or import files), follow, sync, reply
    Demo {
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct Init {
    /// The name that followers see
    #[arg(long)]
    pub(crate) name: String,

    /// A sentence or two about the person; empty to take it back
    #[arg(long)]
    pub(crate) bio: Option<String>,

    /// What the person writes about; these replace earlier ones
    #[arg(long = "tag", value_name = "TAG")]
    pub(crate) tags: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Post {
    /// The text; `-` reads it from standard input
    pub(crate) text: String,

    #[arg(long)]
    pub(crate) title: Option<String>,

    #[arg(long, value_name = "URL")]
    pub(crate) link: Option<String>,

    /// May be given several times
    #[arg(long = "tag", value_name = "TAG")]
    pub(crate) tags: Vec<String>,

    /// The id, in its long or short form, of the post this one answers
    #[arg(long, value_name = "ID")]
    pub(crate) reply: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct List {
    /// How many posts to show
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) limit: usize,

    /// Go on from here: what an earlier list named
    #[arg(long, value_name = "CURSOR")]
    pub(crate) before: Option<String>,

    /// Posts of one feed only
    #[arg(long, value_name = "FEED")]
    pub(crate) feed: Option<String>,

    /// Posts with this tag only
    #[arg(long, value_name = "TAG")]
    pub(crate) tag: Option<String>,
}
