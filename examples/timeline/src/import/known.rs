//! What of the items the feed holds already, what changed since, and what is new.
//!
//! An item is known by what its source calls it: its id, else its link. What was posted for it is in [`Source`]s, which an
//! import keeps beside the posts. Where they lack an item (they were not written yet, or are on another device), it is known
//! by its content, and by its date if it has no link.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use tidings::{EntryRef, Post, Timestamp};

use super::items::{Collected, Item};

type Hash = [u8; 32];

/// An item that was posted: hashes of what its source calls it and of what it said, and the post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) id: [u8; 16],
    pub(crate) said: [u8; 16],
    pub(crate) post: EntryRef,
}

/// A post: one that is here, or the nth of the new ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Here(EntryRef),
    New(usize),
}

/// What an import does.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// New items, each after the one that it answers, and what it answers.
    pub(crate) new: Vec<(Item, Option<Target>)>,
    /// What posts say from now on.
    pub(crate) edits: Vec<(EntryRef, Item)>,
    /// Posts whose items are no longer public where they come from. They stay until somebody deletes them.
    pub(crate) closed: Vec<EntryRef>,
    /// Items that are here already.
    pub(crate) known: u64,
    /// Items that their source changed, and whose posts were edited here: these stay as they are.
    pub(crate) edited_here: u64,
    /// What is to be kept beside the posts once they are there.
    pub(crate) sources: Vec<(PlannedSource, Target)>,
}

impl Plan {
    /// New items without a date, readable or not.
    pub(crate) fn dateless(&self) -> u64 {
        let new = self.new.iter().map(|(item, _)| item);
        new.filter(|item| item.time.is_none() && !item.unread)
            .count() as u64
    }
}

/// A [`Source`] whose post may not be there yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PlannedSource {
    id: [u8; 16],
    said: [u8; 16],
}

impl PlannedSource {
    /// With its post.
    pub(crate) const fn of(self, post: EntryRef) -> Source {
        let Self { id, said } = self;
        Source { id, said, post }
    }
}

/// Which posts the feed holds.
#[derive(Debug, Default)]
pub(crate) struct Known {
    content: HashMap<Hash, Target>,
    dated: HashMap<(Hash, i64), Target>,
    /// By link and date; none where there are several.
    linked: HashMap<(Hash, i64), Option<EntryRef>>,
    /// Posts that have nothing but files, by date.
    files: HashMap<i64, Vec<EntryRef>>,
    /// Items of this import that have nothing but files, by date and files.
    seen_files: HashMap<(i64, Vec<PathBuf>), Target>,
    /// What each post says now, and whether that is an edit.
    shown: HashMap<EntryRef, ([u8; 16], bool)>,
    sources: HashMap<[u8; 16], Source>,
    /// Posts that something is known to be the source of.
    taken: HashSet<EntryRef>,
}

impl Known {
    /// Notes what was posted for an item. Of several for one item, the one that is noted first counts.
    pub(crate) fn insert_source(&mut self, source: Source) {
        self.taken.insert(source.post);
        self.sources.entry(source.id).or_insert(source);
    }

    /// Notes what a post says now. `claimed` is the time it stands at in the timeline.
    pub(crate) fn insert_shown(
        &mut self,
        name: EntryRef,
        post: &Post,
        tags: &[String],
        claimed: Timestamp,
        is_edit: bool,
    ) {
        let said = said(
            &post.text,
            post.title.as_deref(),
            post.link.as_deref(),
            post.warning.as_deref(),
            tags,
        );
        self.shown.insert(name, (said, is_edit));
        if let Some(link) = &post.link {
            let time = post.dated.unwrap_or(claimed);
            self.linked
                .entry((hash(&[link]), time.0))
                .and_modify(|found| *found = None)
                .or_insert(Some(name));
        }
        self.insert_version(name, post, claimed);
    }

    /// Notes what a post says or said.
    pub(crate) fn insert_version(&mut self, name: EntryRef, post: &Post, claimed: Timestamp) {
        let time = post.dated.unwrap_or(claimed);
        if post.text.is_empty() && post.title.is_none() && post.link.is_none() {
            self.files.entry(time.0).or_default().push(name);
            return;
        }
        let content = content_hash(&post.text, post.title.as_deref(), post.link.as_deref());
        self.insert(content, Some(time), Target::Here(name));
    }

    /// Notes which post an item is that has nothing but files.
    fn insert_files(&mut self, item: &Item, target: Target) {
        if let Some(time) = item.time.filter(|_| item.is_files_alone()) {
            let files = (time.0, item.paths());
            self.seen_files.entry(files).or_insert(target);
        }
    }

    fn insert(&mut self, content: Hash, time: Option<Timestamp>, target: Target) {
        self.content.entry(content).or_insert(target);
        if let Some(time) = time {
            self.dated.entry((content, time.0)).or_insert(target);
        }
    }

