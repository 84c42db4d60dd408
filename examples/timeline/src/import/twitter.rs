//! Archives of Twitter (X): `data/tweets.js` and its further parts, with `data/tweets_media`.
//!
//! Deleted tweets, those for a circle and direct messages lie in other files, which are not read but for their number.

mod shape;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use tidings::Timestamp;

use self::shape::{Account, Element, Entities, MediaEntity, NoteTweet, Protection, Tweet};
use super::archives::{self, Lenient, Media};
use super::choice::Choice;
use super::enclosure::Folder;
use super::fold::Raw;
use super::items::Collected;
use super::left::Left;
use super::threads::{self, Answers, Status};
use crate::failure::{Failure, Result};

/// Files of one archive that hold tweets, at most: each has some 100 MB.
const PARTS: usize = 1_000;

/// Where pictures lie.
const MEDIA: [&str; 3] = [
    "data/tweets_media",
    "data/tweet_media",
    "data/community_tweet_media",
];

/// What opens a file: the name of what the page of the archive assigns to.
const PREFIXES: [&str; 2] = ["window.YTD.", "Grailbird.data."];

/// Whether this is the beginning of a file of such an archive, whatever it holds.
pub(super) fn is_of_archive(head: &str) -> bool {
    PREFIXES.iter().any(|prefix| head.starts_with(prefix))
}

/// Whether a file holds public tweets, and not deleted ones or messages: the name that it assigns to says it.
fn holds_tweets(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let head = String::from_utf8_lossy(bytes.get(..200.min(bytes.len())).unwrap_or_default());
    let name = PREFIXES
        .iter()
        .find_map(|prefix| head.trim_start().strip_prefix(prefix));
    let name = name.unwrap_or_default();
    let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let name = name.get(..end.unwrap_or(name.len())).unwrap_or_default();
    matches!(name, "tweet" | "tweets") || name.starts_with("tweets_")
}

/// Whether an archive was unpacked here.
pub(super) fn is_archive(folder: &Folder) -> bool {
    !parts(folder).is_empty()
}

/// Reads an archive by its folder.
pub(super) fn read_folder(folder: &Folder, choice: &Choice, into: &mut Collected) -> Result {
    let mut reader = Reader::new(Some(folder), choice);
    if reader.is_protected() {
        reader.hidden = true;
    }
    for path in parts(folder) {
        let bytes = archives::read_bytes(&path)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        reader
            .read(&bytes, into)
            .map_err(|failure| failure.at(name))?;
    }
    for (file, left) in [
        ("data/twitter-circle-tweet.js", Left::FollowersOnly),
        ("data/deleted-tweets.js", Left::Trash),
        ("data/community-tweet.js", Left::Other),
        ("data/twitter-article.js", Left::Other),
    ] {
        for element in extra::<Lenient<Element>>(Some(folder), file) {
            let id = match element {
                Lenient::Read(Element::Wrapped { tweet } | Element::Bare(tweet)) => {
                    tweet.first_version().or_else(|| tweet.id())
                }
                Lenient::Not(_) => None,
            };
            into.leave(left, id.map(|id| format!("twitter:{id}")), None);
        }
    }
    reader.finish(into);
    Ok(())
}

/// Reads one file of tweets: all of the archive that it lies in, else it alone.
pub(super) fn read_file(
    path: &Path,
    bytes: &[u8],
    choice: &Choice,
    into: &mut Collected,
) -> Result {
    if !holds_tweets(bytes) {
        return Err(Failure::said(
            "this file of the archive holds no public posts; import its folder, or data/tweets.js",
        ));
    }
    let archive = path.parent().filter(|it| it.ends_with("data"));
    let archive = archive.and_then(Path::parent);
    let archive = archive.map(|it| {
        if it == Path::new("") {
            Path::new(".")
        } else {
            it
        }
    });
    if let Some(folder) = archive.and_then(Folder::at).filter(is_archive) {
        return read_folder(&folder, choice, into);
    }
    let mut reader = Reader::new(None, choice);
    reader.read(bytes, into)?;
    reader.finish(into);
    Ok(())
}

