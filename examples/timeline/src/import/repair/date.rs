//! Dates as feeds have them, in whatever form they are written.
//!
//! jiff reads what is right and knows the calendar. What it refuses is taken apart into numbers, words and signs, and
//! put together by what each can be: a clock has colons, a zone stands behind it, a month is a name or between 1 and 12.
//! Other crates that guess (dateparser, dtparse) read English only, take a date without a zone for a local one, or give
//! up at an unknown word.

mod words;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, ISOWeekDate, Time, Weekday};
use jiff::fmt::rfc2822;
use jiff::tz::{Offset, TimeZone};
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// Bytes of a date; anything longer is something else.
const DATE_BYTES: usize = 160;

/// The moment that a text means, in UTC where it names no zone that is known; `None` if it is no date.
pub(super) fn read(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if text.is_empty() || text.len() > DATE_BYTES {
        return None;
    }
    let mail = rfc2822::DateTimeParser::new().relaxed_weekday(true);
    // Mail takes every zone with a name that it does not know for UTC.
    let mail = || {
        text.ends_with(|it: char| it.is_ascii_digit())
            .then(|| mail.parse_timestamp(text).ok())?
    };
    let right = text.parse().ok().or_else(mail);
    right.or_else(|| Loose::new(text).read())
}

/// A piece of a date.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// A number, with the digits it is written in and whether a space stands before it.
    Number {
        value: i64,
        digits: usize,
        spaced: bool,
    },
    Word(String),
    Sign(char),
}

use Token::{Number, Sign, Word};

/// A date taken apart.
struct Loose {
    tokens: Vec<Token>,
    clock: Option<Clock>,
    /// Where it is, as far as that is said.
    zone: Option<TimeZone>,
    afternoon: Option<bool>,
}

/// A time of day; the hour may be 24.
#[derive(Debug, Clone, Copy)]
struct Clock {
    hour: i64,
    minute: i64,
    second: i64,
    nanosecond: i32,
}

impl Loose {
    fn new(text: &str) -> Self {
        // Letters without their marks, in one form each.
        let plain: String = text
            .nfkd()
            .filter(|it| !is_combining_mark(*it))
            .nfc()
            .collect();
        let plain = plain
            .to_lowercase()
            .replace("a.m", "am")
            .replace("p.m", "pm");
        Self {
            tokens: tokens(&plain),
            clock: None,
            zone: None,
            afternoon: None,
        }
    }

    fn read(mut self) -> Option<Timestamp> {
        let mut numbers = self.tokens.iter().filter_map(number);
        if let (Some((value, digits)), None) = (numbers.next(), numbers.next()) {
            match digits {
                9 | 10 => return Timestamp::from_second(value).ok(),
                12 | 13 => return Timestamp::from_millisecond(value).ok(),
                _ => {}
            }
        }
        self.take_afternoon();
        if let Some(at) = self.take_clock() {
            self.take_zone(at);
        }
        let date = self.date()?;
        let clock = self.clock.unwrap_or(Clock {
            hour: 0,
            minute: 0,
            second: 0,
            nanosecond: 0,
        });
        let hour = match (clock.hour, self.afternoon) {
            (12, Some(false)) => 0,
            (hour @ 1..=11, Some(true)) => hour + 12,
            (hour, _) => hour,
        };
        // Midnight at the end of a day.
        let (hour, date) = if hour == 24 {
            (0, date.tomorrow().ok()?)
        } else {
            (hour, date)
        };
        // A leap second is none to a computer.
        let time = Time::new(
            small(hour)?,
            small(clock.minute)?,
            small(clock.second.min(59))?,
            clock.nanosecond,
        );
        let when = DateTime::from_parts(date, time.ok()?);
        let zone = self.zone.unwrap_or(TimeZone::UTC);
        zone.to_timestamp(when).ok()
    }

    fn take_afternoon(&mut self) {
        let found = self
            .tokens
            .iter()
            .position(|it| matches!(it, Word(word) if words::afternoon(word).is_some()));
        if let Some(at) = found
            && let Word(word) = self.tokens.remove(at)
        {
            self.afternoon = words::afternoon(&word);
        }
    }

