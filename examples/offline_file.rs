//! A feed carried by hand: Ada writes it into a file, Ben loads the file. Neither node uses a network.
//!
//! Type: `cargo run --release --example offline_file`
//!
//! You will see how much the file holds, then Ada's posts as Ben's node shows them: verified, with her name, and as
//! current as the file. Both nodes live in a temporary folder. Nothing of it stays.

use std::error::Error;

use tidings::Node;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let ada = Node::builder()
        .offline()
        .open(folder.path().join("ada"))
        .await?;
    let ben = Node::builder()
        .offline()
        .open(folder.path().join("ben"))
        .await?;
    ada.edit_profile().name("Ada").save().await?;
    ada.post("The ferry is cancelled.")
        .tag("ferry")
        .send()
        .await?;
    ada.post("There is a bus at nine.")
        .tag("ferry")
        .send()
        .await?;

    // What this node knows of its own feed, in one file: for a stick, a mail, a chat.
    let file = folder.path().join("ada.tidings");
    let written = ada.export(&file).feed(ada.feed()).run().await?;
    println!("Ada's file: {} bytes", written.bytes());

    // Each entry is verified as if it had come from a peer. `follow` keeps the feed from now on.
    let loaded = ben.load(&file).follow(true).run().await?;
    println!("Ben loaded {} feed", loaded.feeds().len());
    for entry in ben.timeline().tag("ferry").page()?.entries() {
        let text = entry.post().map_or("", |post| post.text.as_str());
        println!("  {}: {text}", entry.author().unwrap_or("somebody"));
    }

    ada.shutdown().await?;
    ben.shutdown().await?;
    Ok(())
}