/// The files that hold tweets, the first one first.
fn parts(folder: &Folder) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for name in ["tweets", "tweet"] {
        found.extend(folder.beside(&format!("data/{name}.js")));
        let further = (0..PARTS).map(|part| folder.beside(&format!("data/{name}-part{part}.js")));
        // Parts begin with 0 or 1.
        found.extend(
            further
                .skip_while(Option::is_none)
                .take(PARTS)
                .map_while(|it| it),
        );
        if !found.is_empty() {
            return found;
        }
    }
    // The form before 2018: a file for each month.
    let mut months = folder.list("data/js/tweets");
    months.retain(|path| path.extension().is_some_and(|it| it == "js"));
    months.truncate(PARTS);
    months
}

/// The JSON that a file assigns to a name.
fn assigned(bytes: &[u8]) -> Option<&[u8]> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let head = bytes.get(..200.min(bytes.len()))?;
    let at = head.iter().position(|byte| *byte == b'=')?;
    let json = bytes.get(at + 1..)?.trim_ascii();
    Some(json.strip_suffix(b";").unwrap_or(json))
}

struct Reader<'a> {
    folder: Option<&'a Folder>,
    media: Media<'a>,
    choice: &'a Choice,
    account: Account,
    notes: HashMap<i64, Vec<NoteTweet>>,
    /// The names of pictures by the tweet that they belong to.
    pictures: HashMap<String, Vec<String>>,
    /// Whether only followers could read any of it.
    hidden: bool,
    /// Each with its time and number, by which they are put in order.
    found: Vec<((i64, u64), Status)>,
    /// The first version of each tweet, by the number of any.
    firsts: HashMap<String, String>,
    /// The version of an edited tweet that was found last, and where it stands.
    versions: HashMap<String, (u64, usize)>,
}

impl<'a> Reader<'a> {
    fn new(folder: Option<&'a Folder>, choice: &'a Choice) -> Self {
        let account: Vec<Lenient<shape::AccountElement>> = extra(folder, "data/account.js");
        let account = account.into_iter().find_map(|it| match it {
            Lenient::Read(element) => Some(element.account),
            Lenient::Not(_) => None,
        });
        let mut notes: HashMap<i64, Vec<NoteTweet>> = HashMap::new();
        let long: Vec<Lenient<shape::NoteElement>> = extra(folder, "data/note-tweet.js");
        for note in long {
            if let Lenient::Read(element) = note
                && let Some(time) = archives::rfc3339(element.note.created_at.as_deref())
            {
                notes.entry(time.0 / 1_000).or_default().push(element.note);
            }
        }
        Self {
            folder,
            media: Media::new(folder),
            choice,
            account: account.unwrap_or_default(),
            notes,
            pictures: pictures(folder),
            hidden: false,
            found: Vec::new(),
            firsts: HashMap::new(),
            versions: HashMap::new(),
        }
    }

    /// Whether the account was for followers only when the archive was made.
    fn is_protected(&self) -> bool {
        let history: Vec<Lenient<shape::ProtectionElement>> =
            extra(self.folder, "data/protected-history.js");
        let changes = history.into_iter().filter_map(|it| match it {
            Lenient::Read(element) => Some(element.protection),
            Lenient::Not(_) => None,
        });
        let last = changes.max_by_key(|it| archives::rfc3339(it.at.as_deref()).map(|it| it.0));
        last.is_some_and(|last| last.action.as_deref() == Some(Protection::ON))
    }

    fn read(&mut self, bytes: &[u8], into: &mut Collected) -> Result {
        let Some(json) = assigned(bytes).filter(|_| holds_tweets(bytes)) else {
            return Err(Failure::said("this is no file of tweets that can be read"));
        };
        let elements: Vec<Lenient<Element>> = archives::json(json)?;
        for element in elements {
            match element {
                Lenient::Read(Element::Wrapped { tweet } | Element::Bare(tweet)) => {
                    self.tweet(*tweet, into);
                }
                Lenient::Not(_) => into.notes.skipped += 1,
            }
        }
        Ok(())
    }

