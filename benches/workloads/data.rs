//! The data that all workloads share: post i is by author i mod 100, one second after post i - 1, 300 bytes of lower-case
//! words, one of 20 tags.

use tidings::format::{
    Body, DeviceSecret, Draft, EntryId, FeedSecret, LogId, PackedRun, Run, Seq, Statement, encode,
    lanes, standard,
};
use tidings::{FeedId, Kind, NewPost, Post, Timestamp};

/// Authors of the shared data.
pub(crate) const AUTHORS: u64 = 100;
/// The claimed time of post 0: a moment that has passed, with room for a million seconds after it.
const EPOCH: Timestamp = Timestamp(1_767_225_600_000);
const TAGS: u64 = 20;
const TEXT: usize = 300;
const LETTERS: [char; 8] = ['a', 'e', 'i', 'l', 'n', 'o', 'r', 't'];
/// Posts of a run: a block.
const BLOCK: u64 = 64;

/// The claimed time of a post.
pub(crate) fn time(post: u64) -> Timestamp {
    EPOCH.plus_millis(i64::try_from(post).expect("a small number") * 1_000)
}

/// The tag of a post.
pub(crate) fn tag(post: u64) -> String {
    format!("tag{}", random(post) % TAGS)
}

/// The text of a post.
pub(crate) fn text(post: u64) -> String {
    let mut state = random(post);
    let mut text = String::with_capacity(TEXT);
    while text.len() < TEXT {
        state = random(state);
        let letters = 2 + state % 8;
        text.extend((0..letters).map(|at| {
            LETTERS[usize::from((state >> (5 * at + 3)).to_le_bytes()[0]) % LETTERS.len()]
        }));
        text.push(' ');
    }
    text.truncate(TEXT);
    text
}

/// A post as an app would make it.
pub(crate) fn new_post(post: u64) -> NewPost {
    NewPost::new(text(post)).tag(tag(post)).time(time(post))
}

/// splitmix64.
const fn random(seed: u64) -> u64 {
    let mut mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// One author, whose log grows.
pub(crate) struct Author {
    device: DeviceSecret,
    log: LogId,
    pub(crate) admit: Statement,
    head: (Seq, EntryId),
}

impl Author {
    fn nth(nth: u64) -> Self {
        let mut seed = [7; 32];
        seed[..8].copy_from_slice(&nth.to_le_bytes());
        let feed = FeedSecret::from_bytes(&seed);
        seed[31] = 8;
        let device = DeviceSecret::from_bytes(&seed);
        let log = LogId {
            feed: feed.id(),
            device: device.id(),
            lane: lanes::POSTS,
        };
        let consent = device.consent(&log.feed);
        let admit = Statement::admit(log.feed, &feed, log.device, true, "", consent)
            .expect("a device of its own feed");
        Self {
            device,
            log,
            admit,
            head: (Seq::ZERO, EntryId::ZERO),
        }
    }

    pub(crate) const fn feed(&self) -> FeedId {
        self.log.feed
    }

    /// Signs the posts with these numbers as the next of the log.
    pub(crate) fn write(&mut self, posts: impl Iterator<Item = u64>) -> Vec<Run> {
        let drafts: Vec<Draft> = posts.map(draft).collect();
        let runs = Run::sign(&self.device, &self.log, self.head.0, self.head.1, &drafts)
            .expect("posts within the limits");
        if let Some(last) = runs.last() {
            self.head = (last.end(), last.last_id());
        }
        runs
    }
}

fn draft(post: u64) -> Draft {
    draft_at(post, time(post))
}

/// A post with this number's text and tag, of another time.
pub(crate) fn draft_at(post: u64, time: Timestamp) -> Draft {
    let content = Post {
        text: text(post),
        ..Post::default()
    };
    let body = Body {
        salt: random(post).to_le_bytes(),
        tags: vec![tag(post)],
        content: encode(&content).into(),
        ..Body::default()
    };
    let kind = Kind::new(standard::POST).expect("a standard kind");
    Draft::new(kind, time, body.encode().expect("a small body"))
}

/// All authors, and how many posts they have written together.
pub(crate) struct World {
    pub(crate) authors: Vec<Author>,
    posts: u64,
}

impl World {
    pub(crate) fn new(authors: u64) -> Self {
        Self {
            authors: (0..authors).map(Author::nth).collect(),
            posts: 0,
        }
    }

    /// How many posts were written.
    pub(crate) const fn posts(&self) -> u64 {
        self.posts
    }

    pub(crate) fn feeds(&self) -> Vec<FeedId> {
        self.authors.iter().map(Author::feed).collect()
    }

    pub(crate) fn statements(&self) -> Vec<Statement> {
        self.authors
            .iter()
            .map(|author| author.admit.clone())
            .collect()
    }

    /// The next `each` posts of every author, a block of one after a block of the other.
    pub(crate) fn write(&mut self, each: u64) -> Vec<Run> {
        let (authors, from) = (self.authors.len() as u64, self.posts);
        self.posts += each * authors;
        let mut runs = Vec::new();
        let mut written = 0;
        while written < each {
            let now = BLOCK.min(each - written);
            for (nth, author) in (0..).zip(&mut self.authors) {
                let numbers = (written..written + now).map(|round| from + round * authors + nth);
                runs.extend(author.write(numbers));
            }
            written += now;
        }
        runs
    }
}

/// Runs as they come from a peer: not verified.
pub(crate) fn packed(runs: &[Run]) -> Vec<(LogId, PackedRun)> {
    let pack = |run: &Run| (*run.log(), PackedRun::from_bytes(run.packed().clone()));
    runs.iter().map(pack).collect()
}
