//! Which function does what was asked for. Each theme has a file.

mod archive;
mod bring;
mod follow;
mod identity;
mod media;
mod pick;
mod posts;
mod read;
mod run;
mod sync;
mod upkeep;

use std::time::Duration;

use tidings::Node;

pub(crate) use self::bring::send_new;
pub(crate) use self::read::print_item;
use crate::args::{Command, Here};
use crate::context::Context;
use crate::demo;
use crate::failure::Result;

/// Does what was asked for.
pub(crate) async fn dispatch(context: &Context, command: Command) -> Result {
    let out = &context.out;
    match command {
        Command::Init(profile) => {
            context
                .create(async |node| identity::init(out, node, profile).await)
                .await
        }
        Command::Here(command) => {
            context
                .offline(async |node| here(context, node, command).await)
                .await
        }
        Command::Sync { timeout } => {
            context
                .online(async |node| sync::sync(out, node, Duration::from_secs(timeout)).await)
                .await
        }
        Command::Run => context.online(async |node| run::run(out, node).await).await,
        Command::Import(wanted) => Box::pin(bring::import(context, wanted)).await,
        Command::Verify { file } => archive::verify(out, &file),
        Command::Demo { files } => demo::demo(out, &files).await,
        Command::Fetch(wanted) => media::fetch(context, &wanted).await,
    }
}

/// Does what needs no network.
async fn here(context: &Context, node: &Node, command: Here) -> Result {
    let out = &context.out;
    match command {
        Here::Whoami => identity::whoami(out, node),
        Here::Ticket { feed, qr } => identity::ticket(out, node, feed, qr).await,
        Here::Post(post) => posts::post(out, node, post).await,
        Here::Edit { id, text } => posts::edit(out, node, &id, text).await,
        Here::Delete { id } => posts::delete(out, node, &id).await,
        Here::Undelete { id } => posts::undelete(out, node, &id).await,
        Here::Again { id } => posts::again(out, node, &id).await,
        Here::Purge => posts::purge(out, node).await,
        Here::React { id, emoji } => posts::react(out, node, &id, &emoji).await,
        Here::Follow { ticket } => follow::follow(out, node, &ticket).await,
        Here::Unfollow { feed } => follow::unfollow(out, node, &feed).await,
        Here::Following => follow::following(out, node),
        Here::List(query) => read::list(out, node, &query),
        Here::Thread { id } => read::thread(out, node, &id),
        Here::History { id } => read::history(out, node, &id),
        Here::Export(wanted) => archive::export(out, node, wanted).await,
        Here::Load { file, follow } => archive::load(out, node, &file, follow).await,
        Here::Storage { compact } => upkeep::storage(out, node, &context.dir, compact).await,
        Here::Check => upkeep::check(out, node).await,
    }
}