    /// Takes the time of day out, and says where it stood.
    fn take_clock(&mut self) -> Option<usize> {
        if let [
            Number {
                value,
                digits: digits @ 14,
                ..
            },
        ] = self.tokens.as_mut_slice()
        {
            self.clock = Some(Clock {
                hour: *value / 10_000 % 100,
                minute: *value / 100 % 100,
                second: *value % 100,
                nanosecond: 0,
            });
            (*value, *digits) = (*value / 1_000_000, 8);
            return None;
        }
        for at in 0..self.tokens.len() {
            let rest = self.tokens.get(at..)?;
            let (clock, len) = match rest {
                [
                    Number {
                        value: hour,
                        digits: 1 | 2,
                        ..
                    },
                    Sign(':'),
                    Number { value: minute, .. },
                    rest @ ..,
                ] => {
                    let (second, nanosecond, len) = seconds(rest);
                    (
                        Clock {
                            hour: *hour,
                            minute: *minute,
                            second,
                            nanosecond,
                        },
                        3 + len,
                    )
                }
                // As in English with its noon.
                [
                    Number {
                        value: hour,
                        digits: 1 | 2,
                        ..
                    },
                    Sign('.'),
                    Number {
                        value: minute,
                        digits: 2,
                        spaced: false,
                    },
                    rest @ ..,
                ] if self.afternoon.is_some() && !matches!(rest, [Sign('.'), ..]) => (
                    Clock {
                        hour: *hour,
                        minute: *minute,
                        second: 0,
                        nanosecond: 0,
                    },
                    3,
                ),
                // As in French.
                [
                    Number {
                        value: hour,
                        digits: 1 | 2,
                        ..
                    },
                    Word(h),
                    Number {
                        value: minute,
                        digits: 2,
                        ..
                    },
                    ..,
                ] if h == "h" => (
                    Clock {
                        hour: *hour,
                        minute: *minute,
                        second: 0,
                        nanosecond: 0,
                    },
                    3,
                ),
                // Without anything between, behind a whole date.
                [
                    Number { digits: 8, .. },
                    Word(t),
                    Number {
                        value,
                        digits: digits @ (4 | 6),
                        ..
                    },
                    ..,
                ] if t == "t" => {
                    let value = if *digits == 4 { value * 100 } else { *value };
                    let clock = Clock {
                        hour: value / 10_000,
                        minute: value / 100 % 100,
                        second: value % 100,
                        nanosecond: 0,
                    };
                    self.tokens.drain(at + 1..at + 3);
                    self.clock = Some(clock);
                    return Some(at + 1);
                }
                _ => continue,
            };
            self.tokens.drain(at..at + len);
            self.clock = Some(clock);
            return Some(at);
        }
        None
    }

    /// Takes out the zone, which stands right behind the time of day, where that was.
    fn take_zone(&mut self, at: usize) {
        let rest = self.tokens.get(at..).unwrap_or_default();
        let (named, len) = match rest {
            [
                Word(area),
                Sign('/'),
                Word(first),
                Sign(joint @ ('_' | '-')),
                Word(second),
                ..,
            ] => (
                TimeZone::get(&format!("{area}/{first}{joint}{second}")).ok(),
                5,
            ),
            [Word(area), Sign('/'), Word(city), ..] => {
                (TimeZone::get(&format!("{area}/{city}")).ok(), 3)
            }
            [Word(word), ..] => (
                words::zone(word).and_then(fixed),
                usize::from(words::zone(word).is_some()),
            ),
            _ => (None, 0),
        };
        let len = if named.is_some() { len } else { 0 };
        let (given, more) = offset(rest.get(len..).unwrap_or_default());
        self.tokens.drain(at..at + len + more);
        self.zone = given.and_then(fixed).or(named);
    }

    fn date(&self) -> Option<Date> {
        // A day of a week of ISO 8601.
        if let [
            Number {
                value: year,
                digits: 4,
                ..
            },
            Sign('-'),
            Word(w),
            Number { value: week, .. },
            rest @ ..,
        ] = &*self.tokens
            && w == "w"
        {
            let day = rest.iter().find_map(number).map_or(1, |(day, _)| day);
            let day = Weekday::from_monday_one_offset(small(day)?).ok()?;
            let week = ISOWeekDate::new(i16::try_from(*year).ok()?, small(*week)?, day).ok()?;
            return Some(week.date());
        }
        let numbers: Vec<(i64, usize)> = self.tokens.iter().filter_map(number).collect();
        // Names of days come first, and some begin as a month does.
        let month = self.tokens.iter().rev().find_map(|it| match it {
            Word(word) => words::month(word),
            _ => None,
        });
        match (month, &*numbers) {
            (Some(month), [(year, 4)]) => date(*year, month.into(), 1),
            (Some(month), [first, second, ..]) => {
                let (day, written) = if first.1 > 2 || first.0 > 31 {
                    (second, first)
                } else {
                    (first, second)
                };
                date(year(*written), month.into(), day.0)
            }
            (Some(_), _) => None,
            (None, numbers) => self.numeric(numbers),
        }
    }

