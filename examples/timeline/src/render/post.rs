//! Posts as people read them: who, when, the text, what is attached and what others said to it.

use bytes::Bytes;
use tidings::{Attachment, EntryState, EntryView, Gap, Missing, Post, TimelineItem, Version};

use super::{Look, clean, counted, relative};
use crate::attached::{Held, caption, originals};
use crate::json::calendar;

/// Lines of text shown of one post; the rest is counted.
const LINES: usize = 12;

/// Pictures drawn of one post; of the others only the names are shown.
const DRAWN: usize = 3;

/// What a post looks like: text, and between its lines pictures.
#[derive(Debug)]
pub(crate) enum Part {
    Text(String),
    /// A preview, as it came.
    Picture(Bytes),
}

/// What is known of other posts when one is shown.
#[derive(Debug, Default)]
pub(crate) struct Around {
    /// What it answers, if that is held.
    pub(crate) answered: Option<EntryView>,
    /// Whether that need not be said: it stands above.
    pub(crate) obvious: bool,
    pub(crate) held: Held,
}

impl Look {
    /// One item of a timeline.
    pub(crate) fn item(&self, item: &TimelineItem, around: &Around) -> Vec<Part> {
        match item {
            TimelineItem::Entry(entry) => self.entry(entry, around),
            TimelineItem::Gap(gap) => vec![Part::Text(self.gap(gap))],
            TimelineItem::Missing(missing) => vec![Part::Text(self.missing(missing))],
            _ => Vec::new(),
        }
    }

    fn entry(&self, entry: &EntryView, around: &Around) -> Vec<Part> {
        let mut lines = vec![self.heading(entry)];
        if entry.reply_to().is_some() && !around.obvious {
            let quoted = self.quoted(around.answered.as_ref());
            lines.push(self.dim(&format!("  in reply to {quoted}")));
        }
        if let Some(from) = ahead(entry) {
            lines.push(self.dim(&format!(
                "  a wrong clock dated this: others see it from {from} on; `timeline again {}` says it again with the right time",
                entry.short()
            )));
        }
        match entry.post() {
            None => lines.push(self.dim(&format!("  ({})", why_no_text(entry)))),
            Some(post) => lines.extend(self.post(post)),
        }
        let mut parts = vec![Part::Text(lines.join("\n"))];
        // Who is to be warned before looking is not shown it at once.
        if entry.post().is_some_and(|post| post.warning.is_none()) {
            parts.extend(previews(entry.attachments()).map(Part::Picture));
        }
        let mut lines = self.attachments(entry, &around.held);
        lines.extend(self.counts(entry));
        lines.push(String::new());
        parts.push(Part::Text(lines.join("\n")));
        parts
    }