    /// The post with this content and date. Without the date where there is none, and for a page that nothing else was
    /// posted for: dates move. Without a link the date counts, since people say good morning every day.
    fn same(&self, item: &Item, key: Option<[u8; 16]>, content: &Hash) -> Option<Target> {
        if item.is_files_alone() {
            return self.same_files(item, key);
        }
        let Some(time) = item.time else {
            return self.content.get(content).copied();
        };
        let moved = || {
            let is_page = key.is_some() && item.link.is_some();
            let found = is_page.then(|| self.content.get(content)).flatten()?;
            matches!(found, Target::Here(name) if !self.taken.contains(name)).then_some(*found)
        };
        let dated = self.dated.get(&(*content, time.0)).copied();
        dated.or_else(moved)
    }

    /// The post of an item that has nothing but files. Those that are here are known by their date, each for one item; of
    /// items without a name those are the same that have the same files.
    fn same_files(&self, item: &Item, key: Option<[u8; 16]>) -> Option<Target> {
        let time = item.time?.0;
        let mut here = self.files.get(&time).into_iter().flatten();
        if let Some(name) = here.find(|name| !self.taken.contains(name)) {
            return Some(Target::Here(*name));
        }
        let new = || self.seen_files.get(&(time, item.paths())).copied();
        key.is_none().then(new).flatten()
    }

    /// The one post that was published at the same moment with the same link, for nothing else that is known of.
    fn same_page(&self, item: &Item) -> Option<EntryRef> {
        let key = (hash(&[item.link.as_deref()?]), item.time?.0);
        let found = self.linked.get(&key).copied().flatten();
        found.filter(|name| !self.taken.contains(name))
    }

    /// Says what is to be done about all items.
    pub(crate) fn plan(mut self, collected: Collected) -> Plan {
        let mut items = collected.items;
        // Dated items first, so that an undated twin of one of them is recognised. Undated ones stay in the order of the files.
        items.sort_by_key(|item| item.time.or(item.placed).map_or(i64::MAX, |time| time.0));
        let before = items.len();
        drop_superseded(&mut items);
        let mut plan = Plan {
            known: (before - items.len()) as u64,
            ..Plan::default()
        };
        let keys = keys(&items);
        plan.closed = self.closed(&collected.closed, &keys);
        let mut targets: HashMap<String, Target> = HashMap::new();
        let mut items: Vec<_> = items.into_iter().zip(keys).map(Some).collect();
        for at in order(&items) {
            let Some((item, key)) = items.get_mut(at).and_then(Option::take) else {
                continue;
            };
            let answers = item.answers.as_ref();
            let answers = answers.and_then(|id| {
                let here = || self.sources.get(&short_hash(&[id]));
                let here = || here().map(|source| Target::Here(source.post));
                targets.get(id).copied().or_else(here)
            });
            let id = item.id.clone();
            if let Some(target) = self.decide(item, key, answers, &mut plan)
                && let Some(id) = id
            {
                targets.insert(id, target);
            }
        }
        plan
    }

    /// The posts of items that are not public now. What is public elsewhere in the same files is.
    fn closed(
        &self,
        closed: &[(Option<String>, Option<String>)],
        public: &[Option<[u8; 16]>],
    ) -> Vec<EntryRef> {
        let public: HashSet<[u8; 16]> = public.iter().flatten().copied().collect();
        let mut seen = HashSet::new();
        let keys = closed
            .iter()
            .filter_map(|(id, link)| key(id.as_deref(), link.as_deref()));
        let keys = keys.filter(|key| !public.contains(key));
        let posts = keys.filter_map(|key| Some(self.sources.get(&key)?.post));
        posts
            .filter(|post| self.shown.contains_key(post) && seen.insert(*post))
            .collect()
    }

    /// Puts an item where it belongs, and says which post it is or becomes.
    fn decide(
        &mut self,
        item: Item,
        key: Option<[u8; 16]>,
        answers: Option<Target>,
        plan: &mut Plan,
    ) -> Option<Target> {
        let said = item.said();
        let content = content_hash(&item.text, item.title.as_deref(), item.link.as_deref());
        let keep = |plan: &mut Plan, target| {
            if let Some(id) = key {
                plan.sources.push((PlannedSource { id, said }, target));
            }
        };
        let source = key.and_then(|key| self.sources.get(&key)).copied();
        let is_same = source.is_none() && self.same(&item, key, &content).is_some();
        let same = || self.same(&item, key, &content);
        let page = || self.same_page(&item).map(Target::Here);
        let (post, before) = match source {
            Some(source) => (Some(Target::Here(source.post)), Some(source.said)),
            None => (same().or_else(page), None),
        };
        let Some(post) = post else {
            let target = Target::New(plan.new.len());
            self.insert(content, item.time, target);
            self.insert_files(&item, target);
            keep(plan, target);
            plan.new.push((item, answers));
            return Some(target);
        };
        let Target::Here(name) = post else {
            keep(plan, post);
            plan.known += 1;
            return Some(post);
        };
        if key.is_some() || item.is_files_alone() {
            self.taken.insert(name);
        }
        self.insert_files(&item, post);
        let shown = self.shown.get(&name).copied();
        let unchanged = before == Some(said) || is_same;
        match shown {
            // Deleted here: it does not come back.
            None => plan.known += 1,
            Some(_) if unchanged => {
                plan.known += 1;
                if before.is_none() {
                    keep(plan, post);
                }
            }
            Some((now, _)) if now == said => {
                plan.known += 1;
                keep(plan, post);
            }
            Some((now, is_edit)) if before.map_or(is_edit, |before| before != now) => {
                plan.edited_here += 1;
            }
            Some(_) => {
                keep(plan, post);
                plan.edits.push((name, item));
            }
        }
        Some(post)
    }
}

