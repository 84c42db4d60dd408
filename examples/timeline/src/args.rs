//! What can be typed.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::import::Choice;

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

    #[command(flatten)]
    Here(Here),

    /// Fetch what is attached to a post, from anybody who has it
    Fetch(Fetch),

    /// Go online until every post that others had is here
    ///
    /// Attachments are left where they are; `fetch` and `run` bring them.
    Sync {
        /// Give up after so many seconds
        #[arg(long, value_name = "SECS", default_value_t = 60)]
        timeout: u64,
    },

    /// Stay online; print posts as they arrive; post what is typed
    ///
    /// Attachments of at most 8 MiB are fetched as their posts are shown.
    Run,

    /// Post what is in feeds, blog exports and unpacked archives
    ///
    /// RSS, Atom, JSON Feed, JSON Lines; exports of WordPress, Blogger and Ghost; archives of Mastodon, Twitter and
    /// Tumblr, by their unpacked folder. Only what was public comes, and what is here already is known. Nothing is fetched: of
    /// enclosures the address is kept.
    Import(Import),

    /// Check every signature and hash of such a file; needs no identity and changes nothing
    Verify { file: PathBuf },

    /// Two people in a temporary folder: write (or import files), follow, sync, reply
    Demo {
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
    },
}

/// What is answered from the folder alone.
#[derive(Debug, Subcommand)]
pub(crate) enum Here {
    /// Show the own ids, the profile and how much is held
    Whoami,

    /// Print a ticket to hand on: to the own feed, or to another that is held here
    Ticket {
        /// The id of a followed feed
        feed: Option<String>,

        /// Draw it as a QR code, too, for a telephone to read
        #[arg(long)]
        qr: bool,
    },

    /// Write a post and print its id
    Post(Post),

    /// Say something else in an own post; what it said before stays in its history
    Edit {
        /// The id, in its long or short form
        id: String,

        /// The new text; `-` reads it from standard input
        text: String,
    },

    /// Take an own post back, here and wherever the word of it arrives
    Delete {
        /// The id, in its long or short form
        id: String,
    },

    /// Bring back an own post that was deleted less than 30 days ago and not purged
    Undelete {
        /// The id of the post, in its long or short form
        id: String,
    },

    /// Say an own post again that a wrong clock dated ahead: with the right time, in place of the first
    Again {
        /// The id, in its long or short form
        id: String,
    },

    /// Forget at once what was deleted, on all own devices: no undelete after this
    Purge,

    /// React to a post
    React {
        /// The id, in its long or short form
        id: String,

        emoji: String,
    },

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

    /// Show a post and the replies to it, oldest first
    Thread {
        /// The id of any post of the thread, in its long or short form
        id: String,
    },

    /// Show what a post said, from its first version to the one that counts
    History {
        /// The id, in its long or short form
        id: String,
    },

    /// Write feeds to a file that can be carried by hand and verified anywhere
    Export(Export),

    /// Take in what is in such a file; a second time adds nothing
    Load {
        file: PathBuf,

        /// Follow the feeds in it that are not followed yet; without this, nothing of them is taken
        #[arg(long)]
        follow: bool,
    },

    /// Show what takes the room: posts and attachments, by feed
    Storage {
        /// Give room that is free in the store's file back to the disk first
        #[arg(long)]
        compact: bool,
    },

