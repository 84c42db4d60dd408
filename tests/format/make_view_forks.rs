//! What shows of retired devices and of forked logs.

use tidings::format::Rel;

use crate::make_view_cases::one_post;
use crate::make_views::{A, B, C, Shows, Story, said, words};

pub(crate) fn retired() -> Vec<Shows> {
    let mut long = one_post();
    long.post("q", A, 2, "second");
    long.post("r", A, 3, "third");
    let mut ended = long.clone();
    ended.retire(None, A, &["q"]);
    let mut nothing = long.clone();
    nothing.retire(None, A, &[]);
    let mut two = long.clone();
    two.retire(None, A, &["q"]);
    two.retire(Some(B), A, &["p"]);
    let mut each_other = long.clone();
    each_other.post("b", B, 4, "of the other");
    each_other.retire(Some(A), B, &[]);
    each_other.retire(Some(B), A, &["p"]);
    let mut cut_delete = one_post();
    cut_delete.delete("d", (B, 2), &["p"]);
    cut_delete.retire(None, B, &[]);
    let mut cut_edit = one_post();
    cut_edit.edit("e", (B, 2), &["p"], "by a device retired since");
    cut_edit.retire(None, B, &[]);
    let mut kept_delete = one_post();
    kept_delete.delete("d", (B, 2), &["p"]);
    kept_delete.retire(None, B, &["d"]);
    let mut no_admin = long.clone();
    no_admin.retire(Some(C), A, &[]);
    vec![
        Shows::of("retired, with an end", &ended)
            .post("q", "second")
            .post("p", "first"),
        Shows::of("retired without an end", &nothing),
        Shows::of("retired twice: the feed key decides", &two)
            .post("q", "second")
            .post("p", "first"),
        Shows::of("two that retire each other", &each_other).post("p", "first"),
        Shows::of("a delete that a Retire cuts", &cut_delete).post("p", "first"),
        Shows::of("an edit that a Retire cuts", &cut_edit).post("p", "first"),
        Shows::of("a delete up to which a retired device counts", &kept_delete).deleted("p"),
        Shows::of("a Retire by one that is no admin", &no_admin)
            .post("r", "third")
            .post("q", "second")
            .post("p", "first"),
    ]
}

/// Two that say the same up to `p`, and then each its own.
fn branches() -> (Story, Story) {
    let (mut one, mut other) = (one_post(), one_post());
    one.post("one", A, 2, "one");
    one.post("one more", A, 3, "one more");
    other.post("other", A, 4, "other");
    other.post("other more", A, 5, "other more");
    (one, other)
}

pub(crate) fn forks() -> Vec<Shows> {
    let (mut proved, other) = branches();
    proved.forks(&other, "p");
    let settled = |end: &'static str| {
        let (mut one, mut other) = branches();
        let of = if end.starts_with("one") {
            &mut one
        } else {
            &mut other
        };
        of.retire(None, A, &[end]);
        (one, other)
    };
    let (one, other) = settled("one");
    let (former, latter) = settled("other more");
    let (mut zero, mut at_zero) = (Story::new(), Story::new());
    zero.post("mine", A, 1, "mine");
    zero.post("mine too", A, 2, "mine too");
    at_zero.post("stolen", A, 3, "stolen");
    zero.retire(None, A, &["mine too"]);
    let (mut state, mut other_state) = (one_post(), one_post());
    state.delete("d", (A, 2), &["p"]);
    let minute = said(A, "label/1", 3).lane("state");
    other_state.say("l", minute, &[], &b"\x04spam"[..]);
    state.retire(None, A, &["p", "d"]);
    let mut unseen = branches().0;
    let mut elsewhere = branches().1;
    elsewhere.retire(None, A, &["other"]);
    unseen.forks(&elsewhere, "p");
    let statements_alone = unseen.with_statements_of(&elsewhere);
    let mut origin = Story::new();
    origin.post("p", A, 1, "first");
    origin.post("q", A, 2, "second");
    let again = said(B, "post/1", 2);
    origin.say("again", again, &[(Rel::Origin, "q")], words("second"));
    let mut cut = origin.clone();
    cut.retire(None, A, &["p"]);
    cut.say(
        "twice",
        said(C, "post/1", 3),
        &[(Rel::Origin, "q")],
        words("second"),
    );
    let mut replied = origin.clone();
    replied.retire(None, A, &["p"]);
    replied.say(
        "answer",
        said(C, "post/1", 3),
        &[(Rel::Reply, "q")],
        words("answer"),
    );
    vec![
        Shows::of("forked: the branch that is held", &proved)
            .post("one more", "one more")
            .post("one", "one")
            .post("p", "first"),
        Shows::of("forked: past it headers alone are only proof", &proved)
            .without(&["one", "one more"])
            .post("p", "first"),
        Shows::of("an end picks its branch", &one)
            .and(&other)
            .post("one", "one")
            .post("p", "first"),
        Shows::of("an end picks the other branch", &former)
            .and(&latter)
            .post("other more", "other more")
            .post("other", "other")
            .post("p", "first"),
        Shows::of("forked at the first place", &zero)
            .and(&at_zero)
            .post("mine too", "mine too")
            .post("mine", "mine"),
        Shows::of("forked in lane state", &state)
            .and(&other_state)
            .deleted("p"),
        Shows::of(
            "the entry of an end is not held: its place cuts",
            &statements_alone,
        )
        .post("one", "one")
        .post("p", "first"),
        Shows::of("said again while the origin counts", &origin)
            .post("q", "second")
            .post("p", "first"),
        Shows::of("said again after a Retire, by two devices", &cut)
            .post("again", "second")
            .post("p", "first"),
        Shows::of("an answer to what was said again", &replied)
            .post("answer", "answer")
            .entry("again", "second", serde_json::json!({ "replies": 1 }))
            .post("p", "first"),
    ]
}
