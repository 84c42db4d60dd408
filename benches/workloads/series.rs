//! Figures that make a line over time: one line of JSON each, for `docs/plots/plot.py`.

use serde_json::Value;

/// Prints one point of a line; `figures` is an object.
pub(crate) fn point(series: &str, mut figures: Value) {
    if let Some(object) = figures.as_object_mut() {
        object.insert("series".to_owned(), series.into());
    }
    println!("{figures}");
}