    /// Compute all indexes anew from the logs and say what differs
    Check,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Init {
    /// The name that followers see
    #[arg(long)]
    pub(crate) name: String,

    /// A sentence or two about the person; empty to take it back
    #[arg(long)]
    pub(crate) bio: Option<String>,

    /// A picture of the person
    #[arg(long, value_name = "FILE")]
    pub(crate) avatar: Option<PathBuf>,

    /// What the person writes about; these replace earlier ones
    #[arg(long = "tag", value_name = "TAG", value_parser = tag)]
    pub(crate) tags: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Post {
    /// The text; `-` reads it from standard input
    #[arg(required_unless_present = "attach")]
    pub(crate) text: Option<String>,

    /// Files to attach, after the text; pictures lose place and device unless told otherwise
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(crate) attach: Vec<PathBuf>,

    /// What an attachment shows, in words; the first is for the first attachment, and so on
    #[arg(long, value_name = "TEXT", requires = "attach")]
    pub(crate) alt: Vec<String>,

    /// Take off as well what music and documents tell: title, artist, cover, author, company
    #[arg(long, requires = "attach", conflicts_with = "keep_metadata")]
    pub(crate) strip: bool,

    /// Attach pictures as they are, with place, device and everything else in them
    #[arg(long, requires = "attach")]
    pub(crate) keep_metadata: bool,

    /// Publish what the files are called here; without this a picture becomes picture.jpg
    #[arg(long, requires = "attach")]
    pub(crate) keep_name: bool,

    #[arg(long)]
    pub(crate) title: Option<String>,

    #[arg(long, value_name = "URL")]
    pub(crate) link: Option<String>,

    /// May be given several times
    #[arg(long = "tag", value_name = "TAG", value_parser = tag)]
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
    #[arg(long, value_name = "TAG", value_parser = tag)]
    pub(crate) tag: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Fetch {
    /// The id of the post, in its long or short form
    pub(crate) id: String,

    /// Put copies here, under their own names; no file that is there already is touched
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,

    /// Give up after so many seconds without anything coming
    #[arg(long, value_name = "SECS", default_value_t = 60)]
    pub(crate) timeout: u64,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Export {
    /// The file to write
    pub(crate) file: PathBuf,

    /// A feed to write; the own one unless any is given
    #[arg(long = "feed", value_name = "FEED")]
    pub(crate) feeds: Vec<String>,

    /// The own feed and all followed ones
    #[arg(long, conflicts_with = "feeds")]
    pub(crate) all: bool,

    /// With the attachments that are here
    #[arg(long)]
    pub(crate) media: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Import {
    /// Show what would come, in numbers and the first ten, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    #[command(flatten)]
    pub(crate) choice: ImportChoice,

    /// A feed, the export of a blog, or the unpacked folder of an archive
    #[arg(required = true, value_name = "FILE|FOLDER")]
    pub(crate) files: Vec<PathBuf>,
}

/// What is asked for beside the own posts.
#[derive(Debug, clap::Args)]
pub(crate) struct ImportChoice {
    /// Attach enclosures that lie in the folder of a feed, but no hidden files and none outside
    ///
    /// Pictures of an unpacked archive are attached without this.
    #[arg(long)]
    pub(crate) enclosures: bool,

    /// Of a file by several people, the posts of this one only; may be given several times
    ///
    /// Else those of the one who is called as the profile says, or who wrote most in the file.
    #[arg(long = "author", value_name = "NAME")]
    pub(crate) authors: Vec<String>,

    /// Take reposts (boosts, retweets, reblogs) of what others wrote, too
    #[arg(long)]
    pub(crate) reposts: bool,

    /// Take replies to others, too
    #[arg(long)]
    pub(crate) replies: bool,

    /// Take pages of a blog that stand beside its posts, too
    #[arg(long)]
    pub(crate) pages: bool,
}

impl From<ImportChoice> for Choice {
    fn from(choice: ImportChoice) -> Self {
        let ImportChoice {
            enclosures,
            authors,
            reposts,
            replies,
            pages,
        } = choice;
        Self {
            enclosures,
            reposts,
            replies,
            pages,
            authors,
        }
    }
}

/// A tag without the sign that many write before it.
fn tag(text: &str) -> Result<String, &'static str> {
    let tag = text.trim().trim_start_matches('#').trim_start();
    if tag.is_empty() {
        return Err("there is nothing in it");
    }
    Ok(tag.to_owned())
}
