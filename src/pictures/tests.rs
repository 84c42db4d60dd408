//! What is taken off attachments and what is made of them, looked at from outside: by another reader of Exif, and by
//! searching the bytes.

use std::io::Cursor;

use super::{Done, Kind, Options, PictureError, Prepared, prepare};

mod boxed;
mod documents;
#[cfg(feature = "images")]
mod drawn;
#[cfg(feature = "images")]
mod ends;
mod films;
mod hostile;
mod icc;
mod items;
mod made;
mod matroska;
#[cfg(feature = "documents")]
mod printed;
mod sounded;
mod sounds;
mod still;
mod svg;
mod told;
mod units;

/// What must not be found in anything that is posted.
const SECRETS: [&[u8]; 6] = [
    b"+52.5200",
    b"+52.5201",
    b"Banana",
    b"PlaceTold",
    b"Kitchen",
    b"Exif\0\0II*",
];

/// Prepares bytes; what is posted of them.
fn prepared(bytes: &[u8], options: &Options<'_>) -> Result<(Vec<u8>, Prepared), PictureError> {
    let mut copy = Cursor::new(bytes.to_vec());
    let prepared = prepare(&mut copy, options)?;
    let posted = copy.into_inner();
    assert_eq!(
        prepared.len,
        posted.len() as u64,
        "the length said is the length there is"
    );
    assert!(
        prepared
            .preview
            .as_ref()
            .is_none_or(|preview| preview.len() <= 4_096)
    );
    Ok((posted, prepared))
}

/// Prepares bytes as most people do.
fn cleaned(bytes: &[u8]) -> (Vec<u8>, Prepared) {
    prepared(bytes, &Options::default()).expect("bytes that can be prepared")
}

fn keeping() -> Options<'static> {
    Options {
        keep_metadata: true,
        ..Options::default()
    }
}

fn holds(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|at| at == what)
}

fn assert_tells_nothing(bytes: &[u8]) {
    for secret in SECRETS {
        let secret_text = String::from_utf8_lossy(secret);
        assert!(!holds(bytes, secret), "{secret_text:?} is still in it");
    }
}
