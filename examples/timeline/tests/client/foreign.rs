//! `import` of folders that are no archives it reads: each is named with what to do, and nothing of it comes.

use std::path::Path;

use crate::support::{Person, says};

#[test]
fn folders_of_other_services_are_named_and_nothing_of_them_comes() {
    let ada = Person::named("Ada");
    let folders = [
        (
            "substack",
            "posts.csv",
            "posts/123404.draft.html",
            "Substack",
        ),
        (
            "medium",
            "profile/profile.html",
            "posts/draft_One-1.html",
            "Medium",
        ),
        (
            "google",
            "Takeout/Blogger/Blogs/B/feed.atom",
            "Takeout/archive_browser.html",
            "feed.atom",
        ),
        (
            "wordpress",
            "garden.wordpress.2025-01-19.000.xml",
            "readme.txt",
            "WordPress",
        ),
    ];
    for (name, one, other, said) in folders {
        for file in [one, other] {
            let path = format!("{}/{file}", ada.path(name));
            let parent = Path::new(&path).parent().expect("a folder");
            std::fs::create_dir_all(parent).expect("a folder");
            std::fs::write(&path, "<html><body><p>SECRET</p></body></html>").expect("written");
        }
        let why = ada.run(["import", &ada.path(name)]).fails();
        says(&why, &[said]);
    }
    // Within the folder, too.
    let why = ada.run(["import", &ada.path("substack/posts")]).fails();
    says(&why, &["Substack"]);
    assert_eq!(ada.texts(), [""; 0]);
}

#[test]
fn a_page_that_is_not_named_by_a_number_alone_is_no_post_of_tumblr() {
    let ada = Person::named("Ada");
    let posts = ada.path("export/posts");
    std::fs::create_dir_all(&posts).expect("a folder");
    for name in ["123404.draft-text.html", "index.html"] {
        let page = "<html><body><p>SECRET</p></body></html>";
        std::fs::write(format!("{posts}/{name}"), page).expect("written");
    }
    let why = ada.run(["import", &ada.path("export")]).fails();
    says(&why, &["left out: 2 other things"]);
    assert_eq!(ada.texts(), [""; 0]);
}