    fn tweet(&mut self, tweet: Tweet, into: &mut Collected) {
        let Some(id) = tweet.id() else {
            into.notes.skipped += 1;
            return;
        };
        // All versions of an edited tweet are in the archive; they go by the number of the first.
        let first = tweet.first_version().unwrap_or_else(|| id.clone());
        self.firsts.insert(id.clone(), first.clone());
        let number: u64 = id.parse().unwrap_or(0);
        if self
            .versions
            .get(&first)
            .is_some_and(|(seen, _)| *seen >= number)
        {
            return;
        }
        let time = tweet.time();
        let left = if self.hidden {
            Some(Left::FollowersOnly)
        } else if tweet.is_repost() && !self.choice.reposts {
            Some(Left::Repost)
        } else {
            None
        };
        let answers = self.answers(&tweet);
        let raw = match left {
            Some(left) => {
                into.leave(left, Some(format!("twitter:{first}")), None);
                None
            }
            None => Some(self.raw(tweet, &id, time)),
        };
        let status = Status {
            id: format!("twitter:{first}"),
            answers,
            unlisted: false,
            raw,
        };
        let order = (time.map_or(i64::MAX, |time| time.0), number);
        let next = self.found.len();
        let (seen, place) = self.versions.entry(first).or_insert((number, next));
        *seen = number;
        match self.found.get_mut(*place) {
            // The first version's time stays.
            Some((first_order, earlier)) => {
                let first_time = earlier.raw.as_ref().and_then(|raw| raw.time);
                let mut status = status;
                if let Some(raw) = &mut status.raw {
                    raw.time = raw.time.min(first_time.or(raw.time));
                }
                first_order.0 = first_order.0.min(order.0);
                *earlier = status;
            }
            None => self.found.push((order, status)),
        }
    }

    fn answers(&self, tweet: &Tweet) -> Answers {
        let user = tweet.answered_user();
        let target = tweet.answered();
        let (me, name) = (&self.account.id, &self.account.name);
        let is_me = |user: &str| me.as_deref() == Some(user);
        let is_my_name = |user: &str| {
            let name = name.as_deref().unwrap_or_default();
            !name.is_empty() && name.eq_ignore_ascii_case(user)
        };
        let screen_name = tweet.in_reply_to_screen_name.as_deref();
        let is_own = user.as_deref().is_some_and(is_me) || screen_name.is_some_and(is_my_name);
        match (target, is_own) {
            (Some(target), true) => Answers::Own(target),
            (None, true) => Answers::Nobody,
            (target, false) if user.is_some() || screen_name.is_some() || target.is_some() => {
                Answers::Others(target.map(|target| {
                    let name = screen_name.unwrap_or("i/web");
                    format!("https://twitter.com/{name}/status/{target}")
                }))
            }
            _ => Answers::Nobody,
        }
    }

    fn raw(&mut self, tweet: Tweet, id: &str, time: Option<Timestamp>) -> Raw {
        let name = self.account.name.as_deref().unwrap_or("i/web");
        let media = tweet.media();
        let short = tweet.full_text.as_deref().or(tweet.text.as_deref());
        let short = unescape(short.unwrap_or_default());
        let note = time.and_then(|time| {
            self.notes
                .get(&(time.0 / 1_000))?
                .iter()
                .find(|it| it.continues(&short))
        });
        let (text, links) = match note {
            Some(note) => (note.core.text.clone(), note.links()),
            None => (short, HashMap::new()),
        };
        let mut links = links;
        links.extend(tweet.entities.links());
        // Where a picture is shown, its short address is noise.
        links.extend(
            media
                .iter()
                .filter_map(|it| Some((it.url.clone()?, String::new()))),
        );
        let mut raw = Raw {
            text: expand(&text, &links),
            link: Some(format!("https://twitter.com/{name}/status/{id}")),
            tags: tweet.entities.tags(),
            language: tweet.lang.clone().filter(|lang| lang.len() == 2),
            warning: (tweet.possibly_sensitive.as_bool() == Some(true) && !media.is_empty())
                .then(|| "Sensitive content".to_owned()),
            time,
            ..Raw::default()
        };
        self.attach(id, media, &mut raw);
        raw
    }

