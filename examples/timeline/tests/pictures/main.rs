//! The collection of pictures and films with planted facts, posted with the client and looked at by others.
//!
//! `collect.py` makes it and `judge.py` looks; both need Python and nothing else. Of exiftool, ffprobe and mat2 those look
//! that are installed: `just judge` wants them all.

use std::path::Path;
use std::process::Command;

#[test]
fn nothing_planted_is_found_in_what_was_posted() {
    let python = std::env::var("TIDINGS_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    if !Command::new(&python)
        .arg("-V")
        .output()
        .is_ok_and(|run| run.status.success())
    {
        assert!(std::env::var_os("CI").is_none(), "{python} is missing");
        println!("left out: {python} is missing");
        return;
    }
    let judge = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pictures/judge.py");
    let run = Command::new(python)
        .arg("-B")
        .arg(judge)
        .arg(env!("CARGO_BIN_EXE_timeline"))
        .output();
    let run = run.expect("running the judge");
    let said = String::from_utf8_lossy(&run.stdout);
    println!("{said}{}", String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success());
}
