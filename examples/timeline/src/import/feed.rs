//! RSS, Atom and JSON Feed.

use feed_rs::model::{Category, Entry, Feed, FeedType, Link, Text};
use feed_rs::parser;
use tidings::Timestamp;
use url::Url;

use super::choice::Choice;
use super::enclosure::{Enclosure, Folder, enclosures};
use super::fold::{Raw, single_line};
use super::html;
use super::items::{Author, Collected, Item};
use super::left::Left;
use super::repair::{self, Facts, Keep};
use super::uploads::{self, Picture};
use crate::failure::{Failure, Result};
use crate::guard::guarded;
use crate::render::counted;

/// Reads a feed in XML, item by item.
///
/// `folder` is where the feed lies; none if it lies nowhere. Files in it are only counted unless they are to be attached.
pub(super) fn read_xml(
    text: &str,
    folder: Option<&Folder>,
    choice: &Choice,
    into: &mut Collected,
) -> Result {
    let attach = choice.enclosures;
    let text = &*repair::without_stray(text);
    let head =
        repair::head(text).ok_or_else(|| not_a_feed("there is none of its elements in it"))?;
    let around = parse(repair::head_document(&head).as_bytes(), None).map_err(not_a_feed)?;
    into.owner(repair::owner(&head));
    let mut reader = FeedReader {
        home: home(&around),
        folder,
        attach,
        // Pictures that only decorate an item are told from enclosures by there being none of these.
        has_enclosures: text.contains("enclosure"),
        into,
        items: Vec::new(),
        why: None,
        seen: 0,
        left: 0,
        pictures: <_>::default(),
    };
    let listed = uploads::listed(text);
    for item in repair::items(text) {
        reader.seen += 1;
        match item {
            Ok(mut item) => {
                if repair::is_export(&item) {
                    reader.into.is_export();
                }
                let comments = repair::comments(&item);
                reader.into.left.add_all(Left::Comment, comments);
                match repair::keep(&item, choice.pages) {
                    Keep::Yes => {
                        let author = repair::author(&head, &item);
                        let is_gated = repair::tidy(&mut item);
                        reader.into.notes.gated += u64::from(is_gated);
                        let (document, facts) = repair::item_document(&head, &item);
                        // After what was not for everybody is out of the text.
                        let pictures = repair::is_export(&item)
                            .then(|| (uploads::above(&item, &listed), uploads::within(&item)));
                        reader.pictures = pictures.unwrap_or_default();
                        if reader.item(&document, &facts, author.clone()).is_err() {
                            // What is said of a recording costs no more than itself.
                            repair::without_recordings(&mut item);
                            let (document, facts) = repair::item_document(&head, &item);
                            let taken = reader.item(&document, &facts, author);
                            taken.unwrap_or_else(|why| reader.unreadable(why));
                        }
                    }
                    Keep::No(left) => {
                        let name = left.is_closed().then(|| {
                            let (document, facts) = repair::item_document(&head, &item);
                            reader.name(&document, &facts)
                        });
                        reader.left_out(left, name.flatten());
                    }
                }
            }
            Err(why) => reader.unreadable(why),
        }
    }
    reader.finish()
}

/// Reads a JSON Feed, item by item.
pub(super) fn read_json(
    text: &str,
    folder: Option<&Folder>,
    attach: bool,
    into: &mut Collected,
) -> Result {
    let head = repair::json::head(text).map_err(not_a_feed)?;
    let around = parse(head.as_bytes(), None).map_err(not_a_feed)?;
    let mut reader = FeedReader {
        home: home(&around),
        folder,
        attach,
        has_enclosures: true,
        into,
        items: Vec::new(),
        why: None,
        seen: 0,
        left: 0,
        pictures: <_>::default(),
    };
    repair::json::items(text, |item| {
        reader.seen += 1;
        match item {
            Some((document, facts)) => {
                let taken = reader.item(&document, &facts, None);
                taken.unwrap_or_else(|why| reader.unreadable(why));
            }
            None => reader.unreadable("it is no object".to_owned()),
        }
    })
    .map_err(not_a_feed)?;
    reader.finish()
}

