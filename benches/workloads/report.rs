//! One line a budget: number, what, figure, limit of the same run, ratio, budget, `met` or `missed`; at the end, how many
//! of each. With `TIDINGS_BENCH_JSON=1` a line of JSON instead, with all of it as bare numbers too.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

static ASKED: OnceLock<Vec<String>> = OnceLock::new();
static MET: AtomicU32 = AtomicU32::new(0);
static MISSED: AtomicU32 = AtomicU32::new(0);

/// What a figure is counted in.
#[derive(Clone, Copy)]
pub(crate) enum Unit {
    Millis,
    Micros,
    PostsPerSecond,
    Bytes,
    /// Bytes too, told in MiB.
    Mib,
    MibPerSecond,
    CpuSecondsPerGib,
    WakesPerSecond,
    Trips,
    Connections,
    /// Figures that are ratios themselves.
    Times,
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::Millis => "ms",
            Self::Micros => "us",
            Self::PostsPerSecond => "posts/s",
            Self::Bytes | Self::Mib => "B",
            Self::MibPerSecond => "MiB/s",
            Self::CpuSecondsPerGib => "CPU-s/GiB",
            Self::WakesPerSecond => "wake-ups/s",
            Self::Trips => "round trips",
            Self::Connections => "connections",
            Self::Times => "x",
        }
    }

    fn text(self, value: f64) -> String {
        let name = self.name();
        match self {
            Self::Millis | Self::Times => format!("{value:.2} {name}"),
            Self::Micros | Self::CpuSecondsPerGib | Self::WakesPerSecond => {
                format!("{value:.1} {name}")
            }
            Self::PostsPerSecond => per_second(value),
            Self::Mib => format!("{:.1} MiB", value / 1_048_576.0),
            Self::Trips | Self::Connections if value == 1.0 => {
                format!("1 {}", name.trim_end_matches('s'))
            }
            // Half a trip is one way.
            Self::Trips => format!("{} {name}", (value * 10.0).round() / 10.0),
            Self::Bytes | Self::MibPerSecond | Self::Connections => {
                format!("{value:.0} {name}")
            }
        }
    }
}

/// What a figure must not pass, and from which side.
#[derive(Clone, Copy)]
enum Bound {
    Most(f64),
    Least(f64),
    /// Of the limit.
    MostTimes(f64),
    LeastTimes(f64),
    /// The limit, and so much more.
    MostBeyond(f64),
}

impl Bound {
    /// The bound in the figure's own unit.
    fn absolute(self, limit: f64) -> f64 {
        match self {
            Self::Most(bound) | Self::Least(bound) => bound,
            Self::MostTimes(times) | Self::LeastTimes(times) => times * limit,
            Self::MostBeyond(more) => limit + more,
        }
    }

    const fn is_least(self) -> bool {
        matches!(self, Self::Least(_) | Self::LeastTimes(_))
    }

    fn holds(self, value: f64, limit: f64) -> bool {
        let bound = self.absolute(limit);
        if self.is_least() {
            value >= bound
        } else {
            value <= bound
        }
    }

    fn text(self, unit: Unit) -> String {
        match self {
            Self::Most(bound) => format!("at most {}", unit.text(bound)),
            Self::Least(bound) => format!("at least {}", unit.text(bound)),
            Self::MostTimes(times) => format!("at most {times} x the limit"),
            Self::LeastTimes(times) => format!("at least {times} x the limit"),
            Self::MostBeyond(more) => format!("at most the limit and {}", unit.text(more)),
        }
    }
}

/// One figure, what it is compared with, and its budget: a budget of two conditions is two of these.
#[must_use = "a row is nothing before it is printed"]
pub(crate) struct Row {
    number: &'static str,
    what: String,
    unit: Unit,
    value: f64,
    more: String,
    limit: Option<(f64, String)>,
}

impl Row {
    pub(crate) fn new(
        number: &'static str,
        what: impl Into<String>,
        unit: Unit,
        value: f64,
    ) -> Self {
        Self {
            number,
            what: what.into(),
            unit,
            value,
            more: String::new(),
            limit: None,
        }
    }

    /// Adds what else there is to say about the figure.
    pub(crate) fn more(mut self, more: String) -> Self {
        self.more = more;
        self
    }

    /// Adds what the machine, or another program, can do, in the figure's unit.
    pub(crate) fn beside(mut self, limit: f64, what: impl Into<String>) -> Self {
        self.limit = Some((limit, what.into()));
        self
    }

    /// Prints it with the most that its budget allows.
    pub(crate) fn at_most(self, bound: f64) {
        self.judge(Bound::Most(bound));
    }

    /// Prints it with the least that its budget allows.
    pub(crate) fn at_least(self, bound: f64) {
        self.judge(Bound::Least(bound));
    }

    /// Prints it; the budget is so many times the limit at the most.
    pub(crate) fn at_most_times(self, times: f64) {
        self.judge(Bound::MostTimes(times));
    }

    /// Prints it; the budget is so many times the limit at the least.
    pub(crate) fn at_least_times(self, times: f64) {
        self.judge(Bound::LeastTimes(times));
    }

    /// Prints it; the budget is the limit and so much more.
    pub(crate) fn at_most_beyond(self, more: f64) {
        self.judge(Bound::MostBeyond(more));
    }

