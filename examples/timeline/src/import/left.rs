//! What an import leaves out, and why: each reason with a count, so that nothing is lost in silence.

use std::collections::BTreeMap;

/// Why something in a file becomes no post.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Left {
    /// It was never published.
    Draft,
    /// It was to be published later.
    Scheduled,
    /// Only its author could read it.
    Private,
    /// Only who knows a password could read it.
    Protected,
    /// Only followers or friends could read it.
    FollowersOnly,
    /// Only the people that it names could read it.
    Direct,
    /// It was thrown away.
    Trash,
    /// What somebody else wrote below a post.
    Comment,
    /// What somebody else wrote, and the owner passed on.
    Repost,
    /// An answer to somebody else.
    Reply,
    /// By another author of the same blog.
    OtherAuthor,
    /// A page that stands beside the posts, such as an imprint.
    Page,
    /// An earlier version of something.
    Revision,
    /// A picture or a file that an item shows; it comes with that.
    Attachment,
    /// A line of a menu.
    Menu,
    /// A setting of the blog.
    Setting,
    /// How the blog looks.
    Template,
    /// Anything else that is no post.
    Other,
}

impl Left {
    /// Its name in JSON, and what one and several of it are called.
    const fn names(self) -> [&'static str; 3] {
        match self {
            Self::Draft => ["draft", "draft", "drafts"],
            Self::Scheduled => ["scheduled", "scheduled post", "scheduled posts"],
            Self::Private => ["private", "private post", "private posts"],
            Self::Protected => [
                "protected",
                "post behind a password",
                "posts behind a password",
            ],
            Self::FollowersOnly => [
                "followers_only",
                "followers-only post",
                "followers-only posts",
            ],
            Self::Direct => ["direct", "direct message", "direct messages"],
            Self::Trash => ["trash", "deleted post", "deleted posts"],
            Self::Comment => ["comment", "comment of others", "comments of others"],
            Self::Repost => ["repost", "repost (--reposts)", "reposts (--reposts)"],
            Self::Reply => [
                "reply",
                "reply to others (--replies)",
                "replies to others (--replies)",
            ],
            Self::OtherAuthor => ["other_author", "post by others", "posts by others"],
            Self::Page => ["page", "page (--pages)", "pages (--pages)"],
            Self::Revision => ["revision", "revision", "revisions"],
            Self::Attachment => [
                "attachment",
                "list entry of a file",
                "list entries of files",
            ],
            Self::Menu => ["menu", "menu item", "menu items"],
            Self::Setting => ["setting", "setting", "settings"],
            Self::Template => ["template", "template", "templates"],
            Self::Other => ["other", "other thing", "other things"],
        }
    }

    /// Whether it is not, or no longer, for everybody to read.
    pub(super) const fn is_closed(self) -> bool {
        matches!(
            self,
            Self::Draft
                | Self::Scheduled
                | Self::Private
                | Self::Protected
                | Self::FollowersOnly
                | Self::Direct
                | Self::Trash
        )
    }

    /// Its name in JSON.
    pub(crate) const fn name(self) -> &'static str {
        let [name, ..] = self.names();
        name
    }
}

/// How much of what was left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LeftOut(BTreeMap<Left, u64>);

impl LeftOut {
    /// One more.
    pub(super) fn add(&mut self, left: Left) {
        self.add_all(left, 1);
    }

    /// So many more.
    pub(super) fn add_all(&mut self, left: Left, count: u64) {
        if count > 0 {
            *self.0.entry(left).or_default() += count;
        }
    }

    /// By name, for JSON.
    pub(crate) fn by_name(&self) -> BTreeMap<&'static str, u64> {
        let named = self.0.iter().map(|(left, count)| (left.name(), *count));
        named.collect()
    }

    /// Such as `3 drafts, 1 comment of others`; none if nothing was left out.
    pub(crate) fn in_words(&self) -> Option<String> {
        let parts = self.0.iter().map(|(left, count)| {
            let [_, one, many] = left.names();
            let name = if *count == 1 { one } else { many };
            format!("{count} {name}")
        });
        let parts: Vec<_> = parts.collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}
