//! Runs a target of the library and sees to its memory, as `tests/fuzz.rs` does.

use std::hint::black_box;
use std::sync::Once;

/// Puts the target of a name to these bytes.
///
/// # Panics
///
/// If a promise is broken, or memory taken that is not allowed.
pub fn run(name: &str, bytes: &[u8]) {
    static COUNTS: Once = Once::new();
    // Another allocator in its place, a sanitizer's for one, and no bound would ever be passed.
    COUNTS.call_once(|| {
        let counted = allocation_counter::measure(|| drop(black_box(vec![0u8; 70_000])));
        assert!(counted.bytes_max >= 70_000, "memory is not counted");
    });
    let target = tidings::fuzzing::find(name).expect("a target of this name");
    let used = allocation_counter::measure(|| target.run(bytes));
    let most = target.most(bytes.len());
    assert!(
        used.bytes_max <= most,
        "{name} took {} bytes of memory, at most {most} are allowed",
        used.bytes_max
    );
}
