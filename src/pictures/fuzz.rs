//! Attachments put to any bytes: whatever a file is, preparing its copy ends, and a copy that is clean stays as it is.

use std::io::Cursor;

use super::{Options, PREVIEW_BYTES, Prepared, prepare};

pub(crate) fn pictures(bytes: &[u8]) {
    let mut kept = Cursor::new(bytes.to_vec());
    let options = Options {
        keep_metadata: true,
        ..Options::default()
    };
    if let Ok(prepared) = prepare(&mut kept, &options) {
        assert_eq!(kept.get_ref(), bytes, "metadata was to be kept");
        check(&prepared, bytes.len());
    }
    let mut copy = Cursor::new(bytes.to_vec());
    let Ok(prepared) = prepare(&mut copy, &Options::default()) else {
        return;
    };
    check(&prepared, copy.get_ref().len());
    let clean = copy.get_ref().clone();
    let again = prepare(&mut copy, &Options::default());
    assert!(again.is_ok(), "what was cleaned is refused: {again:?}");
    assert!(*copy.get_ref() == clean, "cleaned twice is something else");
}

fn check(prepared: &Prepared, len: usize) {
    assert_eq!(prepared.len, len as u64, "another length");
    let preview = prepared.preview.as_ref().map_or(0, bytes::Bytes::len);
    assert!(preview <= PREVIEW_BYTES, "a preview over the limit");
}
