//! What the files of an archive of Twitter look like, over the years. Whatever is not named here is passed over.

use std::collections::HashMap;

use jiff::fmt::strtime;
use serde::Deserialize;
use serde_json::Value;
use tidings::Timestamp;

use super::super::archives;

/// An element of the list of tweets: the tweet itself before 2019.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Element {
    Wrapped { tweet: Box<Tweet> },
    Bare(Box<Tweet>),
}

#[derive(Debug, Deserialize)]
pub(super) struct AccountElement {
    pub(super) account: Account,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Account {
    #[serde(rename = "accountId")]
    pub(super) id: Option<String>,
    #[serde(rename = "username")]
    pub(super) name: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ProtectionElement {
    #[serde(rename = "protectedHistory")]
    pub(super) protection: Protection,
}

/// When an account was closed to all but its followers, or opened.
#[derive(Debug, Deserialize)]
pub(super) struct Protection {
    #[serde(rename = "protectedAt")]
    pub(super) at: Option<String>,
    pub(super) action: Option<String>,
}

impl Protection {
    /// What is written where it was closed.
    pub(super) const ON: &'static str = "Protect";
}

#[derive(Debug, Deserialize)]
pub(super) struct NoteElement {
    #[serde(rename = "noteTweet")]
    pub(super) note: NoteTweet,
}

/// The whole text of a long tweet, of which the list of tweets has the beginning alone.
#[derive(Debug, Deserialize)]
pub(super) struct NoteTweet {
    #[serde(rename = "createdAt")]
    pub(super) created_at: Option<String>,
    pub(super) core: NoteCore,
}

#[derive(Debug, Deserialize)]
pub(super) struct NoteCore {
    pub(super) text: String,
    #[serde(default)]
    urls: Vec<NoteUrl>,
}

#[derive(Debug, Deserialize)]
struct NoteUrl {
    #[serde(rename = "shortUrl")]
    short: Option<String>,
    #[serde(rename = "expandedUrl")]
    expanded: Option<String>,
}

impl NoteTweet {
    /// Whether a tweet is the beginning of this.
    pub(super) fn continues(&self, short: &str) -> bool {
        const CHARS: usize = 100;
        let begins = short.split('\u{2026}').next().unwrap_or_default();
        let begins: String = begins.chars().take(CHARS).collect();
        !begins.is_empty() && self.core.text.starts_with(&begins)
    }

    pub(super) fn links(&self) -> HashMap<String, String> {
        let links = self.core.urls.iter();
        let links = links.filter_map(|it| Some((it.short.clone()?, it.expanded.clone()?)));
        links.collect()
    }
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Tweet {
    id_str: Option<String>,
    #[serde(default)]
    id: Value,
    created_at: Option<String>,
    pub(super) full_text: Option<String>,
    pub(super) text: Option<String>,
    pub(super) lang: Option<String>,
    #[serde(default)]
    pub(super) possibly_sensitive: Value,
    #[serde(default)]
    pub(super) entities: Entities,
    #[serde(default)]
    extended_entities: Entities,
    in_reply_to_status_id_str: Option<String>,
    #[serde(default)]
    in_reply_to_status_id: Value,
    in_reply_to_user_id_str: Option<String>,
    #[serde(default)]
    in_reply_to_user_id: Value,
    pub(super) in_reply_to_screen_name: Option<String>,
    #[serde(default)]
    retweeted_status: Value,
    #[serde(default)]
    edit_info: Value,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Entities {
    urls: Vec<Link>,
    pub(super) hashtags: Vec<Hashtag>,
    media: Vec<MediaEntity>,
}

#[derive(Debug, Deserialize)]
struct Link {
    url: Option<String>,
    expanded_url: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Hashtag {
    pub(super) text: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct MediaEntity {
    /// The short address that stands for it in the text.
    pub(super) url: Option<String>,
    media_url_https: Option<String>,
    media_url: Option<String>,
    pub(super) ext_alt_text: Option<String>,
    video_info: Option<VideoInfo>,
}

#[derive(Debug, Clone, Deserialize)]
struct VideoInfo {
    #[serde(default)]
    variants: Vec<Variant>,
}

#[derive(Debug, Clone, Deserialize)]
struct Variant {
    url: Option<String>,
}

impl Tweet {
    pub(super) fn id(&self) -> Option<String> {
        number(self.id_str.as_deref(), &self.id)
    }

    /// The tweet that it answers.
    pub(super) fn answered(&self) -> Option<String> {
        number(
            self.in_reply_to_status_id_str.as_deref(),
            &self.in_reply_to_status_id,
        )
    }

    /// Whom it answers.
    pub(super) fn answered_user(&self) -> Option<String> {
        number(
            self.in_reply_to_user_id_str.as_deref(),
            &self.in_reply_to_user_id,
        )
    }

    pub(super) fn time(&self) -> Option<Timestamp> {
        // The form of the service, and that of archives before 2018.
        const FORMS: [&str; 2] = ["%a %b %d %H:%M:%S %z %Y", "%Y-%m-%d %H:%M:%S %z"];
        let text = self.created_at.as_deref()?.trim();
        let parsed = FORMS.iter().find_map(|form| {
            let parsed = strtime::parse(form, text).ok()?;
            parsed.to_timestamp().ok()
        });
        let time = parsed.map(|time| Timestamp(time.as_millisecond()));
        time.or_else(|| archives::rfc3339(Some(text)))
    }

    /// Whether somebody else wrote it.
    pub(super) fn is_repost(&self) -> bool {
        let text = self.full_text.as_deref().or(self.text.as_deref());
        self.retweeted_status.is_object() || text.unwrap_or_default().starts_with("RT @")
    }

    /// The number of the first version of a tweet that was edited.
    pub(super) fn first_version(&self) -> Option<String> {
        let edit = self.edit_info.as_object()?;
        let edit = edit.get("initial").or_else(|| {
            let edit = edit.get("edit")?;
            edit.get("editControlInitial").or(Some(edit))
        })?;
        let all = edit.get("editTweetIds")?.as_array()?;
        all.first()?.as_str().map(str::to_owned)
    }

    pub(super) fn media(&self) -> Vec<MediaEntity> {
        // The extended list has all pictures, the other one the first.
        if self.extended_entities.media.is_empty() {
            self.entities.media.clone()
        } else {
            self.extended_entities.media.clone()
        }
    }
}

impl Entities {
    pub(super) fn links(&self) -> HashMap<String, String> {
        let links = self.urls.iter();
        let links = links.filter_map(|it| Some((it.url.clone()?, it.expanded_url.clone()?)));
        links.collect()
    }
}

impl MediaEntity {
    /// What it may be called in the archive, behind the number of its tweet.
    pub(super) fn file_names(&self) -> Vec<String> {
        let variants = self.video_info.iter().flat_map(|it| &it.variants);
        let films = variants.filter_map(|it| it.url.as_deref());
        let picture = self
            .media_url_https
            .as_deref()
            .or(self.media_url.as_deref());
        let names = films.chain(picture).filter_map(|address| {
            let path = archives::path_of(address);
            path.rsplit('/').next().map(str::to_owned)
        });
        names.collect()
    }

    /// Where it can be had.
    pub(super) fn address(&self) -> Option<String> {
        let picture = self.media_url_https.clone();
        picture.or_else(|| self.media_url.clone())
    }
}

/// A number as text, or as it stands in archives before 2018.
fn number(text: Option<&str>, number: &Value) -> Option<String> {
    let text = text.map(str::to_owned).or_else(|| match number {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => number.as_u64().map(|number| number.to_string()),
        _ => None,
    });
    text.filter(|text| {
        !text.is_empty() && text.len() <= 24 && text.bytes().all(|it| it.is_ascii_digit())
    })
}
