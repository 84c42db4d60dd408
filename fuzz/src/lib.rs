//! Runs a target of the library and sees to its memory, as `tests/fuzz.rs` does.

/// Puts the target of a name to these bytes.
///
/// # Panics
///
/// If a promise is broken, or memory taken that is not allowed.
pub fn run(name: &str, bytes: &[u8]) {
    let target = tidings::fuzzing::find(name).expect("a target of this name");
    let used = allocation_counter::measure(|| target.run(bytes));
    let most = target.most(bytes.len());
    assert!(
        used.bytes_max <= most,
        "{name} took {} bytes of memory, at most {most} are allowed",
        used.bytes_max
    );
}
