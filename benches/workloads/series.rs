//! Figures that make a line: with `TIDINGS_BENCH_JSON=1`, one line of JSON each, for `docs/plots/plot.py`.

use serde_json::{Value, json};

use super::machine::Tries;
use super::report;

/// Prints one point of a line; `figures` is an object.
pub(crate) fn point(series: &str, mut figures: Value) {
    if let Some(object) = figures.as_object_mut() {
        object.insert("series".to_owned(), series.into());
    }
    if report::is_json() {
        println!("{figures}");
    }
}

/// How the durations of a row are spread.
pub(crate) fn spread(number: &str, what: &str, tries: &Tries) {
    let figures = json!({ "number": number, "what": what, "percentiles": tries.percentiles() });
    point("spread", figures);
}
