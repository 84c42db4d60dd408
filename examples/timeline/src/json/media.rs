//! What is said of attachments that were fetched.

use serde::Serialize;
use tidings::Attachment;

/// What `fetch` prints.
#[derive(Debug, Serialize)]
pub(crate) struct FetchObject {
    pub(crate) id: String,
    pub(crate) files: Vec<FetchedObject>,
}

/// One attachment that was to be fetched.
#[derive(Debug, Serialize)]
pub(crate) struct FetchedObject {
    name: Option<String>,
    mime: String,
    len: u64,
    hash: String,
    /// Bytes that were here before.
    had: u64,
    /// Whether all of it is here now.
    pub(crate) held: bool,
    /// Where it is.
    file: Option<String>,
}

impl FetchedObject {
    pub(crate) fn new(attachment: &Attachment, had: u64, file: Option<String>) -> Self {
        Self {
            name: attachment.name.clone(),
            mime: attachment.mime.clone(),
            len: attachment.len,
            hash: attachment.hash.to_string(),
            had,
            held: file.is_some(),
            file,
        }
    }
}