fn not_a_feed(why: impl std::fmt::Display) -> Failure {
    Failure::said(format!("not a feed that can be read: {why}"))
}

/// What relative addresses of a feed are relative to: its page, else where it is itself.
fn home(feed: &Feed) -> Option<Url> {
    let url = |link: &Link| Url::parse(&link.href).ok();
    let page = feed.links.iter().filter(|link| is_page(link)).find_map(url);
    let itself = || {
        let mut links = feed.links.iter();
        let itself = links.find(|link| link.rel.as_deref() == Some("self"));
        itself.and_then(url)
    };
    let id = || {
        Url::parse(&feed.id)
            .ok()
            .filter(|id| id.scheme().starts_with("http"))
    };
    page.or_else(itself).or_else(id)
}

/// Parses a document that the repair has written. The error says why it cannot be.
fn parse(bytes: &[u8], base: Option<&Url>) -> std::result::Result<Feed, String> {
    let parser = parser::Builder::new().sanitize_content(false);
    let parser = parser.base_uri(base).build();
    match guarded(|| parser.parse(bytes)) {
        Some(Ok(feed)) => Ok(feed),
        Some(Err(error)) => Err(error.to_string()),
        None => Err("the parser gave up on it".to_owned()),
    }
}

/// Takes the items of one feed in, in the order of the file.
struct FeedReader<'a> {
    home: Option<Url>,
    folder: Option<&'a Folder>,
    attach: bool,
    has_enclosures: bool,
    into: &'a mut Collected,
    items: Vec<Item>,
    /// Why the first item that cannot be read is one.
    why: Option<String>,
    /// Items in the file, whatever became of them.
    seen: u64,
    /// Items that are no posts.
    left: u64,
    /// Pictures of the item at hand: the one above it, and those in its text.
    pictures: (Option<Picture>, Vec<Picture>),
}

