//! The head of a stream of media, its requests, and what a slice should be, put to any bytes.

use super::wire::{HEAD_BYTES, REQUEST_BYTES, answer, encode_head, encode_request, head, request};

pub(crate) fn media(bytes: &[u8]) {
    let Some((first, rest)) = bytes.split_first_chunk::<HEAD_BYTES>() else {
        return;
    };
    let Some((blob, len)) = head(first) else {
        return;
    };
    assert_eq!(encode_head(&blob, len), *first, "written otherwise");
    for bytes in rest.chunks(REQUEST_BYTES) {
        let Ok(bytes) = <&[u8; REQUEST_BYTES]>::try_from(bytes) else {
            continue;
        };
        if let Some(slice) = request(bytes, len) {
            let mut again = Vec::new();
            encode_request(slice, &mut again);
            assert_eq!(again, bytes, "written otherwise");
            // What will be read for it: the bytes and at most two hashes for each of 40 levels and each group.
            let most = slice.bytes(len) + 64 * (2 * 40 + 16);
            let encoded = slice.encoded_len(len) as u64;
            assert!(
                encoded >= slice.bytes(len) && encoded <= most,
                "{encoded} of {most}"
            );
            assert!(slice.bytes(len) <= 256 * 1024);
        }
        let [byte, ..] = *bytes;
        assert!(answer(byte).is_none_or(|answer| u8::from(answer) == byte));
    }
}
