//! Exports of Ghost: one file of JSON with the tables of its database.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;
use tidings::Timestamp;

use super::archives::{self, Lenient};
use super::choice::Choice;
use super::fold::Raw;
use super::items::{Author, Collected};
use super::left::Left;
use super::{gates, html};
use crate::failure::Result;

/// What stands for the address of the blog.
const HERE: &str = "__GHOST_URL__";

#[derive(Debug, Deserialize)]
struct Export {
    db: Vec<Database>,
}

#[derive(Debug, Deserialize)]
struct Database {
    data: Tables,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Tables {
    posts: Vec<Lenient<Post>>,
    tags: Vec<Lenient<Row>>,
    users: Vec<Lenient<Row>>,
    posts_tags: Vec<Lenient<Link>>,
    posts_authors: Vec<Lenient<Link>>,
    settings: Vec<serde::de::IgnoredAny>,
}

#[derive(Debug, Deserialize)]
struct Post {
    id: Value,
    #[serde(default)]
    uuid: Value,
    title: Option<String>,
    html: Option<String>,
    plaintext: Option<String>,
    custom_excerpt: Option<String>,
    canonical_url: Option<String>,
    feature_image: Option<String>,
    #[serde(rename = "type", default)]
    kind: Value,
    #[serde(default)]
    page: Value,
    status: Option<String>,
    visibility: Option<String>,
    #[serde(default)]
    published_at: Value,
    #[serde(default)]
    author_id: Value,
    locale: Option<String>,
}

/// A tag, or somebody who writes.
#[derive(Debug, Deserialize)]
struct Row {
    id: Value,
    name: Option<String>,
    slug: Option<String>,
}

/// What belongs to a post.
#[derive(Debug, Deserialize)]
struct Link {
    post_id: Value,
    #[serde(alias = "tag_id", alias = "author_id")]
    other: Value,
    #[serde(default)]
    sort_order: i64,
}

/// Whether this is the beginning of such an export.
pub(super) fn is_export(head: &str) -> bool {
    let begins = head.chars().filter(|c| !c.is_whitespace()).take(16);
    begins.collect::<String>().starts_with("{\"db\":[")
}

/// Reads an export.
pub(super) fn read(bytes: &[u8], choice: &Choice, into: &mut Collected) -> Result {
    let export: Export = archives::json(bytes)?;
    into.is_export();
    for Database { data } in export.db {
        into.left.add_all(Left::Setting, data.settings.len() as u64);
        let (tags, users) = (rows(data.tags), rows(data.users));
        let (of_tags, of_users) = (links(data.posts_tags), links(data.posts_authors));
        for post in data.posts {
            let Lenient::Read(post) = post else {
                into.notes.skipped += 1;
                continue;
            };
            if let Some(left) = post.left(choice.pages) {
                into.leave(left, Some(post.name()), None);
                continue;
            }
            let id = key(&post.id);
            let first = of_users.get(&id).and_then(|all| all.first()).cloned();
            let author = users.get(&first.unwrap_or_else(|| key(&post.author_id)));
            let names = of_tags.get(&id).into_iter().flatten();
            let names = names.filter_map(|tag| tags.get(tag)?.name.clone());
            let mut raw = post.raw();
            let html = post.html.as_deref().unwrap_or_default();
            into.notes.gated += u64::from(gates::open_of_ghost(html).is_some());
            // Those that begin so are for the blog's own use.
            raw.tags = names.filter(|name| !name.starts_with('#')).collect();
            raw.author = author.and_then(|row| {
                let name = row.name.clone()?;
                let login = row.slug.clone().unwrap_or_else(|| name.clone());
                Some(Author { name, login })
            });
            if !into.add(raw) {
                into.notes.skipped += 1;
            }
        }
    }
    Ok(())
}

impl Post {
    /// Why it becomes no post; none if it is public.
    fn left(&self, pages: bool) -> Option<Left> {
        let is_page = self.kind == "page" || self.page == 1 || self.page == true;
        let status = match self.status.as_deref() {
            Some("published") => None,
            Some("draft") => Some(Left::Draft),
            Some("scheduled") => Some(Left::Scheduled),
            // A letter to members.
            Some("sent") => Some(Left::FollowersOnly),
            _ => Some(Left::Private),
        };
        let visibility = match self.visibility.as_deref() {
            None | Some("public") => None,
            Some(_) => Some(Left::FollowersOnly),
        };
        let page = (is_page && !pages).then_some(Left::Page);
        page.or(status).or(visibility)
    }

    /// What no other item in the world is called.
    fn name(&self) -> String {
        let id = if self.uuid.is_null() {
            &self.id
        } else {
            &self.uuid
        };
        format!("ghost:{}", key(id))
    }

    fn raw(&self) -> Raw {
        let html = self.html.as_deref().map(|html| html.replace(HERE, ""));
        let open = html.as_deref().and_then(gates::open_of_ghost);
        let is_gated = open.is_some();
        let text = open.or(html).map(|html| html::to_text(&html, None));
        let text = text.filter(|text| !text.trim().is_empty());
        // What is for some stands in this, too, and nothing tells it apart.
        let text = text.or_else(|| self.plaintext.clone().filter(|_| !is_gated));
        let picture = self
            .feature_image
            .iter()
            .filter(|it| it.starts_with("http"));
        Raw {
            id: Some(self.name()),
            title: self.title.clone(),
            text: text
                .or_else(|| self.custom_excerpt.clone())
                .unwrap_or_default(),
            link: self.canonical_url.clone(),
            language: self.locale.clone(),
            time: time(&self.published_at),
            addresses: picture.cloned().collect(),
            ..Raw::default()
        }
    }
}

fn rows(rows: Vec<Lenient<Row>>) -> HashMap<String, Row> {
    let rows = rows.into_iter().filter_map(Lenient::read);
    rows.map(|row| (key(&row.id), row)).collect()
}

/// What belongs to each post, in its order.
fn links(links: Vec<Lenient<Link>>) -> HashMap<String, Vec<String>> {
    let mut links: Vec<Link> = links.into_iter().filter_map(Lenient::read).collect();
    links.sort_by_key(|link| link.sort_order);
    let mut all: HashMap<String, Vec<String>> = HashMap::new();
    for link in links {
        let of_post = all.entry(key(&link.post_id)).or_default();
        of_post.push(key(&link.other));
    }
    all
}

/// A number or a text as a key: both are in use.
fn key(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// Milliseconds, RFC 3339, or date and time of day in the time of the world.
fn time(value: &Value) -> Option<Timestamp> {
    if let Some(millis) = value.as_i64() {
        return Some(Timestamp(millis));
    }
    let text = value.as_str()?.trim();
    let in_utc = || archives::rfc3339(Some(&format!("{}Z", text.replacen(' ', "T", 1))));
    archives::rfc3339(Some(text)).or_else(in_utc)
}
