//! Archives of Mastodon, and of whatever else exports an ActivityPub outbox: `outbox.json`, with `actor.json` and the
//! pictures beside it.
//!
//! Who may read a status stands in it as addresses. What is not addressed to the public is never taken, whatever is
//! asked for.

use std::collections::HashMap;
use std::fmt;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::archives::{self, Lenient, Media};
use super::choice::Choice;
use super::enclosure::Folder;
use super::fold::Raw;
use super::html;
use super::items::Collected;
use super::left::Left;
use super::threads::{self, Answers, Status};
use crate::failure::Result;

/// What addresses everybody is called: the full name, and the two short ones that are in use.
const PUBLIC: [&str; 3] = [
    "https://www.w3.org/ns/activitystreams#Public",
    "as:Public",
    "Public",
];

/// What stands before pictures that nobody described otherwise.
const SENSITIVE: &str = "Sensitive content";

/// The activities of an outbox. Some versions of Mastodon write the list twice, the first time empty.
#[derive(Debug)]
struct Outbox {
    items: Vec<Lenient<Activity>>,
}

impl<'de> Deserialize<'de> for Outbox {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = Outbox;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an outbox")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut map: A,
            ) -> std::result::Result<Outbox, A::Error> {
                let mut items = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    if name == "orderedItems" || name == "items" {
                        items.append(&mut map.next_value()?);
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(Outbox { items })
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

/// What was done, and with what. A status may stand in the list without an activity around it.
#[derive(Debug, Deserialize)]
struct Activity {
    #[serde(rename = "type", default)]
    kind: Value,
    #[serde(default)]
    object: Value,
    #[serde(default)]
    actor: Value,
    #[serde(flatten)]
    note: Note,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Note {
    id: Value,
    url: Value,
    #[serde(rename = "attributedTo")]
    author: Value,
    #[serde(rename = "inReplyTo")]
    in_reply_to: Value,
    published: Value,
    to: Value,
    cc: Value,
    name: Value,
    summary: Value,
    sensitive: Value,
    content: Value,
    #[serde(rename = "contentMap")]
    content_map: Value,
    attachment: Value,
    tag: Value,
    #[serde(rename = "oneOf")]
    one_of: Value,
    #[serde(rename = "anyOf")]
    any_of: Value,
    quote: Value,
    #[serde(rename = "quoteUrl")]
    quote_url: Value,
    #[serde(rename = "quoteUri")]
    quote_uri: Value,
}

/// The person whose outbox it is.
#[derive(Debug, Default, Deserialize)]
struct Actor {
    id: Option<String>,
    followers: Option<String>,
}

/// Who may read something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Audience {
    Public,
    /// Everybody, but it is in no list.
    Unlisted,
    Followers,
    /// The people whom it names.
    Named,
}

/// Reads an outbox. `folder` is where the archive was unpacked.
pub(super) fn read(
    bytes: &[u8],
    folder: Option<&Folder>,
    choice: &Choice,
    into: &mut Collected,
) -> Result {
    let outbox: Outbox = archives::json(bytes)?;
    let actor = folder.and_then(|folder| archives::json_file(&folder.beside("actor.json")?));
    let mut reader = Reader {
        actor: actor.unwrap_or_default(),
        media: Media::new(folder),
        choice,
        statuses: Vec::new(),
        places: HashMap::new(),
    };
    for item in outbox.items {
        match item {
            Lenient::Read(activity) => reader.activity(activity, into),
            Lenient::Not(_) => into.notes.skipped += 1,
        }
    }
    into.notes.missing_files += reader.media.missing;
    threads::take(reader.statuses, choice, into);
    Ok(())
}

struct Reader<'a> {
    actor: Actor,
    media: Media<'a>,
    choice: &'a Choice,
    statuses: Vec<Status>,
    /// Where in them each stands.
    places: HashMap<String, usize>,
}

impl Reader<'_> {
    fn activity(&mut self, activity: Activity, into: &mut Collected) {
        let Activity {
            kind,
            object,
            actor,
            note: outer,
        } = activity;
        let owner = id_of(&actor).or_else(|| id_of(&outer.author));
        // Without a word about whose archive it is, it is that of the first who does something in it.
        let whose = self
            .actor
            .id
            .get_or_insert_with(|| owner.clone().unwrap_or_default());
        if owner.is_some_and(|owner| owner != *whose) {
            into.left.add(Left::OtherAuthor);
            return;
        }
        match kind.as_str().unwrap_or_default() {
            "Create" | "Update" => match Note::deserialize(object) {
                Ok(note) if note.is_status() => self.status(note, Some(&outer), into),
                _ => into.left.add(Left::Other),
            },
            "Announce" => self.repost(&outer, &object, into),
            "Delete" => self.deleted(&object, into),
            _ if outer.is_status() => self.status(outer, None, into),
            _ => into.left.add(Left::Other),
        }
    }

    /// A status, and the activity around it. Where the two differ in who may read it, the fewer count.
    fn status(&mut self, note: Note, outer: Option<&Note>, into: &mut Collected) {
        let Some(id) = id_of(&note.id) else {
            into.notes.skipped += 1;
            return;
        };
        let author = id_of(&note.author);
        if author.is_some() && author != self.actor.id {
            into.left.add(Left::OtherAuthor);
            return;
        }
        let around = outer.filter(|outer| outer.is_addressed());
        let audience = self.audience(&note, around);
        let left = match audience {
            Audience::Public | Audience::Unlisted => None,
            Audience::Followers => Some(Left::FollowersOnly),
            Audience::Named => Some(Left::Direct),
        };
        let answers = self.answers(&note);
        let raw = if let Some(left) = left {
            into.leave(left, Some(id.clone()), None);
            None
        } else {
            Some(self.raw(&note, outer))
        };
        let status = Status {
            id,
            answers,
            unlisted: audience == Audience::Unlisted,
            raw,
        };
        // A later version of a status takes the place of the first one.
        let next = self.statuses.len();
        let place = *self.places.entry(status.id.clone()).or_insert(next);
        match self.statuses.get_mut(place) {
            Some(earlier) => *earlier = status,
            None => self.statuses.push(status),
        }
    }

    /// What was taken back later in the same outbox.
    fn deleted(&mut self, object: &Value, into: &mut Collected) {
        let place = id_of(object).and_then(|id| self.places.get(&id).copied());
        let status = place.and_then(|place| self.statuses.get_mut(place));
        if let Some(status) = status
            && status.raw.take().is_some()
        {
            into.leave(Left::Trash, id_of(object), None);
        } else {
            into.left.add(Left::Other);
        }
    }

    fn repost(&mut self, outer: &Note, object: &Value, into: &mut Collected) {
        let audience = self.audience(outer, None);
        if !self.choice.reposts || audience > Audience::Unlisted {
            into.left.add(Left::Repost);
            return;
        }
        let (Some(id), Some(link)) = (id_of(&outer.id), id_of(object)) else {
            into.notes.skipped += 1;
            return;
        };
        let raw = Raw {
            link: Some(link),
            time: archives::rfc3339(outer.published.as_str()),
            ..Raw::default()
        };
        self.statuses.push(Status {
            id,
            answers: Answers::Nobody,
            unlisted: audience == Audience::Unlisted,
            raw: Some(raw),
        });
    }

    fn audience(&self, note: &Note, around: Option<&Note>) -> Audience {
        let of = |note: &Note| {
            let is_public = |name: &str| PUBLIC.contains(&name);
            let followers = self.actor.followers.as_deref();
            let is_followers = |name: &str| Some(name) == followers || name.ends_with("/followers");
            let (to, cc) = (texts(&note.to), texts(&note.cc));
            if to.iter().any(|name| is_public(name)) {
                Audience::Public
            } else if cc.iter().any(|name| is_public(name)) {
                Audience::Unlisted
            } else if to.iter().chain(&cc).any(|name| is_followers(name)) {
                Audience::Followers
            } else {
                Audience::Named
            }
        };
        let inner = note.is_addressed().then(|| of(note));
        let audience = inner.max(around.map(of));
        audience.unwrap_or(Audience::Named)
    }

    fn answers(&self, note: &Note) -> Answers {
        let Some(target) = id_of(&note.in_reply_to) else {
            return Answers::Nobody;
        };
        let owner = self.actor.id.as_deref().unwrap_or_default();
        let below = target.strip_prefix(owner.trim_end_matches('/'));
        let is_own = !owner.is_empty() && below.is_some_and(|rest| rest.starts_with('/'));
        if is_own {
            Answers::Own(target)
        } else {
            Answers::Others(Some(target))
        }
    }

    fn raw(&mut self, note: &Note, outer: Option<&Note>) -> Raw {
        let link = id_of(&note.url).or_else(|| id_of(&note.id));
        let link = link.filter(|link| link.starts_with("http"));
        let mut raw = Raw {
            text: note.text(link.as_deref()),
            title: note.name.as_str().map(str::to_owned),
            warning: note.warning(),
            language: note.language(),
            tags: note.hashtags(),
            time: archives::rfc3339(note.published.as_str())
                .or_else(|| archives::rfc3339(outer?.published.as_str())),
            link,
            addresses: note.quoted().into_iter().collect(),
            ..Raw::default()
        };
        for attachment in list(&note.attachment) {
            let url = attachment.get("url").or_else(|| attachment.get("href"));
            let Some(url) = url.and_then(id_of) else {
                continue;
            };
            let alt = attachment.get("name").or_else(|| attachment.get("summary"));
            let alt = alt.and_then(Value::as_str).map(str::to_owned);
            self.media.attach(&candidates(&url), &url, alt, &mut raw);
        }
        raw
    }
}

