//! Posts as people read them: names, relative times, wrapped text.

use console::Style;
use textwrap::{Options, WordSplitter};
use tidings::{EntryView, Gap, TimelineItem, Timestamp};

use crate::json::calendar;

/// Lines of text shown of one post; the rest is counted.
const LINES: usize = 12;

/// How text for people looks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    /// Columns to wrap at.
    pub(crate) width: usize,
    /// Whether bold and dim may be used.
    pub(crate) color: bool,
}

impl Look {
    /// One item of a timeline, with what it answers, if that is held.
    pub(crate) fn item(&self, item: &TimelineItem, answered: Option<&EntryView>) -> String {
        match item {
            TimelineItem::Entry(entry) => self.entry(entry, answered),
            TimelineItem::Gap(gap) => self.gap(gap),
            _ => String::new(),
        }
    }

    fn entry(&self, entry: &EntryView, answered: Option<&EntryView>) -> String {
        let mut lines = vec![self.heading(entry)];
        if entry.reply_to().is_some() {
            lines.push(self.dim(&format!("  in reply to {}", self.quoted(answered))));
        }
        match entry.post() {
            None => lines.push(self.dim(&format!(
                "  ({}: not something this client can show)",
                clean(entry.kind().as_str())
            ))),
            Some(post) => {
                if let Some(warning) = &post.warning {
                    lines.extend(self.wrapped(&format!("Warning: {}", clean(warning))));
                }
                let title = post
                    .title
                    .as_deref()
                    .filter(|title| !post.text.starts_with(title));
                lines.extend(
                    title
                        .iter()
                        .flat_map(|title| self.wrapped(&clean(title)))
                        .map(|line| self.bold(&line)),
                );
                lines.extend(self.text(&post.text));
                let link = post
                    .link
                    .as_deref()
                    .filter(|link| !post.text.contains(link));
                lines.extend(link.map(|link| self.dim(&format!("  {}", clean(link)))));
                lines.extend(
                    post.dated
                        .map(|date| self.dim(&format!("  dated {}", calendar(date)))),
                );
            }
        }
        lines.push(String::new());
        lines.join("\n")
    }

    /// Who wrote what is answered, and how it begins.
    fn quoted(&self, answered: Option<&EntryView>) -> String {
        let Some(entry) = answered else {
            return "a post that is not here".to_owned();
        };
        let author = entry.author().map_or_else(|| entry.feed().short(), clean);
        let post = entry.post();
        let begins = post.map(|post| post.title.as_deref().unwrap_or(&post.text));
        let begins = clean(begins.unwrap_or_default()).replace('\n', " ");
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
            "{}{}{tags}",
            relative(entry.time(), jiff::Timestamp::now()),
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
        self.dim(&format!(
            "  ... {posts} of {} not here yet\n",
            gap.log().feed.short()
        ))
    }

    /// Long words stay whole: most of them are addresses, and a terminal wraps them so that they can be clicked.
    fn wrapped(&self, text: &str) -> Vec<String> {
        let options = Options::new(self.columns())
            .initial_indent("  ")
            .subsequent_indent("  ")
            .break_words(false)
            .word_splitter(WordSplitter::NoHyphenation);
        textwrap::wrap(text, options)
            .into_iter()
            .map(|line| line.trim_end().to_owned())
            .collect()
    }

    /// Columns in use: long lines are hard to read on any screen.
    pub(crate) fn columns(&self) -> usize {
        self.width.clamp(20, 100)
    }

    pub(crate) fn bold(&self, text: &str) -> String {
        if self.color {
            Style::new()
                .force_styling(true)
                .bold()
                .apply_to(text)
                .to_string()
        } else {
            text.to_owned()
        }
    }

    pub(crate) fn dim(&self, text: &str) -> String {
        if self.color {
            Style::new()
                .force_styling(true)
                .dim()
                .apply_to(text)
                .to_string()
        } else {
            text.to_owned()
        }
    }
}

/// Text of others without what would steer a terminal: control characters, and marks that turn the writing direction.
pub(crate) fn clean(text: &str) -> String {
    let steers = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.replace('\t', "    ")
        .chars()
        .filter(|c| !steers(*c))
        .collect()
}

/// How long ago that was, in one unit; the date if it is more than a month ago, or to come.
pub(crate) fn relative(time: Timestamp, now: jiff::Timestamp) -> String {
    let seconds = now.as_second() - calendar(time).as_second();
    let ago =
        |n: i64, one: &str, many: &str| format!("{} ago", counted(n.unsigned_abs(), one, many));
    match seconds {
        -60..60 => "just now".to_owned(),
        60..3_600 => ago(seconds / 60, "minute", "minutes"),
        3_600..86_400 => ago(seconds / 3_600, "hour", "hours"),
        86_400..2_592_000 => ago(seconds / 86_400, "day", "days"),
        _ => calendar(time).strftime("%Y-%m-%d").to_string(),
    }
}

/// `1 post`, `12,345 posts`.
pub(crate) fn counted(count: u64, one: &str, many: &str) -> String {
    format!(
        "{} {}",
        indicatif::HumanCount(count),
        if count == 1 { one } else { many }
    )
}
