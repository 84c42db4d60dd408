//! Exports of blogs: what in them was never public, and what others wrote.
//!
//! WordPress writes RSS with fields of its own (`wp:post_type`, `wp:status`), Blogger Atom with a category that says what
//! an entry is (`#kind`) or, since 2018, fields (`blogger:type`). Where such a word is not known, the item is taken for one
//! that is not public.

use tidings::Timestamp;

use super::item::{Field, Head, Item, Part};
use super::space::{ATOM, CONTENT, DC, OWN};
use crate::import::archives::rfc3339;
use crate::import::gates;
use crate::import::items::Author;
use crate::import::left::Left;

/// The vocabulary of Blogger since 2018.
const BLOGGER: &str = "http://schemas.google.com/blogger/2018";

/// How the vocabulary ends that says what an entry of any of Google's services is.
const KIND: &str = "#kind";

/// Says why an item of an export is no post; none if it is one, or is from no export.
pub(super) fn left(item: &Item, pages: bool) -> Option<Left> {
    let wordpress = || wordpress(item, pages);
    let of_blogger = blogger_type(item).map(|kind| blogger(item, &kind, pages));
    let draft = || is_draft(item).then_some(Left::Draft);
    let closed = || journal(item);
    of_blogger
        .flatten()
        .or_else(wordpress)
        .or_else(draft)
        .or_else(closed)
}

/// Comments that stand within an item.
pub(in crate::import) fn comments(item: &Item) -> u64 {
    item.all("wp", "comment").count() as u64
}

/// Whether an item is of an export, which may be that of a blog of several people.
pub(in crate::import) fn is_export(item: &Item) -> bool {
    is_of_wordpress(item) || blogger_type(item).is_some()
}

/// Who wrote an item, if that is said.
pub(in crate::import) fn author(head: &Head, item: &Item) -> Option<Author> {
    if is_of_wordpress(item) {
        let login = item.text(DC, "creator")?;
        let mut authors = head.fields.iter().filter(|it| it.tag.is("wp", "author"));
        let shown = authors.find_map(|field| {
            let this = field.inner("wp", "author_login")?;
            let shown = field.inner("wp", "author_display_name")?;
            (this == login && !shown.is_empty()).then_some(shown)
        });
        let name = shown.unwrap_or_else(|| login.clone());
        return Some(Author { name, login });
    }
    let authors = item.all(OWN, "author").chain(item.all(ATOM, "author"));
    let creator = || item.text(DC, "creator");
    let name = authors.filter_map(written_by).next().or_else(creator)?;
    let login = name.clone();
    Some(Author { name, login })
}

/// Whose blog it is, if the export says so.
pub(in crate::import) fn owner(head: &Head) -> Option<String> {
    let mut authors = head.fields.iter();
    authors.find_map(|it| it.tag.is(OWN, "author").then(|| written_by(it)).flatten())
}

fn written_by(author: &Field) -> Option<String> {
    let name = author.inner(OWN, "name");
    let name = name.or_else(|| author.inner(ATOM, "name"));
    // In RSS it is an address of mail, with the name in brackets.
    let text = || {
        let text = author.text();
        let name = text
            .split_once('(')
            .and_then(|(_, it)| it.strip_suffix(')'));
        name.map_or_else(|| text.clone(), str::to_owned)
    };
    let name = name.unwrap_or_else(text);
    Some(name).filter(|name| !name.is_empty())
}

/// Takes from an item of an export what is there for machines alone, and gives its text the paragraphs that it had. Says
/// whether a part of the text was left out which only some could read.
pub(in crate::import) fn tidy(item: &mut Item) -> bool {
    let mut is_gated = false;
    const MACHINES: [&str; 2] = ["post_format", "nav_menu"];
    item.fields.retain(|field| {
        let tag = &field.tag;
        let scheme = tag.attribute("scheme");
        let domain = tag.attribute("domain");
        let mut kind = scheme.into_iter().chain(domain);
        let is_kind = kind.any(|it| it.ends_with(KIND));
        let is_for_machines = domain.is_some_and(|it| MACHINES.contains(&it));
        !(tag.name.eq_ignore_ascii_case("category") && (is_kind || is_for_machines))
    });
    if is_of_wordpress(item) {
        let texts = item.fields.iter_mut();
        for field in texts.filter(|it| it.tag.is(CONTENT, "encoded")) {
            // References and the ends of CDATA cut it to pieces anywhere.
            if !field.has_markup() {
                let text = field.text();
                let open = gates::open_of_wordpress(&text);
                is_gated |= open.is_some();
                let text = with_paragraphs(&open.unwrap_or(text));
                field.parts = vec![Part::Data(text)];
            }
        }
    }
    is_gated
}

