//! An app's own type: recipes that are found by ingredient and by how long they take, on two nodes.
//!
//! Type: `cargo run --release --example recipes`
//!
//! You will see what Ada wrote, found by Ben: what goes with his tomatoes, with a picture, and what is quick.
//! Both nodes live in a temporary folder and talk over loopback alone. Nothing of it stays.

use std::error::Error;
use std::io::Read as _;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tidings::{Attach, Content, IndexKey, Node, Typed};

#[derive(Serialize, Deserialize)]
struct Recipe {
    name: String,
    ingredients: Vec<String>,
    minutes: u32,
}

impl Content for Recipe {
    const KIND: &'static str = "kitchen.recipe/1";
    const LANE: &'static str = "kitchen.recipes";
    const INDEXES: &'static [&'static str] = &["ingredient", "minutes"];

    /// One key for each ingredient: any of them finds the recipe. Texts compare exactly, so they are made lower case.
    fn keys(&self) -> Vec<IndexKey> {
        let lower = self.ingredients.iter().map(|name| name.to_lowercase());
        let ingredients = lower.map(|name| IndexKey::new("ingredient", name));
        let minutes = [IndexKey::new("minutes", self.minutes)];
        ingredients.chain(minutes).collect()
    }
}

/// A tomato, seen from afar: a GIF of one red dot.
const TOMATO: &[u8] =
    b"GIF89a\x01\0\x01\0\x80\0\0\xff\0\0\xff\xff\xff,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";

fn recipe(name: &str, minutes: u32, ingredients: &[&str]) -> Recipe {
    Recipe {
        name: name.to_owned(),
        ingredients: ingredients.iter().map(ToString::to_string).collect(),
        minutes,
    }
}

fn print(heading: &str, found: &[Typed<Recipe>]) {
    println!("\n{heading}");
    for found in found {
        let author = found.entry().author().unwrap_or("somebody");
        let Recipe {
            name,
            minutes,
            ingredients,
        } = found.content();
        println!(
            "  {name}, {minutes} min, by {author}: {}",
            ingredients.join(", ")
        );
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    // `content` makes the type known.
    let node = || Node::builder().local_only().content::<Recipe>();
    let ada = node().open(folder.path().join("ada")).await?;
    let ben = node().open(folder.path().join("ben")).await?;
    ada.edit_profile().name("Ada").save().await?;
    for recipe in [
        recipe("Tomato salad", 10, &["Tomato", "Onion", "Parsley"]),
        recipe("Shakshuka", 30, &["Tomato", "Egg", "Pepper"]),
        recipe("Omelette", 8, &["Egg", "Butter"]),
        recipe("Onion soup", 60, &["Onion", "Butter", "Bread"]),
    ] {
        let picture = Attach::bytes("dish.gif", TOMATO).alt("a tomato, seen from afar");
        ada.publish(&recipe).attach(picture).await?;
    }
    ben.follow(&ada.ticket().await?).await?;
    ben.sync(Duration::from_secs(30)).await?;

    let tomatoes = ben.query::<Recipe>().by("ingredient", "tomato").page()?;
    print("With tomatoes, newest first:", &tomatoes);
    for picture in tomatoes[0].entry().attachments() {
        ben.fetch_media(picture)?.await?;
        let mut file = Vec::new();
        ben.open_media(&picture.hash)?.read_to_end(&mut file)?;
        let alt = picture.alt.as_deref().unwrap_or_default();
        println!("  the first has a picture of {} bytes: {alt}", file.len());
    }
    let quick = ben.query::<Recipe>().range("minutes", ..=30u32).page()?;
    print("In half an hour, the quickest first:", &quick);

    ada.shutdown().await?;
    ben.shutdown().await?;
    Ok(())
}