    /// Attaches the pictures: those that the tweet names, then whatever else is there of it.
    fn attach(&mut self, id: &str, media: Vec<MediaEntity>, raw: &mut Raw) {
        let mut here = self.pictures.remove(id).unwrap_or_default();
        for entity in media {
            let wanted = entity.file_names();
            let found = here.iter().position(|path| {
                let name = path.rsplit('/').next().unwrap_or_default();
                let name = name.split_once('-').map_or(name, |(_, name)| name);
                wanted.iter().any(|wanted| wanted == name)
            });
            let paths: Vec<_> = found.map(|at| here.remove(at)).into_iter().collect();
            let address = entity.address().unwrap_or_default();
            self.media
                .attach(&paths, &address, entity.ext_alt_text, raw);
        }
        for path in here {
            self.media.attach(&[path], "", None, raw);
        }
    }

    fn finish(mut self, into: &mut Collected) {
        into.notes.missing_files += self.media.missing;
        for (_, status) in &mut self.found {
            // Whatever stands in the archive is the owner's, also where that does not say who the owner is.
            let number = match &status.answers {
                Answers::Own(number) => number.as_str(),
                Answers::Others(Some(address)) => address.rsplit('/').next().unwrap_or_default(),
                Answers::Others(None) | Answers::Nobody => continue,
            };
            let is_own = matches!(status.answers, Answers::Own(_));
            let first = self.firsts.get(number).map(String::as_str);
            if let Some(first) = first.or_else(|| is_own.then_some(number)) {
                status.answers = Answers::Own(format!("twitter:{first}"));
            }
        }
        self.found.sort_by_key(|(order, _)| *order);
        let statuses = self.found.into_iter().map(|(_, status)| status);
        threads::take(statuses.collect(), self.choice, into);
    }
}

/// What another file of the archive assigns; nothing if it cannot be read.
fn extra<T: serde::de::DeserializeOwned>(folder: Option<&Folder>, path: &str) -> Vec<T> {
    let read = || {
        let bytes = archives::read_bytes(&folder?.beside(path)?).ok()?;
        archives::json(assigned(&bytes)?).ok()
    };
    read().unwrap_or_default()
}

/// The pictures of an archive by the tweet: their names begin with its number.
fn pictures(folder: Option<&Folder>) -> HashMap<String, Vec<String>> {
    let mut pictures: HashMap<String, Vec<String>> = HashMap::new();
    for place in MEDIA {
        for path in folder.map(|folder| folder.list(place)).unwrap_or_default() {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if let Some((id, _)) = name.split_once('-') {
                let path = format!("{place}/{name}");
                pictures.entry(id.to_owned()).or_default().push(path);
            }
        }
    }
    pictures
}

/// Text as it was typed: tweets are stored with these three escaped.
fn unescape(text: &str) -> String {
    let text = text.replace("&lt;", "<").replace("&gt;", ">");
    text.replace("&amp;", "&")
}

/// The text with short addresses as what they stand for.
fn expand(text: &str, links: &HashMap<String, String>) -> String {
    const SHORT: [&str; 2] = ["https://t.co/", "http://t.co/"];
    let mut rest = text;
    let mut whole = String::with_capacity(text.len());
    while let Some(at) = SHORT.iter().filter_map(|short| rest.find(short)).min() {
        let (before, link) = rest.split_at(at);
        whole.push_str(before);
        let host = link.find("t.co/").map_or(0, |at| at + "t.co/".len());
        let name = link.get(host..).unwrap_or_default();
        let len = name.find(|c: char| !c.is_ascii_alphanumeric());
        let (link, behind) = link.split_at(host + len.unwrap_or(name.len()));
        whole.push_str(links.get(link).map_or(link, String::as_str));
        rest = behind;
    }
    whole.push_str(rest);
    let lines: Vec<_> = whole.lines().map(str::trim_end).collect();
    lines.join("\n")
}

impl Entities {
    fn tags(&self) -> Vec<String> {
        let tags = self.hashtags.iter().filter_map(|tag| tag.text.clone());
        tags.collect()
    }
}
