//! One line a budget: number, what, figure, limit of the same run, ratio, budget, verdict. With `TIDINGS_BENCH_JSON=1`
//! a line of JSON instead, with the figure also as a bare number.

use std::time::Duration;

/// One budget and what came out.
#[must_use = "a row is nothing before it is printed"]
pub(crate) struct Row {
    number: &'static str,
    what: String,
    figure: String,
    bare: Option<(f64, &'static str)>,
    limit: String,
    ratio: Option<f64>,
}

/// Whether programs read what is printed.
fn is_json() -> bool {
    std::env::var_os("TIDINGS_BENCH_JSON").is_some_and(|set| set != "0")
}

/// Prints the head of the table.
pub(crate) fn head() {
    if is_json() {
        return;
    }
    println!("| # | Measured | Figure | Limit, same run | Ratio | Budget | |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
}

impl Row {
    pub(crate) fn new(number: &'static str, what: impl Into<String>, figure: String) -> Self {
        Self {
            number,
            what: what.into(),
            figure,
            bare: None,
            limit: "-".to_owned(),
            ratio: None,
        }
    }

    /// Adds the figure as a bare number, for programs.
    pub(crate) const fn bare(mut self, number: f64, unit: &'static str) -> Self {
        self.bare = Some((number, unit));
        self
    }

    /// Adds what the machine can do, and the figure as a part or a multiple of that.
    pub(crate) fn beside(mut self, limit: String, ratio: f64) -> Self {
        self.limit = limit;
        self.ratio = Some(ratio);
        self
    }

    /// Prints it with its budget and whether that is met.
    pub(crate) fn budget(self, budget: &str, met: bool) {
        self.print(budget, if met { "met" } else { "missed" });
    }

    /// Prints a figure that no budget names.
    pub(crate) fn note(self) {
        self.print("-", "");
    }

    fn print(self, budget: &str, verdict: &str) {
        let Self {
            number,
            what,
            figure,
            bare,
            limit,
            ratio,
        } = self;
        if is_json() {
            let (value, unit) = bare.unzip();
            let line = serde_json::json!({
                "number": number, "what": what, "figure": figure, "value": value, "unit": unit,
                "limit": limit, "ratio": ratio, "budget": budget, "verdict": verdict,
            });
            return println!("{line}");
        }
        let ratio = ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
        println!("| {number} | {what} | {figure} | {limit} | {ratio} | {budget} | {verdict} |");
    }
}

pub(crate) fn millis(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
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
    format!("{:.1} k/s", rate / 1e3)
}

pub(crate) fn ratio(figure: Duration, limit: Duration) -> f64 {
    figure.as_secs_f64() / limit.as_secs_f64()
}

pub(crate) fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / 1_048_576.0)
}
