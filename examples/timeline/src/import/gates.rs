//! Parts of a public text that only members, subscribers or buyers could read: they are left out of it.

/// Marks before and behind a part of a text. Without the second the part goes on to the end of the text.
#[derive(Debug, Clone, Copy)]
struct Gate {
    begin: &'static str,
    end: &'static str,
}

/// Blocks of WordPress that only subscribers see.
const BLOCKS: [Gate; 1] = [Gate {
    begin: "<!-- wp:premium-content/subscriber-view",
    end: "<!-- /wp:premium-content/subscriber-view -->",
}];

/// Marks of WordPress and Ghost behind which a text is not for everybody.
const WALLS: [&str; 2] = ["<!-- wp:jetpack/paywall", "<!--members-only-->"];

/// Shortcodes of plugins of WordPress around what only those who logged in, or paid, can read.
const SHORTCODES: [&str; 9] = [
    "restrict",
    "private",
    "member",
    "members",
    "members_only",
    "membership",
    "memberful",
    "premium",
    "subscribers_only",
];

/// Beginning of a part that Ghost shows to some.
const GHOST: &str = "<!--kg-gated-block:begin";

/// How it ends.
const GHOST_END: &str = "<!--kg-gated-block:end-->";

/// What of a text of WordPress everybody could read; none if that is all of it.
pub(super) fn open_of_wordpress(text: &str) -> Option<String> {
    let mut open = before_wall(text).map(str::to_owned);
    for Gate { begin, end } in BLOCKS {
        let whole = open.as_deref().unwrap_or(text);
        open = without(whole, begin, end, |_| true).or(open);
    }
    for code in SHORTCODES {
        let whole = open.as_deref().unwrap_or(text);
        let (begin, end) = (format!("[{code}"), format!("[/{code}]"));
        if !whole.contains(&end) {
            continue;
        }
        let is_code = |behind: &str| behind.starts_with([']', ' ', '\n']);
        open = without(whole, &begin, &end, is_code).or(open);
    }
    open
}

/// What of a text of Ghost everybody could read; none if that is all of it.
pub(super) fn open_of_ghost(text: &str) -> Option<String> {
    let is_closed = |behind: &str| {
        let said = behind.split("-->").next().unwrap_or_default();
        !said.contains("nonMember:true")
    };
    let open = before_wall(text);
    without(open.unwrap_or(text), GHOST, GHOST_END, is_closed).or_else(|| open.map(str::to_owned))
}

fn before_wall(text: &str) -> Option<&str> {
    let at = WALLS.iter().filter_map(|wall| text.find(wall)).min()?;
    text.get(..at)
}

/// The text without these parts; none if there is no such part in it. `is_gate` looks at what follows on the beginning.
fn without(text: &str, begin: &str, end: &str, is_gate: impl Fn(&str) -> bool) -> Option<String> {
    let mut rest = text;
    let mut open = String::new();
    let mut found = false;
    while let Some((before, inside)) = rest.split_once(begin) {
        open.push_str(before);
        if is_gate(inside) {
            found = true;
            rest = inside.split_once(end).map_or("", |(_, behind)| behind);
        } else {
            open.push_str(begin);
            rest = inside;
        }
    }
    open.push_str(rest);
    found.then_some(open)
}
