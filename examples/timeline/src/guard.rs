//! A fence around parsers written for well-behaved input.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs a parser; `None` if it panicked.
pub(crate) fn guarded<T>(parse: impl FnOnce() -> T) -> Option<T> {
    GUARDED.set(true);
    let result = panic::catch_unwind(AssertUnwindSafe(parse));
    GUARDED.set(false);
    result.ok()
}

/// Keeps panics inside [`guarded`] off standard error, where one clear line will stand instead.
pub(crate) fn hide_guarded_panics() {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if !GUARDED.get() {
            usual(panic);
        }
    }));
}