impl Item {
    /// Whether it has nothing but files.
    fn is_files_alone(&self) -> bool {
        self.text.is_empty() && self.title.is_none() && self.link.is_none()
    }

    fn paths(&self) -> Vec<PathBuf> {
        self.files.iter().map(|file| file.path.clone()).collect()
    }

    fn said(&self) -> [u8; 16] {
        said(
            &self.text,
            self.title.as_deref(),
            self.link.as_deref(),
            self.warning.as_deref(),
            &self.tags,
        )
    }

    /// What its source calls it, as a hash of its id, else of its link.
    fn key(&self) -> Option<[u8; 16]> {
        key(self.id.as_deref(), self.link.as_deref())
    }
}

fn key(id: Option<&str>, link: Option<&str>) -> Option<[u8; 16]> {
    let link = || Some(short_hash(&["link", link?]));
    id.map(|id| short_hash(&[id])).or_else(link)
}

/// What the source calls each item. Where one file gives the same name to items that differ, it says nothing; a page
/// that was linked to at two times is two items.
fn keys(items: &[Item]) -> Vec<Option<[u8; 16]>> {
    let mut keys: Vec<_> = items.iter().map(Item::key).collect();
    let mut seen = HashMap::new();
    let mut vague = HashSet::new();
    for (item, key) in items.iter().zip(&keys) {
        let Some(key) = key else { continue };
        let time = item.time.filter(|_| item.id.is_none());
        let is = (item.said(), time);
        if *seen.entry((*key, item.file)).or_insert(is) != is {
            vague.insert(*key);
        }
    }
    for key in &mut keys {
        *key = key.filter(|key| !vague.contains(key));
    }
    keys
}

/// Of the items that several files call alike, those of the last file count.
fn drop_superseded(items: &mut Vec<Item>) {
    let mut last: HashMap<[u8; 16], usize> = HashMap::new();
    for item in items.iter() {
        if let Some(key) = item.key() {
            let file = last.entry(key).or_default();
            *file = item.file.max(*file);
        }
    }
    items.retain(|item| {
        let last = item.key().and_then(|key| last.get(&key));
        last.is_none_or(|last| *last == item.file)
    });
}

/// The places of the items, each after the one that it answers.
fn order<T>(items: &[Option<(Item, T)>]) -> Vec<usize> {
    let items = || items.iter().flatten().map(|(item, _)| item).enumerate();
    let places: HashMap<&str, usize> = items()
        .filter_map(|(at, item)| Some((item.id.as_deref()?, at)))
        .collect();
    let answers: Vec<Option<usize>> = items()
        .map(|(_, item)| places.get(item.answers.as_deref()?).copied())
        .collect();
    let mut done = vec![false; answers.len()];
    let mut order = Vec::with_capacity(answers.len());
    for at in 0..answers.len() {
        let mut chain = Vec::new();
        let mut next = Some(at);
        while let Some(at) = next
            && let Some(seen) = done.get_mut(at)
            && !std::mem::replace(seen, true)
        {
            chain.push(at);
            next = answers.get(at).copied().flatten();
        }
        order.extend(chain.into_iter().rev());
    }
    order
}

/// A hash of what tells one item from another. Each part is preceded by its length, so that none can run into the next.
fn content_hash(text: &str, title: Option<&str>, link: Option<&str>) -> Hash {
    hash(&[text, title.unwrap_or_default(), link.unwrap_or_default()])
}

/// A hash of all that an edit can change.
fn said(
    text: &str,
    title: Option<&str>,
    link: Option<&str>,
    warning: Option<&str>,
    tags: &[String],
) -> [u8; 16] {
    let one = [title, link, warning].map(Option::unwrap_or_default);
    let tags = tags.iter().map(String::as_str);
    let parts: Vec<_> = std::iter::once(text).chain(one).chain(tags).collect();
    short_hash(&parts)
}

fn hash(parts: &[&str]) -> Hash {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    *hasher.finalize().as_bytes()
}

fn short_hash(parts: &[&str]) -> [u8; 16] {
    let [whole @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = hash(parts);
    whole
}