impl Note {
    /// Whether it says anything, as a like does not.
    fn is_status(&self) -> bool {
        self.content.is_string() || self.content_map.is_object() || !self.attachment.is_null()
    }

    fn is_addressed(&self) -> bool {
        !self.to.is_null() || !self.cc.is_null()
    }

    fn text(&self, base: Option<&str>) -> String {
        let in_languages = self.content_map.as_object();
        let content = self
            .content
            .as_str()
            .or_else(|| in_languages?.values().find_map(Value::as_str));
        let base = base.and_then(|base| base.parse().ok());
        let content = archives::without_mention_links(content.unwrap_or_default());
        let mut text = html::to_text(&content, base.as_ref());
        for option in list(&self.one_of).iter().chain(list(&self.any_of)) {
            if let Some(name) = option.get("name").and_then(Value::as_str) {
                text.push_str("\n* ");
                text.push_str(name);
            }
        }
        text
    }

    /// The address of what it quotes, where its text does not have it already for those who show no quotes.
    fn quoted(&self) -> Option<String> {
        const IN_TEXT: &str = "quote-inline";
        let mut named = [&self.quote_url, &self.quote_uri, &self.quote].into_iter();
        let address = named.find_map(id_of)?;
        let is_shown = self
            .content
            .as_str()
            .is_some_and(|it| it.contains(IN_TEXT) || it.contains(&address));
        (!is_shown && address.starts_with("http")).then_some(address)
    }

