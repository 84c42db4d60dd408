//! The form of Tumblr's first interface: `<tumblr><posts><post type="regular">`.

use std::collections::HashMap;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::{Post, below, quoted, seconds};
use crate::failure::{Failure, Result};
use crate::import::html::to_text;

/// Elements inside one another that are followed; a post has three.
const DEPTH: usize = 64;

/// All posts, in the order of the file.
pub(super) fn posts(text: &str) -> Result<Vec<Option<Post>>> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_end_names = false;
    let mut posts = Vec::new();
    let mut open: Vec<String> = Vec::new();
    let mut post: Option<Element> = None;
    loop {
        let place = reader.buffer_position();
        let wrong = |error| {
            Failure::said(format!(
                "not XML that can be read, at byte {place}: {error}"
            ))
        };
        match reader
            .read_event()
            .map_err(|error| wrong(error.to_string()))?
        {
            Event::Eof => break,
            Event::Start(start) => {
                let name = name(&start);
                if name == "post" {
                    post = Some(Element::new(&start));
                } else if let Some(post) = &mut post {
                    post.begin(&name, &start);
                }
                if open.len() == DEPTH {
                    return Err(wrong("it is too deep".to_owned()));
                }
                open.push(name);
            }
            Event::Empty(start) => {
                let name = name(&start);
                if name == "post" {
                    posts.push(Element::new(&start).post());
                } else if let Some(post) = &mut post {
                    post.begin(&name, &start);
                }
            }
            Event::End(_) => {
                if open.pop().as_deref() == Some("post")
                    && let Some(post) = post.take()
                {
                    posts.push(post.post());
                }
            }
            Event::Text(text) => {
                if let (Some(post), Some(name)) = (&mut post, open.last()) {
                    post.text(name, &text);
                }
            }
            Event::CData(text) => {
                if let (Some(post), Some(name)) = (&mut post, open.last()) {
                    post.text(name, &text);
                }
            }
            Event::GeneralRef(reference) => {
                if let (Some(post), Some(name)) = (&mut post, open.last()) {
                    let whole = format!("&{};", &*reference);
                    let text = quick_xml::escape::unescape(&whole);
                    post.text(name, text.as_deref().unwrap_or(&whole));
                }
            }
            _ => {}
        }
    }
    Ok(posts)
}

fn name(start: &BytesStart<'_>) -> String {
    start.name().as_ref().to_owned()
}

fn attributes(start: &BytesStart<'_>) -> HashMap<String, String> {
    let mut all = start.attributes();
    let all = all.with_checks(false).flatten().map(|it| {
        let value = quick_xml::escape::unescape(&it.value);
        let value = value.map_or_else(|_| it.value.to_string(), Into::into);
        (it.key.as_ref().to_owned(), value)
    });
    all.collect()
}

/// One post as it stands in the file.
struct Element {
    attributes: HashMap<String, String>,
    /// Its elements in order, each with its text; a picture in a set with its caption.
    fields: Vec<(String, String)>,
}

impl Element {
    fn new(start: &BytesStart<'_>) -> Self {
        Self {
            attributes: attributes(start),
            fields: Vec::new(),
        }
    }

    fn begin(&mut self, name: &str, start: &BytesStart<'_>) {
        let caption = (name == "photo").then(|| attributes(start).remove("caption"));
        let text = caption.flatten().unwrap_or_default();
        self.fields.push((name.to_owned(), text));
    }

    fn text(&mut self, name: &str, text: &str) {
        if let Some((last, whole)) = self.fields.last_mut()
            && last == name
        {
            whole.push_str(text);
        }
    }

    /// The pictures with their captions: of the sizes of each, the first is the largest.
    fn pictures(&self) -> Vec<(String, Option<String>)> {
        let mut pictures = Vec::new();
        let (mut wanted, mut caption) = (true, None);
        for (name, text) in &self.fields {
            let text = text.trim();
            match name.as_str() {
                // The first picture stands in front of the set once more.
                "photoset" => pictures.clear(),
                "photo" => {
                    wanted = true;
                    caption = Some(text.to_owned()).filter(|it| !it.is_empty());
                }
                "photo-url" if wanted && !text.is_empty() => {
                    wanted = false;
                    pictures.push((text.to_owned(), caption.take()));
                }
                _ => {}
            }
        }
        pictures
    }

    fn attribute(&self, name: &str) -> Option<String> {
        let value = self.attributes.get(name)?.trim();
        (!value.is_empty()).then(|| value.to_owned())
    }

    fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.fields.iter();
        let (_, text) = fields.find(|(it, text)| it == name && !text.trim().is_empty())?;
        Some(text)
    }

    fn html(&self, name: &str) -> String {
        self.field(name)
            .map_or_else(String::new, |html| to_text(html, None))
    }

    fn post(self) -> Option<Post> {
        let id = self.attribute("id")?;
        let is_private = self.attribute("private").is_some_and(|it| it == "true");
        let state = self.attribute("state");
        let state = if is_private {
            Some("private".to_owned())
        } else {
            state
        };
        let reposted = [
            "reblogged-from-url",
            "reblogged-root-url",
            "reblogged-from-name",
        ];
        let titles = ["regular-title", "link-text", "conversation-title"];
        let title = titles.iter().find_map(|name| self.field(name));
        let time = self
            .attribute("unix-timestamp")
            .and_then(|it| it.parse().ok());
        let tags = self.fields.iter().filter(|(name, _)| name == "tag");
        Some(Post {
            state: state.or_else(|| Some("published".to_owned())),
            is_repost: reposted.iter().any(|name| self.attribute(name).is_some()),
            link: self
                .attribute("url-with-slug")
                .or_else(|| self.attribute("url")),
            title: title.map(|title| to_text(title, None)),
            text: self.words(),
            tags: tags.map(|(_, tag)| tag.trim().to_owned()).collect(),
            time: time.and_then(seconds),
            media: self.pictures(),
            id,
        })
    }

    fn words(&self) -> String {
        let plain = |name: &str| self.field(name).unwrap_or_default().trim().to_owned();
        let films = ["video-source", "audio-embed"].map(plain);
        let films = films.into_iter().filter(|it| it.starts_with("http"));
        let mut parts = vec![
            self.html("regular-body"),
            quoted(&self.html("question")),
            self.html("answer"),
            quoted(&self.html("quote-text")),
            self.html("quote-source"),
            plain("link-url"),
            self.html("link-description"),
            plain("conversation-text"),
            self.html("photo-caption"),
            self.html("video-caption"),
            self.html("audio-caption"),
        ];
        parts.extend(films);
        below(&parts)
    }
}
