//! The form that Tumblr's export has today: a page of HTML for each post, named by its number.

use jiff::fmt::strtime;
use tidings::Timestamp;

use super::Post;
use crate::import::html::to_text;

/// The post of a page: what stands above its footer, and the date and the tags in that.
pub(super) fn post(id: &str, page: &str) -> Post {
    let body = between(page, "<body", "</body>").unwrap_or(page);
    let body = body.split_once('>').map_or(body, |(_, body)| body);
    let (words, footer) = match body.find("<div id=\"footer\"") {
        Some(at) => body.split_at(at),
        None => (body, ""),
    };
    let title = between(words, "<h1", "</h1>");
    let title_html = title.map(|it| format!("<h1{it}</h1>"));
    let words = title_html.map_or_else(|| words.to_owned(), |it| words.replacen(&it, "", 1));
    let (words, media) = without_pictures(&words);
    let time = between(footer, "id=\"timestamp\"", "</span>");
    let tags = footer.split("class=\"tag\"").skip(1);
    let tags = tags.filter_map(|tag| tag.split("</span>").next()?.split_once('>'));
    Post {
        id: id.to_owned(),
        state: None,
        // The page of a repost tells whose words it has by a link to each.
        is_repost: words.contains("tumblr_blog"),
        link: None,
        title: title
            .and_then(|it| it.split_once('>'))
            .map(|(_, title)| to_text(title, None)),
        text: to_text(&words, None),
        tags: tags.map(|(_, tag)| to_text(tag, None)).collect(),
        time: time.and_then(|it| date(it.split_once('>')?.1)),
        media,
    }
}

fn between<'a>(text: &'a str, begin: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(begin)?;
    rest.split_once(end).map(|(inside, _)| inside)
}

/// The HTML without its pictures, films and sounds, and where each of these lies.
fn without_pictures(html: &str) -> (String, Vec<(String, Option<String>)>) {
    let mut media = Vec::new();
    let mut text = String::with_capacity(html.len());
    for (at, piece) in html.split('<').enumerate() {
        if at == 0 {
            text.push_str(piece);
            continue;
        }
        let is_media = ["img ", "source ", "video ", "audio "]
            .iter()
            .any(|name| piece.starts_with(name));
        let (tag, behind) = piece.split_once('>').unwrap_or((piece, ""));
        match attribute(tag, "src").filter(|_| is_media) {
            Some(address) => {
                media.push((address, attribute(tag, "alt").filter(|it| !it.is_empty())));
                text.push_str(behind);
            }
            None => {
                text.push('<');
                text.push_str(piece);
            }
        }
    }
    (text, media)
}

/// The value of an attribute in the text of a tag.
pub(in crate::import) fn attribute(tag: &str, name: &str) -> Option<String> {
    for quote in ['"', '\''] {
        let begin = format!(" {name}={quote}");
        if let Some((_, rest)) = tag.split_once(&begin) {
            let value = rest.split(quote).next().unwrap_or_default();
            return Some(to_text(value, None));
        }
    }
    None
}

/// A date such as `November 17th, 2013 12:43pm`. It has no zone, so that of the calendar is taken.
fn date(text: &str) -> Option<Timestamp> {
    const FORMS: [&str; 2] = ["%B %d, %Y %I:%M%p", "%B %d, %Y %H:%M"];
    let words: Vec<_> = text.split_whitespace().collect();
    let mut text = words.join(" ");
    for ending in ["st,", "nd,", "rd,", "th,"] {
        if let Some(at) = text.find(ending)
            && text
                .get(..at)
                .is_some_and(|before| before.ends_with(|c: char| c.is_ascii_digit()))
        {
            text.replace_range(at..at + ending.len(), ",");
        }
    }
    let parsed = FORMS.iter().find_map(|form| {
        let parsed = strtime::parse(form, &text).ok()?;
        parsed.to_datetime().ok()
    })?;
    let time = parsed.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(Timestamp(time.timestamp().as_millisecond()))
}
