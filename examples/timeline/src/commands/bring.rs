//! `import`: files into posts, in one write, and what changed since into edits.

mod remember;
mod tell;

use std::path::PathBuf;

use tidings::{EntryRef, NewPost, Node, TidingsError};

use self::remember::{keep, known};
use crate::args::Import;
use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::import::{self, Choice, Collected, Item, Plan, Source, Target};
use crate::json::{ClosedObject, RefusedObject};
use crate::output::{bar, spinner};
use crate::render::counted;

/// Reads the files before it opens the folder, so that a bad file changes nothing and holds nobody up.
pub(crate) async fn import(context: &Context, wanted: Import) -> Result {
    let Import {
        files,
        dry_run,
        choice,
    } = wanted;
    let choice = Choice::from(choice);
    let collected = read(&files, &choice)?;
    if dry_run && !context.has_identity() {
        // Whoever has no identity yet may look, too.
        let mut collected = collected;
        collected.choose_authors(&choice.authors, None);
        let told = tell::Gathered::of(&collected, files.len());
        let plan = import::Known::default().plan(collected);
        return tell::dry_run(&context.out, &plan, Vec::new(), &told);
    }
    let (told, sent) = context
        .offline(async |node| {
            let mut collected = collected;
            let profile = node.profile(node.feed())?;
            collected.choose_authors(&choice.authors, profile.name());
            let told = tell::Gathered::of(&collected, files.len());
            let plan = plan(node, collected)?;
            if dry_run {
                tell::dry_run(&context.out, &plan, closed(node, &plan)?, &told)?;
                return Ok((told, None));
            }
            let sent = carry_out(node, plan).await?;
            Ok((told, Some(sent)))
        })
        .await?;
    let Some(sent) = sent else { return Ok(()) };
    if let Some(why) = told.nothing_came(&sent) {
        return Err(Failure::said(why));
    }
    tell::done(&context.out, &sent, &told)
}

fn read(files: &[PathBuf], choice: &Choice) -> Result<Collected> {
    let progress = bar(files.len() as u64, "reading");
    let collected = import::read_files(files, choice, |_| progress.inc(1));
    progress.finish_and_clear();
    collected
}

/// What an import did.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    pub(crate) posts: u64,
    pub(crate) edits: u64,
    /// Items that were here already.
    pub(crate) known: u64,
    /// Items that changed, and whose posts were edited here.
    pub(crate) edited_here: u64,
    /// New items without a date.
    pub(crate) dateless: u64,
    /// Posts whose items are no longer public where they come from.
    pub(crate) closed: Vec<ClosedObject>,
    /// Files attached to the posts.
    pub(crate) files: u64,
    /// Files that could not be posted.
    pub(crate) refused: Vec<RefusedObject>,
}

/// Posts what the feed does not have yet, all or nothing, and says how much that was.
pub(crate) async fn send_new(node: &Node, collected: Collected) -> Result<Sent> {
    let plan = plan(node, collected)?;
    carry_out(node, plan).await
}

fn plan(node: &Node, collected: Collected) -> Result<Plan> {
    let progress = spinner("looking for what is here already");
    let plan = known(node)?.plan(collected);
    progress.finish_and_clear();
    Ok(plan)
}

/// The posts of a plan that stay, though they are no longer public where they come from.
fn closed(node: &Node, plan: &Plan) -> Result<Vec<ClosedObject>> {
    let mut closed = Vec::new();
    for name in &plan.closed {
        let Some(entry) = node.entry(name)? else {
            continue;
        };
        let post = entry.post_raw().unwrap_or_default();
        closed.push(ClosedObject {
            id: name.to_string(),
            name: post.title.unwrap_or(post.text),
            short: entry.short().to_owned(),
        });
    }
    Ok(closed)
}