impl FeedReader<'_> {
    /// Takes one item in; the error says why the parser refuses it.
    fn item(
        &mut self,
        document: &str,
        facts: &Facts,
        author: Option<Author>,
    ) -> std::result::Result<(), String> {
        let mut feed = parse(document.as_bytes(), None)?;
        let Some(entry) = feed.entries.pop() else {
            return Err("the parser finds nothing in it".to_owned());
        };
        // Relative addresses of enclosures are left out by the parser unless it is told what they are relative to, and
        // all other relative addresses would then be taken for files, too. So it is asked twice.
        let is_xml = feed.feed_type != FeedType::JSON;
        let beside = self
            .folder
            .filter(|_| is_xml && document.contains("enclosure"));
        let beside = beside.and_then(|folder| parse(document.as_bytes(), Some(folder.url())).ok());
        let beside = beside.and_then(|mut feed| feed.entries.pop());
        let mut raw = raw(&feed, &entry, facts, self.home.as_ref());
        raw.author = author;
        let page = raw.link.as_deref().and_then(|link| Url::parse(link).ok());
        let page = page.as_ref().or(self.home.as_ref());
        for enclosure in enclosures(beside.as_ref().unwrap_or(&entry), self.folder, page) {
            match enclosure {
                Enclosure::File(path) if self.attach => raw.files.push(path),
                Enclosure::File(_) => self.into.notes.not_attached += 1,
                Enclosure::Address(address) if self.has_enclosures || raw.link.is_none() => {
                    raw.addresses.push(address);
                }
                Enclosure::Address(_) => {}
            }
        }
        if !self.has_enclosures {
            raw.addresses.truncate(1);
        }
        self.uploads(&mut raw);
        self.into.notes.undated += u64::from(facts.date_unread);
        match self.into.fold(raw) {
            Some(item) => self.items.push(item),
            None => self.into.notes.skipped += 1,
        }
        Ok(())
    }

    /// Attaches the pictures of a blog that lie beside its export. Of the one above an item the address has to do if it
    /// is not there; of those in its text, it is in the text.
    fn uploads(&mut self, raw: &mut Raw) {
        let (above, within) = std::mem::take(&mut self.pictures);
        let is_above = above.is_some();
        for (nth, picture) in above.into_iter().chain(within).enumerate() {
            let found = self.folder.and_then(|folder| {
                let paths = picture.paths();
                let mut urls = paths.iter().filter_map(|it| folder.url().join(it).ok());
                urls.find_map(|url| folder.file(&url))
            });
            match found {
                Some(path) if raw.files.contains(&path) => {}
                Some(path) if self.attach => {
                    // Words stand for the files in their order.
                    raw.alts.resize(raw.files.len(), None);
                    raw.files.push(path);
                    raw.alts.push(picture.alt);
                }
                Some(_) => self.into.notes.not_attached += 1,
                None if is_above && nth == 0 && picture.address.starts_with("http") => {
                    raw.addresses.push(picture.address);
                }
                None => {}
            }
        }
    }

    /// Id and link of an item.
    fn name(&self, document: &str, facts: &Facts) -> Option<(Option<String>, Option<String>)> {
        let mut feed = parse(document.as_bytes(), None).ok()?;
        let entry = feed.entries.pop()?;
        let link = link(&entry, facts, self.home.as_ref());
        Some((id(&feed, facts, link.as_deref(), self.home.as_ref()), link))
    }

    fn left_out(&mut self, left: Left, name: Option<(Option<String>, Option<String>)>) {
        self.left += 1;
        let (id, link) = name.unwrap_or_default();
        self.into.leave(left, id, link);
    }

    fn unreadable(&mut self, why: String) {
        self.into.notes.unreadable += 1;
        self.why.get_or_insert(why);
    }

    /// Hands the items over, oldest first. A feed of which nothing came in is an error: somebody expects something of it.
    fn finish(mut self) -> Result {
        if self.items.is_empty() && self.seen > self.left {
            let items = counted(self.seen, "item", "items");
            let why = self
                .why
                .unwrap_or_else(|| "there is nothing to read in any".to_owned());
            return Err(not_a_feed(format!("none of its {items} came in: {why}")));
        }
        place(&mut self.items);
        // Feeds have their newest item first. Those without a date keep that order by being posted last.
        self.into.items.extend(self.items.into_iter().rev());
        Ok(())
    }
}

/// Gives items whose date nobody can read a place between those around them. It stands in for a date in the timeline,
/// and is none: the same item may be found between others the next time.
fn place(items: &mut [Item]) {
    let mut at = 0;
    while at < items.len() {
        let run = items
            .iter()
            .skip(at)
            .take_while(|it| it.time.is_none())
            .count();
        let time = |at: Option<usize>| items.get(at?).and_then(|it| it.time).map(|it| it.0);
        let (before, after) = (time(at.checked_sub(1)), time(Some(at + run)));
        for (nth, item) in items.iter_mut().skip(at).take(run).enumerate() {
            let (nth, left) = (nth as i64 + 1, (run - nth) as i64);
            let place = match (before, after) {
                // Oldest first.
                (Some(before), Some(after)) if before < after => before.saturating_add(nth),
                (_, Some(after)) => after.saturating_add(left),
                (Some(before), None) => before.saturating_sub(nth),
                (None, None) => continue,
            };
            if item.unread {
                item.placed = Some(Timestamp(place));
            }
        }
        at += run + 1;
    }
}