    /// Prints a figure that no budget names.
    pub(crate) fn note(self) {
        self.print(None, "-");
    }

    fn judge(mut self, bound: Bound) {
        if !shows(self.number) {
            return;
        }
        // Where nothing else is there to compare with, it is the budget itself.
        let limit = self
            .limit
            .get_or_insert_with(|| (bound.absolute(0.0), "the budget".to_owned()))
            .0;
        let (count, verdict) = if bound.holds(self.value, limit) {
            (&MET, "met")
        } else {
            (&MISSED, "missed")
        };
        count.fetch_add(1, Ordering::Relaxed);
        self.print(Some(bound), verdict);
    }

    fn print(self, bound: Option<Bound>, verdict: &str) {
        let Self {
            number,
            what,
            unit,
            value,
            more,
            limit,
        } = self;
        if !shows(number) {
            return;
        }
        let mut figure = unit.text(value);
        if !more.is_empty() {
            figure = format!("{figure} ({more})");
        }
        let ratio = limit.as_ref().map(|(limit, _)| quotient(value, *limit));
        let told = limit.as_ref().map_or_else(
            || "-".to_owned(),
            |(limit, what)| format!("{} {what}", unit.text(*limit)),
        );
        let budget = bound.map_or_else(|| "-".to_owned(), |bound| bound.text(unit));
        if is_json() {
            let number_of_limit = limit.as_ref().map(|(limit, _)| *limit);
            let line = serde_json::json!({
                "number": number, "what": what, "figure": figure, "value": value, "unit": unit.name(),
                "limit": told, "limit_value": number_of_limit, "ratio": ratio, "budget": budget,
                "bound": bound.map(|bound| bound.absolute(number_of_limit.unwrap_or(0.0))),
                "is_least": bound.map(Bound::is_least), "verdict": verdict,
            });
            return println!("{line}");
        }
        let ratio = ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
        println!("| {number} | {what} | {figure} | {told} | {ratio} | {budget} | {verdict} |");
    }
}

/// One through the other; nothing beside nothing is as good as the same.
fn quotient(value: f64, limit: f64) -> f64 {
    if value == limit { 1.0 } else { value / limit }
}

/// Whether programs read what is printed.
pub(crate) fn is_json() -> bool {
    std::env::var_os("TIDINGS_BENCH_JSON").is_some_and(|set| set != "0")
}

/// Only rows with these names from now on: `W2` are all of that workload, `W2a` is one of them. None names all.
pub(crate) fn ask(names: Vec<String>) {
    ASKED.set(names).expect("asked once");
}

/// Whether an argument names a row or a workload, as `W4`, `W4d` and `idle` do.
pub(crate) fn is_number(argument: &str) -> bool {
    let digits = argument.strip_prefix('W').unwrap_or_default();
    argument == "idle" || digits.starts_with(|first: char| first.is_ascii_digit())
}

/// Whether a name is of this number, or of the workload of this number.
fn covers(name: &str, number: &str) -> bool {
    let rest = number.strip_prefix(name);
    rest.is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_digit()))
}

/// Whether rows of this number are printed.
fn shows(number: &str) -> bool {
    let asked = ASKED.get().map_or(&[][..], Vec::as_slice);
    asked.is_empty() || asked.iter().any(|name| covers(name, number))
}

/// Whether a workload has rows that were asked for.
pub(crate) fn wants(workload: &str) -> bool {
    let asked = ASKED.get().map_or(&[][..], Vec::as_slice);
    asked.is_empty() || is_named(workload)
}

/// Whether a workload, or a row of it, was named.
pub(crate) fn is_named(workload: &str) -> bool {
    let asked = ASKED.get().map_or(&[][..], Vec::as_slice);
    let is_of = |name: &String| covers(workload, name) || covers(name, workload);
    asked.iter().any(is_of)
}

/// Prints on what all of it is measured.
pub(crate) fn machine(what: &str) {
    if is_json() {
        println!("{}", serde_json::json!({ "machine": what }));
    } else {
        println!("On {what}.\n");
    }
}

/// Prints the head of the table.
pub(crate) fn head() {
    if !is_json() {
        println!("| # | Measured | Figure | Limit, same run | Ratio | Budget | Verdict |");
        println!("| --- | --- | --- | --- | --- | --- | --- |");
    }
}

/// Prints how many budgets were met.
pub(crate) fn tail() {
    let (met, missed) = (MET.load(Ordering::Relaxed), MISSED.load(Ordering::Relaxed));
    if is_json() {
        println!("{}", serde_json::json!({ "met": met, "missed": missed }));
    } else {
        println!("\n{met} met, {missed} missed");
    }
}

pub(crate) fn millis(time: Duration) -> String {
    Unit::Millis.text(ms(time))
}

/// A duration as a bare number of milliseconds.
pub(crate) fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

pub(crate) fn micros(time: Duration, posts: u64) -> f64 {
    time.as_secs_f64() * 1e6 / posts as f64
}

pub(crate) fn rate(posts: u64, time: Duration) -> f64 {
    posts as f64 / time.as_secs_f64()
}

pub(crate) fn per_second(rate: f64) -> String {
    if rate < 1e3 {
        format!("{rate:.0} a second")
    } else {
        format!("{:.1} k/s", rate / 1e3)
    }
}

pub(crate) fn mib(bytes: u64) -> String {
    Unit::Mib.text(bytes as f64)
}