fn is_of_wordpress(item: &Item) -> bool {
    let fields = ["post_type", "status", "post_id"];
    fields
        .iter()
        .any(|name| item.all("wp", name).next().is_some())
}

fn wordpress(item: &Item, pages: bool) -> Option<Left> {
    if !is_of_wordpress(item) {
        return None;
    }
    let kind = item.text("wp", "post_type").unwrap_or_default();
    match kind.as_str() {
        "" | "post" => {}
        "page" if pages => {}
        "page" => return Some(Left::Page),
        "attachment" => return Some(Left::Attachment),
        "revision" => return Some(Left::Revision),
        "nav_menu_item" | "wp_navigation" => return Some(Left::Menu),
        // Answers to a form on a page, with the addresses of who gave them.
        "feedback" | "flamingo_inbound" | "flamingo_contact" => return Some(Left::Comment),
        "custom_css" | "wp_template" | "wp_template_part" | "wp_block" | "wp_font_family"
        | "wp_font_face" => return Some(Left::Template),
        "customize_changeset" | "wp_global_styles" | "oembed_cache" | "user_request" => {
            return Some(Left::Setting);
        }
        _ => return Some(Left::Other),
    }
    let status = item.text("wp", "status").unwrap_or_default();
    let left = match status.as_str() {
        "publish" => for_members(item),
        "draft" | "auto-draft" | "pending" => Some(Left::Draft),
        "future" => Some(Left::Scheduled),
        "trash" => Some(Left::Trash),
        "inherit" => Some(Left::Revision),
        _ => Some(Left::Private),
    };
    let password = item.text("wp", "post_password").map(|_| Left::Protected);
    left.or(password)
}

/// What plugins say of a post that not everybody could read.
fn for_members(item: &Item) -> Option<Left> {
    let is_closed = item.all("wp", "postmeta").any(|meta| {
        let value = || meta.inner("wp", "meta_value").unwrap_or_default();
        match meta.inner("wp", "meta_key").as_deref() {
            Some("_jetpack_newsletter_access") => !matches!(&*value(), "" | "everybody"),
            Some("_members_access_role" | "rcp_subscription_level") => !value().is_empty(),
            Some("_wpmem_block" | "_is_paid") => value() == "1",
            _ => false,
        }
    });
    is_closed.then_some(Left::FollowersOnly)
}

/// What an entry of Blogger is, in small letters; none if it is of no export of Blogger.
fn blogger_type(item: &Item) -> Option<String> {
    let kinds = item.fields.iter().filter_map(|field| {
        let scheme = field.tag.attribute("scheme")?;
        let (service, kind) = field.tag.attribute("term")?.rsplit_once('#')?;
        // Videos and documents have kinds, too. What does not say whose kind it is is taken for Blogger's.
        let is_other = service.contains("://") && !service.to_lowercase().contains("blogger");
        (scheme.ends_with(KIND) && !is_other).then(|| kind.to_lowercase())
    });
    let is_of_blogger = item.fields.iter().any(|it| &*it.tag.space == BLOGGER);
    let said = item.text(BLOGGER, "type").map(|kind| kind.to_lowercase());
    let unsaid = is_of_blogger.then(String::new);
    kinds.into_iter().next().or(said).or(unsaid)
}

fn blogger(item: &Item, kind: &str, pages: bool) -> Option<Left> {
    match kind {
        "post" => {}
        "page" if pages => {}
        "page" => return Some(Left::Page),
        "comment" => return Some(Left::Comment),
        "settings" => return Some(Left::Setting),
        "template" => return Some(Left::Template),
        _ => return Some(Left::Other),
    }
    // An answer to an entry is a comment, whatever it says it is.
    if item.all("thr", "in-reply-to").next().is_some() {
        return Some(Left::Comment);
    }
    if is_draft(item) {
        return Some(Left::Draft);
    }
    if item.text(BLOGGER, "trashed").is_some() {
        return Some(Left::Trash);
    }
    let published = item.text(OWN, "published");
    let time = rfc3339(published.as_deref());
    let now = Timestamp(jiff::Timestamp::now().as_millisecond());
    if time.is_some_and(|time| time > now) {
        return Some(Left::Scheduled);
    }
    let status = item.text(BLOGGER, "status")?;
    match status.to_ascii_uppercase().as_str() {
        "LIVE" | "PUBLISHED" => None,
        "DRAFT" => Some(Left::Draft),
        "SCHEDULED" => Some(Left::Scheduled),
        status if status.contains("TRASH") || status.contains("DELETED") => Some(Left::Trash),
        _ => Some(Left::Private),
    }
}