    /// A date of numbers alone.
    fn numeric(&self, numbers: &[(i64, usize)]) -> Option<Date> {
        match *numbers {
            [(whole, 8)] => date(whole / 10_000, whole / 100 % 100, whole % 100),
            [(year, 4)] => date(year, 1, 1),
            [(year, 4), (day, 3)] => {
                let first = date(year, 1, 1)?;
                (1..=366).contains(&day).then_some(())?;
                first.checked_add(jiff::Span::new().days(day - 1)).ok()
            }
            [(year, 4), (month, _)] => date(year, month, 1),
            [(year, 4), (month, _), (day, _), ..] => {
                date(year, month, day).or_else(|| date(year, day, month))
            }
            [first, second, third, ..] => {
                let written = year(third);
                let month_first = || date(written, first.0, second.0);
                let day_first = || date(written, second.0, first.0);
                let year_first = || date(year(first), second.0, third.0);
                match self
                    .tokens
                    .iter()
                    .find(|it| matches!(it, Sign('/' | '.' | '-')))
                {
                    // The usual order in America, unless that cannot be.
                    Some(Sign('/')) => month_first().or_else(day_first),
                    // The order of ISO 8601, its century left out.
                    Some(Sign('-')) if third.1 == 2 => year_first().or_else(day_first),
                    _ => day_first().or_else(month_first),
                }
            }
            _ => None,
        }
    }
}

/// Seconds and their fraction behind a minute, and how many pieces those are.
fn seconds(rest: &[Token]) -> (i64, i32, usize) {
    match rest {
        [
            Sign(':'),
            Number { value, .. },
            Sign('.' | ','),
            Number {
                value: part,
                digits,
                spaced: false,
            },
            ..,
        ] => {
            // Nine digits of it are what a clock has.
            let digits = u32::try_from(*digits).unwrap_or(u32::MAX).min(18);
            let nanoseconds = if digits <= 9 {
                part * 10_i64.pow(9 - digits)
            } else {
                part / 10_i64.pow(digits - 9)
            };
            (*value, i32::try_from(nanoseconds).unwrap_or_default(), 4)
        }
        [Sign(':'), Number { value, .. }, ..] => (*value, 0, 2),
        _ => (0, 0, 0),
    }
}

/// Minutes from UTC as in `+0100` or `-5:30`, and how many pieces those are.
fn offset(rest: &[Token]) -> (Option<i32>, usize) {
    let [
        Sign(sign @ ('+' | '-')),
        Number {
            value,
            digits,
            spaced,
        },
        rest @ ..,
    ] = rest
    else {
        return (None, 0);
    };
    let (minutes, len) = match rest {
        [
            Sign(':'),
            Number {
                value: minutes,
                digits: 2,
                ..
            },
            ..,
        ] if *digits <= 2 => (value * 60 + minutes, 4),
        _ if matches!(digits, 3 | 4) => (value / 100 * 60 + value % 100, 2),
        _ if *digits <= 2 && !spaced => (value * 60, 2),
        _ => return (None, 0),
    };
    let minutes = if *sign == '-' { -minutes } else { minutes };
    (i32::try_from(minutes).ok(), len)
}

fn fixed(minutes: i32) -> Option<TimeZone> {
    Offset::from_seconds(minutes.checked_mul(60)?)
        .ok()
        .map(TimeZone::fixed)
}

/// The year that a number means: with two digits it is of the last fifty years or of this century, as in mail.
fn year((value, digits): (i64, usize)) -> i64 {
    match (digits, value) {
        (1 | 2, 0..50) => value + 2_000,
        (1..=3, _) => value + 1_900,
        _ => value,
    }
}

fn date(year: i64, month: i64, day: i64) -> Option<Date> {
    Date::new(i16::try_from(year).ok()?, small(month)?, small(day)?).ok()
}

fn small(value: i64) -> Option<i8> {
    i8::try_from(value).ok()
}

fn number(token: &Token) -> Option<(i64, usize)> {
    match token {
        Number { value, digits, .. } => Some((*value, *digits)),
        _ => None,
    }
}

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut spaced = false;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let run = |fits: fn(char) -> bool| rest.find(|it| !fits(it)).unwrap_or(rest.len());
        let len = if first.is_ascii_digit() {
            let len = run(|it| it.is_ascii_digit());
            let digits = rest.get(..len).unwrap_or_default();
            // More digits than a number of this size are no part of a date.
            let value = digits.parse().unwrap_or(i64::MAX);
            tokens.push(Number {
                value,
                digits: len,
                spaced,
            });
            len
        } else if first.is_alphabetic() {
            let len = run(char::is_alphabetic);
            tokens.push(Word(rest.get(..len).unwrap_or_default().to_owned()));
            len
        } else {
            if !first.is_whitespace() {
                tokens.push(Sign(if first == '\u{2212}' { '-' } else { first }));
            }
            first.len_utf8()
        };
        spaced = first.is_whitespace();
        rest = rest.get(len..).unwrap_or_default();
    }
    tokens
}
