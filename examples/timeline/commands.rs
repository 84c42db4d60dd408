//! Which function does what was asked for. Each theme has a file.

mod bring;
mod follow;
mod identity;
mod posts;
mod read;
mod run;
mod sync;

use std::time::Duration;

pub(crate) use self::bring::send_new;
pub(crate) use self::read::print_item;
use crate::args::Command;
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
        Command::Whoami => {
            context
                .offline(async |node| identity::whoami(out, node))
                .await
        }
        Command::Ticket { feed, qr } => {
            context
                .offline(async |node| identity::ticket(out, node, feed, qr).await)
                .await
        }
        Command::Post(post) => {
            context
                .offline(async |node| posts::post(out, node, post).await)
                .await
        }
        Command::Follow { ticket } => {
            context
                .offline(async |node| follow::follow(out, node, &ticket).await)
                .await
        }
        Command::Unfollow { feed } => {
            context
                .offline(async |node| follow::unfollow(out, node, &feed).await)
                .await
        }
        Command::Following => {
            context
                .offline(async |node| follow::following(out, node))
                .await
        }
        Command::List(query) => {
            context
                .offline(async |node| read::list(out, node, &query))
                .await
        }
        Command::Import { files } => bring::import(context, &files).await,
        Command::Sync { timeout } => {
            context
                .online(async |node| sync::sync(out, node, Duration::from_secs(timeout)).await)
                .await
        }
        Command::Run => context.online(async |node| run::run(out, node).await).await,
        _ => Err(crate::failure::Failure::said("not yet")),
        Command::Demo { files } => demo::demo(out, &files).await,
    }
}