/// Whether an entry of Atom says that it is a draft.
fn is_draft(item: &Item) -> bool {
    let mut control = item.all("app", "control");
    let draft = control.find_map(|control| control.inner("app", "draft"));
    draft.is_some_and(|draft| !draft.eq_ignore_ascii_case("no"))
}

/// What LiveJournal and its kin say of an entry that not everybody may read.
fn journal(item: &Item) -> Option<Left> {
    let mut fields = item.fields.iter();
    let security = fields.find(|it| {
        it.tag.name.eq_ignore_ascii_case("security") && it.tag.space.contains("livejournal")
    })?;
    match security.text().to_ascii_lowercase().as_str() {
        "public" => None,
        "private" => Some(Left::Private),
        _ => Some(Left::FollowersOnly),
    }
}

/// The paragraphs that WordPress makes of empty lines, where the text has none; its shortcodes are left out.
fn with_paragraphs(text: &str) -> String {
    let text = without_shortcodes(text);
    let has_blocks = ["<p>", "<p ", "<!-- wp:", "<pre", "<div"];
    if has_blocks.iter().any(|block| text.contains(block)) {
        return text;
    }
    let text = text.replace("\r\n", "\n");
    text.trim()
        .replace("\n\n", "<br><br>")
        .replace('\n', "<br>")
}

/// The text without the marks around captions, galleries and embeds, and without what forms and page builders put in.
/// Of a recording its address stays.
fn without_shortcodes(text: &str) -> String {
    let mut rest = text;
    let mut plain = String::with_capacity(text.len());
    while let Some(at) = rest.find('[') {
        let (before, code) = rest.split_at(at);
        plain.push_str(before);
        let inside = code.get(1..).unwrap_or_default();
        let name = inside.strip_prefix('/').unwrap_or(inside);
        let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-');
        let (name, behind) = name.split_at(end.unwrap_or(name.len()));
        let is_code = is_shortcode(name) && behind.starts_with([' ', ']', '\n', '/']);
        if !is_code {
            plain.push('[');
            rest = inside;
            continue;
        }
        let close = code.find(']');
        let Some((tag, behind)) = close.and_then(|close| code.split_at_checked(close + 1)) else {
            // Nothing ends from here on, which need not be looked for again.
            rest = code;
            break;
        };
        if RECORDINGS.contains(&name) {
            plain.push_str(&addresses(tag));
        }
        rest = behind;
    }
    plain.push_str(rest);
    plain
}

/// Shortcodes with the address of a recording in them.
const RECORDINGS: [&str; 8] = [
    "audio",
    "video",
    "youtube",
    "vimeo",
    "soundcloud",
    "embed",
    "wpvideo",
    "dailymotion",
];

fn is_shortcode(name: &str) -> bool {
    const MARKS: [&str; 14] = [
        "caption",
        "wp_caption",
        "gallery",
        "playlist",
        "contact-form",
        "contact-form-7",
        "contact-field",
        "wpforms",
        "gravityform",
        "ninja_form",
        "mc4wp_form",
        "jetpack_subscription_form",
        "toc",
        "sharethis",
    ];
    // What page builders write around everything.
    const BUILDERS: [&str; 5] = ["vc_", "et_pb_", "fusion_", "av_", "elementor-"];
    RECORDINGS.contains(&name)
        || MARKS.contains(&name)
        || BUILDERS.iter().any(|prefix| name.starts_with(prefix))
}

/// The addresses in a shortcode.
fn addresses(tag: &str) -> String {
    let parts = tag.split(['[', ']', ' ', '"', '\'', '=', '\n']);
    // An address may have the sign in it that stands before it.
    let whole = |part: &str| {
        let at = tag.find(part)?;
        let rest = tag.get(at..)?;
        let end = rest.find([']', ' ', '"', '\'', '\n']);
        rest.get(..end.unwrap_or(rest.len())).map(str::to_owned)
    };
    let links = parts.filter(|it| it.starts_with("https://") || it.starts_with("http://"));
    let mut all: Vec<String> = links.take(ADDRESSES).filter_map(whole).collect();
    all.dedup();
    all.join(" ")
}

/// Addresses in one shortcode, at most.
const ADDRESSES: usize = 8;