    /// What to know before looking. The summary of an article is none.
    fn warning(&self) -> Option<String> {
        let said = self.summary.as_str().filter(|it| !it.trim().is_empty());
        let said = said.filter(|_| self.name.as_str().is_none_or(str::is_empty));
        let said = said.map(|said| html::to_text(said, None));
        let is_sensitive = self.sensitive.as_bool() == Some(true);
        said.or_else(|| is_sensitive.then(|| SENSITIVE.to_owned()))
    }

    fn language(&self) -> Option<String> {
        let languages = self.content_map.as_object()?;
        let mut names = languages.keys();
        let only = names.next().filter(|_| languages.len() == 1);
        only.cloned()
    }

    fn hashtags(&self) -> Vec<String> {
        let tags = list(&self.tag).iter();
        let tags = tags.filter(|tag| tag.get("type").and_then(Value::as_str) == Some("Hashtag"));
        tags.filter_map(|tag| Some(tag.get("name")?.as_str()?.to_owned()))
            .collect()
    }
}

/// Where a file may lie in the archive: at its address, or where the archive's own folder of files begins in that.
fn candidates(url: &str) -> Vec<String> {
    const FILES: &str = "media_attachments/";
    let path = archives::path_of(url);
    let begins = path.find(FILES).and_then(|at| path.get(at..));
    let begins = begins.map(str::to_owned);
    std::iter::once(path.clone()).chain(begins).collect()
}

/// The id or address that something is, has, or begins with.
fn id_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        Value::Array(all) => all.iter().find_map(|it| match it {
            Value::Array(_) => None,
            it => id_of(it),
        }),
        Value::Object(fields) => ["id", "href", "url"]
            .iter()
            .find_map(|name| Some(fields.get(*name)?.as_str()?.to_owned())),
        _ => None,
    }
}

/// The texts of a list, or the one text that stands in place of it.
fn texts(value: &Value) -> Vec<&str> {
    list(value).iter().filter_map(Value::as_str).collect()
}

/// The values of a list, or the one value that stands in place of it.
fn list(value: &Value) -> &[Value] {
    match value {
        Value::Null => &[],
        Value::Array(all) => all,
        one => std::slice::from_ref(one),
    }
}

/// Whether this is the beginning of an outbox.
pub(super) fn is_outbox(head: &str) -> bool {
    let named = ["OrderedCollection", "orderedItems", "activitystreams"];
    head.starts_with('{') && named.iter().filter(|name| head.contains(**name)).count() >= 2
}
