//! Brings a JSON Feed into the form that feed-rs insists on, item by item.

use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::{Map, Value, json};

use super::date;
use super::write::Facts;

/// The version that feed-rs knows, whatever the feed says.
const VERSION: &str = "https://jsonfeed.org/version/1.1";

/// An item as a feed of its own, and what else there is to know of it; `None` for what is no item.
type Read = Option<(String, Facts)>;

/// The feed without its items.
pub(in crate::import) fn head(text: &str) -> serde_json::Result<String> {
    let head = read(text, &mut |_| {})?;
    let mut feed = Map::new();
    for name in ["home_page_url", "feed_url"] {
        if let Some(address) = head.get(name).and_then(text_of) {
            feed.insert(name.to_owned(), address.into());
        }
    }
    Ok(around(feed, Vec::new()))
}

/// Hands out all items, in the order of the file.
pub(in crate::import) fn items(text: &str, mut each: impl FnMut(Read)) -> serde_json::Result<()> {
    read(text, &mut |item| each(shaped(item)))?;
    Ok(())
}

fn around(mut feed: Map<String, Value>, items: Vec<Value>) -> String {
    feed.insert("version".to_owned(), VERSION.into());
    feed.insert("title".to_owned(), "".into());
    feed.insert("items".to_owned(), items.into());
    Value::Object(feed).to_string()
}

/// One item in the form that is asked for. What is of no use in a form that nobody foresaw is left out.
fn shaped(item: Value) -> Read {
    let Value::Object(item) = item else {
        return None;
    };
    let mut facts = Facts::default();
    let mut shaped = Map::new();
    let names = [
        "id",
        "url",
        "external_url",
        "title",
        "content_html",
        "content_text",
        "summary",
    ];
    for name in names {
        if let Some(text) = item.get(name).and_then(text_of) {
            shaped.insert(name.to_owned(), text.into());
        }
    }
    facts.id = shaped
        .get("id")
        .and_then(text_of)
        .filter(|id| !id.is_empty());
    let mut dated = false;
    for name in ["date_published", "date_modified"] {
        let Some(text) = item
            .get(name)
            .and_then(text_of)
            .filter(|it| !it.trim().is_empty())
        else {
            continue;
        };
        match date::read(&text) {
            Some(time) => {
                dated = true;
                shaped.insert(name.to_owned(), time.to_string().into());
            }
            None => facts.date_unread = true,
        }
    }
    facts.date_unread &= !dated;
    let tags = match item.get("tags") {
        Some(Value::String(tags)) => tags.split(',').map(|tag| json!(tag.trim())).collect(),
        Some(Value::Array(tags)) => tags.iter().filter_map(text_of).map(Value::from).collect(),
        _ => Vec::new(),
    };
    shaped.insert("tags".to_owned(), tags.into());
    let attachments = match item.get("attachments") {
        Some(Value::Array(all)) => all.iter().filter_map(attachment).collect(),
        Some(one) => attachment(one).into_iter().collect(),
        None => Vec::new(),
    };
    shaped.insert("attachments".to_owned(), attachments.into());
    Some((around(Map::new(), vec![Value::Object(shaped)]), facts))
}

/// An attachment has an address; the kind of what is there may be missing.
fn attachment(given: &Value) -> Option<Value> {
    let url = given.get("url").and_then(text_of)?;
    let kind = given.get("mime_type").and_then(text_of);
    let kind = kind.unwrap_or_else(|| "application/octet-stream".to_owned());
    Some(json!({ "url": url, "mime_type": kind }))
}

/// A text; numbers are written as such, as the specification wants of ids.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Reads the feed, and hands out each of its items rather than keep it. Returns all else.
fn read(text: &str, each: &mut dyn FnMut(Value)) -> serde_json::Result<Map<String, Value>> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let head = Feed(each).deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(head)
}

struct Feed<'a>(&'a mut dyn FnMut(Value));

impl<'de> DeserializeSeed<'de> for Feed<'_> {
    type Value = Map<String, Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Feed<'_> {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON Feed")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut head = Map::new();
        let mut found = false;
        while let Some(name) = map.next_key::<String>()? {
            if name == "items" {
                map.next_value_seed(Items(&mut *self.0))?;
                found = true;
            } else if ["home_page_url", "feed_url"].contains(&name.as_str()) {
                head.insert(name, map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        if found {
            Ok(head)
        } else {
            Err(A::Error::custom("it has no items"))
        }
    }
}

struct Items<'a>(&'a mut dyn FnMut(Value));

impl<'de> DeserializeSeed<'de> for Items<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Items<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of items")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element()? {
            (self.0)(item);
        }
        Ok(())
    }
}