    fn post(&self, post: &Post) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(warning) = &post.warning {
            lines.extend(self.wrapped(&format!("Warning: {}", clean(warning))));
        }
        let title = post.title.as_deref();
        let title = title.filter(|title| !post.text.starts_with(title));
        lines.extend(
            title
                .iter()
                .flat_map(|title| self.wrapped(&clean(title)))
                .map(|line| self.bold(&line)),
        );
        if !post.text.is_empty() {
            lines.extend(self.text(&post.text));
        }
        let link = post.link.as_deref();
        let link = link.filter(|link| !post.text.contains(link));
        lines.extend(link.map(|link| self.dim(&format!("  {}", clean(link)))));
        let dated = post.dated;
        lines.extend(dated.map(|date| self.dim(&format!("  dated {}", calendar(date)))));
        lines
    }

    /// What is attached, and how to get what is not here.
    fn attachments(&self, entry: &EntryView, held: &Held) -> Vec<String> {
        let line = |attachment| {
            let away = if held.has(attachment) {
                String::new()
            } else {
                format!(" (not here; timeline fetch {})", entry.short())
            };
            self.wrapped(&format!("+ {}{away}", caption(attachment)))
        };
        originals(entry.attachments())
            .flat_map(line)
            .map(|line| self.dim(&line))
            .collect()
    }

    /// What others said to it.
    fn counts(&self, entry: &EntryView) -> Option<String> {
        let replies = (entry.replies() > 0).then(|| counted(entry.replies(), "reply", "replies"));
        let reactions = entry
            .reactions()
            .iter()
            .map(|(emoji, count)| format!("{} {count}", clean(emoji).replace('\n', "")));
        let counts: Vec<_> = reactions.chain(replies).collect();
        (!counts.is_empty()).then(|| self.dim(&format!("  {}", counts.join("   "))))
    }

    /// One of the versions of a post.
    pub(crate) fn version(&self, number: usize, version: &Version) -> String {
        let shown = if version.is_shown() { ", shown" } else { "" };
        let when = relative(version.time(), jiff::Timestamp::now());
        let mut lines = vec![format!(
            "{}  {}",
            self.bold(&format!("version {number}")),
            self.dim(&format!("{when}{shown}"))
        )];
        match version.post() {
            Some(post) => lines.extend(self.post(&post)),
            None => lines.push(self.dim(&format!("  ({})", absence(version.state())))),
        }
        let attachments = version.body().map_or(&[][..], |body| &body.attachments);
        let lines_of = |attachment| self.wrapped(&format!("+ {}", caption(attachment)));
        lines.extend(
            originals(attachments)
                .flat_map(lines_of)
                .map(|line| self.dim(&line)),
        );
        lines.push(String::new());
        lines.join("\n")
    }

    fn missing(&self, missing: &Missing) -> String {
        let feed = missing.entry().log.feed.short();
        self.dim(&format!(
            "  ... a post of {feed}: {}\n",
            absence(missing.why())
        ))
    }

    /// Who wrote what is answered, and how it begins.
    fn quoted(&self, answered: Option<&EntryView>) -> String {
        let Some(entry) = answered else {
            return "a post that is not here".to_owned();
        };
        let author = entry.author().map_or_else(|| entry.feed().short(), clean);
        let begins = match entry.post() {
            None => format!("({})", why_no_text(entry)),
            Some(post) => clean(begins(entry, post)).replace('\n', " "),
        };
        let room = self.columns().saturating_sub(author.len() + 20);
        let shown = console::truncate_str(&begins, room, "...");
        format!("{author}: {shown}")
    }

    /// Who, when, about what; and at the right the id to reply to.
    fn heading(&self, entry: &EntryView) -> String {
        let author = entry.author().map_or_else(|| entry.feed().short(), clean);
        let tags: String = entry
            .tags()
            .iter()
            .map(|tag| format!(" #{}", clean(tag)))
            .collect();
        let rest = format!(
            "{}{}{}{tags}",
            relative(entry.time(), jiff::Timestamp::now()),
            if entry.edited().is_some() {
                " (edited)"
            } else {
                ""
            },
            if tags.is_empty() { "" } else { " " }
        );
        let used = console::measure_text_width(&author) + 2 + console::measure_text_width(&rest);
        let room = self
            .columns()
            .saturating_sub(used + entry.short().len())
            .max(2);
        let (who, what, id) = (self.bold(&author), self.dim(&rest), self.dim(entry.short()));
        format!("{who}  {what}{:room$}{id}", "")
    }

    fn text(&self, text: &str) -> Vec<String> {
        let mut lines = self.wrapped(&clean(text));
        let hidden = lines.len().saturating_sub(LINES);
        if hidden > 1 {
            lines.truncate(LINES);
            lines.push(self.dim(&format!("  ... {hidden} more lines; --json has them all")));
        }
        lines
    }

    fn gap(&self, gap: &Gap) -> String {
        let posts = counted(gap.missing(), "older post", "older posts");
        let why = if gap.is_dropped() {
            "dropped here: the feed was past its budget"
        } else {
            "not here yet"
        };
        self.dim(&format!(
            "  ... {posts} of {} {why}\n",
            gap.log().feed.short()
        ))
    }
}

/// From when on others see a post, if that is still to come.
pub(crate) fn ahead(entry: &EntryView) -> Option<jiff::Timestamp> {
    let from = calendar(entry.seen_from());
    (from > jiff::Timestamp::now()).then_some(from)
}

/// The previews of a post, one for each thing attached; what has none may have a smaller copy with one.
fn previews(attachments: &[Attachment]) -> impl Iterator<Item = Bytes> {
    let of = |at: usize, attachment: &Attachment| {
        let copy = attachments
            .iter()
            .filter(|copy| copy.rendition_of.map(usize::from) == Some(at));
        let mut previews = std::iter::once(attachment)
            .chain(copy)
            .filter_map(|it| it.preview.clone());
        previews.next()
    };
    attachments
        .iter()
        .enumerate()
        .filter(|(_, attachment)| attachment.rendition_of.is_none())
        .filter_map(move |(at, attachment)| of(at, attachment))
        .take(DRAWN)
}

/// What a post is recognised by: its title, else its text, else what is attached.
fn begins<'a>(entry: &'a EntryView, post: &'a Post) -> &'a str {
    let title = post.title.as_deref().unwrap_or(&post.text);
    let attached = || originals(entry.attachments()).find_map(|it| it.name.as_deref());
    Some(title)
        .filter(|title| !title.trim().is_empty())
        .or_else(attached)
        .or(post.link.as_deref())
        .unwrap_or_default()
}

/// Why there is nothing to read.
fn why_no_text(entry: &EntryView) -> String {
    match entry.state() {
        EntryState::Held => format!(
            "{}: not something this client can show",
            clean(entry.kind().as_str())
        ),
        state => absence(state).to_owned(),
    }
}

const fn absence(state: EntryState) -> &'static str {
    match state {
        EntryState::Deleted => "deleted",
        EntryState::Expired => "expired",
        EntryState::NotHeld => "not here yet",
        _ => "not something this client can read",
    }
}
