//! Text of others as one line that can be shown beside text of one's own.
//!
//! Names, tags, titles and file names are whatever their author signed: with line breaks one draws a whole post by somebody
//! else, with control characters one steers a terminal, with marks of direction one turns around what stands beside it.

use std::borrow::Cow;

use unicode_normalization::char::is_combining_mark;

/// Characters of a name, a tag or a file name that are shown: more than any has that is meant to be read.
pub(crate) const NAME_CHARS: usize = 128;
/// Characters of a title, a description, a reason.
pub(crate) const LINE_CHARS: usize = 1_024;
/// Characters of a link: cut, it would lead elsewhere.
pub(crate) const LINK_CHARS: usize = 8_192;
/// Marks on one letter: scripts need up to five, a heap of them is drawn over the lines above and below.
const MARKS: usize = 6;

const ZERO_WIDTH_NON_JOINER: char = '\u{200c}';
const ZERO_WIDTH_JOINER: char = '\u{200d}';

/// What becomes of a character.
enum Part {
    Shown,
    /// Blank, or the end of a line.
    Space,
    /// It joins or varies the characters around it.
    Joins,
    /// It shows nothing and does something.
    Gone,
}

/// A text of the author's own that has to stay on one line: line breaks and tabs become single spaces, none at either end.
/// Nothing else of it is changed.
pub(crate) fn one_line(text: impl Into<String>) -> String {
    let text: String = text.into();
    let breaks = |c: char| matches!(c, '\t'..='\r' | '\u{85}' | '\u{2028}' | '\u{2029}');
    if !text.contains(breaks) {
        return text;
    }
    let parts = text
        .split(breaks)
        .map(str::trim)
        .filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join(" ")
}

/// A text as one line of at most `most` printable characters; an ellipsis stands for what is cut off.
///
/// Line breaks and other blanks become single spaces, none at either end. Control characters, marks of writing direction,
/// characters that show nothing and those of private use are left out; joiners and variation selectors stay between
/// the characters that they are about, as in emojis and in Persian. What is one such line already is not copied.
pub fn printable_line(text: &str, most: usize) -> Cow<'_, str> {
    if is_plain(text, most) {
        return Cow::Borrowed(text);
    }
    let mut line = String::with_capacity(text.len().min(4 * most));
    // A mark at the beginning would be put on what stands before the line.
    let (mut count, mut marks, mut blank) = (0, MARKS, false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match part(c) {
            Part::Gone => continue,
            Part::Space => {
                blank = !line.is_empty();
                marks = MARKS;
                continue;
            }
            Part::Joins if blank || !joins(c, line.chars().next_back(), chars.peek()) => continue,
            Part::Shown if is_combining_mark(c) => {
                if blank || marks >= MARKS {
                    continue;
                }
                marks += 1;
            }
            Part::Shown => marks = 0,
            Part::Joins => {}
        }
        if count + usize::from(blank) >= most {
            cut(&mut line, most);
            break;
        }
        if blank {
            line.push(' ');
            count += 1;
            blank = false;
        }
        line.push(c);
        count += 1;
    }
    // What a joiner was to join may have been left out.
    while line.ends_with(ZERO_WIDTH_JOINER) {
        line.pop();
    }
    Cow::Owned(line)
}

/// Does as [`printable_line`] in place; says whether that changed anything.
pub(crate) fn make_printable(text: &mut String, most: usize) -> bool {
    match printable_line(text, most) {
        Cow::Borrowed(_) => false,
        Cow::Owned(line) => {
            let is_other = line != *text;
            *text = line;
            is_other
        }
    }
}

/// Most text, seen to be good without looking at it character by character.
fn is_plain(text: &str, most: usize) -> bool {
    let bytes = text.as_bytes();
    let is_edge = |byte: Option<&u8>| byte == Some(&b' ');
    bytes.len() <= most
        && bytes.iter().all(|byte| matches!(byte, b' '..=b'~'))
        && !is_edge(bytes.first())
        && !is_edge(bytes.last())
        && !text.contains("  ")
}

/// Ends a line that is as long as it may be.
fn cut(line: &mut String, most: usize) {
    while line.chars().count() >= most.max(1) {
        line.pop();
    }
    if most > 0 {
        line.push('\u{2026}');
    }
}

fn part(c: char) -> Part {
    match c {
        '\t' | '\n' | '\u{b}' | '\u{c}' | '\r' | '\u{85}' => Part::Space,
        // It is drawn as nothing, but no space by its name: braille without a dot.
        '\u{2800}' => Part::Space,
        _ if c.is_control() => Part::Gone,
        _ if c.is_whitespace() => Part::Space,
        ZERO_WIDTH_NON_JOINER
        | ZERO_WIDTH_JOINER
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{e0100}'..='\u{e01ef}' => Part::Joins,
        _ if shows_nothing(c) => Part::Gone,
        _ => Part::Shown,
    }
}