/// Writes the posts, then what is kept about them, then the edits. Whatever ends it in between, another import goes on
/// where this one stopped: it knows the posts by their content.
async fn carry_out(node: &Node, plan: Plan) -> Result<Sent> {
    let mut sent = Sent {
        known: plan.known,
        edited_here: plan.edited_here,
        dateless: plan.dateless(),
        closed: closed(node, &plan)?,
        ..Sent::default()
    };
    let names = send_posts(node, plan.new, &mut sent).await?;
    let name = |target: &Target| match target {
        Target::Here(name) => Some(*name),
        Target::New(nth) => names.get(*nth).copied().flatten(),
    };
    for (post, item) in plan.edits {
        edit(node, &post, item).await?;
        sent.edits += 1;
    }
    let sources = plan.sources.into_iter();
    let sources = sources.filter_map(|(source, target)| Some(source.of(name(&target)?)));
    let sources: Vec<Source> = sources.collect();
    keep(node, &sources).await?;
    Ok(sent)
}

/// Posts the new items in one write; says which post each became. None for one that had nothing but files which cannot
/// be posted.
async fn send_posts(
    node: &Node,
    items: Vec<(Item, Option<Target>)>,
    sent: &mut Sent,
) -> Result<Vec<Option<EntryRef>>> {
    let progress = spinner(format!(
        "posting {}",
        counted(items.len() as u64, "item", "items")
    ));
    let mut posts = Vec::new();
    let mut places: Vec<Option<usize>> = Vec::new();
    for (item, answers) in items {
        let Some(mut post) = with_files(node, item, sent).await? else {
            places.push(None);
            continue;
        };
        match answers {
            Some(Target::Here(name)) => post = post.reply_to(name),
            Some(Target::New(nth)) => {
                if let Some(nth) = places.get(nth).copied().flatten() {
                    post = post.reply_to_nth(nth);
                }
            }
            None => {}
        }
        places.push(Some(posts.len()));
        posts.push(post);
    }
    sent.posts = posts.len() as u64;
    let names = if posts.is_empty() {
        Vec::new()
    } else {
        node.send_all(posts).await?
    };
    progress.finish_and_clear();
    let name = |place: Option<usize>| names.get(place?).copied();
    Ok(places.into_iter().map(name).collect())
}

/// The post of an item with those of its files that can be posted; none if nothing is left of it.
async fn with_files(node: &Node, mut item: Item, sent: &mut Sent) -> Result<Option<NewPost>> {
    let files = std::mem::take(&mut item.files);
    let is_empty = item.text.is_empty() && item.title.is_none() && item.link.is_none();
    let (name, mut attached) = (item.name(), 0);
    let mut post = item.into_post();
    for file in files {
        match node.prepare(file.attach()).await {
            Ok(taken) => {
                post = post.attach(taken);
                attached += 1;
            }
            Err(error) => sent.refused.push(refused(&name, &file.path, error)?),
        }
    }
    sent.files += attached;
    Ok((attached > 0 || !is_empty).then_some(post))
}

/// A file that cannot be posted, and why. A full or broken disk is no fault of the file.
fn refused(item: &str, path: &std::path::Path, error: TidingsError) -> Result<RefusedObject> {
    use tidings::MediaError;
    let why = match error {
        TidingsError::Attachment { source, .. } => source.to_string(),
        TidingsError::Picture(source) => source.to_string(),
        TidingsError::Media(ref source) => match **source {
            MediaError::Source { .. }
            | MediaError::NotAFile { .. }
            | MediaError::Changed { .. }
            | MediaError::Empty { .. }
            | MediaError::TooLarge { .. } => source.to_string(),
            _ => return Err(error.into()),
        },
        other => return Err(other.into()),
    };
    // What the library offers is not always to be had here: an import takes off all that it can.
    let why = why.replace(
        ", or choose to keep its metadata",
        " and attach it to the post by hand, or post it with `post --attach --keep-metadata`",
    );
    Ok(RefusedObject {
        item: item.to_owned(),
        file: path.display().to_string(),
        why,
    })
}

async fn edit(node: &Node, post: &EntryRef, item: Item) -> Result {
    let mut edit = node
        .edit(post, item.text)
        .title(item.title.unwrap_or_default())
        .link(item.link.unwrap_or_default())
        .warning(item.warning.unwrap_or_default())
        .no_tags();
    for tag in item.tags {
        edit = edit.tag(tag);
    }
    edit.send().await?;
    Ok(())
}