fn raw(feed: &Feed, entry: &Entry, facts: &Facts, home: Option<&Url>) -> Raw {
    let link = link(entry, facts, home);
    let page = link.as_deref().and_then(|link| Url::parse(link).ok());
    let reading = Reading {
        unsaid: !matches!(feed.feed_type, FeedType::Atom | FeedType::JSON),
        base: facts.base.as_ref().or(page.as_ref()).or(home),
    };
    let date = entry.published.or(entry.updated);
    Raw {
        id: id(feed, facts, link.as_deref(), home),
        text: reading.whole(entry),
        title: entry
            .title
            .as_ref()
            .and_then(|title| reading.text(title))
            .map(|title| single_line(&title)),
        link,
        tags: entry
            .categories
            .iter()
            .map(|it| repair::once(tag(it)))
            .collect(),
        time: date.map(|date| Timestamp(date.timestamp_millis())),
        unread: facts.date_unread,
        ..Raw::default()
    }
}

/// What the feed calls the item. A name that is none in the world, such as a number, says less than a link; without one it
/// is taken together with the feed's page and title. Of a feed that has no page it says nothing: others count the same.
fn id(feed: &Feed, facts: &Facts, link: Option<&str>, home: Option<&Url>) -> Option<String> {
    let id = facts.id.as_deref().map(str::trim);
    let id = id.filter(|id| !id.is_empty())?;
    if Url::parse(id).is_ok() {
        return Some(id.to_owned());
    }
    let home = home.filter(|_| link.is_none())?;
    let title = feed.title.as_ref().map(|title| title.content.as_str());
    let title = title.unwrap_or_default();
    Some(format!("{home} {title} {id}"))
}

/// What people call a category, which beside it may have a name for machines.
fn tag(category: &Category) -> String {
    category.label.as_ref().unwrap_or(&category.term).clone()
}

/// Whether a link leads to a page that people read.
fn is_page(link: &Link) -> bool {
    link.target.is_none() && link.rel.as_deref().is_none_or(|rel| rel == "alternate")
}

/// Where the item can be read: its page, else an id that is an address.
fn link(entry: &Entry, facts: &Facts, home: Option<&Url>) -> Option<String> {
    // Attachments of a JSON Feed come after the item's own links.
    let page = entry
        .links
        .iter()
        .find(|link| is_page(link))
        .and_then(|link| html::absolute(&link.href, home));
    let id = || {
        let id = facts.id.as_ref().filter(|_| !facts.id_is_no_link);
        id.filter(|id| id.starts_with("https://") || id.starts_with("http://"))
            .cloned()
    };
    page.or_else(id)
}

/// How the texts of one item are read.
struct Reading<'a> {
    /// RSS does not say whether a text is HTML, and both are in use.
    unsaid: bool,
    /// What relative links are relative to.
    base: Option<&'a Url>,
}

impl Reading<'_> {
    /// The whole text, else the summary, else what is said of the recording.
    fn whole(&self, entry: &Entry) -> String {
        let content = entry.content.as_ref().and_then(|content| {
            let body = content.body.as_deref()?;
            self.readable(body, content.content_type.as_str())
        });
        let summary = || self.text(entry.summary.as_ref()?);
        let mut media = entry.media.iter();
        let said = || self.text(media.find_map(|media| media.description.as_ref())?);
        content.or_else(summary).or_else(said).unwrap_or_default()
    }

    fn text(&self, text: &Text) -> Option<String> {
        self.readable(&text.content, text.content_type.as_str())
    }

    /// What has this media type as a readable text; `None` if there is none.
    ///
    /// What does not say that it is HTML is taken for it if it shows that it is.
    fn readable(&self, body: &str, media_type: &str) -> Option<String> {
        let media_type = media_type.to_ascii_lowercase();
        let text = if media_type.contains("html") || (self.unsaid && html::is_meant(body)) {
            html::to_text(body, self.base)
        } else if media_type.starts_with("text/") {
            body.to_owned()
        } else {
            return None;
        };
        Some(repair::once(text)).filter(|text| !text.trim().is_empty())
    }
}