/// Marks of direction, fillers, invisible operators, tags, private use and what is no character.
const fn shows_nothing(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{e000}'..='\u{f8ff}' | '\u{fdd0}'..='\u{fdef}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e00ff}' | '\u{e01f0}'..='\u{e0fff}' | '\u{f0000}'..='\u{10ffff}')
        || (c as u32) & 0xfffe == 0xfffe
}

/// Whether a joiner or selector has something to be about: one that stands alone is only there to make two texts differ.
fn joins(c: char, before: Option<char>, after: Option<&char>) -> bool {
    let is_letter = |c: char| !c.is_ascii() && matches!(part(c), Part::Shown);
    let is_joiner = |c: char| matches!(c, ZERO_WIDTH_JOINER | ZERO_WIDTH_NON_JOINER);
    match before {
        // The selector of an emoji may be followed by a joiner.
        Some(before) if is_joiner(c) => {
            let is_joined = is_letter(before) || ('\u{fe00}'..='\u{fe0f}').contains(&before);
            is_joined && after.is_some_and(|after| is_letter(*after))
        }
        Some(before) => matches!(part(before), Part::Shown),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Cow<'_, str> {
        printable_line(text, NAME_CHARS)
    }

    #[test]
    fn what_is_one_line_already_stays_and_is_not_copied() {
        for good in ["", "Ada", "Ada Lovelace, 36", "a~b"] {
            assert!(matches!(line(good), Cow::Borrowed(same) if same == good));
        }
        for good in [
            "Stra\u{df}e",
            "\u{5d0}\u{5d3}\u{5d4}",
            "e\u{301}",
            // A family, a heart with its selector and a joiner, a key with a digit in it.
            "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}",
            "\u{2764}\u{fe0f}\u{200d}\u{1f525}",
            "1\u{fe0f}\u{20e3}",
            // A Persian verb, with a non-joiner in it.
            "\u{645}\u{6cc}\u{200c}\u{62e}\u{648}\u{627}\u{647}\u{645}",
        ] {
            assert_eq!(line(good), good, "{}", good.escape_unicode());
        }
    }

    #[test]
    fn what_breaks_a_line_or_steers_is_gone() {
        for (text, expected) in [
            ("Ada\n  said nothing", "Ada said nothing"),
            ("Ada\r\n\r\n3.14 \u{b7} Ben", "Ada 3.14 \u{b7} Ben"),
            ("Ada\u{2028}Ben\u{2029}", "Ada Ben"),
            ("Ada\u{85}Ben\u{b}Cleo", "Ada Ben Cleo"),
            ("\u{1b}[31mred\u{1b}[0m", "[31mred[0m"),
            ("\u{9b}31mred\u{9d}0;title\u{7}", "31mred0;title"),
            ("\u{202e}adA\u{202c}", "adA"),
            ("\u{2067}\u{2066}x", "x"),
            ("A\u{200b}d\u{ad}a\u{feff}", "Ada"),
            ("A\u{200d}da\u{200d}", "Ada"),
            ("\u{fe0f}Ada", "Ada"),
            ("\u{301}Ada", "Ada"),
            ("Ada \u{301}", "Ada"),
            ("  Ada \u{a0}\u{3000} Ben \u{2800}", "Ada Ben"),
            ("\u{7f}\u{0}\u{9f}", ""),
            ("\u{e000}\u{f0000}\u{fffe}\u{e0041}x", "x"),
        ] {
            assert_eq!(line(text), expected, "{}", text.escape_unicode());
        }
    }

    #[test]
    fn no_line_is_longer_or_higher_than_it_may_be() {
        assert_eq!(printable_line("abcdef", 6), "abcdef");
        assert_eq!(printable_line("abcdefg", 6), "abcde\u{2026}");
        assert_eq!(printable_line("abcde fg", 6), "abcde\u{2026}");
        assert_eq!(printable_line("abc", 0), "");
        let heap = format!("a{}", "\u{301}".repeat(500));
        assert_eq!(line(&heap).chars().count(), 1 + MARKS);
        let long = "\u{1f600}".repeat(1_000);
        assert_eq!(line(&long).chars().count(), NAME_CHARS);
    }

    #[test]
    fn line_breaks_of_an_own_line_become_spaces() {
        for (given, line) in [
            ("one line", "one line"),
            ("two\r\n lines\n", "two lines"),
            ("\ttabs\tand\u{2028}breaks", "tabs and breaks"),
            ("two  spaces stay", "two  spaces stay"),
            ("\n", ""),
        ] {
            assert_eq!(one_line(given), line);
        }
    }

    #[test]
    fn a_printable_line_is_one_again() {
        let samples = [
            "a\n b",
            "\u{1f468}\u{200d}\u{200d}\u{1f469}",
            "x\u{200d}\u{fe0f}y",
        ];
        for text in samples
            .into_iter()
            .chain(["\u{2764}\u{fe0f}\u{fe0f}\u{200d} b"])
        {
            let once = line(text).into_owned();
            assert_eq!(line(&once), once, "{}", text.escape_unicode());
        }
    }
}
