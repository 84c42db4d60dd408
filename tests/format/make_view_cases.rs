//! What is said in the vectors of views, and what of it shows: by the page, and not by what the library makes of it.

use serde_json::json;
use tidings::format::{ProfileField, Reaction, Rel, encode};

use crate::make_view_forks;
use crate::make_views::{A, B, C, D, Shows, Story, X, edit, said, words};

pub(crate) fn all() -> Vec<Shows> {
    [
        shown(),
        deletes(),
        edits(),
        reactions_and_replies(),
        profiles(),
        follows(),
        make_view_forks::retired(),
        make_view_forks::forks(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A story of one post.
pub(crate) fn one_post() -> Story {
    let mut story = Story::new();
    story.post("p", A, 1, "first");
    story
}

fn shown() -> Vec<Shows> {
    let mut order = one_post();
    order.post("later", B, 3, "third");
    order.post("between", C, 2, "second");
    let mut same = one_post();
    same.post("q", A, 1, "at the same time, behind it");
    let mut nobody = one_post();
    nobody.post("x", X, 2, "nobody admitted this device");
    let mut ahead = one_post();
    ahead.say("q", said(A, "post/1", 0).ahead(), &[], words("far ahead"));
    let mut over = one_post();
    over.say("q", said(A, "post/1", 2).expiring(1), &[], words("over"));
    let long = said(A, "post/1", 3).expiring(1 << 60);
    over.say("r", long, &[], words("for long"));
    let mut unreadable = one_post();
    unreadable.raw("noise", said(A, "post/1", 2), &b"no envelope"[..]);
    unreadable.say("padded", said(A, "post/1", 3), &[], &b"\x83\x00abc"[..]);
    unreadable.say("short", said(A, "post/1", 4), &[], &b"\x03abc"[..]);
    unreadable.say("cut", said(A, "post/1", 5), &[], &b"\x04abc"[..]);
    let mut added = one_post();
    let envelope = [&[9; 8][..], &[0, 0, 0, 0, 4], b"\x03new", b"\xff\x07"].concat();
    added.raw("q", said(A, "post/1", 2), envelope);
    let mut lanes = one_post();
    lanes.say(
        "q",
        said(A, "post/1", 2).lane("notes"),
        &[],
        words("in a lane of its own"),
    );
    lanes.say(
        "s",
        said(A, "post/1", 3).lane("state"),
        &[],
        words("in lane state"),
    );
    lanes.say("t", said(A, "talk/1", 4).lane("talks"), &[], &b"\x01"[..]);
    lanes.say("l", said(A, "label/1", 5), &[], &b"\x04spam"[..]);
    vec![
        Shows::of("by claimed time, newest first", &order)
            .post("later", "third")
            .post("between", "second")
            .post("p", "first"),
        Shows::of("of one log and one time, by place", &same)
            .post("q", "at the same time, behind it")
            .post("p", "first"),
        Shows::of("a device that nobody admitted", &nobody).post("p", "first"),
        Shows::of("ahead of the clock", &ahead).post("p", "first"),
        Shows::of("over, and not yet over", &over)
            .post("r", "for long")
            .post("p", "first"),
        Shows::of("bodies and content that cannot be read", &unreadable)
            .bare("cut", "unreadable")
            .post("short", "abc")
            .bare("padded", "unreadable")
            .bare("noise", "unreadable")
            .post("p", "first"),
        Shows::of("an envelope with fields of a later version", &added)
            .post("q", "new")
            .post("p", "first"),
        Shows::of("lanes and kinds that are not shown", &lanes)
            .entry("t", "", json!({ "text": null }))
            .post("q", "in a lane of its own")
            .post("p", "first"),
        Shows::of("a body that is not at hand", &order)
            .without(&["between"])
            .post("later", "third")
            .bare("between", "not_held")
            .post("p", "first"),
    ]
}

fn deletes() -> Vec<Shows> {
    let deleted = |by| {
        let mut story = one_post();
        story.delete("d", (by, 2), &["p"]);
        story
    };
    let undone = |by, undoer| {
        let mut story = deleted(by);
        story.delete("u", (undoer, 3), &["d"]);
        story
    };
    let mut of_admin = Story::new();
    of_admin.post("p", B, 1, "first");
    of_admin.delete("d", (A, 2), &["p"]);
    let mut undo_undone = undone(A, A);
    undo_undone.delete("again", (A, 4), &["u"]);
    let mut anew = undone(A, A);
    anew.delete("again", (A, 4), &["p"]);
    let mut other_feed = one_post();
    other_feed.delete("d", (D, 2), &["p"]);
    let mut wrong_lane = one_post();
    let posted = said(A, "delete/1", 2);
    wrong_lane.say("d", posted, &[(Rel::Delete, "p")], vec![0]);
    let mut with_edit = one_post();
    with_edit.edit("e", (A, 2), &["p"], "edited");
    with_edit.delete("d", (A, 3), &["p", "e"]);
    let mut edit_alone = one_post();
    edit_alone.edit("e", (A, 2), &["p"], "edited");
    edit_alone.delete("d", (A, 3), &["e"]);
    let mut odd = one_post();
    let state = said(A, "delete/1", 2).lane("state");
    odd.say("d", state, &[(Rel::Delete, "p")], vec![2]);
    let mut expiring = one_post();
    expiring.say("d", state.expiring(1), &[(Rel::Delete, "p")], vec![0]);
    let mut elsewhere = Story::new();
    elsewhere.post("p", A, 1, "first");
    elsewhere.post("q", A, 2, "second");
    elsewhere.delete("d", (C, 3), &["p"]);
    vec![
        Shows::of("deleted by its own device", &deleted(A)).deleted("p"),
        Shows::of("deleted by another admin's", &deleted(B)).deleted("p"),
        Shows::of("deleted by one that is no admin", &deleted(C)).post("p", "first"),
        Shows::of("an admin's deleted by the other", &of_admin).deleted("p"),
        Shows::of("deleted from another feed", &other_feed).post("p", "first"),
        Shows::of("deleted in a lane for posts", &wrong_lane).post("p", "first"),
        Shows::of("deleted and undone by one device", &undone(A, A)).post("p", "first"),
        Shows::of(
            "deleted by another device, undone by its own",
            &undone(B, A),
        )
        .post("p", "first"),
        Shows::of(
            "deleted by its own, undone by another admin's",
            &undone(A, B),
        )
        .post("p", "first"),
        Shows::of("an undo by one that is no admin", &undone(A, C)).deleted("p"),
        Shows::of("an undo is final", &undo_undone).post("p", "first"),
        Shows::of("deleted anew", &anew).deleted("p"),
        Shows::of("deleted with its edit", &with_edit)
            .deleted("p")
            .deleted("e"),
        Shows::of("the edit alone is deleted", &edit_alone)
            .deleted("e")
            .post("p", "first"),
        Shows::of("a delete whose content cannot be read", &odd).deleted("p"),
        Shows::of("a delete does not expire", &expiring).deleted("p"),
        Shows::of("another's post in one's own feed", &elsewhere)
            .post("q", "second")
            .post("p", "first"),
    ]
}

fn edits() -> Vec<Shows> {
    let mut once = one_post();
    once.edit("e", (A, 2), &["p"], "edited");
    let mut later = once.clone();
    later.edit("f", (A, 3), &["p"], "edited later");
    let mut named = Story::new();
    named.post("p", A, 1, "first");
    named.edit("wrong", (A, 50), &["p"], "the clock was wrong");
    named.edit("right", (A, 2), &["p", "wrong"], "the clock was mended");
    // All four name the entry. Who took those first that name none of the others would end with the one that names both.
    let mut below = Story::new();
    below.post("p", A, 1, "first");
    below.edit("one", (A, 2), &["p"], "one");
    below.edit("two", (A, 3), &["p"], "two");
    below.edit("both", (A, 4), &["p", "one", "two"], "names both");
    below.edit("late", (A, 5), &["p", "one"], "late, and names what lost");
    let mut by_other = one_post();
    by_other.edit("e", (B, 2), &["p"], "by another admin's");
    let mut by_none = one_post();
    by_none.edit("e", (C, 2), &["p"], "by one that is no admin");
    let mut lane = one_post();
    let noted = said(A, "edit/1", 2).lane("notes");
    lane.say(
        "e",
        noted,
        &[(Rel::Replaces, "p")],
        edit(&words("elsewhere")),
    );
    let mut ahead = one_post();
    let far = said(A, "edit/1", 0).ahead();
    ahead.say("e", far, &[(Rel::Replaces, "p")], edit(&words("far ahead")));
    let mut unreadable = one_post();
    let plain = said(A, "edit/1", 2);
    unreadable.say("e", plain, &[(Rel::Replaces, "p")], edit(b"\xff"));
    let mut outer = one_post();
    outer.say("e", plain, &[(Rel::Replaces, "p")], &b"\x05abc"[..]);
    let mut padded = one_post();
    padded.say("e", plain, &[(Rel::Replaces, "p")], &b"\x84\x00\x03abc"[..]);
    let mut over = one_post();
    over.say(
        "e",
        plain.expiring(1),
        &[(Rel::Replaces, "p")],
        edit(&words("over")),
    );
    let mut of_noise = Story::new();
    of_noise.raw("p", said(A, "post/1", 1), &b"no envelope"[..]);
    of_noise.edit("e", (A, 2), &["p"], "now it can be read");
    let mut of_edit = once.clone();
    of_edit.edit("f", (A, 3), &["e"], "an edit of the edit alone");
    let mut tags = Story::new();
    tags.say(
        "p",
        said(A, "post/1", 1).tags(&["Old"]),
        &[],
        words("first"),
    );
    let tagged = said(A, "edit/1", 2).tags(&["New"]);
    tags.say("e", tagged, &[(Rel::Replaces, "p")], edit(&words("edited")));
    let mut early = Story::new();
    early.post("p", A, 9, "first");
    early.edit("e", (A, 2), &["p"], "claims to be before it");
    vec![
        Shows::of("edited", &once).edited("p", "edited", 2),
        Shows::of("edited twice", &later).edited("p", "edited later", 3),
        Shows::of("an edit that is named loses to a claim before it", &named).edited(
            "p",
            "the clock was mended",
            2,
        ),
        Shows::of(
            "all that name the winner are compared, whatever they name besides",
            &below,
        )
        .edited("p", "late, and names what lost", 5),
        Shows::of("edited by another admin's device", &by_other).edited(
            "p",
            "by another admin's",
            2,
        ),
        Shows::of("edited by one that is no admin", &by_none).post("p", "first"),
        Shows::of("edited in another lane", &lane).post("p", "first"),
        Shows::of("an edit ahead of the clock", &ahead).post("p", "first"),
        Shows::of("an edit to what cannot be read", &unreadable).entry(
            "p",
            "",
            json!({ "state": "unreadable", "text": null, "edited": 2 }),
        ),
        Shows::of("an edit that cannot be read itself", &outer).post("p", "first"),
        Shows::of("an edit with a padded length", &padded).post("p", "first"),
        Shows::of("an edit that is over", &over).post("p", "first"),
        Shows::of("an edit of what cannot be read", &of_noise).bare("p", "unreadable"),
        Shows::of("an edit of an edit is a version of nothing shown", &of_edit)
            .edited("p", "edited", 2),
        Shows::of("tags are those of the version that shows", &tags).entry(
            "p",
            "edited",
            json!({ "tags": ["New"], "edited": 2 }),
        ),
        Shows::of("an edit that claims an earlier time than its entry", &early).edited(
            "p",
            "claims to be before it",
            2,
        ),
    ]
}

fn reactions_and_replies() -> Vec<Shows> {
    let mut reacted = one_post();
    reacted.react("r", A, "p", "+");
    reacted.react("again", B, "p", "+");
    reacted.react("other", D, "p", "+");
    reacted.react("heart", D, "p", "\u{2764}");
    reacted.react("red heart", A, "p", "\u{2764}\u{fe0f}");
    reacted.react("red heart too", D, "p", "\u{2764}\u{fe0f}");
    reacted.react("nothing but a selector", D, "p", "\u{fe0f}");
    let mut taken_back = reacted.clone();
    taken_back.delete("d", (D, 60), &["other"]);
    let mut odd = one_post();
    odd.react("none", A, "p", "");
    odd.react("long", A, "p", "far too long to be an emoji, even joined");
    let content = encode(&Reaction { emoji: "+".into() });
    odd.say(
        "lane",
        said(A, "reaction/1", 2),
        &[(Rel::Reaction, "p")],
        content,
    );
    let mut replied = one_post();
    replied.say(
        "a",
        said(D, "post/1", 2),
        &[(Rel::Reply, "p")],
        words("answer"),
    );
    replied.say(
        "b",
        said(A, "post/1", 3),
        &[(Rel::Reply, "p")],
        words("and another"),
    );
    let mut ahead = one_post();
    let far = said(A, "post/1", 0).ahead();
    ahead.say("a", far, &[(Rel::Reply, "p")], words("far ahead"));
    let mut gone = replied.clone();
    gone.delete("d", (A, 4), &["b"]);
    vec![
        Shows::of("one feed counts once for each emoji", &reacted).entry(
            "p",
            "first",
            json!({ "reactions": { "+": 2, "\u{2764}\u{fe0f}": 2 } }),
        ),
        Shows::of("a reaction taken back", &taken_back)
            .deleted("other")
            .entry(
                "p",
                "first",
                json!({ "reactions": { "+": 1, "\u{2764}\u{fe0f}": 2 } }),
            ),
        Shows::of("reactions that are none", &odd).post("p", "first"),
        Shows::of("replies", &replied)
            .post("b", "and another")
            .post("a", "answer")
            .entry("p", "first", json!({ "replies": 2 })),
        Shows::of("a reply ahead of the clock", &ahead).post("p", "first"),
        Shows::of("a deleted reply", &gone)
            .deleted("b")
            .post("a", "answer")
            .entry("p", "first", json!({ "replies": 1 })),
    ]
}

fn profiles() -> Vec<Shows> {
    let name = |name: &str| ProfileField::Name(name.into());
    let added = |tag: &str| ProfileField::TagAdded(tag.into());
    let mut plain = Story::new();
    plain.profile("n", (A, 1), &[], &name("Ada"));
    plain.profile("b", (A, 2), &[], &ProfileField::Bio("grows things".into()));
    plain.profile("t", (A, 3), &[], &added("Tomato"));
    let mut later = plain.clone();
    later.profile("m", (B, 4), &[], &name("Ada L."));
    let mut named = Story::new();
    named.profile("wrong", (A, 50), &[], &name("wrong"));
    named.profile("right", (A, 1), &["wrong"], &name("right"));
    let mut empty = plain.clone();
    empty.profile("m", (A, 5), &["n"], &name(""));
    let mut removed = plain.clone();
    removed.profile(
        "u",
        (A, 5),
        &["t"],
        &ProfileField::TagRemoved("Tomato".into()),
    );
    let mut as_written = plain.clone();
    as_written.profile(
        "u",
        (A, 5),
        &["t"],
        &ProfileField::TagRemoved("tomato".into()),
    );
    let state = said(A, "profile/1", 9).lane("state");
    let mut unreadable = plain.clone();
    unreadable.say("m", state, &[(Rel::Replaces, "n")], vec![0]);
    let mut nothing = plain.clone();
    nothing.say("m", state, &[(Rel::Replaces, "n")], vec![]);
    let mut ahead = plain.clone();
    let far = said(A, "profile/1", 0).lane("state").ahead();
    ahead.say("m", far, &[], encode(&name("far ahead")));
    let mut deleted = plain.clone();
    deleted.profile("m", (A, 4), &["n"], &name("Ada L."));
    deleted.delete("d", (A, 5), &["m"]);
    let mut elsewhere = plain.clone();
    elsewhere.say(
        "m",
        said(A, "profile/1", 9),
        &[],
        encode(&name("in a lane for posts")),
    );
    let (ada, bio) = (Some("Ada"), Some("grows things"));
    vec![
        Shows::of("a profile", &plain).profile(0, ada, bio, &["Tomato"]),
        Shows::of("a later name, by any device", &later).profile(
            0,
            Some("Ada L."),
            bio,
            &["Tomato"],
        ),
        Shows::of("a name that is named loses to a claim before it", &named).profile(
            0,
            Some("right"),
            None,
            &[],
        ),
        Shows::of("an empty name", &empty).profile(0, None, bio, &["Tomato"]),
        Shows::of("a tag removed", &removed).profile(0, ada, bio, &[]),
        Shows::of("a tag removed in another spelling", &as_written).profile(
            0,
            ada,
            bio,
            &["Tomato"],
        ),
        Shows::of("a profile of the one byte 00", &unreadable).profile(0, ada, bio, &["Tomato"]),
        Shows::of("a profile of no bytes", &nothing).profile(0, ada, bio, &["Tomato"]),
        Shows::of("a name that claims to be far ahead", &ahead).profile(
            0,
            Some("far ahead"),
            bio,
            &["Tomato"],
        ),
        Shows::of("a deleted name", &deleted)
            .deleted("m")
            .profile(0, ada, bio, &["Tomato"]),
        Shows::of("a name in a lane for posts", &elsewhere).profile(0, ada, bio, &["Tomato"]),
    ]
}

/// Private lanes are only for own devices; what stands in them is nobody else's to see.
fn follows() -> Vec<Shows> {
    let own = |who, minute| said(who, "follow/1", minute).lane("~own");
    let mut followed = Story::new();
    followed.follow("a", own(A, 1), &[], (7, true));
    followed.follow("b", own(B, 2), &[], (8, true));
    let mut ended = followed.clone();
    ended.follow("c", own(B, 3), &["a"], (7, false));
    let mut named = Story::new();
    named.follow("wrong", own(A, 50), &[], (7, true));
    named.follow("right", own(B, 2), &["wrong"], (7, false));
    let mut apart = followed.clone();
    let public = said(A, "follow/1", 60).lane("state");
    apart.follow("p", public, &["a"], (7, false));
    let mut short = Story::new();
    short.say("a", own(A, 1), &[], vec![7; 32]);
    short.say("b", own(A, 2), &[], [&[8; 32][..], &[2]].concat());
    let mut cut = followed.clone();
    cut.retire(None, B, &[]);
    vec![
        Shows::of("two follows, by two devices", &followed).follows(0, &[7, 8]),
        Shows::of("a follow that is ended", &ended).follows(0, &[8]),
        Shows::of("a follow that is named loses to a claim before it", &named).follows(0, &[]),
        Shows::of("a public follow is apart from a private one", &apart).follows(0, &[7, 8]),
        Shows::of(
            "a follow of the feed alone, and one that cannot be read",
            &short,
        )
        .follows(0, &[]),
        Shows::of("a Retire without ends cuts no private lane", &cut).follows(0, &[7, 8]),
    ]
}
